//! The figures in OpenMetrics, for Prometheus. They are in memory: a scrape asks no database, so it
//! is answered while that is away, and by a standby.

mod process;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::engine::{HotelCensus, Rule};
use crate::figures::{
    Counted, DeliveryResult, Figure, FigureKind, Figures, HotelCounts, MessageResult, Origin,
};
use crate::types::{HotelId, Kind, LocalTime, WattHours, Zone};

use process::Process;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The format of an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    OpenMetrics,
    /// The older one of Prometheus, which many other programs read alone.
    Text,
}

impl Format {
    /// The one for a client with this header `Accept`: OpenMetrics, unless it asks for text alone.
    pub fn accepted(accept: Option<&str>) -> Format {
        let names = |media: &str| accept.is_some_and(|accept| accept.contains(media));
        if names("text/plain") && !names("application/openmetrics-text") {
            Format::Text
        } else {
            Format::OpenMetrics
        }
    }

    /// Its media type. With another one Prometheus would misread it.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => OPEN_METRICS,
            Format::Text => prometheus_text::CONTENT_TYPE,
        }
    }
}

const JOULES_PER_WATT_HOUR: u64 = 3_600;

/// The metrics of this process.
pub struct Metrics(Registry);

impl Metrics {
    /// Those of these figures; `zone` is that of the hotels, whose readings have local times.
    pub fn new(figures: Arc<Figures>, zone: Zone) -> Metrics {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Exposed { figures, zone }));
        registry.register_collector(Box::new(Process));
        Metrics(registry)
    }

    /// All of them as they are now.
    pub fn exposed(&self, format: Format) -> String {
        let mut exposed = String::new();
        // A String takes all that is written to it.
        let _ = match format {
            Format::OpenMetrics => text::encode(&mut exposed, &self.0),
            Format::Text => prometheus_text::encode(&mut exposed, &self.0),
        };
        exposed
    }
}

struct Exposed {
    figures: Arc<Figures>,
    zone: Zone,
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exposed")
    }
}

impl Collector for Exposed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut encoder;
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        out.encode_descriptor(
            "roomwatt_build",
            "The version of roomwatt",
            None,
            MetricType::Info,
        )?
        .encode_info(&version)?;
        self.process_wide(out)?;
        self.of_notices(out)?;
        let counts = self.figures.hotels();
        of_counts(out, &counts)?;
        let rooms = self.figures.rooms();
        self.of_rooms(out, &rooms)
    }
}

impl Exposed {
    /// The figures of the process as a whole.
    fn process_wide(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.figures.now();
        let figures: Vec<(Figure, u64)> = now.iter().collect();
        for family in figures.chunk_by(|(one, _), (other, _)| one.name() == other.name()) {
            let Some((first, _)) = family.first() else {
                continue;
            };
            let name = format!("roomwatt_{}", first.name());
            let kind = match first.kind() {
                FigureKind::Counter => MetricType::Counter,
                FigureKind::Gauge => MetricType::Gauge,
            };
            let mut metric = out.encode_descriptor(&name, first.help(), None, kind)?;
            for (figure, value) in family {
                let labels = figure.labels();
                match labels.is_empty() {
                    true => encode_one(&mut metric, kind, *value)?,
                    false => encode_one(&mut metric.encode_family(&labels)?, kind, *value)?,
                }
            }
        }
        let refused = |origin| now.get(Figure::Messages(origin, MessageResult::Refused));
        let refused = Origin::ALL.iter().map(|origin| refused(*origin)).sum();
        let name = "roomwatt_rejected_messages";
        let help = "Messages that were refused and kept, for `roomwatt rejected`";
        let mut metric = out.encode_descriptor(name, help, None, MetricType::Counter)?;
        encode_one(&mut metric, MetricType::Counter, refused)?;
        let help = "How long completed sweeps took";
        histogram(
            out,
            "roomwatt_sweep_duration_seconds",
            help,
            &self.figures.sweeps.now(),
        )
    }

    fn of_notices(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = "roomwatt_notice_oldest_waiting_timestamp_seconds";
        let help = "When the oldest notice was recorded that waits to be sent, Unix time; 0: none";
        let oldest = self.figures.oldest_waiting().unwrap_or(0);
        let mut metric = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
        encode_one(&mut metric, MetricType::Gauge, oldest)?;
        let help =
            "How long notices took from when they were recorded to when the bot accepted them";
        histogram(
            out,
            "roomwatt_notice_delay_seconds",
            help,
            &self.figures.delays.now(),
        )?;
        let help = "Attempts to send a message to a bot";
        let kind = MetricType::Counter;
        let mut metric = out.encode_descriptor("roomwatt_deliveries", help, None, kind)?;
        for (name, route) in self.figures.routes() {
            for &result in DeliveryResult::ALL {
                let labels = [("route", name.as_str()), ("result", result.as_str())];
                let mut one = metric.encode_family(&labels)?;
                encode_one(&mut one, kind, route.deliveries(result))?;
            }
        }
        Ok(())
    }

