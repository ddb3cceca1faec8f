//! Facts, and what is derived of them, as text.

use crate::oracle::*;

const MATCH_SECONDS: i64 = 600;

/// `hh:mm` as seconds; hours go beyond 24.
fn time(text: &str) -> i64 {
    let (hours, minutes) = text.split_once(':').expect(text);
    let number = |text: &str| text.parse::<i64>().expect(text);
    number(hours) * 3600 + number(minutes) * 60
}

fn text(time: i64) -> String {
    format!("{:02}:{:02}", time / 3600, time % 3600 / 60)
}

/// `in ID SINCE [named T] [expected T]`, `out ID UNTIL [of CHECKIN]`,
/// `expect ID EXPECTED [since T]`; an id of `-` is none.
fn fact(line: &str) -> Fact {
    let words: Vec<_> = line.split_whitespace().collect();
    let id = (words[1] != "-").then(|| words[1].to_string());
    let at = time(words[2]);
    let option = |name| {
        let found = words.iter().position(|word| *word == name)?;
        Some(time(words[found + 1]))
    };
    match words[0] {
        "in" => Fact::Arrival {
            id,
            since: at,
            named: option("named"),
            expected: option("expected"),
        },
        "out" => Fact::Departure {
            id,
            checkin: option("of"),
            until: at,
        },
        "expect" => Fact::Expectation {
            id,
            since: option("since"),
            expected: at,
        },
        other => panic!("{other}"),
    }
}

fn facts(lines: &str) -> Vec<Fact> {
    lines.split(';').map(fact).collect()
}

/// `A 10:00-12:00 named 09:00 expected 12:00, - 13:00- | occupied 13:00`
fn written(derived: &Derived) -> String {
    let named = |name: &str, at: Option<i64>| {
        let at = at.map(|at| format!(" {name} {}", text(at)));
        at.unwrap_or_default()
    };
    let stay = |stay: &Stay| {
        let id = stay.id.as_deref().unwrap_or("-");
        let ended = stay.ended.map(text).unwrap_or_default();
        let more = named("named", stay.named) + &named("expected", stay.expected);
        format!("{id} {}-{ended}{more}", text(stay.since))
    };
    let stays: Vec<_> = derived.stays.iter().map(stay).collect();
    let last = match &derived.last {
        None => "nothing".to_string(),
        Some(Piece::Vacant { since }) => format!("vacant {}", text(*since)),
        Some(Piece::Occupied { since, expected }) => {
            format!("occupied {}{}", text(*since), named("expected", *expected))
        }
    };
    format!("{} | {last}", stays.join(", "))
}

/// Each row: facts in the order of coming, what is derived of them.
pub fn table(rows: &[(&str, &str)]) {
    for (lines, wanted) in rows {
        let found = written(&derive(&facts(lines), MATCH_SECONDS));
        assert_eq!(&found, wanted, "of {lines}");
    }
}
