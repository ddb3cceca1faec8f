//! What pages say, without a browser.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::header::LOCATION;
use http::{Request, Response, StatusCode};
use roomwatt::config::{Cards, Config, Hotels, Language};
use roomwatt::engine::BaselineMode;
use roomwatt::page::{Archives, LOCAL, Pages, Viewer};
use roomwatt::store::Database;
use roomwatt::types::HotelId;

use crate::hotel::{
    Story, at, eventful, occupied, pages, pages_with, state, story, two_hotels, vacant,
};

/// Somebody at the machine itself.
pub fn viewer(language: Language) -> Viewer {
    Viewer {
        name: LOCAL.to_owned(),
        hotels: Hotels::All,
        may_act: true,
        language,
        form_token: None,
    }
}

pub fn ask(pages: &Pages, path: &str, viewer: &Viewer) -> Response<Vec<u8>> {
    let request = Request::builder().uri(path).body(()).expect("a request");
    pages.respond(&request, viewer)
}

/// A page that is there.
pub fn shown(pages: &Pages, path: &str, viewer: &Viewer) -> String {
    let response = ask(pages, path, viewer);
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    String::from_utf8(response.into_body()).expect("UTF-8")
}

/// The texts between the tags, without those of the style.
pub fn text(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<').skip(1) {
        let said = part.split_once('>').map_or("", |(_, said)| said);
        text.push_str(said);
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}

