//! Other rules against a hotel's last days.

use http::StatusCode;
use roomwatt::config::{Config, Hotels, Language};
use roomwatt::page::Viewer;
use roomwatt::types::{HotelId, Kind, RoomKey};

use crate::hotel::{pages, story, two_hotels, vacant};
use crate::rendered::{ask, shown, text, viewer};

/// The TOML that a page shows.
fn toml(page: &str) -> String {
    let (_, rest) = page.split_once("<pre").expect(page);
    let (_, rest) = rest.split_once('>').expect("a tag");
    let (toml, _) = rest.split_once("</pre>").expect("its end");
    let unescaped = toml.replace("&#34;", "\"").replace("&#39;", "'");
    unescaped
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&")
}

#[test]
fn alerts_of_other_thresholds_are_compared_by_name() {
    // 0604 uses 2.4 kWh, 0701 1.6 kWh, 0801 1.1 kWh, each for hours.
    let hours = |wh| [vec![60; 12], vec![wh; 12]].concat();
    let used = [2_400, 1_600, 1_100].map(hours);
    let pages = pages(&[
        story("H001", "0604", vacant("09 08:00"), &used[0]),
        story("H001", "0701", vacant("09 08:00"), &used[1]),
        story("H001", "0801", vacant("09 08:00"), &used[2]),
    ]);
    let viewer = viewer(Language::En);
    // Before anything is asked for, nothing is computed.
    let form = shown(&pages, "/whatif?hotel=H001", &viewer);
    assert!(form.contains("name=\"checkout\" value=\"1.5\""), "{form}");
    assert!(form.contains("name=\"checkin\" value=\"2\""), "{form}");
    assert!(
        !form.contains("role=\"status\"") && !form.contains("<pre"),
        "{form}"
    );
    let asked = |query: &str| {
        let path = format!("/whatif?hotel=H001&days=7&checkin=2&{query}");
        text(&shown(&pages, &path, &viewer))
    };
    let same = asked("checkout=1.5&count=4&baseline=off");
    for part in [
        "In the last 7 days: 2 alerts by the present rules, 2 by these. Both raise the same",
        "Alerts that would stay: 2",
        "0604 Vacant 10:00 08:00 6 h threshold",
        "These are the present rules",
    ] {
        assert!(same.contains(part), "{part} is not in {same}");
    }
    let higher = asked("checkout=1.8&count=4&baseline=off");
    for part in [
        "2 alerts by the present rules, 1 by these.",
        "Alerts that would go: 1 Room State Alert Abnormal since For Found by 0701 Vacant",
        "Alerts that would stay: 1 Room State Alert Abnormal since For Found by 0604 Vacant",
    ] {
        assert!(higher.contains(part), "{part} is not in {higher}");
    }
    let lower = asked("checkout=1&count=4&baseline=off");
    let part = "Alerts that would come: 1 Room State Alert Abnormal since For Found by 0801 Vacant";
    assert!(lower.contains(part), "{part} is not in {lower}");
    // Twelve intervals are not thirteen.
    let longer = asked("checkout=1.5&count=13&baseline=off");
    assert!(
        longer.contains("2 alerts by the present rules, 0 by these."),
        "{longer}"
    );
    for (query, why) in [
        ("checkout=x&count=4", "A number from 0 to 1000000"),
        ("checkout=-1&count=4", "A number from 0 to 1000000"),
        ("checkout=1&count=0", "A whole number from 1 to 1000"),
    ] {
        let wrong = asked(query);
        assert!(
            wrong.contains(why) && !wrong.contains("present rules,"),
            "{wrong}"
        );
    }
}

#[test]
fn other_alerts_of_the_same_times_are_called_so() {
    // One run for hours above 1.5 kWh, and two above 1.8.
    let used = [vec![2_400; 6], vec![1_600; 6], vec![2_400; 6]].concat();
    let pages = pages(&[story("H001", "0604", vacant("10 05:00"), &used)]);
    let path = "/whatif?hotel=H001&days=7&checkout=1.8&count=4&baseline=off";
    let page = text(&shown(&pages, path, &viewer(Language::En)));
    let part = "1 alerts by the present rules, 2 by these. All of them are of the same times";
    assert!(page.contains(part), "{part} is not in {page}");
    assert!(!page.contains("the same alerts"), "{page}");
}

/// The example of a configuration with this at its end.
fn with(at_end: &str) -> Config {
    let example = std::fs::read_to_string("etc/roomwatt.toml").expect("the example");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), example + at_end).expect("a file");
    Config::load(Some(file.path()), &[]).expect(at_end)
}

#[test]
fn what_it_says_to_paste_is_a_configuration() {
    for hotel in ["H001", "\"]\n[http]\nlisten = 'x'", "a\\b\u{202e}\u{7f}🛏"] {
        let used = [2_300; 12];
        let pages = pages(&[story(hotel, "0604", vacant("10 08:00"), &used)]);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("hotel", hotel)
            .append_pair("days", "14")
            .append_pair("checkout", "0.4")
            .append_pair("checkin", "1.25")
            .append_pair("count", "6")
            .append_pair("baseline", "on")
            .finish();
        let page = shown(&pages, &format!("/whatif?{query}"), &viewer(Language::Zh));
        let toml = toml(&page);
        let at_end = toml.split_once("[[monitoring").expect("overrides").1;
        let config = with(&format!("[[monitoring{at_end}"));
        let room = RoomKey::new(hotel, "1");
        let thresholds =
            [Kind::Checkin, Kind::Checkout].map(|kind| config.rules.threshold(&room, kind).0);
        assert_eq!(thresholds, [1_250, 400], "{toml}");
        let other = RoomKey::new("H2", "1");
        assert_eq!(config.rules.threshold(&other, Kind::Checkout).0, 1_500);
        for part in [
            "# [monitoring]\ncontinuous_alert_count = 6\n",
            "# [baseline]\nmode = \"on\"\n",
        ] {
            assert!(toml.contains(part), "{part} is not in {toml}");
        }
        assert!(
            page.contains("只对本酒店生效：请加到配置文件末尾"),
            "{page}"
        );
    }
}

#[test]
fn only_those_of_the_hotel_may_compare() {
    let pages = two_hotels();
    let only = Viewer {
        hotels: Hotels::Only([HotelId::new("H002")].into()),
        ..viewer(Language::Zh)
    };
    for (path, expected) in [
        ("/whatif?hotel=H001&days=7", StatusCode::NOT_FOUND),
        ("/whatif?hotel=H002&days=7", StatusCode::OK),
        ("/whatif?hotel=H003", StatusCode::NOT_FOUND),
        ("/whatif", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(ask(&pages, path, &only).status(), expected, "{path}");
    }
}
