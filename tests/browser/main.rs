//! The pages in a real Chromium. It keeps what they look like as PNGs, in `target/tmp/pages`.

mod chromium;
#[path = "../page/hotel.rs"]
mod hotel;
mod pictures;
mod server;

use std::fs;
use std::path::{Path, PathBuf};

use chromium::{Look, barriers, browser, open, tab};
use headless_chrome::Browser;
use hotel::{eventful, two_hotels};
use server::serve;

#[test]
fn a_browser_shows_every_page_in_chinese() {
    show("zh");
}

#[test]
fn a_browser_shows_every_page_in_english() {
    show("en");
}

fn show(language: &str) {
    let origin = format!("http://{}", serve(two_hotels()));
    let eventful = format!("http://{}", serve(eventful()));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).expect("a folder");
    let browser = browser();
    look(
        &browser,
        &folder,
        &eventful,
        language,
        &[("events", "/room?hotel=H1&room=101")],
    );
    let pages = [
        ("hotels", "/"),
        ("hotel", "/hotel?hotel=H001"),
        ("map", "/map?hotel=H001"),
        ("room", "/room?hotel=H001&room=0604"),
        ("long", "/room?hotel=H001&room=1003"),
        ("silent", "/room?hotel=H001&room=0711"),
        ("missing", "/hotel?hotel=H999"),
    ];
    look(&browser, &folder, &origin, language, &pages);
}

/// Looks at pages of a server, by their names and paths.
fn look(browser: &Browser, folder: &Path, origin: &str, language: &str, pages: &[(&str, &str)]) {
    let (tab, complaints) = tab(browser, origin, language);
    for (name, path) in pages {
        open(&tab, &format!("{origin}{path}"));
        for (width, scheme, checks) in [
            // Each layout and each scheme once: the search for barriers takes long.
            (360, "light", true),
            (360, "dark", false),
            (1_280, "light", false),
            (1_280, "dark", true),
        ] {
            let file = folder.join(format!("{name}-{language}-{width}-{scheme}.png"));
            let look = Look::at(width, scheme);
            fs::write(file, look.picture(&tab, 2_400)).expect("a file");
            if checks {
                assert_eq!(barriers(&tab), "[]", "{path}, {width}, {scheme}");
            }
        }
        let mut complaints = complaints.lock();
        if *name == "missing" {
            // A browser notes that it was not found.
            complaints.retain(|complaint| !complaint.contains("404"));
        }
        assert!(complaints.is_empty(), "{path}: {complaints:#?}");
    }
}
