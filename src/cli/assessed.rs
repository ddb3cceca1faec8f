//! What the baseline rule made of a room, in the output of `explain`.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::config::Language;
use crate::engine::baseline::{BaseOf, Finding};
use crate::engine::{BaselineMode, Rules};
use crate::review::{Assessed, Because, Chapter};
use crate::types::Kind;

use super::words::{Words, left, right, words};

/// Intervals that say the same are folded from this count on.
const FOLDED: usize = 3;

/// The intervals of a stay, one below the other. `explained` is what has been said of the numbers:
/// by kind, and whether the meter counts less than whole kWh.
pub(super) fn write_text(
    out: &mut impl Write,
    words: &dyn Words,
    chapter: &Chapter,
    all: bool,
    rules: &Rules,
    explained: &mut Vec<(Kind, bool)>,
) -> io::Result<()> {
    let lines = chapter
        .lines
        .iter()
        .filter_map(|line| line.assessed.as_ref());
    let lines: Vec<&Assessed> = lines.collect();
    if lines.is_empty() {
        return Ok(());
    }
    let kind = chapter.stay.kind();
    let is_fine = lines.iter().any(|line| line.interval.is_fine);
    writeln!(out, "  {}", words.baseline_rule(rules))?;
    if !explained.contains(&(kind, is_fine)) {
        explained.push((kind, is_fine));
        for line in words.legend(kind, is_fine, rules) {
            writeln!(out, "  {line}")?;
        }
    }
    let [time, used, limit] = words.heads_of_assessed();
    let numbers = match kind {
        Kind::Checkout => ["V", "O", "h", "D", "T", "e", "S"],
        Kind::Checkin => ["V", "O", "h", "y", "m", "Q", limit],
    };
    let heads = row(time, used, ("B", ""), &numbers.map(str::to_owned));
    writeln!(out, "{heads}")?;
    for alike in lines.chunk_by(|one, next| !all && is_repetition(one, next)) {
        match alike {
            [first, .., last] if alike.len() >= FOLDED => {
                let used = || alike.iter().map(|line| line.verdict.used);
                let used = (used().min().unwrap_or(0), used().max().unwrap_or(0));
                writeln!(
                    out,
                    "  {} {} {}  {}",
                    first.interval.ended.day_hour_minute(),
                    words.to(),
                    last.interval.ended.day_hour_minute(),
                    words.alike(alike.len(), used, last)
                )?;
            }
            _ => {
                for line in alike {
                    writeln!(out, "{}", line_of(words, line))?;
                }
            }
        }
    }
    Ok(())
}

/// Whether an interval only repeats what the one before it says, and adds nothing that has to be
/// computed again.
fn is_repetition(one: &Assessed, next: &Assessed) -> bool {
    let is_plain = |it: &Assessed| {
        let counts = matches!(
            it.because,
            Because::Event(_)
                | Because::Emptied
                | Because::Grows { .. }
                | Because::Falls
                | Because::TooFewPeriods { .. }
        );
        !counts && !it.is_interrupted
    };
    let is_alike = std::mem::discriminant(&one.because) == std::mem::discriminant(&next.because);
    is_alike && is_plain(one) && is_plain(next)
}

/// The cells of an interval, or the headings.
fn row(time: &str, used: &str, (base, of): (&str, &str), numbers: &[String; 7]) -> String {
    const WIDTHS: [usize; 7] = [4, 4, 4, 5, 5, 5, 5];
    let numbers = numbers.iter().zip(WIDTHS);
    let numbers: Vec<String> = numbers
        .map(|(number, width)| right(number, width))
        .collect();
    format!(
        "  {} {} {} {} {}",
        left(time, 11),
        right(used, 5),
        right(base, 5),
        left(of, 2),
        numbers.join(" ")
    )
}

