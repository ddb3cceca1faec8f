//! Plays a story and compares what the engine made of it with what the story says.

use roomwatt::engine::{
    Change, Closing, DayEnergy, NoticeKind, Outcome, Received, RoomNotice, RoomStatus, Rules,
    RunEnd, StatusChange, Stay, Step, Tally, Watch,
};
use roomwatt::types::{Kind, LocalTime, Reading, RoomKey, WattHours};

use crate::player::{self, notices};

/// A room with its meter table.
pub struct Room {
    pub played: player::Room,
    pub rules: Rules,
    stored: Vec<Reading>,
}

/// Plays a story under the original's rules.
pub fn story(text: &str) -> Room {
    story_under(Rules::default(), text)
}

/// Plays a story; fails with the whole of it as it came out where that is not as written.
pub fn story_under(rules: Rules, text: &str) -> Room {
    let mut room = Room::under(rules);
    room.goes_on(text);
    room
}

impl Room {
    pub fn under(rules: Rules) -> Room {
        Room {
            played: player::Room::new(RoomKey::new("H001", "101")),
            rules,
            stored: Vec::new(),
        }
    }

    /// Plays the next part of the room's story.
    pub fn goes_on(&mut self, text: &str) {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (mut written, mut played) = (String::new(), String::new());
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (what, expected) = line.split_once('|').unwrap_or((line, ""));
            let what = words(what);
            let got = self.play(&what);
            written += &format!("{what:34}| {}\n", words(expected));
            played += &format!("{what:34}| {got}\n");
        }
        assert!(written == played, "expected:\n{written}\ngot:\n{played}");
    }

    pub fn watch(&self) -> &Watch {
        self.played.watch()
    }

    /// Plays one line; gives what came of it.
    pub fn play(&mut self, what: &str) -> String {
        match what.split(' ').collect::<Vec<_>>()[..] {
            ["check-in", time] => self.message(stay_in(time, None)),
            ["check-in", time, "until", expected] => self.message(stay_in(time, Some(expected))),
            ["check-out", time] => self.message(stay_out(time)),
            ["check-out", time, "of", check_in] => self.message(Stay::Vacant {
                actual_checkin: Some(at(check_in)),
                actual_checkout: at(time),
            }),
            ["out-of-order", time] => self.status(time, RoomStatus::OutOfOrder { until: None }),
            ["out-of-order", time, "until", until] => {
                let until = Some(at(until));
                self.status(time, RoomStatus::OutOfOrder { until })
            }
            ["in-order", time] => self.status(time, RoomStatus::InOrder),
            ["dirty", time] => self.status(time, RoomStatus::Dirty),
            ["clean", time] => self.status(time, RoomStatus::Clean),
            ["stored", time, register] => {
                player::store(&mut self.stored, reading(time, register));
                String::new()
            }
            ["sweep"] => self.sweep(),
            ["clock", time] => {
                let now = at(time);
                let judged = self.played.sweep(&self.stored, &self.rules);
                let closed = self.played.close_out_of_order(now, &self.rules);
                words_of_notices(&[judged, closed].concat()).join(", ")
            }
            [time, register] => self.read(reading(time, register)),
            _ => panic!("not a line of a story: {what}"),
        }
    }

    /// A reading is stored and judged at once.
    fn read(&mut self, reading: Reading) -> String {
        player::store(&mut self.stored, reading);
        let before = self.watch().clone();
        let mut fold = before.fold.clone();
        if before.interval_seconds != self.rules.interval_seconds {
            fold.run = None;
        }
        let threshold = self.rules.threshold(&self.played.key, before.stay.kind());
        let outcome = fold.step(
            reading,
            before.stay.time(),
            threshold,
            &self.played.state().exempt(&self.rules),
            &self.rules,
        );
        let after = self.played.observe(&[reading], &self.rules);
        assert_eq!(
            fold, after.state.watch.fold,
            "one step and one sweep differ"
        );
        let kind = after.state.watch.stay.kind();
        assert_eq!(
            after.tally,
            tally(&outcome, kind, reading.time),
            "tally of {outcome:?}"
        );
        let recorded = |change: &Change| matches!(change, Change::Rewritten(_));
        assert_eq!(
            after.changes.iter().any(recorded),
            outcome.step == Step::Initial,
            "an initial reading is recorded when there is one"
        );
        let mut parts = words_of(&outcome);
        parts.extend(words_of_notices(&after.changes));
        parts.join(", ")
    }

    /// Everything stored is judged.
    fn sweep(&mut self) -> String {
        let changes = self.played.sweep(&self.stored, &self.rules);
        words_of_notices(&changes).join(", ")
    }

    fn status(&mut self, time: &str, status: RoomStatus) -> String {
        let at = at(time);
        let change = StatusChange { at, status };
        match self.played.status(change, &self.rules) {
            Received::Noted(transition) => words_of_notices(&transition.changes).join(", "),
            Received::Duplicate => "duplicate".into(),
            Received::Stale => "stale".into(),
            Received::Unwatched => "not watched".into(),
            received => panic!("no status does that: {received:?}"),
        }
    }

    fn message(&mut self, stay: Stay) -> String {
        let arrival = self.played.message(stay, &self.stored, &self.rules);
        let (transition, word) = match arrival {
            Received::Stale => return "stale".into(),
            Received::Unwatched => return "not watched".into(),
            Received::Duplicate => return "duplicate".into(),
            Received::Noted(_) => return "stale".into(),
            Received::Corrected(transition) => (transition, "expected check-out set"),
            Received::Newer(transition) => (transition, ""),
        };
        let mut parts = Vec::new();
        for change in &transition.changes {
            parts.push(match change {
                Change::Notice(notice) => words_of_notice(notice),
                Change::Opened(opening) => match opening.initial {
                    Some(r) => format!("watch from {} at {}", r.register, clock(r.time)),
                    None => "watch from nothing".into(),
                },
                Change::Rewritten(_) => word.into(),
            });
        }
        parts.join(", ")
    }
}

