//! Each page as people see it, in both languages, at both widths, in both schemes, and on paper.

use std::fs;
use std::path::PathBuf;

use headless_chrome::{Browser, Tab};

use crate::chromium::{Look, barriers, browser, open, tab, value};
use crate::hotel::{eventful, two_hotels};
use crate::house::House;
use crate::people::log_in;

/// Pages by name: those that everybody sees who is in.
const PAGES: [(&str, &str); 8] = [
    ("hotels", "/"),
    ("hotel", "/hotel?hotel=H001"),
    ("map", "/map?hotel=H001"),
    ("room", "/room?hotel=H001&room=0604"),
    // The last hour of its chart is at the edge.
    ("long", "/room?hotel=H001&room=1003&to=2023-04-10+12:00:00"),
    ("silent", "/room?hotel=H001&room=0711"),
    ("whatif", "/whatif?hotel=H001"),
    ("missing", "/hotel?hotel=H999"),
];

/// The texts of drawings that are cut off at an edge of theirs.
const TEXTS_BEYOND: &str = "[...document.querySelectorAll('svg text')].filter(it => {
        const [text, all] = [it, it.ownerSVGElement].map(it => it.getBoundingClientRect());
        return text.left < all.left || text.right > all.right
            || text.top < all.top || text.bottom > all.bottom;
    }).map(it => it.textContent).join(', ')";

/// A file of this test run.
pub fn file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).expect("a folder");
    folder.join(name)
}

/// Opens a page at both widths and in both schemes, keeps what it looks like, and fails where
/// something is in anybody's way.
fn look_at(tab: &Tab, url: &str, name: &str, language: &str) {
    for (width, scheme, is_searched) in [
        // Each width and each scheme once: the search for barriers takes long.
        (360, "light", true),
        (360, "dark", false),
        (1_280, "light", false),
        (1_280, "dark", true),
    ] {
        // Anew: a page that is looked at for a minute reloads by itself.
        open(tab, url);
        let look = Look::at(width, scheme);
        let png = look.picture(tab, 2_400);
        fs::write(
            file(&format!("{name}-{language}-{width}-{scheme}.png")),
            png,
        )
        .expect("a file");
        assert_eq!(value(tab, TEXTS_BEYOND), "", "{name}, {language}, {width}");
        if is_searched {
            assert_eq!(barriers(tab), "[]", "{name}, {language}, {width}, {scheme}");
        }
    }
}

/// Keeps what a page is on paper: black on white, without navigation, and nothing cut off.
fn print(tab: &Tab, name: &str, language: &str) {
    // A4 less its margins. A reader in the dark prints black on white, too.
    let look = Look {
        medium: "print",
        ..Look::at(718, "dark")
    };
    let png = look.picture(tab, 1_600);
    fs::write(file(&format!("{name}-{language}-print.png")), png).expect("a file");
    let style = |what: &str, property: &str| {
        let of = format!("getComputedStyle(document.querySelector('{what}')).{property}");
        value(tab, &of).as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(style("header", "display"), "none", "{name}");
    assert_eq!(style("body", "color"), "rgb(0, 0, 0)", "{name}");
    assert_eq!(
        style("body", "backgroundColor"),
        "rgb(255, 255, 255)",
        "{name}"
    );
    // What a screen scrolls to is cut off on paper, and so is what is beyond an edge.
    let cut = "[...document.querySelectorAll('main *')].filter(it => {
            const at = it.getBoundingClientRect();
            const scrolls = it.clientWidth > 0 && it.scrollWidth > it.clientWidth + 1
                && getComputedStyle(it).overflowX !== 'visible';
            return scrolls || at.left < -1 || at.right > innerWidth + 1;
        }).map(it => it.outerHTML.slice(0, 100)).join('\\n')";
    assert_eq!(value(tab, cut), "", "{name} is cut off");
    let pdf = tab.print_to_pdf(None).expect("a PDF");
    fs::write(file(&format!("{name}-{language}.pdf")), pdf).expect("a file");
}

fn show(language: &str) {
    let browser = browser();
    let house = House::of(two_hotels());
    let (first, _) = tab(&browser, &house.origin, language);
    look_at(&first, &house.url("/login"), "login", language);
    show_pages(&browser, &house, language, &PAGES);
    // Much was recorded of its only room, and its rules have changed.
    let house = House::of(eventful());
    let events = [("events", "/room?hotel=H1&room=101")];
    show_pages(&browser, &house, language, &events);
    let standby = House::standing_by();
    look_at(&first, &standby.url("/"), "standby", language);
}

fn show_pages(browser: &Browser, house: &House, language: &str, pages: &[(&str, &str)]) {
    let (tab, complaints) = tab(browser, &house.origin, language);
    log_in(&tab, house);
    for &(name, path) in pages {
        look_at(&tab, &house.url(path), name, language);
        print(&tab, name, language);
        let mut complaints = complaints.lock();
        if name == "missing" {
            // A browser notes that it was not found.
            complaints.retain(|complaint| !complaint.contains("404"));
        }
        assert!(complaints.is_empty(), "{path}: {complaints:#?}");
    }
}

#[test]
fn every_page_can_be_used_in_chinese() {
    show("zh");
}

#[test]
fn every_page_can_be_used_in_english() {
    show("en");
}
