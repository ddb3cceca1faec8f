//! A hotel's frames: what its rooms have in common.

use std::collections::HashMap;

/// Excesses are voted in steps of so many Wh, at most [`MOST_STEPS`] of them.
const EXCESS_STEP: i64 = 25;
const MOST_STEPS: u8 = 63;
/// Levels are voted in steps of so many Wh.
const LEVEL_STEP: u16 = 50;
/// The base of a room about which nothing is known, in a hotel of which no more is known, in Wh.
const USUAL_BASE: u16 = 60;
/// No vacant room is taken to use less, in Wh.
const LEAST_BASE: u16 = 10;
/// So many rooms, and so many percent of the vacant ones, must have begun to use more at about the
/// same time for the weather to be suspected.
const HOT_ROOMS: usize = 3;
const HOT_PERCENT: usize = 20;
/// Levels are compared among so many rooms at least.
pub const LEAST_LEVELS: usize = 5;

/// What a room says of itself in a frame. Each room keeps four.
#[repr(C, packed(2))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contribution {
    /// 0: none.
    pub(super) frame: u32,
    used: u16,
    /// One more than the floor; 0: not known.
    floor: u16,
    /// One more than the steps of the level; 0: not known.
    level: u8,
    /// One more than the steps of the excess, and the highest bit where it has risen; 0: the room
    /// is occupied, or its meter coarse.
    excess: u8,
}

const ROSE: u8 = 0x80;

impl Contribution {
    /// Of a room that used so much in a frame, in Wh per interval.
    pub(super) fn new(frame: u32, used: i64) -> Contribution {
        let used = super::short(used);
        Contribution {
            frame,
            used,
            ..Contribution::default()
        }
    }

    /// Of a vacant room, which uses so much more than its base; `rose` where it began to of late.
    pub(super) fn with_excess(mut self, excess: i64, rose: bool) -> Contribution {
        let steps = (excess.max(0) / EXCESS_STEP).min(i64::from(MOST_STEPS));
        self.excess = steps as u8 + 1;
        if rose {
            self.excess |= ROSE;
        }
        self
    }

    /// The lowest use of the room while it was vacant.
    pub(super) fn with_floor(mut self, floor: Option<u16>) -> Contribution {
        self.floor = floor.map_or(0, |floor| floor.saturating_add(1));
        self
    }

    /// The most that the room held above its base of late.
    pub(super) fn with_level(mut self, level: Option<u16>) -> Contribution {
        // More than 12 kWh are as many.
        let steps = |level: u16| u8::try_from(level / LEVEL_STEP).unwrap_or(u8::MAX - 1);
        self.level = level.map_or(0, |level| steps(level).saturating_add(1));
        self
    }

    /// The number of its frame; `None`: there was no contribution.
    pub fn frame(&self) -> Option<u32> {
        (self.frame > 0).then_some(self.frame)
    }

    /// The excess in Wh; `None` of an occupied room and of a coarse meter.
    pub fn excess(&self) -> Option<u16> {
        let steps = (self.excess & !ROSE).checked_sub(1)?;
        Some(u16::from(steps) * EXCESS_STEP as u16)
    }

    pub fn rose(&self) -> bool {
        self.excess & ROSE != 0
    }

    pub fn floor(&self) -> Option<u16> {
        self.floor.checked_sub(1)
    }

    pub fn level(&self) -> Option<u16> {
        Some(u16::from(self.level.checked_sub(1)?) * LEVEL_STEP)
    }

    /// As it is stored after the `later` one of its room: mostly it says the same of the frame
    /// before, and that is 0.
    pub(super) fn after(&self, later: &Contribution) -> [u32; 5] {
        let Contribution {
            frame,
            used,
            floor,
            level,
            excess,
        } = *self;
        let due = later.frame.saturating_sub(1);
        [
            frame ^ due,
            used.into(),
            (floor ^ later.floor).into(),
            (level ^ later.level).into(),
            (excess ^ later.excess).into(),
        ]
    }

    /// The inverse of [`Contribution::after`]; `None` if it is none.
    pub(super) fn before(
        later: &Contribution,
        [frame, used, floor, level, excess]: [u32; 5],
    ) -> Option<Contribution> {
        let due = later.frame.saturating_sub(1);
        Some(Contribution {
            frame: frame ^ due,
            used: used.try_into().ok()?,
            floor: u16::try_from(floor).ok()? ^ later.floor,
            level: u8::try_from(level).ok()? ^ later.level,
            excess: u8::try_from(excess).ok()? ^ later.excess,
        })
    }
}

/// A hotel's frames.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    contributed: HashMap<u32, Frame>,
    /// Earlier ones, of which only the summary is known.
    kept: HashMap<u32, FrameSummary>,
}