fn line_of(words: &dyn Words, assessed: &Assessed) -> String {
    let verdict = &assessed.verdict;
    let known = |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
    let [vacant, occupied] =
        [verdict.vacant_floor, verdict.occupied_floor].map(|floor| known(floor.map(i64::from)));
    let hotel = verdict.peers.base.to_string();
    let numbers = match verdict.kind {
        Finding::Vacant {
            tolerance,
            step,
            account,
            ..
        } => {
            let hot = if verdict.peers.is_hot { "*" } else { "" };
            [
                vacant,
                occupied,
                hotel,
                format!("{}{hot}", verdict.peers.common),
                tolerance.to_string(),
                step.to_string(),
                account.to_string(),
            ]
        }
        Finding::Occupied {
            least,
            level,
            limit,
            ..
        } => [
            vacant,
            occupied,
            hotel,
            above(assessed).to_string(),
            known(least.map(i64::from)),
            known(level),
            known(limit),
        ],
    };
    let base = verdict.base.to_string();
    let cells = row(
        &assessed.interval.ended.day_hour_minute(),
        &verdict.used.to_string(),
        (&base, base_of(verdict.base_of)),
        &numbers,
    );
    format!("{cells}  {}", words.because(assessed))
}

/// The letter of the number that the base was taken of.
fn base_of(base_of: BaseOf) -> &'static str {
    match base_of {
        BaseOf::Vacant => "V",
        BaseOf::Occupied => "O",
        BaseOf::Hotel => "h",
        BaseOf::AboveHotel => "h+",
    }
}

/// y: what an occupied room uses above its base.
fn above(assessed: &Assessed) -> i64 {
    (assessed.verdict.used - assessed.verdict.base).max(0)
}

