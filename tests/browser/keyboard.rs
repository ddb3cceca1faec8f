//! Whoever has no mouse comes to everything.

use crate::chromium::{Look, browser, number, open, tab, value};
use crate::hotel::two_hotels;
use crate::house::House;
use crate::people::log_in;

/// Numbers everything that can be acted on and is shown.
const NUMBERED: &str = "[...document.querySelectorAll('a[href], button, input, select, summary')]
    .filter(it => it.type !== 'hidden' && it.checkVisibility())
    .map((it, nth) => it.dataset.nth = nth).length";

#[test]
fn everything_is_reached_with_tab() {
    let house = House::of(two_hotels());
    let browser = browser();
    let (tab, _) = tab(&browser, &house.origin, "zh");
    log_in(&tab, &house);
    for path in [
        "/",
        "/hotel?hotel=H001&q=06",
        "/map?hotel=H002",
        "/room?hotel=H001&room=1003",
        "/whatif?hotel=H001&days=7",
    ] {
        for width in [360, 1_280] {
            Look::at(width, "light").apply(&tab);
            open(&tab, &house.url(path));
            let all = number(&tab, NUMBERED);
            let mut reached = Vec::new();
            // Besides these, tables and charts that scroll have the focus, too.
            for _ in 0..all + 10 {
                tab.press_key("Tab").expect("a key");
                let at = value(&tab, "document.activeElement.dataset.nth ?? ''");
                let at: Option<u64> = at.as_str().expect("a text").parse().ok();
                let Some(at) = at else {
                    continue;
                };
                if reached.contains(&at) {
                    break;
                }
                // Somebody has to see where the focus is.
                let width = "getComputedStyle(document.activeElement).outlineWidth";
                assert_eq!(value(&tab, width).as_str(), Some("2px"), "{path}, {at}");
                reached.push(at);
            }
            // In the order in which they are read.
            let expected: Vec<u64> = (0..all).collect();
            assert_eq!(reached, expected, "{path} at {width}");
        }
    }
    // The first one leads past the navigation.
    open(&tab, &house.url("/hotel?hotel=H001"));
    tab.press_key("Tab").expect("a key");
    tab.press_key("Enter").expect("a key");
    assert_eq!(value(&tab, "location.hash").as_str(), Some("#main"));
    assert_eq!(
        value(&tab, "document.activeElement.id").as_str(),
        Some("main")
    );
}
