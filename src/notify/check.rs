//! Checks for an operator whether the bots can be reached. No message is sent: the host is asked
//! for a page, which need not exist.

use std::collections::BTreeMap;

use crate::config;
use crate::finding::{Finding, Level, Report};

use super::bot::{Bot, Console, Platform, Reached, SendError};
use super::routes::routes;

/// A clock that is off by more gets a warning. Seconds.
const CLOCK_TOLERANCE: i64 = 60;

/// Asks the host of each bot, once.
pub fn check(config: &config::Notify, report: Report<'_>) {
    let mut hosts: BTreeMap<String, (Vec<String>, Bot)> = BTreeMap::new();
    for route in routes(config) {
        let bot = Bot::new(route.bot, &Console::of_the_log());
        let Some(http) = bot.http() else {
            continue;
        };
        match http.host() {
            Some(host) => {
                let (labels, _) = hosts.entry(host).or_insert((Vec::new(), bot));
                labels.push(route.label);
            }
            None => report(Finding::new(
                Level::Wrong,
                route.label,
                "its webhook_url has no host",
            )),
        }
    }
    for (host, (labels, bot)) in &hosts {
        let platform = bot.platform();
        let about = format!("{} at {host}, for {}", platform.name, some(labels));
        let reached = bot.http().map(|http| (http.reach(), http.is_proxied()));
        if let Some((reached, is_proxied)) = reached {
            report(finding(&about, platform, reached, is_proxied));
        }
    }
}

fn some(labels: &[String]) -> String {
    match labels {
        [] => String::new(),
        [label] => label.clone(),
        [label, others @ ..] => format!("{label} and {} more", others.len()),
    }
}

fn finding(
    about: &str,
    platform: &Platform,
    reached: Result<Reached, SendError>,
    is_proxied: bool,
) -> Finding {
    let proxy = format!("{}.proxy", platform.section);
    let Reached {
        status,
        clock_ahead,
    } = match reached {
        Ok(reached) => reached,
        Err(SendError::Route { what, remedy }) => {
            return Finding::new(Level::Wrong, about, what).remedy(remedy);
        }
        Err(error) => {
            let way = if is_proxied {
                proxy
            } else {
                format!("the firewall, or whether a proxy is needed ({proxy})")
            };
            return Finding::new(Level::Unreachable, about, error.to_string())
                .remedy(format!("check name resolution and {way}"));
        }
    };
    let off = clock_ahead.unwrap_or(0);
    let way = if off < 0 { "behind" } else { "ahead of" };
    let clock = format!("this machine's clock is {} s {way} its", off.abs());
    if status == 407 {
        return Finding::new(Level::Wrong, about, "the proxy refuses us (HTTP 407)")
            .remedy(format!("put user and password of the proxy into {proxy}"));
    }
    if status >= 500 {
        let says = format!("answered HTTP {status}");
        return Finding::new(Level::Unreachable, about, says);
    }
    if platform.max_clock_error.is_some_and(|max| off.abs() > max) {
        return Finding::new(
            Level::Wrong,
            about,
            format!("{clock}: it accepts no signature"),
        )
        .remedy("set the clock, and keep it by NTP");
    }
    if off.abs() > CLOCK_TOLERANCE {
        return Finding::new(Level::Warning, about, clock).remedy("keep the clock by NTP");
    }
    Finding::ok(
        about,
        "its host answers; only `roomwatt send-notice` shows that a bot takes cards",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::bot::FEISHU;

    #[test]
    fn each_answer_is_explained() {
        let reached = |status, clock_ahead| {
            Ok(Reached {
                status,
                clock_ahead,
            })
        };
        let platform = &FEISHU;
        for (reached, level, part) in [
            (reached(404, Some(0)), Level::Ok, "send-notice"),
            (reached(200, None), Level::Ok, "send-notice"),
            (reached(302, Some(-60)), Level::Ok, "send-notice"),
            (reached(404, Some(61)), Level::Warning, "61 s ahead"),
            (reached(404, Some(-3_541)), Level::Wrong, "3541 s behind"),
            (reached(407, None), Level::Wrong, "feishu.proxy"),
            (
                reached(503, Some(0)),
                Level::Unreachable,
                ": answered HTTP 503",
            ),
            (
                Err(SendError::Passing("no route".into())),
                Level::Unreachable,
                "no route; check",
            ),
        ] {
            let finding = finding("Feishu", platform, reached, false);
            assert_eq!(finding.level, level, "{finding}");
            assert!(finding.to_string().contains(part), "{finding}");
        }
    }
}