    fn of_rooms(
        &self,
        out: &mut DescriptorEncoder<'_>,
        hotels: &[(HotelId, HotelCensus)],
    ) -> fmt::Result {
        type Number = fn(&HotelCensus) -> u32;
        let states: [(&str, Number); 3] = [
            ("occupied", |rooms| rooms.occupied),
            ("vacant", |rooms| rooms.vacant),
            ("out_of_order", |rooms| rooms.out_of_order),
        ];
        let kind = MetricType::Gauge;
        let help = "Watched rooms; those that are out of order are counted as nothing else";
        let mut metric = out.encode_descriptor("roomwatt_rooms", help, None, kind)?;
        for (hotel, rooms) in hotels {
            for (state, number) in states {
                let labels = [("hotel_id", hotel.as_str()), ("state", state)];
                let mut one = metric.encode_family(&labels)?;
                encode_one(&mut one, kind, number(rooms).into())?;
            }
        }
        let states: [(&str, Number); 3] = [
            ("open", |rooms| rooms.incidents.open),
            ("acknowledged", |rooms| rooms.incidents.acknowledged),
            ("snoozed", |rooms| rooms.incidents.snoozed),
        ];
        let help = "Incidents that are not over, of rooms and of the hotel's meters";
        let mut metric = out.encode_descriptor("roomwatt_incidents", help, None, kind)?;
        for (hotel, rooms) in hotels {
            for (state, number) in states {
                let labels = [("hotel_id", hotel.as_str()), ("state", state)];
                let mut one = metric.encode_family(&labels)?;
                encode_one(&mut one, kind, number(rooms).into())?;
            }
        }
        let numbers: [(&str, &str, Number); 2] = [
            (
                "roomwatt_rooms_silent",
                "Rooms whose meters send no readings",
                |rooms| rooms.silent,
            ),
            (
                "roomwatt_rooms_overstayed",
                "Occupied rooms past their expected check-out",
                |rooms| rooms.overstayed,
            ),
        ];
        for (name, help, number) in numbers {
            let mut metric = out.encode_descriptor(name, help, None, kind)?;
            for (hotel, rooms) in hotels {
                let labels = [("hotel_id", hotel.as_str())];
                let mut one = metric.encode_family(&labels)?;
                encode_one(&mut one, kind, number(rooms).into())?;
            }
        }
        let help = "Rooms that use too much now, by the rule that finds it";
        by_kind_and_rule(
            out,
            ("roomwatt_rooms_abnormal", help),
            kind,
            hotels,
            |rooms, of, rule| rooms.abnormal(of, rule).into(),
        )?;
        let name = "roomwatt_newest_reading_timestamp_seconds";
        let help = "Time of the newest reading of any watched room, Unix time; 0: none yet";
        let mut metric = out.encode_descriptor(name, help, None, kind)?;
        for (hotel, rooms) in hotels {
            let unix = |time: LocalTime| self.zone.unix_seconds(time).max(0).unsigned_abs();
            let newest = rooms.newest_reading.map_or(0, unix);
            let labels = [("hotel_id", hotel.as_str())];
            encode_one(&mut metric.encode_family(&labels)?, kind, newest)?;
        }
        Ok(())
    }
}

/// What was counted of hotels.
fn of_counts(out: &mut DescriptorEncoder<'_>, hotels: &[(HotelId, HotelCounts)]) -> fmt::Result {
    let kind = MetricType::Counter;
    let help = "Alerts that were recorded";
    by_kind_and_rule(
        out,
        ("roomwatt_alerts", help),
        kind,
        hotels,
        HotelCounts::alerts,
    )?;
    let help = "Energy of the intervals that were read; what is used over a gap is not in it";
    let mut metric = out.encode_descriptor("roomwatt_energy_joules", help, None, kind)?;
    for (hotel, counts) in hotels {
        for (occupancy, energy) in [("occupied", counts.occupied), ("vacant", counts.vacant)] {
            let labels = [("hotel_id", hotel.as_str()), ("occupancy", occupancy)];
            encode_one(&mut metric.encode_family(&labels)?, kind, joules(energy))?;
        }
    }
    Ok(())
}

fn joules(energy: WattHours) -> u64 {
    energy.0.max(0).unsigned_abs() * JOULES_PER_WATT_HOUR
}

fn by_kind_and_rule<T>(
    out: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    kind: MetricType,
    hotels: &[(HotelId, T)],
    value: impl Fn(&T, Kind, Rule) -> u64,
) -> fmt::Result {
    let mut metric = out.encode_descriptor(name, help, None, kind)?;
    for (hotel, counted) in hotels {
        for of in [Kind::Checkin, Kind::Checkout] {
            for (rule, name) in [(Rule::Fixed, "fixed"), (Rule::Baseline, "baseline")] {
                let labels = [
                    ("hotel_id", hotel.as_str()),
                    ("kind", of.as_str()),
                    ("rule", name),
                ];
                let mut one = metric.encode_family(&labels)?;
                encode_one(&mut one, kind, value(counted, of, rule))?;
            }
        }
    }
    Ok(())
}

fn histogram(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counted: &Counted,
) -> fmt::Result {
    let count = counted.buckets.iter().map(|(_, count)| count).sum();
    out.encode_descriptor(name, help, None, MetricType::Histogram)?
        .encode_histogram::<NoLabelSet>(counted.sum, count, &counted.buckets, None)
}

fn encode_one(metric: &mut MetricEncoder<'_>, kind: MetricType, value: u64) -> fmt::Result {
    match kind {
        MetricType::Counter => metric.encode_counter::<NoLabelSet, u64, f64>(&value, None),
        _ => metric.encode_gauge(&value),
    }
}

#[cfg(test)]
mod tests;