fn stay_in(time: &str, expected: Option<&str>) -> Stay {
    Stay::Occupied {
        check_in: at(time),
        expected_checkout: expected.map(at),
    }
}

fn stay_out(time: &str) -> Stay {
    Stay::Vacant {
        actual_checkin: None,
        actual_checkout: at(time),
    }
}

pub fn reading(time: &str, register: &str) -> Reading {
    let register = WattHours::parse_kwh(register).unwrap_or_else(|e| panic!("{register}: {e}"));
    let time = at(time);
    Reading { time, register }
}

/// `14:30` or `14:30:01`; `26:30` is half past two of the day after.
pub fn at(time: &str) -> LocalTime {
    let mut seconds = 0;
    for (part, unit) in time.split(':').zip([3600, 60, 1]) {
        let number: i64 = part.parse().unwrap_or_else(|_| panic!("no time: {time}"));
        seconds += number * unit;
    }
    midnight().plus(seconds)
}

fn midnight() -> LocalTime {
    LocalTime::from_ymd_hms(2023, 4, 10, 0, 0, 0).expect("a date")
}

/// The inverse of [`at`].
fn clock(time: LocalTime) -> String {
    let seconds = time.since(midnight());
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match s {
        0 => format!("{h:02}:{m:02}"),
        s => format!("{h:02}:{m:02}:{s:02}"),
    }
}

/// What became of a reading, with the end of a run of which there was no notice.
fn words_of(outcome: &Outcome) -> Vec<String> {
    let mut parts = Vec::new();
    if outcome.outlier_dropped {
        parts.push("outlier dropped".into());
    }
    if outcome.meter_changed {
        parts.push("meter changed".into());
    }
    match outcome.ended {
        None => {}
        Some((run, _)) if run.notified_at_periods > 0 => {}
        Some((run, RunEnd::Recovered)) => parts.push(format!("run of {} ends", run.periods)),
        Some((run, RunEnd::Closed(Closing::OutOfOrder { at }))) => {
            parts.push(format!(
                "run of {} closed by out of order {}",
                run.periods,
                clock(at)
            ));
        }
        Some((run, RunEnd::Closed(why))) => {
            parts.push(format!("run of {} closed by {why:?}", run.periods));
        }
    }
    parts.push(match outcome.step {
        Step::Late => "late".into(),
        Step::BeforeStay => "too old".into(),
        Step::Initial => "initial".into(),
        Step::Suspect => "suspect".into(),
        Step::Undecided => "undecided".into(),
        Step::WithinInterval => "within".into(),
        Step::Gap { .. } => "gap".into(),
        Step::AcrossStay => "across the stay".into(),
        Step::OutOfOrder { energy, .. } => match energy {
            Some(_) => "out of order".into(),
            None => "out of order over a gap".into(),
        },
        Step::Cleaning { .. } => "cleaning".into(),
        Step::Judged {
            periods, abnormal, ..
        } => {
            let verdict = match outcome.held {
                true => "zero",
                false if abnormal => "abnormal",
                false => "normal",
            };
            format!("{verdict} {periods}")
        }
    });
    parts
}

fn tally(outcome: &Outcome, kind: Kind, ended: LocalTime) -> Tally {
    let count = |happened: bool| u64::from(happened);
    let step = outcome.step;
    let closed = match step {
        Step::Judged { energy, .. } | Step::Cleaning { energy, .. } => Some(energy),
        Step::OutOfOrder { energy, .. } => energy,
        _ => None,
    };
    let used = |of: Kind| closed.filter(|_| of == kind).unwrap_or_default();
    Tally {
        folded: count(!matches!(step, Step::Late | Step::BeforeStay)),
        late: count(step == Step::Late),
        judged: count(matches!(step, Step::Judged { .. })),
        abnormal: count(matches!(step, Step::Judged { abnormal: true, .. })),
        out_of_order: count(matches!(step, Step::OutOfOrder { .. })),
        cleaning: count(matches!(step, Step::Cleaning { .. })),
        gaps: count(matches!(step, Step::Gap { .. })),
        outliers: count(outcome.outlier_dropped),
        meters_changed: count(outcome.meter_changed),
        occupied: used(Kind::Checkin),
        vacant: used(Kind::Checkout),
        day: closed.map_or_else(DayEnergy::default, |energy| {
            DayEnergy::of_interval(ended, energy)
        }),
    }
}

fn words_of_notices(changes: &[Change]) -> Vec<String> {
    notices(changes).into_iter().map(words_of_notice).collect()
}

fn words_of_notice(notice: &RoomNotice) -> String {
    let what = match notice.kind {
        NoticeKind::Closed(Closing::NewStay { kind, at }) => {
            format!("closed by {} {}", kind.as_str(), clock(at))
        }
        NoticeKind::Closed(Closing::OutOfOrder { at }) => {
            format!("closed by out of order {}", clock(at))
        }
        NoticeKind::Closed(why) => format!("closed by {why:?}"),
        kind => kind.as_str().to_owned(),
    };
    format!(
        "{what} of {} since {}: {} kWh",
        notice.periods,
        clock(notice.since),
        notice.energy
    )
}
