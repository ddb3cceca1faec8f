use crate::engine::MessageKind;

use super::devices::{ColdSnap, Devices};
use super::habits::Habits;
use super::meter::MeterFaults;
use super::trouble::{Likely, Troubles};
use super::{HALF_HOUR, Meters};

/// What hotels are like: their guests, staff, rooms, meters and troubles. Whoever judges rules can
/// change each value of it.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// Rooms of each hotel, where that is what is special about it.
    pub rooms: Option<u32>,
    /// Share of the nights in which a room is occupied.
    pub occupancy: f64,
    pub meters: Meters,
    pub troubles: Troubles,
    pub habits: Habits,
    pub devices: Devices,
    /// Guests' air conditioners use as much as the month asks for; else as in summer.
    pub seasons: bool,
    pub snap: Option<ColdSnap>,
}

impl Default for World {
    /// [`World::today`].
    fn default() -> World {
        World::today()
    }
}

impl World {
    /// The names of [`World::named`].
    pub const NAMES: [&str; 12] = [
        "today",
        "harder",
        "thermostats",
        "old-fridges",
        "whole-kwh",
        "cold-snap",
        "partial-snap",
        "staggered-snap",
        "small-hotel",
        "left-on",
        "server-rooms",
        "habits",
    ];

    /// The world with one of the [`World::NAMES`].
    pub fn named(name: &str) -> Option<World> {
        Some(match name {
            "today" => World::today(),
            "harder" => World::harder(),
            "thermostats" => World::thermostats(),
            "old-fridges" => World::old_fridges(),
            "whole-kwh" => World::whole_kwh(),
            "cold-snap" => World::cold_snap(),
            "partial-snap" => World::partial_snap(),
            "staggered-snap" => World::staggered_snap(),
            "small-hotel" => World::small_hotel(),
            "left-on" => World::left_on(),
            "server-rooms" => World::server_rooms(),
            "habits" => World::habits(),
            _ => return None,
        })
    }

    /// The kinds of messages that its hotels may send.
    pub fn message_kinds(&self) -> Vec<MessageKind> {
        let habits = &self.habits;
        let statuses = habits.out_of_order.max(habits.cleaning_messages);
        let kinds = [
            (1.0, MessageKind::Checkin),
            (1.0, MessageKind::Checkout),
            (habits.moves, MessageKind::Move),
            (habits.extensions, MessageKind::Extend),
            (habits.undone_checkins, MessageKind::CancelCheckin),
            (statuses, MessageKind::RoomStatus),
        ];
        let sent = kinds.into_iter().filter(|(share, _)| *share > 0.0);
        sent.map(|(_, kind)| kind).collect()
    }

    /// Hotels in which messages say all, rooms use little by themselves, and troubles are seldom.
    pub fn today() -> World {
        World {
            rooms: None,
            occupancy: 0.68,
            meters: Meters {
                interval_seconds: HALF_HOUR,
                faults: MeterFaults::default(),
            },
            troubles: Troubles::default(),
            habits: Habits::none(),
            devices: Devices::default(),
            seasons: false,
            snap: None,
        }
    }

    /// Today's hotels, but some guests change rooms, and some rooms are out of order: what the
    /// demonstration shows.
    pub fn demo() -> World {
        World {
            habits: Habits {
                moves: 0.03,
                out_of_order: 0.015,
                ..Habits::none()
            },
            ..World::today()
        }
    }

    /// Refrigerators go on and off, cleaning takes long, staff and others are in rooms that are
    /// vacant, some guests stay on after their check-out, one room of fifty has a server cabinet,
    /// and what is left on uses 0.3 kWh in half an hour, or more. The other worlds are this one,
    /// with one thing more.
    pub fn harder() -> World {
        World {
            troubles: Troubles {
                air_conditioner: (300, 750),
                ..Troubles::default()
            },
            habits: Habits {
                late_checkouts: 0.05,
                unknown_guests: 0.01,
                staff_visits: 0.03,
                long_cleanings: 0.1,
                ..Habits::none()
            },
            devices: Devices {
                cycling: 0.6,
                servers: 0.02,
                ..Devices::default()
            },
            seasons: true,
            ..World::today()
        }
    }

    /// Air conditioners that were left on are off in three of ten half hours.
    pub fn thermostats() -> World {
        let mut world = World::harder();
        world.troubles.off_percent = 30;
        world
    }

    /// Refrigerators use 0.12 to 0.26 kWh in half an hour.
    pub fn old_fridges() -> World {
        let mut world = World::harder();
        world.devices.base = (120, 260);
        world.devices.drift = 60;
        world.devices.cycling = 0.3;
        world
    }

    /// All registers count whole kWh.
    pub fn whole_kwh() -> World {
        let mut world = World::harder();
        world.meters.faults.coarse = 1.0;
        world
    }

    /// Heating or frost protection comes on in nearly all rooms of a hotel within an hour.
    pub fn cold_snap() -> World {
        World {
            snap: Some(ColdSnap::whole()),
            ..World::harder()
        }
    }

    /// The same in four of ten rooms.
    pub fn partial_snap() -> World {
        World {
            snap: Some(ColdSnap {
                share: 0.4,
                ..ColdSnap::whole()
            }),
            ..World::harder()
        }
    }

    /// The same in nearly all rooms, within twelve hours.
    pub fn staggered_snap() -> World {
        World {
            snap: Some(ColdSnap {
                staggered: 24 * HALF_HOUR,
                ..ColdSnap::whole()
            }),
            ..World::harder()
        }
    }

    /// Hotels of eight rooms.
    pub fn small_hotel() -> World {
        World {
            rooms: Some(8),
            ..World::harder()
        }
    }

    /// Three of ten guests who check out leave something on.
    pub fn left_on() -> World {
        let mut world = World::harder();
        world.troubles.vacant = Likely {
            air_conditioner: 0.18,
            heater: 0.06,
            heat_pump: 0.06,
            ..Likely::default()
        };
        world
    }

    /// Three of twenty rooms have a server cabinet.
    pub fn server_rooms() -> World {
        let mut world = World::harder();
        world.devices.servers = 0.15;
        world
    }

    /// Guests and staff have all habits, as often as in ordinary hotels.
    pub fn habits() -> World {
        World {
            habits: Habits::usual(),
            ..World::harder()
        }
    }
}
