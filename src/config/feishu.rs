//! The section `[feishu]`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::types::HotelId;

use super::notify::{Bot, Cards, Feishu, Notify, Route};
use super::problems::Problems;
use super::warnings::is_loopback;
use super::written::FILE_SUFFIX;
use super::{Secret, raw};

/// Some keys of this section are not about Feishu alone: it was the first kind of bot.
pub(super) fn check_feishu(
    raw: raw::Feishu,
    hotel_names: Arc<HashMap<HotelId, String>>,
    problems: &mut Problems,
) -> Notify {
    if let Some(price) = raw.price_per_kwh {
        problems.range("feishu.price_per_kwh", price, 0.0, 1_000.0);
    }
    let (wait, age) = (raw.group_wait_seconds, raw.notice_max_age_hours);
    let wait = problems.whole("feishu.group_wait_seconds", wait, 0, 600);
    let age: u64 = problems.whole("feishu.notice_max_age_hours", age, 1, 720);
    let proxy = raw.proxy.filter(|proxy| !proxy.expose().is_empty());
    if let Some(proxy) = &proxy {
        problems.unless(
            is_http_proxy(proxy),
            "feishu.proxy",
            "is not an address such as http://proxy.example.com:3128",
        );
    }
    let bot = |key: &str, url: Secret, secret: Option<Secret>, problems: &mut Problems| {
        check_url(key, &url, problems);
        Feishu {
            url,
            secret: secret.filter(|secret| !secret.expose().is_empty()),
            proxy: proxy.clone(),
        }
    };
    let url = raw.webhook_url.filter(|url| !url.expose().is_empty());
    let default = url.map(|url| bot("feishu.webhook_url", url, raw.secret, problems));
    let routes = check_routes(raw.routes, default.as_ref(), bot, problems);
    let routes = routes.into_iter().map(|(hotels, bot)| Route {
        hotels,
        bot: Bot::Feishu(bot),
    });
    Notify {
        routes: routes.collect(),
        default: default.map_or(Bot::Log, Bot::Feishu),
        cards: Cards {
            language: raw.language,
            hotel_names,
            price_per_kwh: raw.price_per_kwh,
        },
        group_wait: Duration::from_secs(wait),
        max_age: Duration::from_secs(age.saturating_mul(3_600)),
    }
}

/// Whether the address is of an HTTP proxy: no other kind is built in.
fn is_http_proxy(proxy: &Secret) -> bool {
    let proxy = ureq::Proxy::new(proxy.expose());
    proxy.is_ok_and(|proxy| {
        matches!(
            proxy.protocol(),
            ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https
        )
    })
}

/// The routes. Those to the same webhook become one, because its rate limit holds for all of them.
fn check_routes(
    raw: Vec<raw::Route>,
    default: Option<&Feishu>,
    bot: impl Fn(&str, Secret, Option<Secret>, &mut Problems) -> Feishu,
    problems: &mut Problems,
) -> Vec<(Vec<HotelId>, Feishu)> {
    let mut routes: Vec<(Vec<HotelId>, Feishu)> = Vec::new();
    // The index of each webhook's route.
    let mut by_url: HashMap<Secret, usize> = HashMap::new();
    let mut known = HashSet::new();
    for (number, route) in raw.into_iter().enumerate() {
        let path = format!("feishu.routes[{number}]");
        let key = format!("{path}.hotels");
        problems.unless(route.hotels.is_some(), &key, "is missing");
        problems.unless(route.hotels != Some(Vec::new()), &key, "is empty");
        let hotels = route.hotels.unwrap_or_default();
        for hotel in &hotels {
            problems.unless(!hotel.trim().is_empty(), &key, "has a hotel without a name");
            problems.unless(
                known.insert(hotel.trim().to_owned()),
                &key,
                format_args!("has {hotel}, which has a route already"),
            );
        }
        let key = format!("{path}.webhook_url");
        let Some(url) = route.webhook_url else {
            // If its file can't be read, that is reported already.
            problems.unless(
                problems.is_known(&format!("{key}{FILE_SUFFIX}")),
                &key,
                "is missing",
            );
            continue;
        };
        let bot = bot(&key, url, route.secret, problems);
        let hotels = hotels.iter().map(|hotel| HotelId::new(hotel.trim()));
        let same_bot = |other: &Feishu| other.url == bot.url;
        let same = by_url.get(&bot.url).copied();
        let mut same = same.and_then(|number| routes.get_mut(number));
        let default = default.filter(|default| same_bot(default));
        if let Some(other) = same.as_ref().map(|(_, bot)| bot).or(default) {
            problems.unless(
                other.secret == bot.secret,
                &format!("{path}.secret"),
                "differs from the secret that is set for the same webhook elsewhere",
            );
        }
        match &mut same {
            Some((all, _)) => all.extend(hotels),
            // Hotels without a route use the default bot anyway.
            None if default.is_some() => {}
            None => {
                by_url.insert(bot.url.clone(), routes.len());
                routes.push((hotels.collect(), bot));
            }
        }
    }
    routes
}

fn check_url(key: &str, url: &Secret, problems: &mut Problems) {
    let uri = url.expose().parse::<ureq::http::Uri>().ok();
    let safe = uri.is_some_and(|uri| match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_loopback(host),
        _ => false,
    });
    problems.unless(
        safe,
        key,
        "must begin with https:// (http:// only on loopback)",
    );
}
