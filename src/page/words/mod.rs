//! The texts of pages in two languages.

mod en;
mod zh;

use crate::config::Language;

/// The texts of a language. They say the same in both.
pub(super) struct Words {
    /// As HTML names the language.
    pub(super) code: &'static str,
    /// The other language: its code, and its own name.
    pub(super) other: &'static str,
    pub(super) in_other: &'static str,
    pub(super) log_out: &'static str,
    pub(super) to_content: &'static str,
    pub(super) where_one_is: &'static str,

    pub(super) hotels: &'static str,
    pub(super) hotel: &'static str,
    pub(super) rooms: &'static str,
    pub(super) map: &'static str,
    pub(super) not_found: &'static str,
    pub(super) not_found_advice: &'static str,
    pub(super) no_hotels: &'static str,

    pub(super) open: &'static str,
    pub(super) occupied: &'static str,
    pub(super) vacant: &'static str,
    pub(super) silent: &'static str,
    pub(super) out_of_order: &'static str,
    pub(super) power_now: &'static str,
    pub(super) kwh_today: &'static str,
    pub(super) data_until: &'static str,

    pub(super) room: &'static str,
    pub(super) state: &'static str,
    /// When the stay began.
    pub(super) state_since: &'static str,
    pub(super) mean_power: &'static str,
    pub(super) ended: &'static str,
    pub(super) trend: &'static str,
    pub(super) run: &'static str,
    pub(super) since: &'static str,
    pub(super) alerted: &'static str,
    pub(super) begins: &'static str,
    pub(super) overstayed: &'static str,
    pub(super) rooms_caption: &'static str,
    pub(super) search: &'static str,
    pub(super) search_label: &'static str,
    pub(super) search_hotel: &'static str,
    pub(super) floor: &'static str,
    pub(super) all_floors: &'static str,
    pub(super) nothing_found: &'static str,
    pub(super) no_hotel_found: &'static str,
    pub(super) no_data: &'static str,

    pub(super) verdict: &'static str,
    pub(super) used: &'static str,
    pub(super) normal: &'static str,
    pub(super) abnormal: &'static str,
    /// Of intervals that neither count nor end a run.
    pub(super) aside: &'static str,
    pub(super) reason: &'static str,
    pub(super) readings_caption: &'static str,
    /// Where the notices in the table come from.
    pub(super) notified_caption: &'static str,
    /// Where the thresholds in force then were not recorded.
    pub(super) readings_caption_unrecorded: &'static str,
    pub(super) stays: &'static str,
    pub(super) earlier: &'static str,
    pub(super) later: &'static str,
    pub(super) chart_nav: &'static str,
    pub(super) csv: &'static str,
    pub(super) gap: &'static str,
    pub(super) arrival: &'static str,
    pub(super) departure: &'static str,
    pub(super) alert: &'static str,
    pub(super) reminder: &'static str,
    pub(super) recovered: &'static str,
    pub(super) closed: &'static str,
    pub(super) meter_changed: &'static str,
    /// How dark cells are.
    pub(super) map_levels: &'static str,
    /// Of half hours whose reading is still to come.
    pub(super) awaited: &'static str,
    pub(super) occupancy_unknown: &'static str,
    /// Between the parts of a list.
    pub(super) comma: &'static str,
    pub(super) day_kwh: &'static str,
    pub(super) most_kw: &'static str,
    pub(super) what_if: &'static str,
    pub(super) threshold_vacant: &'static str,
    pub(super) threshold_occupied: &'static str,
    pub(super) alert_count: &'static str,
    pub(super) baseline: &'static str,
    pub(super) baseline_off: &'static str,
    pub(super) baseline_shadow: &'static str,
    pub(super) baseline_on: &'static str,
    pub(super) span: &'static str,
    pub(super) try_it: &'static str,
    pub(super) wrong_kwh: &'static str,
    pub(super) wrong_count: &'static str,
    pub(super) same_alerts: &'static str,
    /// Where each has another number of alerts, all of the same times.
    pub(super) same_times: &'static str,
    pub(super) alerted_at: &'static str,
    pub(super) abnormal_since: &'static str,
    pub(super) for_how_long: &'static str,
    pub(super) found_by: &'static str,
    pub(super) by_threshold: &'static str,
    pub(super) by_baseline: &'static str,
    pub(super) to_paste: &'static str,
    pub(super) same_rules: &'static str,
    pub(super) paste_keys: &'static str,
    pub(super) paste_at_end: &'static str,
    pub(super) paste_instead: &'static str,
    pub(super) paste_reload: &'static str,
    pub(super) statuses_kept: &'static str,
    pub(super) busy: &'static str,
    pub(super) busy_advice: &'static str,
    pub(super) comparing: &'static str,
    pub(super) comparing_advice: &'static str,
    /// The database does not answer.
    pub(super) unread: &'static str,
    pub(super) unread_advice: &'static str,
    pub(super) back_to_hotels: &'static str,
    pub(super) to_rooms: &'static str,
    /// The service does not answer; what is shown is of this time.
    pub(super) away: fn(Option<&str>) -> String,

