//! A hotel's last day as a heat map.

use http::StatusCode;
use roomwatt::config::{Hotels, Language};
use roomwatt::engine::Stay;
use roomwatt::page::Viewer;
use roomwatt::types::HotelId;

use crate::hotel::{Story, at, occupied, pages, story, vacant};
use crate::rendered::{ask, shown, text, viewer};

#[test]
fn the_map_tells_guests_from_empty_rooms_by_more_than_colour() {
    let used = [2_400; 12];
    let stories = [
        story("H1", "0101", occupied("10 08:00", "11 08:00"), &used),
        story("H1", "0201", vacant("10 08:00"), &used),
        story("H1", "0202", vacant("10 13:00"), &[60; 4]),
    ];
    let pages = pages(&stories);
    let page = shown(&pages, "/map?hotel=H1", &viewer(Language::Zh));
    // From 14:30 of yesterday on; 08:00 is the 35th cell, and the last one has not ended.
    let row = |room: &str| {
        let row = page
            .split("<tr")
            .find(|row| row.contains(&format!("room={room}")));
        row.unwrap_or_else(|| panic!("{room} is not in {page}"))
            .to_owned()
    };
    let (guest, empty, quiet) = (row("0101"), row("0201"), row("0202"));
    let cells = r#"d="M35 4h12"/>"#;
    assert!(
        guest.contains(&format!("<path class=o5 {cells}")),
        "{guest}"
    );
    assert!(
        guest.contains(r#"<path class=in d="M35 10h13"/>"#),
        "{guest}"
    );
    assert!(
        empty.contains(&format!("<path class=v5 {cells}")),
        "{empty}"
    );
    // Nobody knows who was in before.
    for row in [&guest, &empty] {
        assert!(row.contains(r#"<path class=un d="M0 10h35"/>"#), "{row}");
    }
    assert!(!empty.contains("class=in"), "{empty}");
    // What has not been read is no zero, and what is under way is neither.
    assert!(quiet.contains(r#"<path class=g d="M0 4h43"/>"#), "{quiet}");
    assert!(quiet.contains(r#"<path class=p d="M47 4h1"/>"#), "{quiet}");
    let said = text(&page);
    assert!(said.contains("28.8 4.8 13:30 0202"), "{said}");
    let only = Viewer {
        hotels: Hotels::Only([HotelId::new("H2")].into()),
        ..viewer(Language::Zh)
    };
    let response = ask(&pages, "/map?hotel=H1", &only);
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[test]
fn what_the_map_shows_is_said_too() {
    let said_checkin = Stay::Vacant {
        actual_checkin: Some(at("09 20:00")),
        actual_checkout: at("10 08:00"),
    };
    let used = [2_400; 12];
    let silent = |hours_silent, room| Story {
        hours_silent,
        ..story("H1", room, said_checkin, &used)
    };
    let of = pages;
    let pages = of(&[silent(1, "0101"), silent(2, "0102"), silent(0, "0103")]);
    let page = shown(&pages, "/map?hotel=H1", &viewer(Language::En));
    let said = |room: &str| {
        let row = page.split("<tr").find(|row| row.contains(room));
        let title = row.and_then(|row| row.split_once("<title>"));
        let title = title.and_then(|(_, rest)| rest.split_once("</title>"));
        title.expect(&page).0.to_owned()
    };
    // Of 07:00 to 13:00: what comes after may still be read. Of 06:00 to 12:00: it is silent.
    let guest = "Occupied yesterday 20:00 to today 08:00; Occupancy unknown yesterday 14:30–20:00";
    for (room, expected) in [
        (
            "0101",
            "no readings yesterday 14:30 to today 07:00; not read yet 13:00–14:30",
        ),
        (
            "0102",
            "no readings yesterday 14:30 to today 06:00, 12:00–14:00; not read yet 14:00–14:30",
        ),
        (
            "0103",
            "no readings yesterday 14:30 to today 08:00; not read yet 14:00–14:30",
        ),
    ] {
        assert_eq!(said(room), format!("{guest}; {expected}"), "{room}");
    }
    let legend = text(&page);
    for part in [
        "Vacant Occupied Occupancy unknown",
        "no readings not read yet",
    ] {
        assert!(legend.contains(part), "{part} is not in {legend}");
    }
    // What there is none of is not explained.
    let known = of(&[story("H1", "0101", vacant("08 08:00"), &[60; 96])]);
    let page = text(&shown(&known, "/map?hotel=H1", &viewer(Language::En)));
    assert!(!page.contains("unknown"), "{page}");
}
