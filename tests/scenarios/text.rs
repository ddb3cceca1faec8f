//! The text of a scenario.

use std::collections::HashMap;
use std::fmt;

use roomwatt::engine::{Closing, Event, NoticeKind, Rules, Stay, Thresholds};
use roomwatt::types::{HotelId, LocalTime, RoomKey, WattHours};

use crate::message::{Details, MESSAGES, message};

/// A scenario as it is written.
#[derive(Debug, Default)]
pub struct Scenario {
    pub rules: Rules,
    pub timeline: Vec<Arrival>,
    /// With their lines.
    pub expected: Vec<(usize, Expected)>,
    /// Rooms in the end, with their lines.
    pub finally: Vec<(usize, RoomKey, String)>,
}

/// Something that comes to the service.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub at: LocalTime,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Message(Event),
    Meter(RoomKey, LocalTime, WattHours),
    Sweep,
}

/// The kinds of notices.
const KINDS: [&str; 7] = [
    "alert",
    "reminder",
    "recovered",
    "closed-by-gap",
    "closed-by-new-meter",
    "closed-by-new-stay",
    "closed-by-out-of-order",
];

/// The kind of a notice as a scenario writes it. Settings don't change during one.
pub fn kind_of(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Closed(Closing::Gap) => "closed-by-gap",
        NoticeKind::Closed(Closing::MeterChanged) => "closed-by-new-meter",
        NoticeKind::Closed(Closing::NewStay { .. }) => "closed-by-new-stay",
        NoticeKind::Closed(Closing::OutOfOrder { .. }) => "closed-by-out-of-order",
        kind => kind.as_str(),
    }
}

/// A notice as a scenario speaks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub detected: LocalTime,
    pub room: RoomKey,
    /// One of [`KINDS`].
    pub kind: &'static str,
    pub since: LocalTime,
    pub periods: u32,
    pub energy: WattHours,
}

impl Expected {
    pub fn place(&self) -> (LocalTime, RoomKey, &'static str) {
        (self.detected, self.room.clone(), self.kind)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = if self.since.date() == self.detected.date() {
            clock(self.since)
        } else {
            day_and_clock(self.since)
        };
        let kwh = match self.energy.0 % 10 {
            0 => self.energy.kwh_2().expect("fits its column"),
            _ => self.energy.to_string(),
        };
        write!(
            f,
            "{} {} {} since {since}, {} intervals, {kwh} kWh",
            day_and_clock(self.detected),
            words(&self.room),
            self.kind,
            self.periods,
        )
    }
}

fn clock(time: LocalTime) -> String {
    let text = time.to_string();
    let clock = &text[11..];
    clock.strip_suffix(":00").unwrap_or(clock).to_owned()
}

fn day_and_clock(time: LocalTime) -> String {
    format!("{} {}", time.date(), clock(time))
}

fn words(room: &RoomKey) -> String {
    format!("{} {}", room.hotel_id, room.room_number)
}

/// How a room is in the end: its watch's stay, and since when it is out of order.
pub type End = Option<(Stay, Option<LocalTime>)>;

/// How it is written.
pub fn finally(room: &RoomKey, end: End) -> String {
    let room = words(room);
    let Some((stay, out_of_order)) = end else {
        return format!("finally {room} not watched");
    };
    let since = day_and_clock(stay.time());
    let (state, leaves) = match stay {
        Stay::Vacant { .. } => ("vacant", None),
        Stay::Occupied {
            expected_checkout, ..
        } => ("occupied", expected_checkout),
    };
    let more = |what: &str, time: Option<LocalTime>| {
        time.map_or_else(String::new, |time| {
            format!(", {what} {}", day_and_clock(time))
        })
    };
    let leaves = more("leaves", leaves);
    let out_of_order = more("out of order since", out_of_order);
    format!("finally {room} {state} since {since}{leaves}{out_of_order}")
}

/// What is wrong with a scenario, and where.
#[derive(Debug)]
pub struct Mistake {
    line: usize,
    why: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.why)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    #[default]
    None,
    Settings,
    Timeline,
    Expect,
}

