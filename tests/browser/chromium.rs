//! A real Chromium without a window: what it shows, and what it complains of.
#![allow(clippy::disallowed_methods)] // no part of the service

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headless_chrome::protocol::cdp::types::Event;
use headless_chrome::protocol::cdp::{Emulation, Page};
use headless_chrome::{Browser, LaunchOptions, Tab};
use parking_lot::Mutex;

/// The longest wait for a page.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A browser without a window. The sandbox needs an ordinary user.
pub fn browser() -> Browser {
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
pub fn tab(browser: &Browser, origin: &str, language: &str) -> (Arc<Tab>, Arc<Mutex<Vec<String>>>) {
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

/// How somebody looks at a page.
#[derive(Clone, Copy)]
pub struct Look {
    pub width: u32,
    pub scheme: &'static str,
    /// `screen` or `print`.
    pub medium: &'static str,
    /// Pixels of the picture for one of the page.
    pub scale: f64,
}

impl Look {
    pub fn at(width: u32, scheme: &'static str) -> Look {
        Look {
            width,
            scheme,
            medium: "screen",
            scale: 1.0,
        }
    }

    /// Shows the page so.
    pub fn apply(&self, tab: &Tab) {
        self.with_height(tab, 800);
    }

    fn with_height(&self, tab: &Tab, height: u32) {
        tab.call_method(Emulation::SetEmulatedMedia {
            media: Some(self.medium.to_owned()),
            features: Some(vec![Emulation::MediaFeature {
                name: "prefers-color-scheme".to_owned(),
                value: self.scheme.to_owned(),
            }]),
        })
        .expect("a scheme");
        tab.call_method(Emulation::SetDeviceMetricsOverride {
            width: self.width,
            height,
            device_scale_factor: self.scale,
            mobile: self.width < 600,
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
        })
        .expect("a width");
    }

    /// The page as a PNG, at most so high.
    pub fn picture(&self, tab: &Tab, most: u32) -> Vec<u8> {
        self.apply(tab);
        let wide = number(tab, "document.documentElement.scrollWidth");
        if wide > self.width.into() {
            // A telephone shows a wider page smaller, and its window is wider then.
            let wider = format!(
                "[...document.querySelectorAll('body *')].filter(it => \
                 it.getBoundingClientRect().right > {} + 1).slice(0, 5) \
                 .map(it => it.outerHTML.slice(0, 200)).join('\\n')",
                self.width
            );
            panic!(
                "{} is {wide} wide, and the window {}: {}",
                tab.get_url(),
                self.width,
                value(tab, &wider)
            );
        }
        let height = number(tab, "document.documentElement.scrollHeight").min(most.into());
        self.with_height(tab, height as u32);
        tab.capture_screenshot(Page::CaptureScreenshotFormatOption::Png, None, None, true)
            .expect("a picture")
    }
}

/// What an expression gives.
pub fn value(tab: &Tab, expression: &str) -> serde_json::Value {
    let found = tab.evaluate(expression, true).expect(expression);
    found.value.unwrap_or_default()
}

pub fn number(tab: &Tab, expression: &str) -> u64 {
    value(tab, expression).as_u64().expect("a number")
}

/// Waits until an expression holds on the page, which may be another one by then.
pub fn wait(tab: &Tab, expression: &str) {
    let deadline = Instant::now() + LIMIT;
    loop {
        // It fails while a page gives way to the next one.
        let found = tab.evaluate(expression, false).map(|found| found.value);
        if matches!(found, Ok(Some(serde_json::Value::Bool(true)))) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "waited {LIMIT:?} for {expression} at {}; last seen: {found:?}",
            tab.get_url()
        );
        std::thread::sleep(Duration::from_millis(20)); // between two polls
    }
}

/// Opens a page. (The crate's own wait takes until half a second has passed without a request.)
pub fn open(tab: &Tab, url: &str) {
    value(tab, "window.is_left = true");
    tab.navigate_to(url).expect(url);
    wait(
        tab,
        "window.is_left === undefined && document.readyState === 'complete' \
         && document.querySelector('h1') !== null",
    );
}

/// What is wrong for people who see or hear little, or have no mouse, by axe-core.
pub fn barriers(tab: &Tab) -> String {
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
