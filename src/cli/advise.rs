use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use anyhow::anyhow;
use serde_json::{Value, json};

use crate::clock::{Clock, SystemClock};
use crate::config::{Language, Setting};
use crate::engine::{Rules, latest_reading};
use crate::escape;
use crate::review::Past;
use crate::review::advise::{
    Advice, Beside, Studies, Study, advise, advise_hotel, beside, candidates, study,
};
use crate::types::{HotelId, Kind, LocalTime, RoomKey, WattHours};

use super::past::{self, Source, usage};
use super::words::{Hidden, LanguageOption, Words, columns, right, words};
use super::{ConfigFile, Failure};

/// Advise thresholds from the hotels' own data
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt advise --config roomwatt.toml                      the last two weeks
  roomwatt advise --config roomwatt.toml --from 2023-04-01 --to 2023-04-30
  roomwatt advise --messages messages.jsonl --readings readings.csv --budget 0.5

Shows for occupied and for vacant rooms: the advised threshold and the reason, what rooms use in an
interval, and the alerts that each threshold and the baseline rule, which needs none, would have
raised; then the same for each hotel; then what to paste into the configuration. Nothing is
changed. With less than 20 rooms or 200 room-days there is no advice.
")]
pub(super) struct Arguments {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    config: ConfigFile,
    /// Another value for a key of [monitoring]; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// Useless alerts that the staff accepts, per 100 rooms and day
    #[arg(long, value_name = "ALERTS", default_value_t = 1.0, value_parser = budget)]
    budget: f64,
    #[command(flatten)]
    language: LanguageOption,
    /// One JSON object a line, in English: each kind of all hotels, then of each
    #[arg(long)]
    json: bool,
}

/// The time that is studied by default. Seconds.
const DEFAULT_SPAN: i64 = 14 * 24 * 3_600;

