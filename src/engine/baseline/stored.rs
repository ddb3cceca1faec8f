//! The form in which a room's baseline is stored, as part of its state. Each sweep writes it for
//! each room, and what a database needs for a row grows with its bytes: so what was learned is
//! packed, each number in as few bytes as it needs. What people may look for in the row, a run and
//! its incident, is not; it is rare.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
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
    /// What was learned, and what is counted in the stay: the [`Numbers`] of [`pack`], as postcard
    /// writes a list of them, in base64.
    #[serde(rename = "n")]
    numbers: String,
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
        let run = &self.run;
        Stored {
            numbers: pack(self).text(),
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
        let pending: Option<Vec<Item>> = form.pending.into_iter().map(item_of).collect();
        let pending = pending?;
        Some(Baseline {
            pending: (!pending.is_empty()).then(|| Box::new(pending)),
            opened: form.opened.map(|(rule, since)| Opened { rule, since }),
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
            ..unpack(&mut Numbers::of(&form.numbers)?)?
        })
    }
}

/// Numbers one after the other; to be read, the first one last.
struct Numbers(Vec<u32>);

impl Numbers {
    fn text(&self) -> String {
        // Plain numbers into memory can't fail; if they did, the text would be refused when read.
        let bytes = postcard::to_allocvec(&self.0).unwrap_or_default();
        STANDARD_NO_PAD.encode(bytes)
    }

    fn of(text: &str) -> Option<Numbers> {
        let bytes = STANDARD_NO_PAD.decode(text).ok()?;
        let (mut numbers, []) = postcard::take_from_bytes::<Vec<u32>>(&bytes).ok()? else {
            return None;
        };
        numbers.reverse();
        Some(Numbers(numbers))
    }

    fn push(&mut self, number: impl Into<u32>) {
        self.0.push(number.into());
    }

    /// Which of these are not 0, a bit each, and those.
    fn push_some<T: Copy + Into<u32>>(&mut self, all: &[T]) {
        let known = |all: &[T]| {
            all.iter()
                .rev()
                .fold(0, |bits, it| 2 * bits + u32::from((*it).into() > 0))
        };
        self.push(known(all));
        self.0
            .extend(all.iter().map(|it| (*it).into()).filter(|it| *it > 0));
    }

    fn next<T: TryFrom<u32>>(&mut self) -> Option<T> {
        self.0.pop()?.try_into().ok()
    }

    /// The inverse of [`Numbers::push_some`].
    fn next_some<T: TryFrom<u32> + Copy + Default, const N: usize>(&mut self) -> Option<[T; N]> {
        let mut known: u32 = self.next()?;
        let mut all = [T::default(); N];
        for it in &mut all {
            if known & 1 > 0 {
                *it = self.next()?;
            }
            known >>= 1;
        }
        (known == 0).then_some(all)
    }
}

/// What is packed, in this order: flags; the floors of vacancies and of stays; the present six
/// hours and the levels; occupied periods, periods of the stay, the block's energy and periods, the
/// lowest; the phase; the contributions.
fn pack(of: &Baseline) -> Numbers {
    let mut to = Numbers(Vec::with_capacity(32));
    let (kind, is_common) = match of.phase {
        Phase::Unknown => (0, false),
        Phase::Vacant(account) => (1, account.is_common),
        Phase::Occupied(_) => (2, false),
    };
    to.push(u32::from(of.is_fine) + 2 * u32::from(is_common) + 4 * kind);
    let ([a, b, c], [d, e, f]) = (of.vacant.0, of.occupied.0);
    to.push_some(&[a, b, c, d, e, f]);
    to.push(of.levels.now);
    to.push_some(&of.levels.held);
    to.push(of.occupied_periods);
    to.push(of.periods);
    to.push(of.block.energy);
    to.push(of.block.periods);
    to.push(of.low.map_or(0, |low| u32::from(low) + 1));
    match of.phase {
        Phase::Unknown => {}
        Phase::Vacant(account) => {
            to.push(account.excess.cast_unsigned());
            to.push(account.onset);
            to.push(account.quiet);
        }
        Phase::Occupied(hold) => {
            to.push(hold.count);
            to.push_some(&hold.newest);
        }
    }
    let mut later = Contribution::default();
    for it in &of.contributions {
        to.push_some(&it.after(&later));
        later = *it;
    }
    to
}