/// The contributions of a hotel's rooms to one frame. None of what is read from it depends on the
/// order in which they came.
#[derive(Clone, Debug, Default)]
struct Frame {
    excesses: Sorted,
    /// What the rooms with an excess used.
    used: Sorted,
    rose: usize,
    floors: Sorted,
    levels: Sorted,
}

/// Numbers that are sorted when they are first looked at.
#[derive(Clone, Debug, Default)]
struct Sorted {
    numbers: Vec<u16>,
    is_sorted: bool,
}

impl Sorted {
    fn add(&mut self, number: Option<u16>) {
        self.numbers.extend(number);
        self.is_sorted = false;
    }

    fn get(&mut self) -> &[u16] {
        if !self.is_sorted {
            self.numbers.sort_unstable();
            self.is_sorted = true;
        }
        &self.numbers
    }
}

/// Of numbers in order, but for one that equals `own`, the one that `percent` of the distance from
/// the first to the last leads to.
fn percentile(sorted: &[u16], own: Option<u16>, percent: usize) -> Option<u16> {
    let own = own.map(|own| sorted.partition_point(|number| *number < own));
    let last = sorted.len().checked_sub(1 + usize::from(own.is_some()))?;
    let at = last * percent / 100;
    let own = own.unwrap_or(usize::MAX);
    sorted.get(if at < own { at } else { at + 1 }).copied()
}

/// What an interval is compared with: the hotel two frames before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peers {
    /// Other vacant rooms.
    pub others: usize,
    /// D: what the other vacant rooms use more than their bases.
    pub common: u16,
    /// Whether many vacant rooms have begun to use more at about the same time.
    pub is_hot: bool,
    /// hb: what vacant rooms here use by themselves.
    pub base: u16,
    /// The level that nine of ten rooms have not held above their base in two days; `None` in too
    /// small a hotel.
    pub level: Option<u16>,
}

impl Frames {
    /// Adds a room's contributions.
    pub fn add(&mut self, contributions: &[Contribution]) {
        for contribution in contributions.iter().filter(|it| it.frame > 0) {
            let frame = self.contributed.entry(contribution.frame).or_default();
            let excess = contribution.excess();
            frame.excesses.add(excess);
            frame.used.add(excess.map(|_| contribution.used));
            frame.rose += usize::from(contribution.rose());
            frame.floors.add(contribution.floor());
            frame.levels.add(contribution.level());
        }
    }

    /// Frames that were looked at before: the summaries are kept, by their numbers.
    pub fn kept(kept: HashMap<u32, FrameSummary>) -> Frames {
        Frames {
            contributed: HashMap::new(),
            kept,
        }
    }

    /// What a frame says to any room.
    pub fn summary(&mut self, frame: u32) -> FrameSummary {
        if let Some(kept) = self.kept.get(&frame) {
            return *kept;
        }
        let frame = self.contributed.get_mut(&frame);
        frame.map_or(FrameSummary::EMPTY, Frame::summary)
    }

    /// What a frame says to a room that has made this contribution to it.
    pub(super) fn peers(&mut self, frame: u32, own: Option<&Contribution>) -> Peers {
        self.summary(frame).peers(own)
    }

    /// What the other vacant rooms used in a frame: a tenth of them less than the first, a tenth
    /// more than the second.
    pub(super) fn range(&mut self, frame: u32, own: Option<&Contribution>) -> Option<(u16, u16)> {
        let used = self.contributed.get_mut(&frame)?.used.get();
        let own = own.filter(|own| own.excess().is_some());
        let own = own.map(|own| own.used);
        Some((percentile(used, own, 10)?, percentile(used, own, 90)?))
    }

    /// What a frame says of all vacant rooms, of which it counts those with an excess of `high` or
    /// more; `None` where there is none.
    pub(super) fn vacant(&mut self, frame: u32, high: u16) -> Option<Vacant> {
        let frame = self.contributed.get_mut(&frame)?;
        let is_hot = frame.is_hot();
        let rose = frame.rose;
        let excesses = frame.excesses.get();
        let common = percentile(excesses, None, common_percent(is_hot))?;
        Some(Vacant {
            rooms: excesses.len(),
            rose,
            common,
            high: excesses.len() - excesses.partition_point(|excess| *excess < high),
            total: excesses.iter().map(|excess| i64::from(*excess)).sum(),
            is_hot,
        })
    }
}

/// All vacant rooms of a hotel in a frame, as far as their meters are fine.
pub(super) struct Vacant {
    pub(super) rooms: usize,
    /// How many of them began to use more of late.
    pub(super) rose: usize,
    /// What they use more than their bases, in Wh.
    pub(super) common: u16,
    /// How many of them use much more.
    pub(super) high: usize,
    /// What they use more together, in Wh.
    pub(super) total: i64,
    pub(super) is_hot: bool,
}

