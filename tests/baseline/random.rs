//! Hotels made at random from a seed: ordinary ones, and ones around the edges of the rule.
//!
//! A room's events are what the fixed rule would have judged of the readings of one meter: they are
//! in time order, energies are differences of one register, and a meter that was fine stays so.

use fastrand::Rng;
use roomwatt::types::{LocalTime, RoomNumber, WattHours};

use super::oracle::{Event, Hotel, Interval, Kind, Rules};

/// The longest time between two readings that is still judged.
const MAX_GAP_SECONDS: i64 = 7200;

/// The rules and the hotel of a seed. Seeds in a row differ in what matters most: rules, size,
/// meters, and whether numbers are round.
pub fn case(seed: u64) -> (Rules, Hotel) {
    let mut dice = Rng::with_seed(seed);
    let rules = match seed % 4 {
        3 => Rules {
            interval_seconds: pick(&mut dice, &[900, 1800, 3600]),
            allowance_wh: pick(&mut dice, &[30, 90, 100, 150]),
            alarm_wh: pick(&mut dice, &[400, 800, 1200, 3000]),
        },
        _ => Rules::default(),
    };
    let world = World::new(seed, &mut dice, rules);
    let rooms = of_seed(seed, [40, 5, 12, 3, 20, 8, 30]);
    let rooms = (0..rooms).map(|room| {
        // As texts: "9" comes after "10", and "A" after both.
        let number = match room % 7 {
            6 => format!("A{room}"),
            _ => format!("{}", room + 1),
        };
        let story = RoomStory::new(&mut dice, &world);
        (RoomNumber::new(&number), story.events(&mut dice, &world))
    });
    let hotel = Hotel {
        rooms: rooms.collect(),
    };
    (rules, hotel)
}

fn pick<T: Copy>(dice: &mut Rng, choices: &[T]) -> T {
    choices[dice.usize(..choices.len())]
}

fn of_seed<T: Copy, const N: usize>(seed: u64, choices: [T; N]) -> T {
    choices[usize::try_from(seed).expect("a small seed") % N]
}

fn one_in(dice: &mut Rng, count: u32) -> bool {
    dice.u32(..count) == 0
}

/// What a hotel's rooms have in common. All rates are Wh an interval.
struct World {
    rules: Rules,
    start: i64,
    /// The intervals from beginning to end, if none is long.
    intervals: i64,
    /// Readings come at regular times and rates are round, so that thresholds are met exactly.
    is_round: bool,
    lowest_base: i64,
    highest_base: i64,
    /// Of a hundred rooms.
    coarse: u32,
    /// Of a hundred vacancies.
    left_on: u32,
    /// Of a hundred rooms those with guests who use much at times, and of a hundred of these times.
    high_rooms: u32,
    high: u32,
    highest: i64,
    snaps: Vec<Snap>,
    /// Of a thousand readings.
    missing: u32,
    gaps: u32,
}

/// Heating or frost protection: vacant rooms use more for some time.
struct Snap {
    from: i64,
    until: i64,
    /// Of a hundred rooms.
    rooms: u32,
    rate: i64,
}

impl World {
    fn new(seed: u64, dice: &mut Rng, rules: Rules) -> World {
        let length = rules.interval_seconds;
        let day = pick(dice, &[19_000, 19_700, 20_100, 20_400]);
        let intervals = dice.i64(200..=600);
        let start = day * 86_400 + dice.i64(0..86_400);
        let mut snaps = Vec::new();
        for _ in 0..pick(dice, &[0, 1, 2, 3, 4]) {
            let from = start + dice.i64(30..intervals) * length;
            snaps.push(Snap {
                from,
                until: from + pick(dice, &[2, 4, 12, 60, 100]) * length,
                rooms: pick(dice, &[25, 40, 60, 100]),
                rate: pick(dice, &[130, 150, 200, 250, 400, 800]),
            });
        }
        let (lowest_base, highest_base) =
            pick(dice, &[(0, 15), (20, 60), (30, 90), (40, 90), (120, 260)]);
        let (high_rooms, high) = of_seed(seed / 2, [(8, 50), (100, 5), (8, 50), (100, 30)]);
        World {
            snaps,
            rules,
            start,
            intervals,
            is_round: of_seed(seed, [true, false, true]),
            lowest_base,
            highest_base,
            coarse: of_seed(seed, [0, 10, 0, 40, 100]),
            left_on: of_seed(seed, [0, 30, 2, 30, 80]),
            high_rooms,
            high,
            highest: pick(dice, &[900, 1500, 2500, 5000]),
            missing: pick(dice, &[0, 10, 50, 200]),
            gaps: pick(dice, &[0, 2, 5, 15]),
        }
    }

