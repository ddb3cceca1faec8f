//! The texts in English.

use std::io;
use std::net::SocketAddr;

use crate::demo::{Detection, Report};
use crate::engine::{
    BaselineMode, Event, Move, RoomStatus, Rule, Rules, Said, StatusChange, Thresholds,
};
use crate::review::advise::{self, ENOUGH_ROOM_DAYS, ENOUGH_ROOMS};
use crate::review::{En, Words as _};
use crate::simulator::Appliance;
use crate::types::{Kind, LocalTime, WattHours, counted};

use super::{Hidden, Story, Words};

impl Words for En {
    fn check_spelling(&self) -> &'static str {
        "roomwatt check --online shows whether messages and meters spell their rooms alike"
    }

    fn rule_title(&self, name: &str) -> String {
        format!("rule {name}")
    }

    fn heads_of_alerts(&self) -> [&'static str; 6] {
        [
            "rooms",
            "room-days",
            "alerts",
            "reminders",
            "recovered",
            "alerts per 100 rooms and day",
        ]
    }

    fn all_rooms(&self) -> &'static str {
        "all"
    }

    fn hotel(&self, name: &str) -> String {
        format!("hotel {name}")
    }

    fn in_common(&self, rises: u64, levels: u64) -> String {
        format!(
            "whole hotels: rise {rises} (many vacant rooms began to use more), level {levels} \
             (many use more than they need)"
        )
    }

    fn more_hotels(&self, count: usize) -> String {
        let hotels = counted(count, "hotel");
        format!("and {hotels} with no more alerts than these")
    }

    fn advice(&self, kind: Kind, advised: Option<WattHours>, configured: WattHours) -> String {
        let state = self.state(kind);
        match advised {
            Some(threshold) if threshold == configured => {
                format!("{state} rooms: {threshold} kWh is advised, as configured")
            }
            Some(threshold) => {
                format!("{state} rooms: {threshold} kWh is advised (configured: {configured})")
            }
            None => format!("{state} rooms: nothing is advised (configured: {configured})"),
        }
    }

    fn never_watched(&self, kind: Kind) -> String {
        let state = self.state(kind);
        format!("{state} rooms: nothing is advised: there is no data of such rooms")
    }

    fn reason_of_advice(&self, reason: &advise::Reason) -> String {
        use advise::Reason;
        match *reason {
            Reason::TooFewRooms { rooms } => format!(
                "there is data of {} only, {ENOUGH_ROOMS} are needed",
                counted(rooms, "room")
            ),
            Reason::TooFewDays { room_days, missing } => format!(
                "there are {room_days:.0} room-days only, {ENOUGH_ROOM_DAYS:.0} are needed: try \
                 again in about {};\n  where that makes more than two weeks of data, name their \
                 beginning with --from",
                counted(missing, "day")
            ),
            Reason::BeyondBudget { highest, budget } => format!(
                "every threshold up to {highest} kWh would have raised more than {budget} alerts \
                 per 100 rooms and day"
            ),
            Reason::Apart {
                ordinary,
                rate,
                change,
            } => format!(
                "half of all intervals use no more than {ordinary} kWh, and what was left on uses \
                 clearly more:\n  there are {rate:.2} alerts per 100 rooms and day, and a \
                 threshold higher by half would change\n  that by {change:.2} at most"
            ),
            Reason::Calm {
                ordinary,
                rate,
                change,
                budget,
            } => format!(
                "half of all intervals use no more than {ordinary} kWh; nothing uses \
                 clearly more,\n  but of {rate:.2} alerts per 100 rooms and day a threshold higher \
                 by half would change no more\n  than {change:.2}, within the budget of {budget}"
            ),
            Reason::Lowest {
                rate,
                budget,
                below,
            } => {
                let mut text = format!(
                    "the lowest within the budget of {budget} per 100 rooms and day: {rate:.2} \
                     alerts"
                );
                if let Some((lower, rate)) = below {
                    text.push_str(&format!("; {lower} kWh would raise {rate:.2}"));
                }
                text
            }
            Reason::AsForAll { alerts, expected } => format!(
                "as for all hotels: {} where the budget allows {expected:.1} is no clear \
                 difference",
                counted(alerts, "alert")
            ),
        }
    }

    fn amount_of_data(&self, rooms: u64, room_days: f64, intervals: u64, seconds: i64) -> String {
        format!(
            "{}, {room_days:.0} room-days, {} of {}",
            counted(rooms, "room"),
            counted(intervals, "interval"),
            self.duration(seconds)
        )
    }

    fn quantiles(&self, quantiles: [WattHours; 6]) -> String {
        let [half, p75, p90, p99, p999, most] = quantiles;
        format!(
            "kWh in an interval: half no more than {half}, 75 % {p75}, 90 % {p90}, 99 % {p99}, \
             99.9 % {p999}, the most {most}"
        )
    }

    fn whole_kwh(&self, hidden: &Hidden<'_>) -> String {
        let more = match hidden.more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let meters = counted(hidden.meters, "meter");
        let (count, rooms) = match hidden.meters {
            1 => ("counts", "Room"),
            _ => ("count", "Rooms"),
        };
        format!(
            "{meters} {count} only whole kWh: under the configured threshold a steady use of up \
             to {} kWh\n  in an interval ({:.2} kW) never causes an alert. {rooms}: {}{more}",
            hidden.per_interval, hidden.kilowatts, hidden.rooms
        )
    }

    fn heads_of_thresholds(&self) -> [&'static str; 2] {
        ["threshold", "alerts per 100 rooms and day"]
    }

    fn as_configured(&self) -> &'static str {
        "now"
    }

    fn marks(&self) -> [&'static str; 2] {
        ["configured", "advised"]
    }

    fn heads_of_hotels(&self) -> [&'static str; 6] {
        [
            "rooms",
            "room-days",
            "alerts/100 now",
            "advised",
            "alerts/100",
            "hotel",
        ]
    }

    fn to_paste(&self) -> &'static str {
        "for the configuration: keys of section [monitoring]"
    }

    fn nothing_advised(&self) -> &'static str {
        "nothing is advised"
    }

    fn introduction(&self, story: &Story<'_>) -> String {
        let rules = story.rules;
        format!(
            "Hotel DEMO: {}, {} from {} on (--seed {}).\nAbnormal is more than {} kWh (occupied) \
             or {} kWh (vacant) in {}; alert at {} in a row.\n{}",
            counted(story.rooms, "room"),
            counted(story.days, "day"),
            story.from,
            story.seed,
            rules.thresholds.checkin,
            rules.thresholds.checkout,
            self.duration(rules.interval_seconds),
            rules.alert_periods,
            match rules.baseline.mode {
                BaselineMode::On => "So is what is unusual for the room by itself.\n",
                BaselineMode::Shadow | BaselineMode::Off => "",
            }
        )
    }

    fn page(&self, at: SocketAddr, in_use: Option<SocketAddr>) -> String {
        let why = in_use.map_or(String::new(), |other| format!(" ({other} is in use)"));
        format!("Watch it in a browser: http://{at}/{why}\n")
    }

    fn no_page(&self, error: &io::Error) -> String {
        format!("It can't be watched in a browser, no address is free: {error}\n")
    }

    fn page_ends(&self) -> &'static str {
        "The demonstration is over, and its pages are closed."
    }

    fn page_stays(&self, at: SocketAddr) -> String {
        format!("Look around in a browser: http://{at}/ is there until you press Ctrl-C.")
    }

    fn stopped(&self, at: LocalTime) -> String {
        format!("Stopped at {at}.\n")
    }

    fn troubles(&self, count: usize) -> String {
        let verb = match count {
            1 => "was",
            _ => "were",
        };
        let appliances = counted(count, "appliance");
        format!(
            "{appliances} {verb} left on or misused (kWh in 30 minutes), and found after\n\
             (hours:minutes):\n"
        )
    }

    fn appliance(&self, appliance: Appliance) -> &'static str {
        appliance.as_str()
    }

    fn head_of(&self, rule: Rule) -> &'static str {
        match rule {
            Rule::Fixed => "thresholds",
            Rule::Baseline => "baseline",
        }
    }

    fn missed(&self, detection: &Detection) -> Option<String> {
        Some(match *detection {
            Detection::Found { .. } => return None,
            Detection::Below { threshold, enough } => {
                format!("not more than {threshold} kWh; {enough} would have found it")
            }
            Detection::TooShort { seconds } => format!(
                "it lasted {}, too short for enough intervals",
                self.duration(seconds)
            ),
            Detection::Coarse { step } => format!("its meter counts in steps of {step} kWh"),
            Detection::Silent => "its meter was read too seldom".to_owned(),
            Detection::Hidden => "the room uses as much without it".to_owned(),
            Detection::Usual => "this room or others use as much at other times".to_owned(),
        })
    }

    fn of_rule(&self, rule: Rule, reason: &str) -> String {
        format!("{}: {reason}", self.head_of(rule))
    }

    fn said(&self, event: &Event) -> Option<String> {
        if let Some(moved) = event.as_move() {
            let (at, from, to) = (moved.at.day_hour_minute(), moved.from, moved.to);
            let (from, to) = (from.room_number, to.room_number);
            return Some(format!(
                "{at}  A guest moves from {from} to {to}: {from} is vacant now, {to} is occupied."
            ));
        }
        let [(room, Said::Status(StatusChange { at, status }))] = &event.rooms[..] else {
            return None;
        };
        let (at, room) = (at.day_hour_minute(), &room.room_number);
        match status {
            RoomStatus::OutOfOrder { until: Some(until) } => Some(format!(
                "{at}  Room {room} is out of order until {}: it is not judged.",
                until.day_hour_minute()
            )),
            RoomStatus::OutOfOrder { until: None } => Some(format!(
                "{at}  Room {room} is out of order: it is not judged until it is in order again."
            )),
            RoomStatus::InOrder => Some(format!(
                "{at}  Room {room} is in order again: it is judged from now on."
            )),
            RoomStatus::Dirty | RoomStatus::Clean => None,
        }
    }

    fn said_besides(&self, moves: usize, out_of_order: usize) -> String {
        let moved = (moves > 0).then(|| format!("{} moved", counted(moves, "guest")));
        let rooms = match out_of_order {
            0 => None,
            1 => Some("1 room was out of order".to_owned()),
            rooms => Some(format!("{rooms} rooms were out of order")),
        };
        let both: Vec<String> = moved.into_iter().chain(rooms).collect();
        format!("{}:", both.join(", "))
    }

    fn rooms_of_move(&self, moved: &Move) -> String {
        format!("{} to {}", moved.from.room_number, moved.to.room_number)
    }

    fn made_of_move(&self, moved: &Move) -> String {
        let Move { from, to, at, .. } = moved;
        let (from, to) = (&from.room_number, &to.room_number);
        format!(
            "{}: since then {from} counts as vacant, {to} as occupied",
            at.day_hour_minute()
        )
    }

    fn not_judged(&self, span: &str) -> String {
        format!("{span}: out of order, not judged")
    }

    fn counts(&self, report: &Report) -> [String; 3] {
        [
            format!(
                "{} and {} of {}.",
                counted(report.messages, "message"),
                counted(report.readings, "reading"),
                counted(report.rooms, "room")
            ),
            format!(
                "{}, {}, {},",
                counted(report.alerts, "alert"),
                counted(report.reminders, "reminder"),
                counted(report.recovered, "all-clear"),
            ),
            format!(
                "{} no longer followed, {} of meters.",
                report.closed,
                counted(report.of_meters, "notice")
            ),
        ]
    }

    fn heads_of_comparison(&self, rules: &Rules) -> [String; 4] {
        [
            format!(
                "thresholds, kWh in {}",
                self.duration(rules.interval_seconds)
            ),
            "found".to_owned(),
            "after".to_owned(),
            "false alerts".to_owned(),
        ]
    }

    fn thresholds(&self, thresholds: Thresholds, is_configured: bool) -> String {
        let now = if is_configured { " (these)" } else { "" };
        format!(
            "{} occupied, {} vacant{now}",
            thresholds.checkin, thresholds.checkout
        )
    }

    fn no_thresholds(&self) -> &'static str {
        "none: the baseline rule"
    }

    fn found(&self, found: usize, of: usize) -> String {
        format!("{found} of {of}")
    }

    fn try_them(&self) -> &'static str {
        "To try it:"
    }
}