/// Which of the excesses is common: the middle one, or, where many rooms heat, one of the highest.
fn common_percent(is_hot: bool) -> usize {
    if is_hot { 85 } else { 50 }
}

/// What a frame says to any room, in numbers that are small enough to be kept. Of the excesses a
/// room leaves out its own one: then the common one is one of two neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSummary {
    /// Vacant rooms with an excess.
    pub vacant: u32,
    /// D for a room without an excess in the frame.
    pub common: u16,
    /// D for a room whose excess was higher than this.
    pub low: u16,
    /// D for another room with an excess.
    pub high: u16,
    /// Whether many vacant rooms have begun to use more at about the same time.
    pub is_hot: bool,
    /// hb.
    pub base: u16,
    /// The level that nine of ten rooms have not held; `None` in too small a hotel.
    pub level: Option<u16>,
}

impl FrameSummary {
    /// Of a frame without contributions.
    const EMPTY: FrameSummary = FrameSummary {
        vacant: 0,
        common: 0,
        low: 0,
        high: 0,
        is_hot: false,
        base: USUAL_BASE,
        level: None,
    };

    fn peers(&self, own: Option<&Contribution>) -> Peers {
        let own = own.and_then(Contribution::excess);
        let others = self.vacant.saturating_sub(u32::from(own.is_some()));
        let common = match own {
            _ if others == 0 => 0,
            None => self.common,
            Some(own) if own > self.low => self.low,
            Some(_) => self.high,
        };
        Peers {
            others: others as usize,
            common,
            is_hot: others > 0 && self.is_hot,
            base: self.base,
            level: self.level,
        }
    }
}

impl Frame {
    fn summary(&mut self) -> FrameSummary {
        let is_hot = self.is_hot();
        let percent = common_percent(is_hot);
        let floors = self.floors.get();
        let base = match floors.len() {
            0..3 => USUAL_BASE,
            // The lower of the two in the middle.
            count => floors[(count - 1) / 2].max(LEAST_BASE),
        };
        let levels = self.levels.get();
        let level = percentile(levels, None, 90).filter(|_| levels.len() >= LEAST_LEVELS);
        let excesses = self.excesses.get();
        // Without one of them: the one that the percentage leads to, or the next one.
        let at = excesses
            .len()
            .checked_sub(2)
            .map(|last| last * percent / 100);
        let neighbour = |more| at.and_then(|at| excesses.get(at + more)).copied();
        FrameSummary {
            vacant: excesses.len() as u32,
            common: percentile(excesses, None, percent).unwrap_or(0),
            low: neighbour(0).unwrap_or(0),
            high: neighbour(1).unwrap_or(0),
            is_hot,
            base,
            level,
        }
    }

    fn is_hot(&self) -> bool {
        let vacant = self.excesses.numbers.len();
        self.rose >= HOT_ROOMS && self.rose * 100 >= HOT_PERCENT * vacant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_to_each_room_what_the_others_contributions_do() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..2_000 {
            let contribution = |random: &mut fastrand::Rng| {
                let it = Contribution::new(7, 100).with_floor(random.bool().then_some(40));
                let it = it.with_level(random.bool().then(|| random.u16(..2_000)));
                let excess = random.i64(0..300);
                match random.u8(..4) {
                    0 => it,
                    _ => it.with_excess(excess, random.u8(..5) == 0),
                }
            };
            let count = random.usize(1..9);
            let all: Vec<_> = (0..count).map(|_| contribution(&mut random)).collect();
            let mut frames = Frames::default();
            frames.add(&all);
            let mut kept = Frames::kept([(7, frames.summary(7))].into());
            for (at, own) in all.iter().enumerate() {
                let said = kept.peers(7, Some(own));
                let mut others: Vec<u16> = { all.iter().enumerate() }
                    .filter(|(other, _)| *other != at)
                    .filter_map(|(_, other)| other.excess())
                    .collect();
                others.sort_unstable();
                assert_eq!(said.others, others.len(), "seed {seed}");
                let rose = all.iter().filter(|it| it.rose()).count();
                let vacant = all.iter().filter(|it| it.excess().is_some()).count();
                let is_hot = !others.is_empty() && rose >= 3 && rose * 100 >= 20 * vacant;
                let percent = if is_hot { 85 } else { 50 };
                let last = others.len().checked_sub(1);
                let common = last.map_or(0, |last| others[last * percent / 100]);
                assert_eq!((said.common, said.is_hot), (common, is_hot), "seed {seed}");
            }
        }
    }
}
