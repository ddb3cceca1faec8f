//! Other thresholds or rules against a hotel's last days: which alerts there would have been.

use std::fmt::Write as _;
use std::time::Instant;

use askama::Template;

use crate::engine::{BaselineMode, Rule, Rules, Thresholds, latest_reading};
use crate::escape;
use crate::review::{AlertedRun, Comparison, compare, read_hotel};
use crate::types::{HotelId, Kind, WattHours};

use super::archive::{LIMIT, Trouble};
use super::frame::{Frame, Of};
use super::link::{Query, to};
use super::now::Moment;
use super::words::Words;
use super::{Pages, Viewer, numbers};

/// The days that can be looked at.
const DAYS: [i64; 2] = [7, 14];

/// The most alerts that a list names.
const LISTED: usize = 100;

/// What the configuration allows.
const MOST_KWH: WattHours = WattHours(1_000_000_000);
const MOST_PERIODS: u32 = 1_000;

#[derive(Template)]
#[template(path = "whatif.html")]
pub(super) struct WhatIf<'a> {
    f: Frame<'a>,
    name: String,
    hotel: String,
    days: Vec<Choice>,
    fields: Vec<Field>,
    modes: Vec<Choice>,
    /// Rooms with thresholds of their own, which stay as they are.
    own: Option<String>,
    /// What the page compares.
    lead: String,
    /// `None` before anything was asked for, or where a field is wrong.
    outcome: Option<Outcome>,
}

/// One of several choices of a field.
struct Choice {
    value: String,
    name: String,
    is_chosen: bool,
}

/// A field for a number.
struct Field {
    name: &'static str,
    label: &'static str,
    value: String,
    /// What the configuration has.
    now: String,
    wrong: Option<String>,
}

struct Outcome {
    summary: String,
    /// Says that neither finds what the other one does not.
    same: Option<&'static str>,
    lists: Vec<List>,
    toml: String,
    /// What to do with it.
    remarks: Vec<&'static str>,
}

/// Alerts of one fate.
struct List {
    caption: String,
    rows: Vec<Row>,
}

struct Row {
    room: String,
    href: String,
    state: &'static str,
    rule: &'static str,
    alerted: String,
    since: String,
    lasted: String,
}

/// What the form asks to compare.
struct Asked {
    days: i64,
    checkin: Result<WattHours, String>,
    checkout: Result<WattHours, String>,
    periods: Result<u32, String>,
    mode: BaselineMode,
}

impl Asked {
    /// What a query asks for; what it leaves out is as in `rules`.
    fn of(query: &Query, rules: &Rules, hotel: &HotelId, w: &Words) -> Asked {
        let kwh = |key: &str, kind: Kind| match query.get(key) {
            "" => Ok(rules.threshold_of_hotel(hotel, kind)),
            text => match WattHours::parse_kwh(text) {
                Ok(kwh) if (WattHours::ZERO..=MOST_KWH).contains(&kwh) => Ok(kwh),
                _ => Err(w.wrong_kwh.to_owned()),
            },
        };
        let periods = match query.get("count") {
            "" => Ok(rules.alert_periods),
            text => match text.parse() {
                Ok(count) if (1..=MOST_PERIODS).contains(&count) => Ok(count),
                _ => Err(w.wrong_count.to_owned()),
            },
        };
        let days = DAYS
            .into_iter()
            .find(|days| query.get("days") == days.to_string());
        Asked {
            days: days.unwrap_or(DAYS[0]),
            checkin: kwh("checkin", Kind::Checkin),
            checkout: kwh("checkout", Kind::Checkout),
            periods,
            mode: match query.get("baseline") {
                "" => rules.baseline.mode,
                "on" => BaselineMode::On,
                _ => unnotified(rules),
            },
        }
    }

    /// The present rules, and those that are asked about; `None` where a field is wrong.
    fn rules(&self, rules: &Rules, hotel: &HotelId) -> Option<[Rules; 2]> {
        let mut other = rules.clone();
        other.alert_periods = *self.periods.as_ref().ok()?;
        other.baseline.mode = self.mode;
        let own = Thresholds {
            checkin: Some(*self.checkin.as_ref().ok()?),
            checkout: Some(*self.checkout.as_ref().ok()?),
        };
        other.hotel_thresholds.insert(hotel.clone(), own);
        Some([rules.clone(), other])
    }
}