/// For scripts: in English.
pub(super) fn json(assessed: &Assessed, rules: &Rules) -> Value {
    let Assessed {
        interval, verdict, ..
    } = assessed;
    let english = words(Language::En);
    let event = { verdict.event }.map(|it| english.event_of_baseline(it.kind).to_lowercase());
    let mut object = json!({
        "mode": match rules.baseline.mode {
            BaselineMode::Shadow => "shadow",
            BaselineMode::On => "on",
            BaselineMode::Off => "off",
        },
        "counts": interval.periods,
        "is_fine": interval.is_fine,
        "used_wh": verdict.used,
        "base_wh": verdict.base,
        "base_of": match verdict.base_of {
            BaseOf::Vacant => "vacant",
            BaseOf::Occupied => "occupied",
            BaseOf::Hotel => "hotel",
            BaseOf::AboveHotel => "hotel and 100",
        },
        "vacant_floor_wh": verdict.vacant_floor,
        "occupied_floor_wh": verdict.occupied_floor,
        "hotel_base_wh": verdict.peers.base,
        "event": event,
        "since": verdict.event.map(|event| event.since),
        "reason": english.because(assessed),
    });
    let of_kind = match verdict.kind {
        Finding::Vacant {
            tolerance,
            before,
            step,
            account,
            alarm,
            periods,
            held_until,
            ..
        } => json!({
            "other_vacant_rooms": verdict.peers.others,
            "common_wh": verdict.peers.common,
            "many_rose": verdict.peers.is_hot,
            "tolerance_wh": tolerance,
            "account_before_wh": before,
            "step_wh": step,
            "account_wh": account,
            "alarm_wh": alarm,
            "account_periods": periods,
            "held_until": held_until,
        }),
        Finding::Occupied {
            least,
            level,
            limit,
            ..
        } => json!({
            "above_base_wh": above(assessed),
            "least_of_six_wh": least,
            "level_wh": level,
            "limit_wh": limit,
        }),
    };
    if let (Value::Object(object), Value::Object(of_kind)) = (&mut object, of_kind) {
        object.extend(of_kind);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{BaselineRules, Stay};
    use crate::review::{Past, explain_in_hotel};
    use crate::types::{LocalTime, Reading, RoomKey, WattHours};

    fn at(minutes: i64) -> LocalTime {
        let midnight = LocalTime::parse("2023-04-10 00:00:00").expect("a time");
        midnight.plus(minutes * 60)
    }

    fn rules() -> Rules {
        Rules {
            baseline: BaselineRules::default(),
            ..Rules::default()
        }
    }

    /// A day of a small hotel: in 101 an air conditioner is on from 06:00 to 09:00, is not read for
    /// three hours, and goes on; then a guest comes with a heater. 102 and 103 are vacant, guests
    /// are in the other rooms.
    fn chapters() -> Vec<Chapter> {
        let mut past = Past::new(LocalTime::FIRST);
        for number in 101..=108 {
            let key = RoomKey::new("H001", &number.to_string());
            let left = |at| Stay::Vacant {
                actual_checkin: None,
                actual_checkout: at,
            };
            let came = |at| Stay::Occupied {
                check_in: at,
                expected_checkout: None,
            };
            let first = if number <= 103 { left } else { came };
            past.add_stay(key.clone(), first(at(0)));
            if number == 101 {
                past.add_stay(key.clone(), came(at(15 * 60)));
            }
            let place = past
                .place("H001", key.room_number.as_str())
                .expect("a room");
            let mut register = 100_000;
            for nth in 0..=42 {
                let used = match (number, nth) {
                    (101, 13..=28) => 480 + 40 * (nth % 3),
                    (101, 32..=39) => 1_540,
                    (104.., _) => 300,
                    _ => 40 + 10 * (nth % 2),
                };
                register += used;
                if number == 101 && (19..=23).contains(&nth) {
                    continue;
                }
                let reading = Reading {
                    time: at(30 * nth),
                    register: WattHours(register),
                };
                past.add_reading(place, reading);
            }
        }
        let room = RoomKey::new("H001", "101");
        let chapters = explain_in_hotel(&past.sorted(), &room, LocalTime::FIRST, &rules());
        chapters.expect("the room")
    }

    fn text(language: Language, all: bool) -> String {
        let mut out = Vec::new();
        let mut explained = Vec::new();
        for chapter in &chapters() {
            let words = words(language);
            write_text(&mut out, words, chapter, all, &rules(), &mut explained).expect("written");
        }
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn each_number_of_the_baseline_rule_is_shown() {
        insta::with_settings!({prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("baseline_en", text(Language::En, true));
            insta::assert_snapshot!("baseline_zh", text(Language::Zh, false));
        });
    }

    #[test]
    fn json_has_the_same_numbers() {
        let chapters = chapters();
        let lines: Vec<String> = { chapters.iter() }
            .flat_map(|chapter| &chapter.lines)
            .filter_map(|line| line.assessed)
            .filter(|assessed| matches!(assessed.because, Because::Event(_)))
            .map(|assessed| json(&assessed, &rules()).to_string())
            .collect();
        insta::with_settings!({prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("baseline_json", lines.join("\n"));
        });
    }

    /// With the numbers of a line and the account of the line before, an engineer finds the next.
    #[test]
    fn the_account_can_be_computed_again_from_what_is_shown() {
        let text = text(Language::En, true);
        let [mut account, mut quiet, mut lines] = [0_i64; 3];
        for line in text
            .lines()
            .skip_while(|line| !line.contains("used     B"))
            .skip(1)
        {
            let cells: Vec<&str> = line.split_whitespace().collect();
            if !line.starts_with("  04-10") {
                break;
            }
            let number = |at: usize| cells[at].trim_end_matches('*').parse::<i64>().expect(line);
            let [used, base, common, tolerance] = [2, 3, 8, 9].map(number);
            let [step, after] = [10, 11].map(number);
            assert_eq!(tolerance, (common * 3 / 2).max(100), "{line}");
            assert_eq!(step, (used - base - tolerance).min(350), "{line}");
            if line.contains("begins anew") {
                account = 0;
            }
            account = (account + step).clamp(0, 1_500);
            quiet = if step < 0 { quiet + 1 } else { 0 };
            if quiet >= 2 {
                account = 0;
            }
            assert_eq!(account, after, "{line}");
            lines += 1;
        }
        assert_eq!(lines, 24);
    }

    #[test]
    fn lines_fit_a_terminal() {
        for language in [Language::En, Language::Zh] {
            for line in text(language, true).lines() {
                assert!(crate::cli::words::columns(line) <= 120, "{line}");
            }
        }
    }
}