const KINDS: [(Kind, &str); 2] = [
    (Kind::Checkin, "checkin_abnormal_threshold"),
    (Kind::Checkout, "checkout_abnormal_threshold"),
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
    let advised = Advised::of(&past, study(&past, rules), rules, arguments.budget);
    let text = if arguments.json {
        advised.json()
    } else {
        advised.text(
            words(arguments.language.or(config.notify.cards.language)),
            rules,
        )
    };
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The reader may have closed the pipe, as `head` does.
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

/// Studies with the advice that follows from each.
struct Advised {
    all: BTreeMap<Kind, (Study, Advice)>,
    hotels: BTreeMap<HotelId, BTreeMap<Kind, (Study, Advice)>>,
    /// What the baseline rule finds beside the thresholds that are advised for all hotels.
    beside: BTreeMap<Kind, Beside>,
    /// The beginning of what was asked for, if it was; that of what is known; and the end.
    span: Option<(Option<LocalTime>, LocalTime, LocalTime)>,
}

/// What is known and begins so much later than was asked for is remarked on. Seconds.
const MISSING: i64 = 86_400;

impl Advised {
    fn of(past: &Past, studies: Studies, rules: &Rules, budget: f64) -> Advised {
        let unusual = studies.unusual.clone();
        let mut advised = Advised::by(studies, budget);
        let thresholds = advised.all.iter();
        let thresholds = thresholds.filter_map(|(kind, (_, it))| Some((*kind, it.threshold?)));
        advised.beside = beside(past, rules, &thresholds.collect(), &unusual);
        let asked = (past.from > LocalTime::FIRST).then_some(past.from);
        advised.span = past.known().map(|(first, last)| (asked, first, last));
        advised
    }

    fn by(studies: Studies, budget: f64) -> Advised {
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
        Advised {
            all,
            hotels,
            beside: BTreeMap::new(),
            span: None,
        }
    }

    fn text(&self, words: &dyn Words, rules: &Rules) -> String {
        let mut text = String::new();
        if let Some((Some(asked), first, last)) = self.span
            && first.since(asked) > MISSING
        {
            let days = |from| last.since(from).max(0) as f64 / 86_400.0;
            let remark = words.readings_begin(first, days(first), days(asked));
            text.push_str(&format!("{remark}\n\n"));
        }
        for (kind, _) in KINDS {
            match self.all.get(&kind) {
                Some((study, advice)) => {
                    let beside = self.beside.get(&kind);
                    text.push_str(&of_kind(words, kind, (study, advice, beside), rules));
                }
                None => text.push_str(&format!("{}\n", words.never_watched(kind))),
            }
            text.push('\n');
        }
        if self.hotels.len() > 1 {
            text.push_str(&self.table_of_hotels(words));
        }
        text.push_str(&self.toml(words));
        text
    }

    fn table_of_hotels(&self, words: &dyn Words) -> String {
        const WIDTHS: [usize; 6] = [8, 10, 14, 8, 12, 12];
        let row = |cells: [String; 6], name: &str| {
            let cells = cells.iter().zip(WIDTHS);
            let cells: Vec<String> = cells.map(|(cell, width)| right(cell, width)).collect();
            format!("{}  {name}\n", cells.join(" "))
        };
        let [rooms, days, now, advised, alerts, hotel] = words.heads_of_hotels();
        let heads = [rooms, days, now, advised, alerts, words.head_of_baseline()];
        let mut text = row(heads.map(str::to_owned), hotel);
        for (hotel, kinds) in &self.hotels {
            for (kind, _) in KINDS {
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
                let cells = [
                    study.rooms.to_string(),
                    format!("{:.0}", study.room_days()),
                    format!("{:.2}", study.rate(study.now)),
                    threshold,
                    rate,
                    format!("{:.2}", study.rate(study.baseline)),
                ];
                let hotel = escape::line(hotel.as_str().as_bytes());
                text.push_str(&row(cells, &format!("{hotel} {}", words.state(kind))));
            }
        }
        text.push('\n');
        text
    }

    /// The configuration to paste. It has the hotels whose advised threshold differs from the
    /// general one.
    fn toml(&self, words: &dyn Words) -> String {
        let mut text = format!("# {}\n[monitoring]\n", words.to_paste());
        let of_all = |kind: Kind| self.all.get(&kind).and_then(|(_, advice)| advice.threshold);
        for (kind, key) in KINDS {
            // Writing to a String can't fail.
            let _ = match of_all(kind) {
                Some(threshold) => writeln!(text, "{key} = {threshold}"),
                None => writeln!(text, "# {key}: {}", words.nothing_advised()),
            };
        }
        for (hotel, kinds) in &self.hotels {
            let own = KINDS.iter().filter_map(|(kind, key)| {
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
        // Output for scripts is always English.
        let english = words(Language::En);
        let mut text = String::new();
        let all = self.all.iter().map(|(kind, found)| (None, kind, found));
        let hotels = self.hotels.iter().flat_map(|(hotel, kinds)| {
            kinds
                .iter()
                .map(move |(kind, found)| (Some(hotel), kind, found))
        });
        for (hotel, kind, (study, advice)) in all.chain(hotels) {
            let quantile = |share| study.intervals.quantile(share).map(kwh);
            let beside = |beside: Option<&Beside>| {
                beside.map(|it| {
                    json!({"alerts": it.alerts, "both": it.both, "only_baseline": it.more,
                        "half_are_earlier_by_seconds": it.earlier})
                })
            };
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
                "baseline": {
                    "alerts": study.baseline,
                    "per_100_room_days": rounded(study.rate(study.baseline)),
                    "beside_advised": hotel.is_none().then(|| beside(self.beside.get(kind))),
                },
                "data_from": self.span.map(|(_, first, _)| first),
                "data_to": self.span.map(|(_, _, last)| last),
                "tried": tried,
                "advised_threshold_kwh": advice.threshold.map(kwh),
                "reason": in_one_line(&english.reason_of_advice(&advice.reason)),
            });
            text.push_str(&escape::json(&object.to_string()));
            text.push('\n');
        }
        text
    }
}

/// The most rooms with meters of whole kWh that are listed by name.
const NAMED: usize = 10;

/// The rooms whose meters count whole kWh, and the consumption that this hides under the rules.
fn whole_kwh(words: &dyn Words, study: &Study, kind: Kind, rules: &Rules) -> String {
    let mut by_hidden: BTreeMap<WattHours, Vec<&RoomKey>> = BTreeMap::new();
    for room in &study.coarse {
        let hidden = rules.hidden_by_whole_kwh(room, kind);
        by_hidden.entry(hidden).or_default().push(room);
    }
    let mut text = String::new();
    for (per_interval, rooms) in by_hidden {
        let names = rooms
            .iter()
            .take(NAMED)
            .map(|room| escape::line(room.to_string().as_bytes()));
        let names: Vec<String> = names.collect();
        let hidden = Hidden {
            meters: rooms.len(),
            per_interval,
            kilowatts: per_interval.0 as f64 * 3.6 / rules.interval_seconds as f64,
            rooms: &names.join(", "),
            more: rooms.len() - names.len(),
        };
        let _ = writeln!(text, "  {}", words.whole_kwh(&hidden));
    }
    text
}

/// One kind of room in all hotels: the advice and its reason, the consumption, and the alerts that
/// there would have been.
fn of_kind(
    words: &dyn Words,
    kind: Kind,
    (study, advice, beside): (&Study, &Advice, Option<&Beside>),
    rules: &Rules,
) -> String {
    let configured = match kind {
        Kind::Checkin => rules.thresholds.checkin,
        Kind::Checkout => rules.thresholds.checkout,
    };
    let quantile = |share| study.intervals.quantile(share).unwrap_or_default();
    let quantiles = [0.5, 0.75, 0.9, 0.99, 0.999, 1.0].map(quantile);
    let intervals = study.intervals.total();
    let mut text = format!(
        "{}\n  {}\n  {}\n  {}\n",
        words.advice(kind, advice.threshold, configured),
        words.reason_of_advice(&advice.reason),
        words.amount_of_data(
            study.rooms,
            study.room_days(),
            intervals,
            rules.interval_seconds
        ),
        words.quantiles(quantiles)
    );
    text.push_str(&whole_kwh(words, study, kind, rules));
    let with_rate = |alerts| (alerts, study.rate(alerts));
    let of_rules = words.alerts_of_rules(with_rate(study.now), with_rate(study.baseline));
    let _ = writeln!(text, "  {of_rules}");
    if let (Some(threshold), Some(beside)) = (advice.threshold, beside) {
        let _ = writeln!(text, "  {}", words.beside(threshold, beside));
    }
    let heads = words.heads_of_thresholds();
    let width = (heads
        .iter()
        .map(|head| columns(head))
        .max()
        .unwrap_or_default())
    .min(11);
    let [threshold, alerts] = heads;
    let _ = writeln!(text, "  {}  {alerts}", right(threshold, width));
    let row = |threshold: &str, alerts: u64, bar: &str| {
        let rate = study.rate(alerts);
        format!("  {}  {rate:>6.2}  {bar}", right(threshold, width))
    };
    let now = row(words.as_configured(), study.now, "");
    let _ = writeln!(text, "{}", now.trim_end());
    let baseline = row(words.baseline(), study.baseline, "");
    let _ = writeln!(text, "{}", baseline.trim_end());
    let most = study.alerts.iter().copied().max().unwrap_or_default();
    let [is_configured, is_advised] = words.marks();
    for (threshold, &alerts) in candidates().iter().zip(&study.alerts) {
        // Skips most of the long flat tail.
        let is_marked = advice.threshold == Some(*threshold) || configured == *threshold;
        if threshold.0 > 1_000 && threshold.0 % 500 != 0 && !is_marked {
            continue;
        }
        let cells = (alerts * 30).div_ceil(most.max(1)) as usize;
        let mut line = row(&threshold.to_string(), alerts, &"█".repeat(cells));
        for (is_so, mark) in [
            (configured == *threshold, is_configured),
            (advice.threshold == Some(*threshold), is_advised),
        ] {
            if is_so {
                line.push_str("  ");
                line.push_str(mark);
            }
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Joins a sentence that was broken into lines.
fn in_one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join(" ")
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

    /// A study of rooms over ten days, with alerts by threshold.
    fn studied(rooms: u64, most: i64, alerts: impl Fn(i64) -> u64) -> Study {
        let mut study = Study {
            rooms,
            seconds: rooms as i64 * 10 * 86_400,
            coarse: (0..rooms / 10)
                .map(|n| RoomKey::new("H001", &n.to_string()))
                .collect(),
            now: 7,
            baseline: 12,
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
        let mut advised = Advised::by(studies, 1.0);
        let beside = Beside {
            alerts: 42,
            both: 40,
            earlier: Some(5_400),
            more: 3,
        };
        advised.beside.insert(Kind::Checkout, beside);
        let at = |day| LocalTime::from_ymd_hms(2023, 4, day, 8, 0, 0).expect("a time");
        advised.span = Some((Some(at(1)), at(5), at(15)));
        advised
    }

    #[test]
    fn advice_is_shown_with_its_grounds() {
        insta::with_settings!({prepend_module_to_snapshot => false}, {
            for (name, language) in [("advised_en", Language::En), ("advised_zh", Language::Zh)] {
                let text = advised().text(words(language), &Rules::default());
                insta::assert_snapshot!(name, text);
            }
        });
    }

    #[test]
    fn the_text_to_paste_is_a_valid_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("roomwatt.toml");
        std::fs::write(&file, advised().toml(words(Language::Zh))).expect("written");
        let config = crate::config::Config::load(Some(&file), &[]).expect("a configuration");
        assert_eq!(config.rules.thresholds.checkout, WattHours(150));
        let hotel = HotelId::new("H\u{1b}[2J\"");
        let own = config.rules.hotel_thresholds[&hotel];
        assert_eq!((own.checkin, own.checkout), (None, Some(WattHours(350))));
        assert_eq!(config.rules.hotel_thresholds.len(), 1);
    }

    #[test]
    fn json_has_a_line_for_each_kind_of_room_overall_and_per_hotel() {
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