impl Pages {
    /// # Errors
    /// [`Trouble`] if there is no such hotel for the viewer, others compare, or the past can't be
    /// read now.
    pub(super) fn what_if<'a>(
        &self,
        query: &Query,
        viewer: &'a Viewer,
        path: String,
    ) -> Result<WhatIf<'a>, Trouble> {
        let hotel = HotelId::new(query.get("hotel"));
        let at = self.moment();
        self.rooms_of(&hotel, viewer, &at).ok_or(Trouble::Missing)?;
        let name = numbers::name(self.cards.name_of(&hotel)).into_owned();
        let frame = Frame::new(viewer, name.clone(), path).of_hotel(&hotel, Some(Of::WhatIf));
        let w = frame.w;
        let asked = Asked::of(query, &self.rules, &hotel, w);
        let result = match asked.rules(&self.rules, &hotel) {
            // A form that was sent has this field.
            Some(rules) if !query.get("days").is_empty() => {
                let compared = self.compared(&hotel, asked.days, &rules, &at)?;
                Some(self.result(&hotel, &compared, &asked, &rules, &at, w))
            }
            _ => None,
        };
        let lead = (w.what_if_lead)(self.rules.interval_seconds);
        let own = self.rules.room_thresholds.keys();
        let own = own.filter(|room| room.hotel_id == hotel).count();
        Ok(WhatIf {
            days: DAYS
                .map(|days| Choice {
                    value: days.to_string(),
                    name: (w.last_days)(days),
                    is_chosen: days == asked.days,
                })
                .into(),
            fields: self.fields(&asked, &hotel, query, w),
            modes: [unnotified(&self.rules), BaselineMode::On]
                .map(|mode| Choice {
                    value: word(mode).to_owned(),
                    name: mode_name(mode, w).to_owned(),
                    is_chosen: mode == asked.mode,
                })
                .into(),
            own: (own > 0).then(|| (w.own_thresholds)(own)),
            hotel: hotel.as_str().to_owned(),
            f: frame,
            name,
            lead,
            outcome: result,
        })
    }

    /// Compares rules, one viewer at a time.
    fn compared(
        &self,
        hotel: &HotelId,
        days: i64,
        rules: &[Rules; 2],
        at: &Moment,
    ) -> Result<Comparison, Trouble> {
        let until = Instant::now() + LIMIT;
        let _alone = self.archives.alone(LIMIT).ok_or(Trouble::Comparing)?;
        let from = at.now.plus(-days * 86_400);
        let to = latest_reading(at.now);
        let read = (self.archives).read_until(until, |archive| {
            read_hotel(archive, hotel, (from, to), rules)
        });
        if Instant::now() > until {
            return Err(Trouble::Comparing);
        }
        let past = read?;
        compare(&past, from, rules).map_err(|error| {
            log::warn!("rules can't be compared: {error}");
            Trouble::Comparing
        })
    }

    fn fields(&self, asked: &Asked, hotel: &HotelId, query: &Query, w: &Words) -> Vec<Field> {
        let field = |name, label, value: Result<String, String>, now: String| Field {
            name,
            label,
            wrong: value.as_ref().err().cloned(),
            value: value.unwrap_or_else(|_| query.get(name).to_owned()),
            now: (w.now_is)(&now),
        };
        let kwh = |value: &Result<WattHours, String>| match value {
            Ok(value) => Ok(value.to_string()),
            Err(why) => Err(why.clone()),
        };
        let now = |kind| self.rules.threshold_of_hotel(hotel, kind).to_string();
        let count = asked.periods.clone().map(|count| count.to_string());
        vec![
            field(
                "checkout",
                w.threshold_vacant,
                kwh(&asked.checkout),
                now(Kind::Checkout),
            ),
            field(
                "checkin",
                w.threshold_occupied,
                kwh(&asked.checkin),
                now(Kind::Checkin),
            ),
            field(
                "count",
                w.alert_count,
                count,
                self.rules.alert_periods.to_string(),
            ),
        ]
    }

    fn result(
        &self,
        hotel: &HotelId,
        compared: &Comparison,
        asked: &Asked,
        rules: &[Rules; 2],
        at: &Moment,
        w: &Words,
    ) -> Outcome {
        let list = |title: fn(usize, usize) -> String, runs: &[AlertedRun]| List {
            caption: title(runs.len(), runs.len().min(LISTED)),
            // The newest first: those are remembered.
            rows: { runs.iter().rev().take(LISTED) }
                .map(|run| row(run, at, w))
                .collect(),
        };
        let lists = [
            list(w.spared, &compared.spared),
            list(w.added, &compared.added),
            list(w.kept, &compared.kept),
        ];
        let (toml, remarks) = self.to_paste(hotel, rules, w);
        Outcome {
            same: { compared.spared.is_empty() && compared.added.is_empty() }.then(|| {
                match compared.before() == compared.after {
                    true => w.same_alerts,
                    // Both rules may find the same.
                    false => w.same_times,
                }
            }),
            summary: (w.compared)(asked.days, compared.before(), compared.after),
            lists: lists
                .into_iter()
                .filter(|list| !list.rows.is_empty())
                .collect(),
            toml,
            remarks,
        }
    }

    /// What differs from the present rules as the configuration has it, and what to do with it.
    fn to_paste(
        &self,
        hotel: &HotelId,
        [now, other]: &[Rules; 2],
        w: &Words,
    ) -> (String, Vec<&'static str>) {
        let (mut parts, mut remarks) = (Vec::new(), Vec::new());
        if other.alert_periods != now.alert_periods {
            let count = other.alert_periods;
            parts.push(format!(
                "# [monitoring]\ncontinuous_alert_count = {count}\n"
            ));
        }
        if other.baseline.mode != now.baseline.mode {
            let mode = word(other.baseline.mode);
            parts.push(format!("# [baseline]\nmode = \"{mode}\"\n"));
        }
        if !parts.is_empty() {
            remarks.push(w.paste_keys);
        }
        let threshold = |rules: &Rules, kind| rules.threshold_of_hotel(hotel, kind);
        let is_other = |kind: &Kind| threshold(other, *kind) != threshold(now, *kind);
        let [checkin, checkout] = [Kind::Checkin, Kind::Checkout];
        if [checkin, checkout].iter().any(is_other) {
            parts.push(format!(
                "[[monitoring.overrides]]\nhotel_id = {}\ncheckin_abnormal_threshold = {}\n\
                 checkout_abnormal_threshold = {}\n",
                quoted(hotel.as_str()),
                threshold(other, checkin),
                threshold(other, checkout),
            ));
            remarks.push(match now.hotel_thresholds.contains_key(hotel) {
                true => w.paste_instead,
                false => w.paste_at_end,
            });
        }
        (parts.join("\n"), remarks)
    }
}

