//! Names that strangers wrote, through every page.

use crate::chromium::{Look, browser, number, open, tab, value, wait};
use crate::hotel::{occupied, pages, story, vacant};
use crate::house::House;
use crate::people::log_in;

/// No longer than the columns that have them.
const HOSTILE: [&str; 13] = [
    "<script>x()</script>",
    "\"onload=\"alert(1)",
    "'><img src=x>",
    "</title><h1>",
    "{{7*7}}",
    "..",
    "../../login",
    "a/b",
    "#1",
    "50%",
    "a&room=b+c",
    "\u{202e}1001\u{2066}",
    "🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏🛏",
];

#[test]
fn hostile_names_change_no_page() {
    let used = [60, 60, 60, 2_300, 2_400, 2_400, 2_350, 2_400, 2_400, 2_380];
    let stories: Vec<_> = HOSTILE
        .iter()
        .flat_map(|name| {
            let vacant = story(name, name, vacant("10 08:00"), &used);
            let occupied = occupied("09 15:00", "12 12:00");
            [vacant, story(name, "WWWWWWWWWWWWWWWWWWWW", occupied, &used)]
        })
        .collect();
    let house = House::of(pages(&stories));
    let browser = browser();
    let (tab, complaints) = tab(&browser, &house.origin, "zh");
    log_in(&tab, &house);
    let look = |what: &str| {
        // It fails where the page is wider than the window.
        Look::at(360, "light").picture(&tab, 800);
        let added = number(
            &tab,
            "document.querySelectorAll('img, h1 ~ h1, main script').length",
        );
        assert_eq!(added, 0, "{what}");
        let complaints = complaints.lock();
        assert!(complaints.is_empty(), "{what}: {complaints:#?}");
    };
    open(&tab, &house.url("/"));
    look("the hotels");
    let rows = number(&tab, "document.querySelectorAll('tbody th a').length");
    assert_eq!(rows, HOSTILE.len() as u64);
    for name in HOSTILE {
        // What somebody sees of it: nothing that turns the line.
        let shown = name.replace(['\u{202e}', '\u{2066}'], "\u{fffd}");
        let named = serde_json::to_string(&shown).expect("a text");
        let link = |what: &str| {
            let clicked = format!(
                "(() => {{ const link = [...document.querySelectorAll('{what}')]
                     .find(link => link.innerText.trim() === {named}); link?.click();
                     return Boolean(link); }})()"
            );
            let found = value(&tab, &clicked);
            assert_eq!(found.as_bool(), Some(true), "{name} at {}", tab.get_url());
        };
        open(&tab, &house.url("/"));
        link("tbody th a");
        wait(&tab, "location.pathname === '/hotel'");
        wait(&tab, "document.readyState === 'complete'");
        let heading = value(&tab, "document.querySelector('h1').innerText");
        assert_eq!(heading.as_str(), Some(&*shown));
        look(name);
        let map = value(&tab, "document.querySelectorAll('header nav a')[2].href");
        let what_if = value(&tab, "document.querySelectorAll('header nav a')[3].href");
        link("tbody th a");
        wait(&tab, "location.pathname === '/room'");
        wait(&tab, "document.readyState === 'complete'");
        let heading = value(&tab, "document.querySelector('h1').innerText");
        let heading = heading.as_str().expect("a heading").to_owned();
        assert!(
            heading.ends_with(&shown) && heading.starts_with(&shown),
            "{heading}"
        );
        look(name);
        let forms = number(&tab, "document.querySelectorAll('.chart svg').length");
        assert_eq!(forms, 1, "{name}");
        // Its TOML has the hotel's name, too.
        let what_if = what_if.as_str().expect("a link").to_owned();
        open(&tab, &(what_if + "&days=7&checkout=9"));
        look(name);
        open(&tab, map.as_str().expect("a link"));
        link("tbody th a");
        wait(&tab, "location.pathname === '/room'");
        open(&tab, map.as_str().expect("a link"));
        look(name);
        // The form of the language leads back to the same page.
        let next = value(&tab, "document.querySelector('[name=next]').value");
        let here = value(&tab, "location.pathname + location.search");
        assert_eq!(next, here);
    }
}
