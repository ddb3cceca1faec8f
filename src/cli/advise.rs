use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use anyhow::anyhow;
use serde_json::{Value, json};

use crate::clock::{Clock, SystemClock};
use crate::config::Setting;
use crate::engine::{Rules, latest_reading};
use crate::escape;
use crate::review::advise::{Advice, Studies, Study, advise, advise_hotel, candidates, study};
use crate::review::duration;
use crate::types::{HotelId, Kind, RoomKey, WattHours, counted};

use super::past::{self, Source, usage};
use super::{ConfigFile, Failure};

/// Advise thresholds from the hotels' own data
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt advise --config roomwatt.toml                      the last two weeks
  roomwatt advise --config roomwatt.toml --from 2023-04-01 --to 2023-04-30
  roomwatt advise --messages messages.jsonl --readings readings.csv --budget 0.5

For occupied and vacant rooms: what they use in an interval, the alerts that each threshold would
have raised, and the threshold that is advised, with its reason; then each hotel; then what to paste
into the configuration. Nothing is changed. Of less than 20 rooms or 200 room-days nothing is
advised.
")]
pub(super) struct Arguments {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    config: ConfigFile,
    /// Another value for a key of [monitoring]; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// Alerts of no use that the staff puts up with, per 100 rooms and day
    #[arg(long, value_name = "ALERTS", default_value_t = 1.0, value_parser = budget)]
    budget: f64,
    /// One JSON object a line: each kind of all hotels, then of each
    #[arg(long)]
    json: bool,
}

/// What is studied where the command line does not say. Seconds.
const DEFAULT_SPAN: i64 = 14 * 24 * 3_600;

const KINDS: [(Kind, &str, &str); 2] = [
    (Kind::Checkin, "occupied", "checkin_abnormal_threshold"),
    (Kind::Checkout, "vacant", "checkout_abnormal_threshold"),
];

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = (arguments.source).configured(&arguments.config, &arguments.settings)?;
    let rules = &config.rules;
    let (past, _) = match arguments.source.files() {
        Some(files) => past::from_files(files, &arguments.source.span_of_files()?, &config)?,
        None => {
            let zone = config.messages.zone;
            let now = SystemClock { zone }.now();
            let span = (arguments.source).span(now.plus(-DEFAULT_SPAN), latest_reading(now))?;
            past::from_archive(&span, &config, std::slice::from_ref(rules))?
        }
    };
    let advised = Advised::of(study(&past, rules), arguments.budget);
    let text = if arguments.json {
        advised.json()
    } else {
        advised.text(rules)
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Who reads the output may have seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(usage(anyhow!("output: {error}")))
        }
        _ => Ok(()),
    }
}

fn budget(text: &str) -> Result<f64, String> {
    let budget = text
        .parse()
        .ok()
        .filter(|budget| (0.0..=1_000.0).contains(budget));
    budget.ok_or_else(|| "expected a number from 0 to 1000".to_owned())
}

/// Studies with what is advised of each.
struct Advised {
    all: BTreeMap<Kind, (Study, Advice)>,
    hotels: BTreeMap<HotelId, BTreeMap<Kind, (Study, Advice)>>,
}

impl Advised {
    fn of(studies: Studies, budget: f64) -> Advised {
        let all: BTreeMap<Kind, (Study, Advice)> = (studies.all.into_iter())
            .map(|(kind, study)| {
                let advice = advise(&study, kind, budget);
                (kind, (study, advice))
            })
            .collect();
        let of_hotel = |kinds: BTreeMap<Kind, Study>| {
            let kinds = kinds.into_iter().filter_map(|(kind, study)| {
                let (_, general) = all.get(&kind)?;
                let advice = advise_hotel(&study, kind, budget, general);
                Some((kind, (study, advice)))
            });
            kinds.collect()
        };
        let hotels = studies.hotels.into_iter();
        let hotels = hotels
            .map(|(hotel, kinds)| (hotel, of_hotel(kinds)))
            .collect();
        Advised { all, hotels }
    }

    fn text(&self, rules: &Rules) -> String {
        let mut text = String::new();
        for (kind, name, _) in KINDS {
            match self.all.get(&kind) {
                Some((study, advice)) => {
                    let configured = match kind {
                        Kind::Checkin => rules.thresholds.checkin,
                        Kind::Checkout => rules.thresholds.checkout,
                    };
                    text.push_str(&of_kind((kind, name), study, advice, configured, rules));
                }
                None => text.push_str(&format!(
                    "{name}: too little data: no such room was watched\n\n"
                )),
            }
        }
        if self.hotels.len() > 1 {
            text.push_str(&self.table_of_hotels());
        }
        text.push_str(&self.toml());
        text
    }

