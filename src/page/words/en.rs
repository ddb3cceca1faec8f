//! English.

use super::{Notified, Words};

pub(super) static WORDS: Words = Words {
    code: "en",
    other: "zh",
    in_other: "中文",
    log_out: "Log out",
    to_content: "Skip to content",
    where_one_is: "Navigation",

    hotels: "Hotels",
    hotel: "Hotel",
    rooms: "Rooms",
    map: "Heat map",
    not_found: "There is no such page",
    not_found_advice: "The address is wrong, or there is no such hotel or room for you.",
    no_hotels: "No hotel has a room yet. The first check-in or check-out message brings one.",

    open: "Open alerts",
    occupied: "Occupied",
    vacant: "Vacant",
    silent: "No data",
    out_of_order: "Out of order",
    power_now: "kW now",
    kwh_today: "kWh today",
    data_until: "Data until",

    room: "Room",
    state: "State",
    state_since: "State since",
    mean_power: "kW",
    ended: "Until",
    trend: "Trend",
    run: "Abnormal for",
    since: "since",
    alerted: "Alert",
    begins: "High",
    overstayed: "Overstayed",
    rooms_caption: "Rooms now, the worst first. kW is the mean of the last interval.",
    search: "Find",
    search_label: "Room",
    search_hotel: "Name or id",
    floor: "Floor",
    all_floors: "All",
    nothing_found: "No room matches.",
    no_hotel_found: "No hotel matches.",
    no_data: "–",

    verdict: "Verdict",
    used: "kWh",
    normal: "normal",
    abnormal: "above the threshold",
    aside: "does not count",
    reason: "Reason",
    readings_caption: "What the chart shows, the newest first, judged by the thresholds in force \
        then and by today's other rules.",
    notified_caption: " Alerts, reminders and recoveries are those recorded then.",
    readings_caption_unrecorded: "What the chart shows, the newest first. Where the threshold of \
        then was not recorded, it is judged by today's; all other rules are today's.",
    stays: "Stays and vacancies",
    earlier: "Earlier",
    later: "Later",
    chart_nav: "Time span and download",
    csv: "Download CSV",
    gap: "no readings",
    arrival: "arrival",
    departure: "departure",
    alert: "alert",
    reminder: "reminder",
    recovered: "recovered",
    closed: "no longer followed",
    meter_changed: "new meter",
    map_levels: "Mean kW ≥",
    awaited: "not read yet",
    occupancy_unknown: "Occupancy unknown",
    comma: ", ",
    day_kwh: "kWh in 24 h",
    most_kw: "Most kW",
    what_if: "What if",
    threshold_vacant: "Threshold, vacant, kWh",
    threshold_occupied: "Threshold, occupied, kWh",
    alert_count: "Intervals in a row for an alert",
    baseline: "Baseline rule",
    baseline_off: "off",
    baseline_shadow: "computed, nobody is notified",
    baseline_on: "on",
    span: "Time span",
    try_it: "Compare",
    wrong_kwh: "A number from 0 to 1000000",
    wrong_count: "A whole number from 1 to 1000",
    same_alerts: "Both raise the same alerts.",
    same_times: "All of them are of the same times: none would go, and none would come.",
    alerted_at: "Alert",
    abnormal_since: "Abnormal since",
    for_how_long: "For",
    found_by: "Found by",
    by_threshold: "threshold",
    by_baseline: "baseline rule",
    to_paste: "To have it so",
    same_rules: "These are the present rules: nothing to change.",
    paste_keys: "What is below [monitoring] and [baseline] holds for all hotels: change it where \
                 the configuration has it.",
    paste_at_end: "[[monitoring.overrides]] holds for this hotel alone: add it at the end of the \
                   configuration.",
    paste_instead: "This hotel has thresholds of its own (in the configuration or overrides_file): \
                    change them there, a second entry is refused.",
    paste_reload: "This page changes nothing. Once saved, reload the configuration (SIGHUP).",
    statuses_kept: "Repairs and cleaning are known for the last week; earlier ones are judged as \
                    ordinary time.",
    busy: "Busy",
    busy_advice: "Too many pages are open at once. This one tries again by itself; the list of \
                  rooms is there meanwhile.",
    comparing: "Nothing can be compared now",
    comparing_advice: "One person compares at a time: somebody else does, or the database is too \
                       busy. Try again in a moment.",
    unread: "No data can be read now",
    unread_advice: "The database does not answer. This page tries again by itself; the list of \
                    rooms is there meanwhile.",
    back_to_hotels: "Back to the hotels",
    to_rooms: "The list of rooms",
    away: |since| match since {
        Some(since) => format!(
            "The service does not answer, and this is as of {since}. The page goes on by itself \
             when it is back."
        ),
        None => {
            "The service does not answer. The page goes on by itself when it is back.".to_owned()
        }
    },

    threshold: |kwh| format!("threshold then {kwh} kWh"),
    threshold_unrecorded: "the threshold of then was not recorded",
    threshold_name: "threshold",
    band: "usual here (this room and its peers, baseline rule)",
    usual: |base, limit| match limit {
        Some(limit) => format!("usually {base}–{limit} kWh"),
        None => format!("by itself about {base} kWh"),
    },
    and_also: "; ",
    threshold_since: |kwh, is_first| match is_first {
        true => format!("{kwh} kWh, recorded from here on"),
        false => format!("changed to {kwh} kWh"),
    },
    pending: "to be sent",
    sent: "sent",
    not_sent: "not sent",
    logged: "no bot: written to the log",
    expired: "expired unsent",
    failed: "failed",
    withdrawn: "withdrawn",
    joined: "part of an incident that was notified, no notice of its own",
    muted: "not sent: the incident was acknowledged or snoozed",
    rule_threshold: "threshold rule",
    rule_baseline: "baseline rule",
    notified: |notified| {
        let Notified {
            rule,
            since,
            run,
            kwh,
            state,
        } = notified;
        let (rule, since) = match rule.is_empty() {
            true => (String::new(), String::new()),
            false => (format!("{rule}: "), format!(" since {since}")),
        };
        format!("{rule}{run}{since}, {kwh} kWh in all; {state}")
    },
    intervals: |count| match count {
        1 => "1 interval".to_owned(),
        count => format!("{count} intervals"),
    },
    notices_deleted: |days| {
        format!(
            " Records of reminders and recoveries are kept for {days} days; older ones are gone."
        )
    },
    map_caption: |span| {
        format!(
            "Each cell is half an hour, {span}. Underlined is occupied, without a line is vacant."
        )
    },
    chart_of: |span| format!("kWh per interval, {span}"),
    today: "today",
    yesterday: "yesterday",
    from_to: |from, to| format!("{from} to {to}"),
    periods: |periods, seconds| format!("{periods} × {}", duration(seconds)),
    ago: |seconds| match seconds {
        ..60 => "just now".to_owned(),
        seconds => format!("{} ago", long(seconds)),
    },
    data_as_of: |time, ago| format!("Data until {time} ({ago})"),
    on_floor: |floor| match floor {
        "" => "Other".to_owned(),
        floor => format!("Floor {floor}"),
    },
    stale: |since| match since {
        Some(since) => format!(
            "Monitoring stands still: no sweep was complete since {since}, so this may be out of \
             date. Notify the operator."
        ),
        None => "No sweep was complete since the start, so this may be out of date.".to_owned(),
    },
    hotels_caption: |time| format!("Hotels as counted at {time}, those that need attention first."),
    shown_hotels: |shown, all| format!("{shown} of {all} hotels shown"),
    what_if_lead: |seconds| {
        format!(
            "Other thresholds or rules against the last days: which alerts would go, and which \
             would come. Thresholds are kWh per interval ({}).",
            duration(seconds)
        )
    },
    last_days: |days| format!("Last {days} days"),
    now_is: |now| format!("now {now}"),
    own_thresholds: |rooms| match rooms {
        1 => "1 room has thresholds of its own, which stay.".to_owned(),
        rooms => format!("{rooms} rooms have thresholds of their own, which stay."),
    },
    compared: |days, before, after| {
        format!("In the last {days} days: {before} alerts by the present rules, {after} by these.")
    },
    spared: |all, shown| format!("Alerts that would go: {all}{}", latest(all, shown)),
    added: |all, shown| format!("Alerts that would come: {all}{}", latest(all, shown)),
    kept: |all, shown| format!("Alerts that would stay: {all}{}", latest(all, shown)),
    lasted: long,
    shown_of: |shown, all| format!("{shown} of {all} rooms"),
};

fn latest(all: usize, shown: usize) -> String {
    match shown < all {
        true => format!(", the latest {shown} shown"),
        false => String::new(),
    }
}

fn duration(seconds: i64) -> String {
    match (seconds / 3_600, seconds % 3_600 / 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn long(seconds: i64) -> String {
    match seconds / 86_400 {
        ..1 => duration(seconds),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