fn row(run: &AlertedRun, at: &Moment, w: &Words) -> Row {
    let room = &run.room;
    Row {
        room: numbers::name(room.room_number.as_str()).into_owned(),
        href: to(
            "/room",
            &[
                ("hotel", room.hotel_id.as_str()),
                ("room", room.room_number.as_str()),
                ("stay", &run.stay.to_string()),
                ("to", &run.until.plus(6 * 3_600).to_string()),
            ],
        ),
        state: match run.kind {
            Kind::Checkin => w.occupied,
            Kind::Checkout => w.vacant,
        },
        rule: match run.rule {
            Rule::Fixed => w.by_threshold,
            Rule::Baseline => w.by_baseline,
        },
        alerted: numbers::time(run.detected, at.now, w),
        since: numbers::time(run.since, at.now, w),
        lasted: (w.lasted)(run.until.since(run.since)),
    }
}

/// The mode without alerts that is closest to the present one.
fn unnotified(rules: &Rules) -> BaselineMode {
    match rules.baseline.mode {
        BaselineMode::Off => BaselineMode::Off,
        BaselineMode::Shadow | BaselineMode::On => BaselineMode::Shadow,
    }
}

/// As the configuration has it.
fn word(mode: BaselineMode) -> &'static str {
    match mode {
        BaselineMode::Off => "off",
        BaselineMode::Shadow => "shadow",
        BaselineMode::On => "on",
    }
}

/// A string of TOML, in which nothing is hidden.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        // Writing to a String can't fail.
        let _ = match c {
            '"' | '\\' => write!(quoted, "\\{c}"),
            c if escape::is_unsafe(c) => write!(quoted, "\\U{:08X}", u32::from(c)),
            c => write!(quoted, "{c}"),
        };
    }
    quoted + "\""
}

fn mode_name(mode: BaselineMode, w: &Words) -> &'static str {
    match mode {
        BaselineMode::Off => w.baseline_off,
        BaselineMode::Shadow => w.baseline_shadow,
        BaselineMode::On => w.baseline_on,
    }
}