    /// The threshold line, in kWh; several with arrows between them.
    pub(super) threshold: fn(&str) -> String,
    pub(super) threshold_unrecorded: &'static str,
    pub(super) threshold_name: &'static str,
    /// The band of what is usual.
    pub(super) band: &'static str,
    /// What is usual, in kWh: from, and to where that is known.
    pub(super) usual: fn(&str, Option<&str>) -> String,
    /// Between two parts of a sentence.
    pub(super) and_also: &'static str,
    /// What became of a notice.
    pub(super) pending: &'static str,
    pub(super) sent: &'static str,
    pub(super) not_sent: &'static str,
    pub(super) logged: &'static str,
    pub(super) expired: &'static str,
    pub(super) failed: &'static str,
    pub(super) withdrawn: &'static str,
    pub(super) joined: &'static str,
    pub(super) muted: &'static str,
    pub(super) rule_threshold: &'static str,
    pub(super) rule_baseline: &'static str,
    /// What the staff was notified of.
    pub(super) notified: fn(&Notified<'_>) -> String,
    /// So many intervals.
    pub(super) intervals: fn(u32) -> String,
    /// Notices other than alerts are kept for so many days.
    pub(super) notices_deleted: fn(u32) -> String,
    /// A threshold came into force; whether it is the first one that was recorded.
    pub(super) threshold_since: fn(&str, bool) -> String,
    /// The time of the map.
    pub(super) map_caption: fn(&str) -> String,
    /// The chart of a part of a stay, and its time.
    pub(super) chart_of: fn(&str) -> String,
    pub(super) today: &'static str,
    pub(super) yesterday: &'static str,
    /// From one time to another.
    pub(super) from_to: fn(&str, &str) -> String,
    /// `5 × 30 minutes`.
    pub(super) periods: fn(u32, i64) -> String,
    /// `7 minutes ago`, of seconds.
    pub(super) ago: fn(i64) -> String,
    /// `Data until 14:00 (7 minutes ago)`.
    pub(super) data_as_of: fn(&str, &str) -> String,
    /// `Floor 6`.
    pub(super) on_floor: fn(&str) -> String,
    /// No sweep was complete since this time.
    pub(super) stale: fn(Option<&str>) -> String,
    /// When hotels were counted.
    pub(super) hotels_caption: fn(&str) -> String,
    /// Of how many hotels some are shown.
    pub(super) shown_hotels: fn(usize, usize) -> String,
    /// What the page compares, of an interval in seconds.
    pub(super) what_if_lead: fn(i64) -> String,
    pub(super) last_days: fn(i64) -> String,
    /// What the configuration has.
    pub(super) now_is: fn(&str) -> String,
    pub(super) own_thresholds: fn(usize) -> String,
    /// Days, alerts by the present rules, and by the others.
    pub(super) compared: fn(i64, usize, usize) -> String,
    /// How many alerts, and how many of them are shown.
    pub(super) spared: fn(usize, usize) -> String,
    pub(super) added: fn(usize, usize) -> String,
    pub(super) kept: fn(usize, usize) -> String,
    /// A time in seconds.
    pub(super) lasted: fn(i64) -> String,
    /// Of how many rooms some are shown.
    pub(super) shown_of: fn(usize, usize) -> String,
}

/// What the staff was notified of. Rule and beginning are empty where they are not known any more.
pub(super) struct Notified<'a> {
    pub(super) rule: &'a str,
    pub(super) since: &'a str,
    pub(super) run: &'a str,
    pub(super) kwh: &'a str,
    pub(super) state: &'a str,
}

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::Zh => &zh::WORDS,
        Language::En => &en::WORDS,
    }
}