/// The inverse of [`pack`]; `None` where the numbers are none of its.
fn unpack(from: &mut Numbers) -> Option<Baseline> {
    let flags: u32 = from.next()?;
    let [a, b, c, d, e, f] = from.next_some()?;
    let mut baseline = Baseline {
        is_fine: flags & 1 > 0,
        vacant: Floors([a, b, c]),
        occupied: Floors([d, e, f]),
        levels: Levels {
            now: from.next()?,
            held: from.next_some()?,
        },
        occupied_periods: from.next()?,
        periods: from.next()?,
        block: Block {
            energy: from.next()?,
            periods: from.next()?,
        },
        low: match from.next::<u32>()?.checked_sub(1) {
            None => None,
            Some(low) => Some(low.try_into().ok()?),
        },
        phase: match flags >> 2 {
            0 => Phase::Unknown,
            1 => Phase::Vacant(Account {
                excess: from.next::<u32>()?.cast_signed(),
                onset: from.next()?,
                quiet: from.next()?,
                is_common: flags & 2 > 0,
            }),
            2 => Phase::Occupied(Hold {
                count: from.next()?,
                newest: from.next_some()?,
            }),
            _ => return None,
        },
        ..Baseline::default()
    };
    let mut later = Contribution::default();
    for it in &mut baseline.contributions {
        *it = Contribution::before(&later, from.next_some()?)?;
        later = *it;
    }
    from.0.is_empty().then_some(baseline)
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Numbers of any size, and mostly small ones.
    fn number() -> impl Strategy<Value = u32> {
        prop_oneof![Just(0), 1..200_u32, any::<u32>()]
    }

    fn short() -> impl Strategy<Value = u16> {
        number().prop_map(|number| number as u16)
    }

    fn short_list<const N: usize>() -> impl Strategy<Value = [u16; N]> {
        vec(short(), N).prop_map(|all| all.try_into().expect("as many"))
    }

    fn phase() -> impl Strategy<Value = Phase> {
        let account = (any::<i32>(), number(), any::<u8>(), any::<bool>());
        let account = account.prop_map(|(excess, onset, quiet, is_common)| Account {
            excess,
            onset,
            quiet,
            is_common,
        });
        let hold = (0..=6_u8, short_list());
        let hold = hold.prop_map(|(count, newest)| Hold { newest, count });
        prop_oneof![
            Just(Phase::Unknown),
            account.prop_map(Phase::Vacant),
            hold.prop_map(Phase::Occupied),
        ]
    }

    fn contributions() -> impl Strategy<Value = [Contribution; 4]> {
        let fields = (number(), number(), short(), short(), short());
        let one = fields.prop_map(|(frame, used, floor, level, excess)| {
            Contribution::new(frame, used.into())
                .with_floor(Some(floor))
                .with_level(Some(level))
                .with_excess(excess.into(), floor % 2 == 0)
        });
        vec(prop_oneof![Just(Contribution::default()), one], 4)
            .prop_map(|all| all.try_into().expect("four"))
    }

    fn learned() -> impl Strategy<Value = Baseline> {
        let numbers = (any::<u8>(), any::<bool>(), any::<u8>(), number(), short());
        let lists = (short_list(), short_list(), number(), short_list());
        let low = proptest::option::of(short());
        (numbers, lists, contributions(), phase(), low).prop_map(
            |(numbers, lists, contributions, phase, low)| {
                let (occupied_periods, is_fine, periods, energy, block_periods) = numbers;
                let (vacant, occupied, now, held) = lists;
                Baseline {
                    contributions,
                    vacant: Floors(vacant),
                    occupied: Floors(occupied),
                    levels: Levels { now, held },
                    occupied_periods,
                    is_fine,
                    phase,
                    periods,
                    low,
                    block: Block {
                        energy,
                        periods: block_periods,
                    },
                    ..Baseline::default()
                }
            },
        )
    }

    fn stored(numbers: String) -> Stored {
        Stored {
            numbers,
            run: None,
            opened: None,
            pending: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn what_was_learned_is_read_as_it_was_packed(baseline in learned()) {
            let form = baseline.form();
            prop_assert_eq!(Baseline::of(form), Some(baseline));
        }

        /// Whatever is in the row, there is an answer; and nothing is left over.
        #[test]
        fn what_is_no_packed_baseline_is_refused(baseline in learned(), more in number()) {
            let of = |numbers: Vec<u32>| {
                let numbers = Numbers(numbers).text();
                Baseline::of(stored(numbers))
            };
            let mut numbers = pack(&baseline).0;
            numbers.push(more);
            prop_assert_eq!(of(numbers.clone()), None);
            numbers.truncate(numbers.len() - 2);
            prop_assert_eq!(of(numbers), None);
        }

        #[test]
        fn any_text_has_an_answer(text in ".{0,60}", numbers in vec(any::<u32>(), 0..40)) {
            for numbers in [text, Numbers(numbers).text()] {
                let _ = Baseline::of(stored(numbers));
            }
        }
    }

    /// Rooms are many: this is what each sweep writes of one beside its watch.
    #[test]
    fn a_room_that_is_known_well_takes_few_bytes() {
        let mut newest = Contribution::new(946_700, 62);
        newest = newest.with_floor(Some(58)).with_level(Some(900));
        let before = |frame| {
            let it = Contribution::new(frame, 57).with_floor(Some(58));
            it.with_level(Some(900))
        };
        let known = Baseline {
            contributions: [newest, before(946_699), before(946_698), before(946_697)],
            vacant: Floors([56, 59, 61]),
            occupied: Floors([60, 58, 63]),
            levels: Levels {
                now: 78_891,
                held: [310, 0, 450, 0, 0, 901, 0, 0],
            },
            occupied_periods: 255,
            is_fine: true,
            phase: Phase::Occupied(Hold {
                newest: [20, 31, 0, 140, 600, 410],
                count: 6,
            }),
            periods: 21,
            low: Some(57),
            ..Baseline::default()
        };
        let stored = serde_json::to_string(&known.form()).expect("JSON");
        assert!(stored.len() <= 72, "{}: {stored}", stored.len());
    }
}
