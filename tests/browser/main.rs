//! The pages in a real Chromium. It keeps what they look like as PNGs, in `target/tmp/pages`.

#[path = "../page/hotel.rs"]
mod hotel;
mod server;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Page};
use headless_chrome::{Browser, LaunchOptions, Tab};
use parking_lot::Mutex;

use hotel::two_hotels;
use server::serve;

/// The longest wait for a page.
const LIMIT: Duration = Duration::from_secs(60);

/// A browser without a window. The sandbox needs an ordinary user.
fn browser() -> Browser {
    let options = LaunchOptions {
        sandbox: !rustix::process::geteuid().is_root(),
        path: Some(PathBuf::from("/usr/bin/chromium")),
        idle_browser_timeout: LIMIT,
        args: vec!["--hide-scrollbars".as_ref()],
        ..LaunchOptions::default()
    };
    Browser::new(options).expect("chromium starts")
}

/// A tab, and what it complains of: the console, and requests to elsewhere.
fn tab(browser: &Browser, origin: &str, language: &str) -> (Arc<Tab>, Arc<Mutex<Vec<String>>>) {
    let tab = browser.new_tab().expect("a tab");
    tab.set_default_timeout(LIMIT);
    let complaints = Arc::new(Mutex::new(Vec::new()));
    let (heard, own) = (Arc::clone(&complaints), origin.to_owned());
    tab.add_event_listener(Arc::new(move |event: &Event| match event {
        Event::LogEntryAdded(entry) => heard.lock().push(format!("{:?}", entry.params.entry)),
        Event::RuntimeConsoleAPICalled(call) => heard.lock().push(format!("{:?}", call.params)),
        Event::RuntimeExceptionThrown(thrown) => heard.lock().push(format!("{:?}", thrown.params)),
        Event::NetworkRequestWillBeSent(sent) => {
            let url = &sent.params.request.url;
            if !url.starts_with(&own) && !url.starts_with("data:,") {
                heard.lock().push(format!("a request leaves: {url}"));
            }
        }
        _ => {}
    }))
    .expect("a listener");
    tab.enable_log().expect("the log");
    tab.enable_runtime().expect("the console");
    tab.set_extra_http_headers(HashMap::from([("Accept-Language", language)]))
        .expect("headers");
    (tab, complaints)
}

/// What it looks like at this width, as a PNG.
fn picture(tab: &Tab, width: u32, scheme: &str) -> Vec<u8> {
    tab.call_method(Emulation::SetEmulatedMedia {
        media: None,
        features: Some(vec![Emulation::MediaFeature {
            name: "prefers-color-scheme".to_owned(),
            value: scheme.to_owned(),
        }]),
    })
    .expect("a scheme");
    let metrics = |height| Emulation::SetDeviceMetricsOverride {
        width,
        height,
        device_scale_factor: 1.0,
        mobile: width < 600,
        scale: None,
        screen_width: None,
        screen_height: None,
        position_x: None,
        position_y: None,
        dont_set_visible_size: None,
        screen_orientation: None,
        viewport: None,
        display_feature: None,
        device_posture: None,
    };
    tab.call_method(metrics(800)).expect("a width");
    let number = |expression: &str| {
        let value = tab.evaluate(expression, false).expect(expression).value;
        value.and_then(|value| value.as_u64()).expect("a number")
    };
    let wide = number("document.documentElement.scrollWidth");
    assert!(
        wide <= width.into(),
        "the page is {wide} wide, and the window {width}"
    );
    let height = number("document.documentElement.scrollHeight").min(2_400);
    tab.call_method(metrics(height as u32)).expect("a height");
    tab.capture_screenshot(Page::CaptureScreenshotFormatOption::Png, None, None, true)
        .expect("a picture")
}

/// What is wrong for people who see or hear little, or have no mouse, by axe-core.
fn barriers(tab: &Tab) -> String {
    let axe = std::env::var("ROOMWATT_TEST_AXE").expect("the servers are up: scripts/services env");
    let axe = fs::read_to_string(axe).expect("axe-core");
    tab.evaluate(&axe, false).expect("axe-core");
    // By a session of the debugger, which the page's policy does not bind.
    let run = "axe.run().then(found => JSON.stringify(found.violations.map(it => \
               [it.impact, it.id, it.nodes[0].html, it.nodes[0].failureSummary])))";
    let found = tab.evaluate(run, true).expect("it runs").value;
    found
        .and_then(|found| Some(found.as_str()?.to_owned()))
        .expect("a list")
}

#[test]
fn a_browser_shows_every_page_in_chinese() {
    show("zh");
}

#[test]
fn a_browser_shows_every_page_in_english() {
    show("en");
}

fn show(language: &str) {
    let address = serve(two_hotels());
    let origin = format!("http://{address}");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).expect("a folder");
    let browser = browser();
    let (tab, complaints) = tab(&browser, &origin, language);
    for (name, path) in [
        ("hotels", "/"),
        ("hotel", "/hotel?hotel=H001"),
        ("map", "/map?hotel=H001"),
        ("room", "/room?hotel=H001&room=0604"),
        ("long", "/room?hotel=H001&room=1003"),
        ("silent", "/room?hotel=H001&room=0711"),
        ("missing", "/hotel?hotel=H999"),
    ] {
        tab.navigate_to(&format!("{origin}{path}")).expect(path);
        tab.wait_until_navigated().expect(path);
        tab.wait_for_element("h1").expect("a heading");
        for (width, scheme, checks) in [
            // Each layout and each scheme once: the search for barriers takes long.
            (360, "light", true),
            (360, "dark", false),
            (1_280, "light", false),
            (1_280, "dark", true),
        ] {
            let file = folder.join(format!("{name}-{language}-{width}-{scheme}.png"));
            fs::write(file, picture(&tab, width, scheme)).expect("a file");
            if checks {
                assert_eq!(barriers(&tab), "[]", "{path}, {width}, {scheme}");
            }
        }
        let mut complaints = complaints.lock();
        if name == "missing" {
            // A browser notes that it was not found.
            complaints.retain(|complaint| !complaint.contains("404"));
        }
        assert!(complaints.is_empty(), "{path}: {complaints:#?}");
    }
}