    /// As it is, or rounded to so many Wh.
    fn rate(&self, rate: i64, step: i64) -> i64 {
        match self.is_round {
            true => rate / step * step,
            false => rate,
        }
    }
}

/// One room from its first reading on.
struct RoomStory {
    now: i64,
    end: i64,
    base: i64,
    /// The register in Wh. Of a coarse meter whole kWh are seen.
    register: i64,
    is_coarse: bool,
    /// When a meter that looked coarse begins to show more digits.
    turns_fine: Option<i64>,
    /// A reading was no whole kWh.
    fine: bool,
    /// The time between readings: not shorter than an interval less its tolerance.
    cadence: i64,
    jitter: i64,
    has_high: bool,
    /// What each snap adds, if the room takes part.
    snaps: Vec<Option<i64>>,
    watch: u64,
    kind: Kind,
    stay_time: i64,
    stay_ends: i64,
    /// What is used above the base, and until when; then it is decided anew.
    extra: i64,
    extra_until: i64,
    /// Of a hundred intervals with an extra, those in which it is on: a thermostat.
    on: u32,
}

impl RoomStory {
    fn new(dice: &mut Rng, world: &World) -> RoomStory {
        let length = world.rules.interval_seconds;
        let shortest = length - length / 10;
        let start = match world.is_round {
            // At the beginning of a frame, or late in it.
            true => world.start.div_euclid(length) * length + pick(dice, &[0, 0, 600]),
            false => world.start + dice.i64(0..length),
        };
        let base = match dice.u32(..100) {
            // A cabinet of servers.
            0..5 => dice.i64(300..900),
            _ => dice.i64(world.lowest_base..=world.highest_base),
        };
        let is_coarse = dice.u32(..100) < world.coarse;
        let turns_fine = one_in(dice, 4);
        let turns_fine = turns_fine.then(|| start + dice.i64(0..world.intervals) * length);
        let (fraction, cadence, jitter) = match world.is_round {
            true => (500, length, 0),
            false => {
                let cadence = pick(dice, &[length, length, shortest, length + length / 20]);
                let jitter = pick(dice, &[0, 20, length / 15]);
                (dice.i64(0..1000), cadence, jitter)
            }
        };
        let mut story = RoomStory {
            now: start,
            end: start + world.intervals * length,
            base: world.rate(base, 10),
            register: dice.i64(0..90_000) * 1000 + fraction,
            is_coarse,
            turns_fine,
            fine: false,
            cadence,
            jitter,
            has_high: dice.u32(..100) < world.high_rooms,
            snaps: Vec::new(),
            watch: dice.u64(0..3),
            kind: Kind::Vacant,
            stay_time: start,
            stay_ends: start,
            extra: 0,
            extra_until: start,
            on: 100,
        };
        for snap in &world.snaps {
            let takes_part = dice.u32(..100) < snap.rooms;
            let rate = snap.rate * pick(dice, &[1, 1, 1, 2]);
            story.snaps.push(takes_part.then_some(rate));
        }
        // The first stay began a while ago.
        story.next_stay(dice, world);
        story.stay_time -= dice.i64(0..4 * length);
        story
    }

    fn events(mut self, dice: &mut Rng, world: &World) -> Vec<Event> {
        let rules = world.rules;
        let length = rules.interval_seconds;
        let tolerance = length / 10;
        let mut events = Vec::new();
        let mut shown = self.shown();
        while self.now < self.end {
            let opened = self.now;
            let (seconds, is_break) = self.until_next_reading(dice, world);
            let ended = opened + seconds;
            self.register += self.used(dice, world, seconds);
            let before = shown;
            self.now = ended;
            shown = self.shown();

            // A reading at the stay's beginning still is one of the stay before.
            let mut is_new_stay = false;
            while self.stay_ends < ended {
                self.next_stay(dice, world);
                is_new_stay = true;
            }
            // A stay whose times are corrected may begin within what would have been its interval.
            if one_in(dice, 400) {
                self.stay_time = ended - length / 2;
            }
            if is_break {
                events.push(Event::Break);
            } else if is_new_stay && self.stay_time - opened > length {
                // Its initial reading is the one after its beginning: nothing is judged.
            } else if self.stay_time - opened > tolerance {
                events.push(Event::AcrossStay);
            } else {
                events.push(Event::Interval(Interval {
                    kind: self.kind,
                    watch: self.watch,
                    stay_time: time(self.stay_time),
                    opened: time(opened),
                    ended: time(ended),
                    periods: u32::try_from((seconds + tolerance) / length).expect("a few"),
                    seconds,
                    energy: WattHours(shown - before),
                    fine: self.fine,
                }));
            }
        }
        events
    }