    fn table_of_hotels(&self) -> String {
        let mut text = format!(
            "{:>8} {:>10} {:>13} {:>8} {:>11}  hotel\n",
            "rooms", "room-days", "alerts/100 now", "advised", "alerts/100"
        );
        for (hotel, kinds) in &self.hotels {
            for (kind, name, _) in KINDS {
                let Some((study, advice)) = kinds.get(&kind) else {
                    continue;
                };
                let (threshold, rate) = match advice.threshold {
                    Some(threshold) => (
                        threshold.to_string(),
                        format!("{:.2}", study.rate(study.alerts_at(threshold))),
                    ),
                    None => ("-".to_owned(), "-".to_owned()),
                };
                // Writing to a String can't fail.
                let _ = writeln!(
                    text,
                    "{:>8} {:>10.0} {:>14.2} {threshold:>8} {rate:>11}  {} {name}",
                    study.rooms,
                    study.room_days(),
                    study.rate(study.now),
                    escape::line(hotel.as_str().as_bytes())
                );
            }
        }
        text.push('\n');
        text
    }

    /// What to paste: hotels only where another threshold is advised than for all.
    fn toml(&self) -> String {
        let mut text =
            "# for the configuration: keys of section [monitoring]\n[monitoring]\n".to_owned();
        let of_all = |kind: Kind| self.all.get(&kind).and_then(|(_, advice)| advice.threshold);
        for (kind, _, key) in KINDS {
            let _ = match of_all(kind) {
                Some(threshold) => writeln!(text, "{key} = {threshold}"),
                None => writeln!(text, "# {key}: nothing is advised"),
            };
        }
        for (hotel, kinds) in &self.hotels {
            let own = KINDS.iter().filter_map(|(kind, _, key)| {
                let threshold = kinds.get(kind)?.1.threshold?;
                (Some(threshold) != of_all(*kind)).then(|| format!("{key} = {threshold}\n"))
            });
            let own: String = own.collect();
            if !own.is_empty() {
                let hotel = toml::Value::from(hotel.as_str());
                let _ = write!(
                    text,
                    "\n[[monitoring.overrides]]\nhotel_id = {hotel}\n{own}"
                );
            }
        }
        text
    }

    fn json(&self) -> String {
        let mut text = String::new();
        let all = self.all.iter().map(|(kind, found)| (None, kind, found));
        let hotels = self.hotels.iter().flat_map(|(hotel, kinds)| {
            kinds
                .iter()
                .map(move |(kind, found)| (Some(hotel), kind, found))
        });
        for (hotel, kind, (study, advice)) in all.chain(hotels) {
            let quantile = |share| study.intervals.quantile(share).map(kwh);
            let tried: Vec<Value> = (candidates().iter().zip(&study.alerts))
                .map(|(threshold, &alerts)| {
                    json!({"threshold_kwh": kwh(*threshold), "alerts": alerts,
                        "per_100_room_days": rounded(study.rate(alerts))})
                })
                .collect();
            let object = json!({
                "hotel_id": hotel,
                "kind": kind,
                "rooms": study.rooms,
                "rooms_with_whole_kwh": study.coarse.len(),
                "room_days": rounded(study.room_days()),
                "intervals": study.intervals.total(),
                "kwh_per_interval": {
                    "p50": quantile(0.5), "p75": quantile(0.75), "p90": quantile(0.9),
                    "p99": quantile(0.99), "p999": quantile(0.999), "max": quantile(1.0),
                },
                "now": {"alerts": study.now, "per_100_room_days": rounded(study.rate(study.now))},
                "tried": tried,
                "advised_threshold_kwh": advice.threshold.map(kwh),
                "reason": advice.reason,
            });
            text.push_str(&escape::json(&object.to_string()));
            text.push('\n');
        }
        text
    }
}

/// Rooms that are named of those whose meter counts whole kWh.
const NAMED: usize = 10;

/// The rooms whose meters count whole kWh, and what that hides under the rules.
fn whole_kwh(study: &Study, kind: Kind, rules: &Rules) -> String {
    let mut by_hidden: BTreeMap<WattHours, Vec<&RoomKey>> = BTreeMap::new();
    for room in &study.coarse {
        let hidden = rules.hidden_by_whole_kwh(room, kind);
        by_hidden.entry(hidden).or_default().push(room);
    }
    let mut text = String::new();
    for (hidden, rooms) in by_hidden {
        let names = rooms
            .iter()
            .take(NAMED)
            .map(|room| escape::line(room.to_string().as_bytes()));
        let names: Vec<String> = names.collect();
        let more = match rooms.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let kw = hidden.0 as f64 * 3.6 / rules.interval_seconds as f64;
        let counts = match rooms.len() {
            1 => "1 meter counts".to_owned(),
            rooms => format!("{rooms} meters count"),
        };
        let _ = writeln!(
            text,
            "  {} only whole kWh, and under the configured threshold they hide a steady \
             use of up to {hidden} kWh in an interval ({kw:.2} kW) for ever: {}{more}",
            counts,
            names.join(", ")
        );
    }
    text
}

