//! The form in which a room's baseline is stored, as part of its state: numbers in lists, because
//! each sweep writes it for each room.

use serde::{Deserialize, Serialize};

use crate::types::{Kind, LocalTime, WattHours};

use super::super::compact::Compact;
use super::super::{Closing, Rule, Stay};
use super::frames::Contribution;
use super::item::{Item, Judged};
use super::state::{
    Account, Baseline, Block, Floors, Hold, Known, Levels, Opened, Phase, UnusualRun,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Stored {
    /// Contributions, the newest first: their fields one after the other.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    contributions: Vec<u32>,
    /// Floors, each as one more.
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    vacant: Vec<u16>,
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    occupied: Vec<u16>,
    /// The number of the present six hours, and its level and those before; without the last ones
    /// that are none.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    levels: Option<(u32, Vec<u16>)>,
    /// Whether a register is no whole kWh, occupied periods, periods of the stay, the block's
    /// energy and periods, and the lowest.
    #[serde(rename = "n")]
    numbers: (u8, u8, u8, u32, u16, Option<u16>),
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    phase: Option<StoredPhase>,
    /// Since, seconds, periods, energy, periods at the last alert, whether the staff knows of it.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    run: Option<(i64, u32, u32, u32, u32, u8)>,
    /// The run that opened the incident: its rule, and since.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    opened: Option<(Rule, u32)>,
    #[serde(rename = "q", default, skip_serializing_if = "Vec::is_empty")]
    pending: Vec<StoredItem>,
}

#[derive(Serialize, Deserialize)]
enum StoredPhase {
    /// Excess, onset, quiet periods, whether it is common.
    #[serde(rename = "v")]
    Vacant(i32, u32, u8, u8),
    #[serde(rename = "o")]
    Occupied(Vec<u16>),
}

#[derive(Serialize, Deserialize)]
enum StoredItem {
    /// Kind, opened, ended, periods, energy, fine, settled.
    #[serde(rename = "i")]
    Interval(Kind, i64, i64, u32, i64, u8, u8),
    #[serde(rename = "x")]
    Broken(i64, Closing),
    #[serde(rename = "a")]
    AcrossStay,
    #[serde(rename = "b")]
    Begun(<Stay as Compact>::Form, u32, Kind, i64),
}

impl Compact for Baseline {
    type Form = Stored;

    fn form(&self) -> Stored {
        let floors = |floors: &Floors| floors.0.into_iter().filter(|it| *it > 0).collect();
        let contributions = self.contributions.iter().filter(|it| it.frame > 0);
        let Levels { now, held } = self.levels;
        let last = held.iter().rposition(|level| *level > 0);
        let known = last.map_or(0, |last| last + 1);
        let run = &self.run;
        Stored {
            contributions: contributions.flat_map(Contribution::fields).collect(),
            vacant: floors(&self.vacant),
            occupied: floors(&self.occupied),
            levels: (self.levels != Levels::default()).then(|| (now, held[..known].to_vec())),
            numbers: (
                self.is_fine.into(),
                self.occupied_periods,
                self.periods,
                self.block.energy,
                self.block.periods,
                self.low,
            ),
            phase: match self.phase {
                Phase::Unknown => None,
                Phase::Vacant(account) => Some(StoredPhase::Vacant(
                    account.excess,
                    account.onset,
                    account.quiet,
                    account.is_common.into(),
                )),
                Phase::Occupied(hold) => Some(StoredPhase::Occupied(
                    hold.newest[..usize::from(hold.count)].to_vec(),
                )),
            },
            run: (*run != UnusualRun::default()).then(|| {
                (
                    run.since().form(),
                    run.seconds,
                    run.periods,
                    run.energy,
                    run.alerted_at_periods,
                    known_form(run.known),
                )
            }),
            opened: self.opened.map(|Opened { rule, since }| (rule, since)),
            pending: self
                .pending
                .iter()
                .flat_map(|all| all.iter())
                .map(item_form)
                .collect(),
        }
    }

    fn of(form: Stored) -> Option<Baseline> {
        let floors = |floors: &[u16]| {
            let mut newest = [0; 3];
            newest.get_mut(..floors.len())?.copy_from_slice(floors);
            Some(Floors(newest))
        };
        let mut contributions = [Contribution::default(); 4];
        for (at, fields) in form.contributions.chunks(5).enumerate() {
            *contributions.get_mut(at)? = Contribution::of(fields.try_into().ok()?)?;
        }
        let mut levels = Levels::default();
        if let Some((now, held)) = &form.levels {
            levels.now = *now;
            levels.held.get_mut(..held.len())?.copy_from_slice(held);
        }
        let (fine, occupied_periods, periods, block_energy, block_periods, low) = form.numbers;
        let pending: Option<Vec<Item>> = form.pending.into_iter().map(item_of).collect();
        let pending = pending?;
        Some(Baseline {
            pending: (!pending.is_empty()).then(|| Box::new(pending)),
            opened: form.opened.map(|(rule, since)| Opened { rule, since }),
            contributions,
            vacant: floors(&form.vacant)?,
            occupied: floors(&form.occupied)?,
            levels,
            occupied_periods,
            is_fine: fine > 0,
            phase: match form.phase {
                None => Phase::Unknown,
                Some(StoredPhase::Vacant(excess, onset, quiet, is_common)) => {
                    Phase::Vacant(Account {
                        excess,
                        onset,
                        quiet,
                        is_common: is_common > 0,
                    })
                }
                Some(StoredPhase::Occupied(held)) => {
                    let mut newest = [0; 6];
                    newest.get_mut(..held.len())?.copy_from_slice(&held);
                    Phase::Occupied(Hold {
                        newest,
                        count: held.len() as u8,
                    })
                }
            },
            periods,
            low,
            block: Block {
                energy: block_energy,
                periods: block_periods,
            },
            run: match form.run {
                None => UnusualRun::default(),
                Some((since, seconds, periods, energy, alerted_at_periods, known)) => UnusualRun {
                    seconds,
                    periods,
                    energy,
                    alerted_at_periods,
                    known: known_of(known)?,
                    ..UnusualRun::beginning(LocalTime::of(since)?)
                },
            },
        })
    }
}

fn known_form(known: Known) -> u8 {
    match known {
        Known::No => 0,
        Known::Notified => 1,
        Known::Joined => 2,
        Known::Closed => 3,
    }
}

fn known_of(form: u8) -> Option<Known> {
    let all = [Known::No, Known::Notified, Known::Joined, Known::Closed];
    all.get(usize::from(form)).copied()
}

fn item_form(item: &Item) -> StoredItem {
    match *item {
        Item::Interval(judged) => StoredItem::Interval(
            judged.kind,
            judged.opened.form(),
            judged.ended.form(),
            judged.periods,
            judged.energy.0,
            judged.is_fine.into(),
            judged.is_settled.into(),
        ),
        Item::Broken { at, why } => StoredItem::Broken(at.form(), why),
        Item::AcrossStay => StoredItem::AcrossStay,
        Item::Begun {
            was,
            number,
            kind,
            at,
        } => StoredItem::Begun(was.form(), number, kind, at.form()),
    }
}

fn item_of(item: StoredItem) -> Option<Item> {
    Some(match item {
        StoredItem::Interval(kind, opened, ended, periods, energy, fine, settled) => {
            Item::Interval(Judged {
                kind,
                opened: LocalTime::of(opened)?,
                ended: LocalTime::of(ended)?,
                periods,
                energy: WattHours(energy),
                is_fine: fine > 0,
                is_settled: settled > 0,
            })
        }
        StoredItem::Broken(at, why) => Item::Broken {
            at: LocalTime::of(at)?,
            why,
        },
        StoredItem::AcrossStay => Item::AcrossStay,
        StoredItem::Begun(was, number, kind, at) => Item::Begun {
            was: Stay::of(was)?,
            number,
            kind,
            at: LocalTime::of(at)?,
        },
    })
}
