use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::*;
use crate::engine::IncidentCounts;
use crate::figures::{Amounts, OTHER};

fn zone() -> Zone {
    Zone::named("Asia/Shanghai").expect("a zone")
}

/// The samples of an exposition: name and labels, and the value.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut samples = BTreeMap::new();
    for line in lines {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        let value = value.parse().expect("a number");
        let before = samples.insert(name.to_owned(), value);
        assert_eq!(before, None, "{name} twice");
    }
    samples
}

#[test]
fn every_pair_of_labels_is_there_from_the_start() {
    let figures = Arc::new(Figures::default());
    figures.route("default");
    let text = Metrics::new(Arc::clone(&figures), zone()).exposed(Format::OpenMetrics);
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let samples = samples(&text);
    let zero = |name: &str| assert_eq!(samples.get(name), Some(&0.0), "{name}\n{text}");
    for figure in Figure::all() {
        let total = match figure.kind() {
            FigureKind::Counter => "_total",
            FigureKind::Gauge => "",
        };
        let labels = figure.labels().into_iter();
        let labels: Vec<String> = labels
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        zero(&format!("roomwatt_{}{total}{labels}", figure.name()));
    }
    zero("roomwatt_rejected_messages_total");
    zero("roomwatt_notice_oldest_waiting_timestamp_seconds");
    zero("roomwatt_notice_delay_seconds_bucket{le=\"+Inf\"}");
    zero("roomwatt_sweep_duration_seconds_count");
    zero("roomwatt_deliveries_total{route=\"default\",result=\"route_fault\"}");
    let version = format!(
        "roomwatt_build_info{{version=\"{}\"}}",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(samples.get(&version), Some(&1.0), "{text}");
    for of_process in [
        "cpu_seconds_total",
        "resident_memory_bytes",
        "open_fds",
        "max_fds",
    ] {
        let value = samples.get(&format!("process_{of_process}"));
        assert!(value.is_some_and(|value| *value >= 0.0), "{of_process}");
    }
    let started = samples["process_start_time_seconds"];
    assert!(started > 1.5e9 && started < 1e11, "{started}");
}

#[test]
fn a_hotel_has_its_own_figures_under_any_name() {
    let figures = Arc::new(Figures::new(2));
    let metrics = Metrics::new(Arc::clone(&figures), zone());
    let names = ["H\"1\\", "H2", "H3", OTHER];
    let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
    let rooms: HashMap<HotelId, HotelCensus> = (names.iter().zip(1..))
        .map(|(name, silent)| {
            let census = HotelCensus {
                vacant: 2,
                silent,
                incidents: IncidentCounts {
                    open: silent,
                    acknowledged: 0,
                    snoozed: silent,
                },
                newest_reading: (silent > 1).then(|| noon.plus(-i64::from(silent))),
                ..HotelCensus::default()
            };
            (HotelId::new(name), census)
        })
        .collect();
    figures.set_rooms(&rooms);
    let mut batch = Amounts::default();
    for name in names {
        let counts = batch.of_hotel(&HotelId::new(name));
        counts.vacant += WattHours(1_500);
        counts.add_alert(Kind::Checkout, Rule::Fixed);
    }
    figures.add_all(&batch);
    figures.delays.observe(Duration::from_secs(31));
    let text = metrics.exposed(Format::OpenMetrics);
    let found = samples(&text);
    for (labels, value) in [
        (r#"rooms{hotel_id="H\"1\\",state="vacant"}"#, 2.0),
        (r#"rooms{hotel_id="H\"1\\",state="out_of_order"}"#, 0.0),
        (r#"rooms{hotel_id="other",state="vacant"}"#, 4.0),
        (r#"rooms_silent{hotel_id="other"}"#, 7.0),
        (r#"rooms_overstayed{hotel_id="H2"}"#, 0.0),
        (r#"incidents{hotel_id="other",state="snoozed"}"#, 7.0),
        (r#"incidents{hotel_id="H2",state="open"}"#, 2.0),
        (
            r#"rooms_abnormal{hotel_id="H2",kind="checkin",rule="baseline"}"#,
            0.0,
        ),
        (
            r#"energy_joules_total{hotel_id="H2",occupancy="vacant"}"#,
            5_400_000.0,
        ),
        (
            r#"energy_joules_total{hotel_id="other",occupancy="vacant"}"#,
            10_800_000.0,
        ),
        (
            r#"energy_joules_total{hotel_id="other",occupancy="occupied"}"#,
            0.0,
        ),
        (
            r#"alerts_total{hotel_id="H2",kind="checkout",rule="fixed"}"#,
            1.0,
        ),
        (
            r#"alerts_total{hotel_id="other",kind="checkout",rule="fixed"}"#,
            2.0,
        ),
        (
            r#"newest_reading_timestamp_seconds{hotel_id="H\"1\\"}"#,
            0.0,
        ),
        // 12:00 in Shanghai, less two seconds; of the others the older one.
        (
            r#"newest_reading_timestamp_seconds{hotel_id="H2"}"#,
            1_681_099_198.0,
        ),
        (
            r#"newest_reading_timestamp_seconds{hotel_id="other"}"#,
            1_681_099_196.0,
        ),
        (r#"notice_delay_seconds_bucket{le="30.0"}"#, 0.0),
        (r#"notice_delay_seconds_bucket{le="60.0"}"#, 1.0),
        (r#"notice_delay_seconds_sum"#, 31.0),
    ] {
        assert_eq!(
            found.get(&format!("roomwatt_{labels}")),
            Some(&value),
            "{labels}\n{text}"
        );
    }
    assert!(!text.contains("H3"), "it is one of the others: {text}");
    figures.forget_rooms();
    let text = metrics.exposed(Format::OpenMetrics);
    assert!(!text.contains("roomwatt_rooms{"), "a standby has no rooms");
    assert!(text.contains("roomwatt_alerts_total{"), "but its counters");
}

#[test]
fn a_client_gets_the_format_that_it_reads() {
    let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3";
    for (accept, format) in [
        (None, Format::OpenMetrics),
        (Some("*/*"), Format::OpenMetrics),
        (Some(prometheus), Format::OpenMetrics),
        (Some("text/plain;version=0.0.4"), Format::Text),
    ] {
        assert_eq!(Format::accepted(accept), format, "{accept:?}");
    }
}
