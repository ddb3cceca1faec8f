//! What the rooms of a hotel have in common in a frame, and what the hotel is notified of.

use roomwatt::types::RoomNumber;

use super::Rules;

/// What a room says of itself in a frame, by its first interval in it. (x, which it carries as
/// well, is only shown.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    pub room: RoomNumber,
    /// Of a vacant room with a fine meter.
    pub excess: Option<i64>,
    pub rose: bool,
    pub vacant_floor: Option<i64>,
    pub level: Option<i64>,
}

/// The contributions of the frame that is looked at.
pub struct Peers<'a>(pub &'a [Contribution]);

impl Peers<'_> {
    /// E: the excesses of the vacant rooms but for one, sorted.
    pub fn excesses_without(&self, room: &RoomNumber) -> Vec<i64> {
        let others = self.0.iter().filter(|other| other.room != *room);
        sorted(others.filter_map(|other| other.excess))
    }

    /// The same of all rooms, for the hotel's own notices.
    pub fn excesses(&self) -> Vec<i64> {
        sorted(self.0.iter().filter_map(|other| other.excess))
    }

    pub fn vacant(&self) -> usize {
        self.excesses().len()
    }

    pub fn rose(&self) -> usize {
        let vacant = self.0.iter().filter(|other| other.excess.is_some());
        vacant.filter(|other| other.rose).count()
    }

    /// Many vacant rooms have begun to use more. It is the same for every room of the hotel: three
    /// rooms that rose leave E two excesses at least, so that it is never empty.
    pub fn hot(&self) -> bool {
        self.rose() >= 3 && self.rose() * 100 >= 20 * self.vacant()
    }

    /// D, of sorted excesses.
    pub fn common_excess(&self, excesses: &[i64]) -> i64 {
        if excesses.is_empty() {
            return 0;
        }
        percentile(excesses, if self.hot() { 85 } else { 50 })
    }

    /// hb.
    pub fn hotel_base(&self) -> i64 {
        let floors = sorted(self.0.iter().filter_map(|other| other.vacant_floor));
        if floors.len() < 3 {
            return 60;
        }
        // Reading: "at least 10" is about the median in Wh, not about the number of floors, of
        // which it takes three.
        percentile(&floors, 50).max(10)
    }

    /// L, sorted.
    pub fn levels(&self) -> Vec<i64> {
        sorted(self.0.iter().filter_map(|other| other.level))
    }
}

fn sorted(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    values
}

/// Of values that are sorted and not empty. At 50 it is the lower median.
pub fn percentile(values: &[i64], percent: usize) -> i64 {
    values[(values.len() - 1) * percent / 100]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotelNotice {
    /// The frame whose contributions say so. It is looked at two frames later.
    pub frame: i64,
    pub kind: HotelNoticeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HotelNoticeKind {
    CommonRise { rose: usize, vacant: usize },
    CommonLevel { level: i64, vacant: usize },
}

#[derive(Default)]
pub struct HotelNotices {
    hot_frames: Vec<i64>,
    level_frames: Vec<i64>,
    pub notices: Vec<HotelNotice>,
}

impl HotelNotices {
    /// Frames come in order, each once. Of one frame the rise comes before the level.
    pub fn look_at(&mut self, frame: i64, peers: &Peers<'_>, rules: &Rules) {
        let vacant = peers.vacant();
        if peers.hot() {
            // Reading: each of the 24 frames before is quiet that isn't hot. So are those of before
            // the first interval, and those that were not looked at.
            let earlier = self.hot_frames.iter();
            let quiet = !earlier.clone().any(|hot| frame - hot <= 24);
            if quiet {
                let rose = peers.rose();
                let kind = HotelNoticeKind::CommonRise { rose, vacant };
                self.notices.push(HotelNotice { frame, kind });
            }
            self.hot_frames.push(frame);
        }
        // Reading: D is that of all vacant rooms, none of them being left out, and by the 85th
        // percentile where the frame is hot.
        let level = peers.common_excess(&peers.excesses());
        // Reading: once a day is not again within 24 hours.
        let mut earlier = self.level_frames.iter();
        let in_a_day = earlier.any(|told| (frame - told) * rules.interval_seconds < 86_400);
        if level >= 200 && vacant >= 5 && !in_a_day {
            let kind = HotelNoticeKind::CommonLevel { level, vacant };
            self.notices.push(HotelNotice { frame, kind });
            self.level_frames.push(frame);
        }
    }
}