/// A kind of all hotels: what is used, what would have been told, what is advised.
fn of_kind(
    (kind, name): (Kind, &str),
    study: &Study,
    advice: &Advice,
    configured: WattHours,
    rules: &Rules,
) -> String {
    let mut text = format!(
        "{name}: {}, {:.0} room-days, {} of {}\n",
        counted(study.rooms, "room"),
        study.room_days(),
        counted(study.intervals.total(), "interval"),
        duration(rules.interval_seconds)
    );
    text.push_str(&whole_kwh(study, kind, rules));
    let quantile = |share| study.intervals.quantile(share).unwrap_or_default();
    let _ = writeln!(
        text,
        "  kWh in an interval: half no more than {}, 75 % {}, 90 % {}, 99 % {}, 99.9 % {}, the \
         most {}",
        quantile(0.5),
        quantile(0.75),
        quantile(0.9),
        quantile(0.99),
        quantile(0.999),
        quantile(1.0)
    );
    text.push_str("  threshold  alerts per 100 rooms and day\n");
    let _ = writeln!(text, "        now  {:>6.2}", study.rate(study.now));
    let most = study.alerts.iter().copied().max().unwrap_or_default();
    for (threshold, &alerts) in candidates().iter().zip(&study.alerts) {
        // Long flat tails tell nothing.
        let is_marked = advice.threshold == Some(*threshold) || configured == *threshold;
        if threshold.0 > 1_000 && threshold.0 % 500 != 0 && !is_marked {
            continue;
        }
        let cells = (alerts * 30).div_ceil(most.max(1)) as usize;
        let mut line = format!(
            "{:>11}  {:>6.2}  {}",
            threshold.to_string(),
            study.rate(alerts),
            "█".repeat(cells)
        );
        if configured == *threshold {
            line.push_str("  configured");
        }
        if advice.threshold == Some(*threshold) {
            line.push_str("  advised");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = match advice.threshold {
        Some(threshold) => writeln!(text, "  advised: {threshold} kWh; {}\n", advice.reason),
        None => writeln!(text, "  nothing is advised: {}\n", advice.reason),
    };
    text
}

fn kwh(energy: WattHours) -> f64 {
    energy.0 as f64 / 1_000.0
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rooms for ten days; alerts by threshold.
    fn studied(rooms: u64, most: i64, alerts: impl Fn(i64) -> u64) -> Study {
        let mut study = Study {
            rooms,
            seconds: rooms as i64 * 10 * 86_400,
            coarse: (0..rooms / 10)
                .map(|n| RoomKey::new("H001", &n.to_string()))
                .collect(),
            now: 7,
            alerts: candidates().iter().map(|wh| alerts(wh.0)).collect(),
            ..Study::default()
        };
        for (wh, intervals) in [(most / 2, 60), (most, 35), (1_000, 4), (2_600, 1)] {
            study.intervals.add(WattHours(wh), intervals * rooms * 4);
        }
        study
    }

    fn advised() -> Advised {
        let occupied = |rooms| studied(rooms, 500, move |wh| rooms * 300 / wh as u64);
        let vacant = |rooms, most: i64| {
            let noise = move |wh: i64| (2 * most - wh).max(0) as u64 / 5;
            studied(rooms, most, move |wh| {
                noise(wh) + if wh < 700 { 40 } else { 12 }
            })
        };
        let mut studies = Studies::default();
        studies.all.insert(Kind::Checkin, occupied(160));
        studies.all.insert(Kind::Checkout, vacant(160, 80));
        for (hotel, rooms, most) in [
            ("H001", 100, 80),
            ("H\u{1b}[2J\"", 50, 180),
            ("H003", 10, 80),
        ] {
            let kinds = studies.hotels.entry(HotelId::new(hotel)).or_default();
            kinds.insert(Kind::Checkin, occupied(rooms));
            kinds.insert(Kind::Checkout, vacant(rooms, most));
        }
        Advised::of(studies, 1.0)
    }

    #[test]
    fn advice_is_shown_with_what_it_rests_on() {
        insta::with_settings!({prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("advised", advised().text(&Rules::default()));
        });
    }

    #[test]
    fn what_is_to_be_pasted_is_a_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("roomwatt.toml");
        std::fs::write(&file, advised().toml()).expect("written");
        let config = crate::config::Config::load(Some(&file), &[]).expect("a configuration");
        assert_eq!(config.rules.thresholds.checkout, WattHours(150));
        let hotel = HotelId::new("H\u{1b}[2J\"");
        let own = config.rules.hotel_thresholds[&hotel];
        assert_eq!((own.checkin, own.checkout), (None, Some(WattHours(350))));
        assert_eq!(config.rules.hotel_thresholds.len(), 1);
    }

    #[test]
    fn json_has_a_line_for_each_kind_of_all_and_of_each_hotel() {
        let json = advised().json();
        let lines: Vec<Value> = json
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[0]["hotel_id"], Value::Null);
        assert_eq!(lines[0]["kind"], "checkout");
        assert_eq!(lines[0]["advised_threshold_kwh"], 0.15);
        assert_eq!(lines[0]["tried"][2]["threshold_kwh"], 0.2);
        let small = lines.iter().find(|line| line["hotel_id"] == "H003");
        assert_eq!(small.expect("a line")["advised_threshold_kwh"], Value::Null);
        assert!(!json.contains('\u{1b}'));
    }
}
