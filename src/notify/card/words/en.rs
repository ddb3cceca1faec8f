//! English.

use crate::engine::Closing;
use crate::types::{Kind, counted};

use super::{InCommon, Name, Unusually, Words, hours_and_minutes, range};

pub(super) static WORDS: Words = Words {
    alert: Name {
        long: "abnormal power use",
        short: "abnormal",
    },
    reminder: Name {
        long: "power use still abnormal",
        short: "still abnormal",
    },
    unclear: Name {
        long: "abnormal power use, state unknown",
        short: "state unknown",
    },
    closed: Name {
        long: "abnormal power use, monitoring interrupted",
        short: "monitoring interrupted",
    },
    new_stay: Name {
        long: "abnormal power use no longer followed",
        short: "no longer followed",
    },
    ended: Name {
        long: "abnormal power use, normal again by now",
        short: "was abnormal for a time",
    },
    recovered: Name {
        long: "power use normal again",
        short: "normal again",
    },
    silent: Name {
        long: "No data from meters",
        short: "no data from meters",
    },
    silent_still: Name {
        long: "Still no data from meters",
        short: "still no data from meters",
    },
    silent_over: Name {
        long: "No data from meters, back by now",
        short: "meter data was missing",
    },
    reporting: Name {
        long: "Meter data is back",
        short: "meter data is back",
    },
    frozen: Name {
        long: "Meter readings are frozen",
        short: "meter readings are frozen",
    },
    frozen_still: Name {
        long: "Meter readings are still frozen",
        short: "meter readings are still frozen",
    },
    frozen_over: Name {
        long: "Meter readings were frozen, changing by now",
        short: "meter readings were frozen",
    },
    moving: Name {
        long: "Meter readings change again",
        short: "meter readings change again",
    },
    rise: Name {
        long: "Many vacant rooms began to use more",
        short: "many vacant rooms began to use more",
    },
    level: Name {
        long: "Many vacant rooms use more than they need",
        short: "many vacant rooms use more than they need",
    },
    test: "Test notice",
    rooms_that: |kind, several| match (kind, several) {
        (Some(Kind::Checkout), false) => "Vacant room: ",
        (Some(Kind::Checkout), true) => "Vacant rooms: ",
        (Some(Kind::Checkin), false) => "Occupied room: ",
        (Some(Kind::Checkin), true) => "Occupied rooms: ",
        (None, _) => "Rooms: ",
    },
    before_hotel: " · ",
    kilowatts: |kw| format!("{kw} kW"),
    most_kilowatts: |kw| format!("up to {kw} kW"),

    look_into_vacant: "Please check with the front desk that the room is vacant, then look inside: \
        an air conditioner, heater or boiler may be on.",
    look_into_occupied: "Please have the front desk ask the guest about large appliances in the \
        room. At night, first judge whether there is a danger; if not, do not disturb.",
    look_into_both: "Vacant rooms: check with the front desk, then look inside. Occupied rooms: \
        have the front desk ask the guest; at night only if it is urgent.",
    worst_first: "The worst comes first.",
    was_over: "It was normal again before this notice went out: nothing to do.",
    may_go_on: "Monitoring was interrupted, so it is not known whether the room is normal again. \
        Please check with the front desk and look when convenient.",
    closed_below: "Where monitoring was interrupted, it is not known whether power use is normal \
        again. When convenient, check vacant rooms with the front desk and look inside; have the \
        front desk ask guests. If it is still abnormal, there will be another alert.",
    new_stays_below: "Guests have arrived or left, or rooms are out of order: what was abnormal \
        before is no longer followed.",
    nothing_to_do: "Power use is normal again: nothing to do.",
    check_gateway: "Please check power and network of the meter gateway and its collectors. Until \
        data is back, abnormal power use in this hotel can't be noticed.",
    some_are_silent: "Most meters are back. Please check meters and wiring of the rooms below.",
    all_report: "All meters are back: nothing to do.",
    check_repeating: "The gateway may be repeating old readings. Please look at a meter in use: if \
        its display goes up, restart the gateway and its collectors. Until readings change again, \
        abnormal power use in this hotel can't be noticed, and recoveries are not sent.",
    some_are_frozen: "Most readings change again. Please check meters and collectors of the rooms \
        below.",
    all_are_moving: "All readings change again: nothing to do.",
    common_rise: |it| {
        let InCommon {
            rooms,
            vacant,
            since,
            ..
        } = it;
        format!(
            "{rooms} of {vacant} vacant rooms began to use more since {since}: heating or frost \
             protection? If not, please check what they share, such as central air conditioning or \
             key-card switches. Single rooms are held back for a day; those above the threshold \
             are still reported."
        )
    },
    common_level: |it| {
        let InCommon {
            rooms,
            vacant,
            minutes,
            more,
            tolerated,
            ..
        } = it;
        format!(
            "{rooms} of {vacant} vacant rooms use at least {more} kWh per {minutes} min more than \
             vacant rooms need. Where so many do, it looks normal: single rooms that use up to \
             {tolerated} kWh more can't be seen now. Please check what they share: heating, \
             central air conditioning, key-card switches."
        )
    },
    only_a_test: "This is a test: nothing to do. Notices of power use will come to this group.",
    closed_by: |kind, why| match (kind, why) {
        (_, Closing::Gap) => "gap in readings",
        (_, Closing::MeterChanged) => "meter replaced or reset",
        (_, Closing::IntervalChanged) => "interval changed",
        (_, Closing::RuleOff) => "rule switched off",
        (_, Closing::OutOfOrder { .. }) => "out of order",
        (_, Closing::ByHand) => "closed by hand",
        (Kind::Checkout, Closing::NewStay { kind, .. }) => match kind {
            Kind::Checkin => "guest checked in",
            Kind::Checkout => "check-out time corrected",
        },
        (Kind::Checkin, Closing::NewStay { kind, .. }) => match kind {
            Kind::Checkin => "new guest checked in",
            Kind::Checkout => "guest checked out",
        },
    },
    closing: |kind, why| {
        let look = match kind {
            Kind::Checkout => "Please check with the front desk and look inside when convenient",
            Kind::Checkin => "Please have the front desk ask when convenient",
        };
        let again = "If it is still abnormal, there will be another alert.";
        match (kind, why) {
            (_, Closing::Gap) => format!(
                "Meter readings were interrupted, so it is not known whether power use is \
                 normal again. {look}. {again}"
            ),
            (_, Closing::MeterChanged) => format!(
                "The meter was replaced or reset, so it is not known whether power use is \
                 normal again. {look}. {again}"
            ),
            (_, Closing::IntervalChanged) => format!(
                "The length of the interval was changed: power use is judged anew from now on. \
                 {again}"
            ),
            (_, Closing::RuleOff) => format!(
                "The rule that found it was switched off, so it is not known whether power use is \
                 normal again. {look}."
            ),
            (_, Closing::ByHand) => {
                "Its meter sends no readings, and somebody closed it by hand: it \
                                     is no longer followed. Power use is judged anew when \
                                     readings come again."
                    .to_owned()
            }
            (_, Closing::OutOfOrder { at }) => format!(
                "The room has been out of order since {}: what was abnormal before is no longer \
                 followed, and power use is not judged while that lasts.",
                at.day_hour_minute()
            ),
            (Kind::Checkout, Closing::NewStay { kind, at }) => {
                let at = at.day_hour_minute();
                match kind {
                    Kind::Checkin => format!(
                        "A guest checked in at {at}: what was abnormal in the vacant room is no \
                         longer followed, and power use since then is judged anew."
                    ),
                    Kind::Checkout => format!(
                        "The check-out time was corrected to {at}: what was abnormal before is no \
                         longer followed, and power use since then is judged anew."
                    ),
                }
            }
            (Kind::Checkin, Closing::NewStay { kind, at }) => {
                let at = at.day_hour_minute();
                match kind {
                    Kind::Checkin => format!(
                        "A new guest checked in at {at}: what was abnormal before is no longer \
                         followed, and power use since then is judged anew."
                    ),
                    Kind::Checkout => format!(
                        "The guest checked out at {at}: what was abnormal during the stay is no \
                         longer followed, and the room is judged as vacant from now on."
                    ),
                }
            }
        }
    },

    hotel: "Hotel",
    room: "Room",
    state: "State",
    occupied: "occupied",
    vacant: "vacant",
    duration: |seconds| match hours_and_minutes(seconds) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    },
    run: "Abnormal for",
    run_of: |long, periods, since| {
        format!("{long} ({}), since {since}", counted(periods, "interval"))
    },
    run_over: "Was abnormal for",
    run_over_of: |long, periods, span| format!("{long} ({}), {span}", counted(periods, "interval")),
    energy: "Used meanwhile",
    energy_and_cost: |energy, cost| format!("{energy} kWh (about {cost})"),
    rate: |minutes| format!("Per {minutes} min"),
    rate_of: |rate, threshold| format!("{rate} kWh (threshold {threshold} kWh)"),
    why: "Why",
    unusual_vacant: |it| {
        let Unusually {
            long,
            minutes,
            used,
            base,
            ..
        } = it;
        let own = format!(
            "It has used {used} kWh per {minutes} min for {long}. By itself it uses {base}"
        );
        match it.others {
            Some((rooms, low, high)) => {
                let range = range(low, "-", high);
                format!(
                    "{own}; the hotel's {rooms} other vacant rooms use {range} now (10th to 90th \
                 percentile)."
                )
            }
            None => format!("{own}."),
        }
    },
    unusual_occupied: |it| {
        let Unusually {
            long,
            minutes,
            used,
            level,
            ..
        } = it;
        format!(
            "It has not used less than {used} kWh per {minutes} min for {long}; nine of ten rooms \
             here have held no more than {level} above their base in two days."
        )
    },
    passed_threshold: |threshold| format!("by now above {threshold} kWh"),
    power: "Average power",
    power_over: "Power meanwhile",
    check_in: "Check-in",
    expected_checkout: "Expected check-out",
    check_out: "Check-out",
    trend: |minutes, highest| format!("Trend ({minutes} min a block, highest {highest} kWh)"),
    legend: |marks| format!(" ({marks})"),
    bar_is: |kind| match kind {
        Kind::Checkin => "│ check-in",
        Kind::Checkout => "│ check-out",
    },
    dot_is: "· no data",
    detected: "Detected",
    normal_since: "Normal since",
    no_readings: "No readings",
    old_and_new: |name| [format!("{name} before"), format!("{name} now")],
    from_to: |from, to| format!("{from} to {to}"),
    now: "Now",
    handled: "Handled by",
    handled_by: |by, since| format!("{by}, since {since}"),
    handled_before: |by, before| format!("{by}, {before} ago, and it is not over"),
    snoozed: "Snoozed",
    snooze_lapsed: |until| format!("until {until}, and it is not over"),
    snoozed_until: |until| format!("until {until}; no alert or reminder was sent meanwhile"),
    now_unknown: "unknown (perhaps normal again; or a check-in, a check-out, a gap in the readings \
        or a new meter hides it)",

    silent_meters: "Without data",
    frozen_meters: "Frozen",
    meters_of: |silent, watched| format!("{silent} of {watched} meters"),
    last_reading: "Last reading",
    silent_since: "Since",
    never: "never",
    silent_rooms: "Rooms without data",
    frozen_since: "Since",
    frozen_rooms: "Frozen rooms",

    vacant_rooms: "Vacant rooms",
    rooms_of_vacant: |rooms, vacant| format!("{rooms} of {vacant}"),
    began: "Since",
    common_level_is: "Level in common",
    more_each: |minutes, kwh| format!("{kwh} kWh per {minutes} min more"),
    more_each_day: "More each day",
    more_a_day: |kwh| format!("about {kwh} kWh a day more"),

    colon: ": ",
    number: "Notice",
    rooms_of: |rooms, count| format!("{count} rooms: {rooms}"),
    first_of: |names, count| format!("{names} and others, {count} in all"),
    between_names: ", ",
    between_states: ", ",
    others: |count| counted(count, "other"),
};