#[test]
fn a_hotels_rooms_are_shown_worst_first() {
    let pages = two_hotels();
    let page = text(&shown(&pages, "/hotel?hotel=H001", &viewer(Language::Zh)));
    let places: Vec<usize> = ["0604", "0805", "0711", "1201", "0302"]
        .iter()
        .map(|room| {
            page.find(room)
                .unwrap_or_else(|| panic!("{room} is not in {page}"))
        })
        .collect();
    assert!(places.is_sorted(), "{places:?}: {page}");
    for part in [
        "数据截至 14:00（7 分钟前）",
        "未恢复异常 2 ",
        "无数据 1 ",
        "维修房 1 ",
        "0604 空房 异常 08:00 4.8 14:00 9 × 30 分钟 自 09:30",
        "1201 空房 偏高 07:30 4.2 14:00 2 × 30 分钟 自 13:00",
        "0302 住客房 超时未退房 04-08 15:00 1.0 14:00",
        "0711 空房 无数据 昨天 10:00 0.1 09:00",
        "0909 维修房 04-08 10:00",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    let page = text(&shown(&pages, "/hotel?hotel=H001", &viewer(Language::En)));
    for part in [
        "Data until 14:00 (7 min ago)",
        "0604 Vacant Alert 08:00 4.8 14:00 9 × 30 min since 09:30",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

#[test]
fn a_stay_is_shown_in_the_words_of_explain() {
    let pages = two_hotels();
    let page = shown(&pages, "/room?hotel=H001&room=0604", &viewer(Language::Zh));
    let said = text(&page);
    for part in [
        "空房：2023-04-10 08:00:00 退房 异常 9 × 30 分钟 自 09:30",
        "13:30–14:00 2.41 kWh",
        "11:30 报警",
        "当时的阈值 1.5 kWh",
        "11:30 报警 阈值规则，自 09:30 起连续 4 × 30 分钟，共 9.45 kWh；待发送",
        "11:30 109.63 2.35 异常 4 超过 1.5 kWh；自 04-10 09:30 起连续 4 个周期",
        "08:30–09:30 3 个周期正常，最高 0.06 kWh",
        "住客房：2023-04-07 15:00:00 入住，预计 2023-04-08 12:00:00 退房",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert_eq!(page.matches("<rect class=\"high\"").count(), 9);
    // A meter that has sent nothing has not used nothing.
    let silent = shown(&pages, "/room?hotel=H001&room=0711", &viewer(Language::En));
    assert!(
        text(&silent).contains("09:00–14:07 no readings"),
        "{silent}"
    );
    assert_eq!(silent.matches("<rect class=\"gap\"").count(), 2);
    let earlier = "/room?hotel=H001&room=0604&stay=2023-04-08+09:00:00";
    let earlier = text(&shown(&pages, earlier, &viewer(Language::Zh)));
    assert!(earlier.contains("至 2023-04-10 08:00:00 止"), "{earlier}");
    for path in [
        "/room?hotel=H001&room=9999",
        "/room?hotel=H002&room=0604",
        "/room?hotel=H001&room=0604&stay=2023-04-08+09:00:01",
    ] {
        let response = ask(&pages, path, &viewer(Language::Zh));
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let only = Viewer {
        hotels: Hotels::Only([HotelId::new("H002")].into()),
        ..viewer(Language::Zh)
    };
    for path in ["/room", "/room.csv"] {
        let path = format!("{path}?hotel=H001&room=0604");
        let response = ask(&pages, &path, &only);
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[test]
fn a_stay_is_judged_by_the_thresholds_in_force_then() {
    let used = [1_000; 12];
    let stories = [
        story("H1", "101", vacant("10 08:00"), &used),
        story("H1", "102", vacant("10 08:00"), &used),
    ];
    let since = [(at("10 09:10"), 1_500), (at("10 11:10"), 800)];
    let pages = pages_with(&stories, &since, &[]);
    let page = shown(&pages, "/room?hotel=H1&room=101", &viewer(Language::Zh));
    let line = page.split("class=\"threshold\" d=\"").nth(1);
    let line = line.and_then(|rest| rest.split('"').next()).expect(&page);
    // From 09:10 on; before that none was recorded. It goes down at 11:10, to where it is now.
    let parts: Vec<&str> = line.split(['M', 'H', 'V', ' ']).skip(1).collect();
    let [from, high, change, low, to] = parts[..] else {
        panic!("{line}");
    };
    let [from, high, change, low, to] =
        [from, high, change, low, to].map(|number| number.parse::<i64>().expect(line));
    let x = |time| 46 + at(time).since(at("10 08:00")) * 1_010 / (6 * 3_600 + 7 * 60);
    assert_eq!(
        [from, change, to],
        ["10 09:10", "10 11:10", "10 14:07"].map(x),
        "{line}"
    );
    assert!(high < low, "{line}");
    let said = text(&page);
    for part in [
        "当时的阈值 1.5 → 0.8 kWh",
        "11:30 107 1.00 异常 1 超过 0.8 kWh",
        "09:10 阈值 1.5 kWh，自此开始记录",
        "11:10 阈值 改为 0.8 kWh",
        "未记录当时阈值的时段按现行阈值判断",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    // Not those of 09:30 to 11:00, of which 1.5 is known. The first two are judged by today's.
    assert_eq!(page.matches("<rect class=\"high\"").count(), 8);
    let csv = ask(&pages, "/room.csv?hotel=H1&room=101", &viewer(Language::En));
    let csv = String::from_utf8(csv.into_body()).expect("UTF-8");
    for row in ["10:30:00,105,1,1.5,normal", "13:30:00,111,1,0.8,"] {
        assert!(csv.contains(row), "{row} is not in {csv}");
    }
    // A stay of before.
    let earlier = "/room?hotel=H1&room=101&stay=2023-04-08+09:00:00";
    let earlier = shown(&pages, earlier, &viewer(Language::Zh));
    assert!(text(&earlier).contains("当时的阈值没有记录"), "{earlier}");
    assert!(!earlier.contains("class=\"threshold\""), "{earlier}");
}

#[test]
fn what_is_marked_is_what_was_recorded_then_of_either_rule() {
    let pages = eventful();
    let page = shown(&pages, "/room?hotel=H1&room=101", &viewer(Language::Zh));
    let said = text(&page);
    for part in [
        "09:30 报警 阈值规则，自 08:00 起连续 4 × 30 分钟，共 1.23 kWh；待发送",
        "11:00 提醒 阈值规则",
        "11:30 报警 基线规则",
        "12:30 恢复 基线规则",
        "13:00 不再跟踪 阈值规则",
        "报警、提醒和恢复是当时的实际记录",
    ] {
        // In the chart, and in the table.
        let times = if part.starts_with('报') { 1 } else { 2 };
        assert!(
            said.matches(part).count() >= times,
            "{part} is not in {said}"
        );
    }
    assert_eq!(page.matches("<g class=\"mark alert\"").count(), 3, "{page}");
    assert!(!said.contains("10:00 报警"), "{said}");
    // Each kind has a sign of its own: a ring, full and empty triangles, a tick, a cross.
    let signs = page.split("<path class=\"sign").skip(1);
    let signs = signs.filter_map(|rest| {
        let (filled, shape) = rest.split_once("\" d=\"")?;
        Some((filled, shape.split_once('m')?.1.split('"').next()?))
    });
    assert_eq!(signs.collect::<BTreeSet<_>>().len(), 5, "{page}");
}

#[test]
fn what_is_usual_is_a_band_as_far_as_it_was_recorded() {
    let pages = eventful();
    let path = "/room?hotel=H1&room=101";
    let page = shown(&pages, path, &viewer(Language::Zh));
    let band = page.split("class=\"band\" d=\"").nth(1);
    let band = band.and_then(|rest| rest.split('"').next()).expect(&page);
    // The frame of 09:30 is looked at by the interval that ends at 10:30. From 12:30 on the others
    // have more in common.
    let x = |time| 46 + at(time).since(at("10 08:00")) * 1_010 / (6 * 3_600 + 7 * 60);
    let [from, change, to] = ["10 10:00", "10 12:00", "10 14:00"].map(x);
    let areas: Vec<&str> = band.split('z').collect();
    let [first, second, ""] = areas[..] else {
        panic!("{band}");
    };
    assert!(first.starts_with(&format!("M{from} ")), "{band}");
    assert!(first.contains(&format!("H{change}V")), "{band}");
    assert!(second.contains(&format!("H{to}V")), "{band}");
    let said = text(&page);
    for part in [
        "10:00–10:30 0.40 kWh · 通常 0.06–0.16 kWh",
        "13:30–14:00 0.42 kWh · 通常 0.06–0.21 kWh",
        "自 04-10 08:00 起连续 5 个周期，满 8 个提醒；通常 0.06–0.16 kWh",
        "通常用电（本房与同店客房，基线规则）",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(said.contains("09:30–10:00 0.41 kWh 10:00"), "{said}");
    let mut rules = (*pages.rules).clone();
    rules.baseline.mode = BaselineMode::Off;
    let off = Pages {
        rules: Arc::new(rules),
        ..pages
    };
    let page = shown(&off, path, &viewer(Language::Zh));
    assert!(
        !page.contains("class=\"band\"") && !page.contains("通常"),
        "{page}"
    );
}

#[test]
fn a_stay_can_be_taken_into_a_spreadsheet() {
    let pages = pages(&[story("=H1", "-1+1", vacant("10 08:00"), &[2_300; 12])]);
    let csv = ask(
        &pages,
        "/room.csv?hotel=%3DH1&room=-1%2B1",
        &viewer(Language::En),
    );
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let csv = String::from_utf8(csv.into_body()).expect("UTF-8");
    let rows: Vec<&str> = csv.lines().collect();
    assert!(rows[0].starts_with("\u{feff}hotel_id,room_number,"));
    // With the beginning of the stay, an alert and a reminder.
    assert_eq!(rows.len(), 17, "{csv}");
    assert!(
        rows[16].starts_with("'=H1,'-1+1,vacant,2023-04-10 08:00:00,2023-04-10 14:00:00,"),
        "{csv}"
    );
}

#[test]
fn rooms_are_found_by_number_and_floor() {
    let pages = two_hotels();
    let of = |query: &str| {
        text(&shown(
            &pages,
            &format!("/hotel?hotel=H001{query}"),
            &viewer(Language::Zh),
        ))
    };
    let found = of("&q=060");
    assert!(
        found.contains("显示 9 间，共 120 间") && found.contains("0604 空房"),
        "{found}"
    );
    let found = of("&floor=8");
    assert!(
        found.contains("显示 12 间") && found.contains("0805 空房") && !found.contains("0604 空房")
    );
    assert!(of("&q=zzz").contains("没有符合的房间"));
}

#[test]
fn hotels_that_are_not_the_viewers_are_not_there() {
    let pages = two_hotels();
    let only = Viewer {
        hotels: Hotels::Only([HotelId::new("H002")].into()),
        ..viewer(Language::Zh)
    };
    let root = ask(&pages, "/", &only);
    assert_eq!(root.status(), StatusCode::SEE_OTHER);
    assert_eq!(root.headers()[LOCATION], "/hotel?hotel=H002");
    let (foreign, missing) = (
        ask(&pages, "/hotel?hotel=H001", &only),
        ask(&pages, "/hotel?hotel=H999", &only),
    );
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
    assert_eq!(foreign.body(), missing.body(), "nothing tells them apart");
    let all = text(&shown(&pages, "/", &viewer(Language::Zh)));
    assert!(
        all.contains("滨江店 2 ") && all.contains("Riverside 0 "),
        "{all}"
    );
}

#[test]
fn hotels_are_listed_as_the_last_sweep_has_counted_them() {
    let pages = two_hotels();
    let list = || text(&shown(&pages, "/", &viewer(Language::Zh)));
    let hotel = text(&shown(&pages, "/hotel?hotel=H001", &viewer(Language::Zh)));
    for part in [
        "14:05 统计的各酒店状况",
        "滨江店 2 98.0 123.5 76 43 1 1 14:00",
        // Of today nothing is known yet.
        "Riverside 0 1.1 — 1 1 0 0 14:00",
    ] {
        assert!(list().contains(part), "{part} is not in {}", list());
    }
    let same =
        "未恢复异常 2 当前功率 kW 98.0 今日用电 kWh 123.5 住客房 76 空房 43 无数据 1 维修房 1";
    assert!(hotel.contains(same), "{same} is not in {hotel}");
    // No room is looked at for the list, unless its hotel is new since.
    let guest = story("H003", "1", occupied("10 13:00", "12 12:00"), &[60, 60]);
    pages.rooms.adopt([
        state(&guest, &pages.rules),
        state(
            &Story {
                hotel: "H002",
                ..guest
            },
            &pages.rules,
        ),
    ]);
    assert!(list().contains("Riverside 0 1.1 — 1 1 0 0 "), "{}", list());
    assert!(list().contains("H003 0 0.1 — 1 0 0 0 14:00"), "{}", list());
    let mut counted = pages.rooms.counted().hotels.clone();
    counted.entry(HotelId::new("H002")).or_default().silent = 7;
    pages.rooms.set_counted(at("10 14:06"), counted);
    assert!(list().contains("Riverside 0 1.1 — 1 1 7 0 "), "{}", list());
    assert!(list().contains("14:06 统计的"), "{}", list());
}

#[test]
fn of_a_chain_the_hotels_with_something_to_do_are_listed_first() {
    let pages = two_hotels();
    let one = [(HotelId::new("H00300"), "Lakeside".to_owned())];
    let pages = Pages {
        cards: Cards {
            hotel_names: Arc::new(one.into()),
            ..pages.cards.clone()
        },
        ..pages
    };
    let stay = occupied("10 13:00", "12 12:00");
    let names: Vec<String> = (0..1_000).map(|nth| format!("H{nth:05}")).collect();
    let rooms = names.iter().map(|hotel| story(hotel, "1", stay, &[60]));
    let rooms = rooms.map(|story| state(&story, &pages.rules));
    pages.rooms.adopt(rooms.collect::<Vec<_>>());
    let list = |query: &str| shown(&pages, &format!("/{query}"), &viewer(Language::En));
    let all = list("");
    assert_eq!(all.matches("<th scope=\"row\">").count(), 200);
    assert!(all.len() < 100 * 1_024, "{} bytes", all.len());
    let said = text(&all);
    assert!(said.contains("200 of 1002 hotels shown"), "{said}");
    let places = ["H001 2 98.0 123.5 ", "H00000 ", "H00197 "].map(|part| said.find(part));
    assert!(places.is_sorted() && places[0].is_some(), "{said}");
    assert!(!said.contains("H00300") && !said.contains("Lakeside"));
    for query in ["?q=lake", "?q=h00300"] {
        let found = text(&list(query));
        assert!(
            found.contains("1 of 1002 hotels shown") && found.contains("Lakeside 0 "),
            "{found}"
        );
    }
    let none = text(&list("?q=zzz"));
    assert!(none.contains("No hotel matches."), "{none}");
    // One looks through two without searching.
    let two = shown(&two_hotels(), "/", &viewer(Language::En));
    assert!(all.contains("role=\"search\"") && !two.contains("role=\"search\""));
}

#[test]
fn where_sweeps_have_stopped_a_page_says_so() {
    let pages = two_hotels();
    let page = |pages: &Pages| text(&shown(pages, "/hotel?hotel=H001", &viewer(Language::Zh)));
    assert!(!page(&pages).contains("监测已停滞"));
    let late = Pages {
        sweep_seconds: 30,
        ..pages
    };
    assert!(
        page(&late).contains("监测已停滞：自 14:05 起"),
        "{}",
        page(&late)
    );
}

#[test]
fn where_the_database_is_away_a_page_says_so_and_tries_again() {
    let nowhere = "embedded.path=/nowhere/pages.db".parse();
    let config = Config::of_settings(&[nowhere.expect("a setting")]).expect("a configuration");
    let pages = Pages {
        archives: Archives::new(&*Database::of(&config).reader()),
        ..two_hotels()
    };
    for path in ["/map?hotel=H001", "/room?hotel=H001&room=0604"] {
        let response = ask(&pages, path, &viewer(Language::Zh));
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        let page = String::from_utf8(response.into_body()).expect("UTF-8");
        assert!(page.contains("data-seconds=\"10\""), "{page}");
        let said = text(&page);
        for part in ["暂时读不到数据", "本页会自动重试", "热力图", "客房列表"]
        {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        let link = "<a href=\"/hotel?hotel=H001\">客房列表</a>";
        assert!(page.contains(link), "{page}");
    }
    // It is there meanwhile.
    shown(&pages, "/hotel?hotel=H001", &viewer(Language::Zh));
    let missing = ask(&pages, "/map?hotel=H999", &viewer(Language::Zh));
    let missing = String::from_utf8(missing.into_body()).expect("UTF-8");
    assert!(missing.contains("<a href=\"/\">返回酒店</a>"), "{missing}");
    assert!(!missing.contains("data-seconds"), "{missing}");
}

#[test]
fn a_hotel_of_300_rooms_has_at_most_100_kb() {
    let used = [
        2_300, 2_400, 60, 1_234, 2_400, 2_399, 1_999, 2_400, 1_777, 2_380, 2_390, 2_410,
    ];
    let numbers: Vec<String> = (0..300)
        .map(|n| format!("{:02}{:02}", 1 + n / 15, 1 + n % 15))
        .collect();
    let stories: Vec<Story<'_>> = numbers
        .iter()
        .map(|number| story("H12345", number, vacant("09 08:00"), &used))
        .collect();
    let page = shown(
        &pages(&stories),
        "/hotel?hotel=H12345",
        &viewer(Language::Zh),
    );
    assert!(page.len() <= 100 * 1_024, "{} bytes", page.len());
}

/// Names that break out of texts, attributes and addresses, where these are not escaped.
pub const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "\"onload=\"alert(1)",
    "'onload='x",
    "..",
    "\u{202e}1080\u{2066}",
    "🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏",
    "a/b",
    "#1",
    "50%",
    "a&room=b;\u{2028}x",
];

#[test]
fn hostile_names_stay_texts() {
    for name in HOSTILE {
        let stories = [
            story(name, name, vacant("10 08:00"), &[2_300; 12]),
            story(name, "102", occupied("10 08:00", "11 08:00"), &[300; 12]),
            story("H2", name, vacant("10 08:00"), &[60; 12]),
        ];
        let pages = pages(&stories);
        for language in [Language::Zh, Language::En] {
            let viewer = Viewer {
                name: name.to_owned(),
                form_token: Some("token".to_owned()),
                ..viewer(language)
            };
            let root = shown(&pages, "/", &viewer);
            let links: Vec<&str> = root.split("href=\"").skip(1).collect();
            let link = links
                .iter()
                .find(|link| link.starts_with("/hotel?") && !link.contains("=H2"));
            let link = link
                .and_then(|link| link.split('"').next())
                .expect("a link");
            let link = link.replace("&#38;", "&");
            let hotel = shown(&pages, &link, &viewer);
            let asked = shown(
                &pages,
                &format!("{link}&q={}", link.split('=').next_back().expect("a name")),
                &viewer,
            );
            let room = hotel
                .split("href=\"/room?")
                .nth(1)
                .and_then(|link| link.split('"').next());
            let room = format!("/room?{}", room.expect("a link").replace("&#38;", "&"));
            let room = shown(&pages, &room, &viewer);
            let map = shown(&pages, &link.replace("/hotel", "/map"), &viewer);
            let what_if = link.replace("/hotel", "/whatif") + "&days=7&checkout=9";
            let what_if = shown(&pages, &what_if, &viewer);
            for page in [&root, &hotel, &asked, &room, &map, &what_if] {
                let said = text(page);
                for part in ["\u{202e}", "\u{2066}", "\u{2028}"] {
                    assert!(!said.contains(part), "{part:?} of {name} is in {said}");
                }
                for part in ["<script>a", "\"onload", "'onload"] {
                    assert!(!page.contains(part), "{part} of {name} is in {page}");
                }
                // No attribute, style or script is within the page.
                assert!(!page.contains(" style=") && !page.contains("<style"));
                let scripts = usize::from(page != &what_if);
                assert_eq!(page.matches("<script").count(), scripts);
            }
        }
    }
}

#[test]
fn how_a_room_is_now_is_no_part_of_a_stay_that_is_over() {
    let pages = two_hotels();
    let present = shown(&pages, "/room?hotel=H001&room=0604", &viewer(Language::Zh));
    for part in ["class=\"power\"", "class=\"tag a\""] {
        assert!(present.contains(part), "{part} is not in {present}");
    }
    let path = "/room?hotel=H001&room=0604&stay=2023-04-08+09:00:00";
    let past = shown(&pages, path, &viewer(Language::Zh));
    assert!(past.contains("2023-04-08 09:00:00 退房"), "{past}");
    for part in ["class=\"power\"", "class=\"tag a\""] {
        assert!(!past.contains(part), "{part} is in {past}");
    }
}