#[derive(Default)]
struct Reader {
    scenario: Scenario,
    section: Section,
    day: Option<String>,
    /// The last register of each room, for those that count from it.
    registers: HashMap<RoomKey, WattHours>,
    /// Whether something is expected, be it nothing.
    expects: bool,
}

/// Reads a scenario.
///
/// # Errors
/// The first line that is not understood.
pub fn read(text: &str) -> Result<Scenario, Mistake> {
    let mut reader = Reader::default();
    let mut lines = 0;
    for (at, line) in text.lines().enumerate() {
        lines = at + 1;
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            let read = reader.line(lines, line);
            read.map_err(|why| Mistake { line: lines, why })?;
        }
    }
    if reader.expects {
        return Ok(reader.scenario);
    }
    let why = "nothing is expected; a scenario without notices has to say so: nothing";
    Err(Mistake {
        line: lines,
        why: why.into(),
    })
}

const NOTICE: &str = "a notice is written: 16:30 H001 101 alert since 14:30, 4 intervals, 8.40 kWh";
const END: &str =
    "an end is written: finally H001 101 vacant since 2023-04-10 14:30 (occupied, not watched)";

/// What may follow after what happens, each with a time; but a stay is a word.
const DETAILS: [&str; 5] = ["arrives", "stay", "came", "leaves", "until"];

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        let section = match line {
            "settings" => Section::Settings,
            "timeline" => Section::Timeline,
            "expect" => Section::Expect,
            "nothing" if self.section == Section::Expect => {
                self.expects = true;
                return Ok(());
            }
            _ => return self.entry(number, line),
        };
        (self.section, self.day) = (section, None);
        Ok(())
    }

    fn entry(&mut self, number: usize, line: &str) -> Result<(), String> {
        match self.section {
            Section::None => Err("a section comes first: settings, timeline or expect".into()),
            Section::Settings => self.setting(line),
            Section::Timeline | Section::Expect if !line.contains(' ') => {
                let midnight = LocalTime::parse(&format!("{line} 00:00:00"));
                midnight.map_err(|_| format!("not a date like 2023-04-10: {line}"))?;
                self.day = Some(line.into());
                Ok(())
            }
            Section::Timeline => self.arrival(line),
            Section::Expect => self.expectation(number, line),
        }
    }

    /// `checkout_abnormal_threshold = 0.3`, with a hotel or a hotel and a room before it.
    fn setting(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (whose, name, value) = match words[..] {
            [ref whose @ .., name, "=", value] if whose.len() <= 2 => (whose, name, value),
            _ => return Err("a setting is written name = value".into()),
        };
        let rules = &mut self.scenario.rules;
        if let [hotel, room @ ..] = whose {
            let own = match room {
                [] => rules.hotel_thresholds.entry(HotelId::new(hotel)),
                [room, ..] => {
                    let room = RoomKey::new(hotel, room);
                    let own = rules.room_thresholds.entry(room).or_default();
                    return own_threshold(own, name, value);
                }
            };
            return own_threshold(own.or_default(), name, value);
        }
        match name {
            "check_interval_minutes" => rules.interval_seconds = minutes(value)?,
            "max_gap_minutes" => rules.max_gap_seconds = minutes(value)?,
            "continuous_alert_count" => rules.alert_periods = count(value)?,
            "checkin_abnormal_threshold" => rules.thresholds.checkin = kwh(value)?,
            "checkout_abnormal_threshold" => rules.thresholds.checkout = kwh(value)?,
            "max_plausible_kwh" => rules.max_plausible = kwh(value)?,
            "register_modulus_kwh" => rules.register_modulus = Some(kwh(value)?),
            "cleaning_grace_minutes" => rules.cleaning_grace_seconds = minutes(value)?,
            _ => return Err(format!("no setting is called {name}")),
        }
        Ok(())
    }

    /// `14:30 H001 101 check-out`, with what may come before and after it.
    fn arrival(&mut self, line: &str) -> Result<(), String> {
        let mut parts = line.split(", ");
        let words: Vec<&str> = parts.next().unwrap_or(line).split_whitespace().collect();
        let parts: Vec<&str> = parts.collect();
        if let [time, "sweep"] = words[..] {
            let (arrives, _) = self.details("sweep", &parts, &[])?;
            let at = arrives.unwrap_or(self.time(time)?);
            let what = What::Sweep;
            self.scenario.timeline.push(Arrival { at, what });
            return Ok(());
        }
        let (times, hotel, room, happens) = match words[..] {
            [span, "every", every, "min", hotel, room, ref happens @ ..] => {
                (self.span(span, minutes(every)?)?, hotel, room, happens)
            }
            [time, hotel, room, ref happens @ ..]
                if !happens.is_empty() && !time.contains("..") =>
            {
                (vec![self.time(time)?], hotel, room, happens)
            }
            [span, ..] if span.contains("..") => {
                return Err("a span is written 15:00..18:00 every 30 min".into());
            }
            _ => return Err("a line is a time, a hotel, a room and what happens".into()),
        };
        let room = RoomKey::new(hotel, room);
        if let ["meter", register] = *happens {
            let (arrives, _) = self.details("meter", &parts, &[])?;
            for time in times {
                let what = What::Meter(room.clone(), time, self.register(&room, register)?);
                let at = arrives.unwrap_or(time);
                self.scenario.timeline.push(Arrival { at, what });
            }
            return Ok(());
        }
        let (what, to) = match *happens {
            ["move", "to", to] => ("move to".to_owned(), Some(RoomKey::new(hotel, to))),
            ["move", "to", hotel, to] => ("move to".to_owned(), Some(RoomKey::new(hotel, to))),
            _ => (happens.join(" "), None),
        };
        let is_it = |known: &str| known == what && (known == "move to") == to.is_some();
        let known = MESSAGES.iter().find(|(known, _)| is_it(known));
        let Some((what, allowed)) = known else {
            let known = MESSAGES.map(|(known, _)| known).join(", ");
            return Err(format!("not known: {what} (meter and a register, {known})"));
        };
        let (arrives, details) = self.details(what, &parts, allowed)?;
        for time in times {
            let message = message(what, &room, to.as_ref(), time, &details)?;
            let what = What::Message(message);
            let at = arrives.unwrap_or(time);
            self.scenario.timeline.push(Arrival { at, what });
        }
        Ok(())
    }

    /// `stay A, leaves 2023-04-12 12:00`: what follows after what happens.
    fn details(
        &self,
        what: &str,
        parts: &[&str],
        allowed: &[&str],
    ) -> Result<(Option<LocalTime>, Details), String> {
        let (mut arrives, mut details) = (None, Details::default());
        for part in parts {
            let (name, value) = part.split_once(' ').unwrap_or((part, ""));
            if name != "arrives" && !allowed.contains(&name) {
                let known = DETAILS.into_iter();
                let known = known.filter(|name| *name == "arrives" || allowed.contains(name));
                let known = known.collect::<Vec<_>>().join(", ");
                return Err(format!("not known after {what}: {part} ({known})"));
            }
            match name {
                "stay" => details.stay = Some(value.to_owned()),
                "came" => details.came = Some(self.time(value)?),
                "leaves" => details.leaves = Some(self.time(value)?),
                "until" => details.until = Some(self.time(value)?),
                _ => arrives = Some(self.time(value)?),
            }
        }
        Ok((arrives, details))
    }

    /// `22:00..06:00`: every so many minutes of it; an end before the start is of the next day.
    fn span(&self, span: &str, every: i64) -> Result<Vec<LocalTime>, String> {
        let (from, to) = span
            .split_once("..")
            .ok_or("a span is written 15:00..18:00")?;
        let (from, mut to) = (self.time(from)?, self.time(to)?);
        if to < from {
            to = to.plus(86_400);
        }
        let steps = 0..=to.since(from) / every;
        Ok(steps.map(|step| from.plus(step * every)).collect())
    }

    /// `1002.50`, or `+2.10` and `-0.02` from the room's last line.
    fn register(&mut self, room: &RoomKey, text: &str) -> Result<WattHours, String> {
        let mut register = kwh(text)?;
        if text.starts_with(['+', '-']) {
            let last = self.registers.get(room);
            register += *last
                .ok_or_else(|| format!("{} has no register yet to count from", words(room)))?;
        }
        self.registers.insert(room.clone(), register);
        Ok(register)
    }

    fn expectation(&mut self, number: usize, line: &str) -> Result<(), String> {
        let (head, rest) = line.split_once(" since ").unwrap_or((line, ""));
        let rest: Vec<&str> = rest.split(", ").collect();
        match head.split_whitespace().collect::<Vec<_>>()[..] {
            ["finally", hotel, room, ref state @ ..] => {
                let end = self.end(state, &rest)?;
                let room = RoomKey::new(hotel, room);
                let text = finally(&room, end);
                self.scenario.finally.push((number, room, text));
            }
            [time, hotel, room, kind] => {
                let [since, periods, energy] = rest[..] else {
                    return Err(NOTICE.into());
                };
                let expected_notice = Expected {
                    detected: self.time(time)?,
                    room: RoomKey::new(hotel, room),
                    kind: (KINDS.into_iter().find(|known| *known == kind))
                        .ok_or_else(|| format!("not known: {kind} ({})", KINDS.join(", ")))?,
                    since: self.time(since)?,
                    periods: count(periods.strip_suffix(" intervals").ok_or(NOTICE)?)?,
                    energy: kwh(energy.strip_suffix(" kWh").ok_or(NOTICE)?)?,
                };
                self.scenario.expected.push((number, expected_notice));
                self.expects = true;
            }
            _ => return Err(NOTICE.into()),
        }
        Ok(())
    }

    fn end(&self, state: &[&str], rest: &[&str]) -> Result<End, String> {
        let ([state], [since, more @ ..]) = (state, rest) else {
            return match (state, rest) {
                (["not", "watched"], [""]) => Ok(None),
                _ => Err(END.into()),
            };
        };
        let since = self.time(since)?;
        let (mut leaves, mut out_of_order) = (None, None);
        for part in more {
            if let Some(time) = part.strip_prefix("out of order since ") {
                out_of_order = Some(self.time(time)?);
            } else {
                leaves = Some(self.time(part.strip_prefix("leaves ").ok_or(END)?)?);
            }
        }
        let stay = match (*state, leaves) {
            ("vacant", None) => Stay::Vacant {
                actual_checkin: None,
                actual_checkout: since,
            },
            ("occupied", expected_checkout) => Stay::Occupied {
                check_in: since,
                expected_checkout,
            },
            _ => return Err(END.into()),
        };
        Ok(Some((stay, out_of_order)))
    }

    /// `14:30` or `14:30:05` of the day, or with a day of its own: `2023-04-11 14:30`.
    fn time(&self, text: &str) -> Result<LocalTime, String> {
        let (day, clock) = match (text.split_once(' '), &self.day) {
            (Some(with_day), _) => with_day,
            (None, Some(day)) => (day.as_str(), text),
            (None, None) => {
                return Err("a date is needed first, as 2023-04-10 on a line of its own".into());
            }
        };
        let seconds = if clock.len() == 5 { ":00" } else { "" };
        LocalTime::parse(&format!("{day} {clock}{seconds}"))
            .map_err(|_| format!("not a time like 14:30: {text}"))
    }
}

fn own_threshold(
    own: &mut Thresholds<Option<WattHours>>,
    name: &str,
    value: &str,
) -> Result<(), String> {
    match name {
        "checkin_abnormal_threshold" => own.checkin = Some(kwh(value)?),
        "checkout_abnormal_threshold" => own.checkout = Some(kwh(value)?),
        _ => {
            return Err(format!(
                "only thresholds can be set for one hotel or room, not {name}"
            ));
        }
    }
    Ok(())
}

fn kwh(text: &str) -> Result<WattHours, String> {
    WattHours::parse_kwh(text).map_err(|_| format!("not a number of kWh: {text}"))
}

/// So many minutes, in seconds.
fn minutes(text: &str) -> Result<i64, String> {
    Ok(60 * i64::from(count(text)?))
}

fn count(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("not a whole number above zero: {text}"))
}