    /// How long it takes, and whether it is a gap, or the meter was changed meanwhile.
    fn until_next_reading(&self, dice: &mut Rng, world: &World) -> (i64, bool) {
        let length = world.rules.interval_seconds;
        let shortest = length - length / 10;
        let missing = if dice.u32(..1000) < world.missing {
            pick(dice, &[1, 1, 1, 2, 3])
        } else {
            0
        };
        let jitter = dice.i64(-self.jitter..=self.jitter);
        let seconds = (self.cadence + jitter + missing * length).max(shortest);
        if dice.u32(..1000) < world.gaps {
            let changed = one_in(dice, 3);
            let gap = MAX_GAP_SECONDS + dice.i64(1..40) * length;
            return (if changed { seconds } else { gap }, true);
        }
        (seconds.min(MAX_GAP_SECONDS), false)
    }

    /// What the meter shows, of which it is remembered whether it was fine.
    fn shown(&mut self) -> i64 {
        let turned = self.turns_fine.is_some_and(|time| self.now >= time);
        let shown = match self.is_coarse && !turned {
            true => self.register / 1000 * 1000,
            false => self.register,
        };
        self.fine |= shown % 1000 != 0;
        shown
    }

    /// The energy of so many seconds that end now.
    fn used(&mut self, dice: &mut Rng, world: &World, seconds: i64) -> i64 {
        if self.now >= self.extra_until {
            self.next_extra(dice, world);
        }
        let noise = match world.is_round {
            true => 0,
            false => dice.i64(-self.base / 3..=self.base / 3 + 5),
        };
        let extra = match dice.u32(..100) < self.on {
            true => self.extra,
            false => 0,
        };
        let snap = match self.kind {
            Kind::Vacant => self.of_snaps(world),
            Kind::Occupied => 0,
        };
        // A vacuum cleaner.
        let blip = match !world.is_round && one_in(dice, 60) {
            true => dice.i64(0..600),
            false => 0,
        };
        let rate = (self.base + noise + extra + snap + blip).max(0);
        rate * seconds / world.rules.interval_seconds
    }

    fn of_snaps(&self, world: &World) -> i64 {
        let snaps = world.snaps.iter().zip(&self.snaps);
        let now = snaps.filter(|(snap, _)| self.now >= snap.from && self.now < snap.until);
        now.filter_map(|(_, rate)| *rate).sum()
    }

    fn next_stay(&mut self, dice: &mut Rng, world: &World) {
        let length = world.rules.interval_seconds;
        // A number may be missing: that watch has judged nothing.
        self.watch += pick(dice, &[1, 1, 1, 2]);
        let other = match self.kind {
            Kind::Vacant => Kind::Occupied,
            Kind::Occupied => Kind::Vacant,
        };
        self.kind = if one_in(dice, 8) { self.kind } else { other };
        self.stay_time = self.stay_ends;
        let intervals = match dice.u32(..10) {
            0 => dice.i64(0..8),
            1 => dice.i64(4..14),
            2..8 => dice.i64(14..60),
            _ => dice.i64(60..250),
        };
        let late = match world.is_round {
            // Most stays begin at a reading.
            true => pick(dice, &[0, 0, 0, 100, 900]),
            false => dice.i64(1..length),
        };
        self.stay_ends += (intervals * length + late).max(1);
        self.next_extra(dice, world);
    }

    fn next_extra(&mut self, dice: &mut Rng, world: &World) {
        let length = world.rules.interval_seconds;
        let allowance = world.rules.allowance_wh;
        (self.extra, self.on) = (0, 100);
        let mut intervals = dice.i64(2..16);
        match self.kind {
            Kind::Vacant if dice.u32(..100) < world.left_on => {
                let left_on = dice.i64(150..900);
                let allowed = allowance + pick(dice, &[-10, 0, 10, 20, 100, 200]);
                self.extra = pick(dice, &[left_on, left_on, left_on, allowed, allowed]);
                if one_in(dice, 20) {
                    self.extra = 4000;
                }
                self.on = pick(dice, &[100, 100, 70, 50]);
                intervals = pick(dice, &[1, 4, 9, 30, 100, 250]);
            }
            Kind::Vacant => {}
            Kind::Occupied if self.has_high && dice.u32(..100) < world.high => {
                let any = dice.i64(400..5000);
                self.extra = pick(dice, &[400, 500, 800, 900, world.highest, any]);
                intervals = pick(dice, &[4, 6, 7, 12, 20, 40]);
            }
            Kind::Occupied => {
                let usual = [0, 50, 100, 200, 300, 400, 400];
                self.extra = pick(dice, &usual).min(world.highest);
                self.on = pick(dice, &[100, 100, 80]);
            }
        }
        self.extra = world.rate(self.extra, 50);
        self.extra_until = self.now + intervals * length;
    }
}

fn time(seconds: i64) -> LocalTime {
    LocalTime::from_seconds(seconds).expect("a time")
}
