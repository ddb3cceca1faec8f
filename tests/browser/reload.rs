//! Pages are loaded again, but not from under somebody who types.

use std::sync::Arc;

use headless_chrome::Tab;
use headless_chrome::protocol::cdp::{Network, Page};
use roomwatt::clock::Clock;
use roomwatt::page::Pages;
use roomwatt::types::LocalTime;

use crate::chromium::{browser, number, open, tab, value, wait};
use crate::hotel::{now, two_hotels};
use crate::house::House;
use crate::people::log_in;

/// A clock on which a day passes in some seconds, as in a demonstration.
struct Fast;

impl Clock for Fast {
    fn now(&self) -> LocalTime {
        now()
    }

    fn speed(&self) -> f64 {
        20_000.0
    }
}

/// Whether the page that has this mark is still there after a round of the event loop.
fn is_marked(tab: &Tab) -> bool {
    // A page that is on its way out answers no more, or the next one does.
    let found = tab.evaluate(
        "new Promise(go => setTimeout(() => go(window.marked), 300))",
        true,
    );
    matches!(found, Ok(found) if found.value == Some(true.into()))
}

#[test]
fn a_page_reloads_by_itself() {
    let pages = Pages {
        clock: Arc::new(Fast),
        ..two_hotels()
    };
    let house = House::of(pages);
    let browser = browser();
    let (tab, _) = tab(&browser, &house.origin, "zh");
    log_in(&tab, &house);
    for path in [
        "/",
        "/hotel?hotel=H001",
        "/map?hotel=H001",
        "/room?hotel=H001&room=0604",
    ] {
        open(&tab, &house.url(path));
        value(&tab, "window.marked = true");
        wait(
            &tab,
            "window.marked === undefined && document.readyState === 'complete'",
        );
        assert_eq!(tab.get_url(), house.url(path));
    }
}

/// Has the page's own timer at hand, and nothing else run it.
fn take_timers(tab: &Tab) {
    let by_hand = "window.timers = []; \
                   window.setInterval = (act, pause) => timers.push({act, pause});";
    tab.call_method(Page::AddScriptToEvaluateOnNewDocument {
        source: by_hand.to_owned(),
        world_name: None,
        include_command_line_api: None,
        run_immediately: None,
    })
    .expect("a script");
}

#[test]
fn a_page_stays_while_the_service_is_away_and_says_so() {
    let house = House::of(two_hotels());
    let browser = browser();
    let (tab, _) = tab(&browser, &house.origin, "en");
    log_in(&tab, &house);
    take_timers(&tab);
    open(&tab, &house.url("/hotel?hotel=H001"));
    wait(&tab, "document.readyState === 'complete'");
    let away = "!document.getElementById('away').hidden";
    assert_eq!(value(&tab, away), false);
    value(&tab, "window.marked = true");
    let is_reachable = |is: bool| {
        tab.call_method(Network::EmulateNetworkConditions {
            offline: !is,
            latency: 0.0,
            download_throughput: -1.0,
            upload_throughput: -1.0,
            connection_Type: None,
            packet_loss: None,
            packet_queue_length: None,
            packet_reordering: None,
        })
        .expect("a network");
    };
    is_reachable(false);
    value(&tab, "timers[0].act()");
    wait(&tab, away);
    let said = value(&tab, "document.getElementById('away').innerText");
    let said = said.as_str().expect("a text");
    assert!(
        said.contains("does not answer") && said.contains("as of 14:07"),
        "{said}"
    );
    // What was there last stays.
    assert_eq!(value(&tab, "window.marked"), true);
    is_reachable(true);
    value(&tab, "timers[0].act()");
    wait(
        &tab,
        "window.marked === undefined && document.readyState === 'complete'",
    );
    assert_eq!(value(&tab, away), false);
}

#[test]
fn no_page_reloads_while_somebody_types() {
    let house = House::of(two_hotels());
    let browser = browser();
    let (tab, complaints) = tab(&browser, &house.origin, "zh");
    log_in(&tab, &house);
    take_timers(&tab);
    open(&tab, &house.url("/hotel?hotel=H001"));
    wait(&tab, "document.readyState === 'complete'");
    assert_eq!(number(&tab, "timers.length"), 1);
    assert_eq!(number(&tab, "timers[0].pause"), 60_000);
    value(&tab, "window.marked = true");
    let a_minute_passes = || drop(tab.evaluate("timers[0].act()", false));

    let field = tab.wait_for_element("input[name=q]").expect("a field");
    field.click().expect("a click");
    a_minute_passes();
    assert!(is_marked(&tab), "it is reloaded while a form has the focus");
    field.type_into("06").expect("typed");
    value(&tab, "document.activeElement.blur()");
    a_minute_passes();
    assert!(is_marked(&tab), "it is reloaded with something typed");
    value(&tab, "document.querySelector('input[name=q]').value = ''");
    a_minute_passes();
    wait(
        &tab,
        "window.marked === undefined && document.readyState === 'complete'",
    );
    // Nothing reloads where there is nothing new to see.
    open(&tab, &house.url("/hotel?hotel=H999"));
    assert_eq!(number(&tab, "timers.length"), 0);
    let mut complaints = complaints.lock();
    complaints.retain(|complaint| !complaint.contains("404"));
    assert!(complaints.is_empty(), "{complaints:#?}");
}
