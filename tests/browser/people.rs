//! Logging in and out and another language, by typing and clicking.

use headless_chrome::Tab;

use crate::chromium::{Look, browser, open, tab, value, wait};
use crate::hotel::two_hotels;
use crate::house::{House, NAME, PASSWORD};
use crate::looks::file;

fn type_into(tab: &Tab, field: &str, text: &str) {
    let field = tab.wait_for_element(field).expect(field);
    field
        .click()
        .expect("a click")
        .type_into(text)
        .expect("typed");
}

fn click(tab: &Tab, what: &str) {
    tab.wait_for_element(what).expect(what).click().expect(what);
}

/// Logs in, wherever that leads.
pub fn log_in(tab: &Tab, house: &House) {
    open(tab, &house.url("/login"));
    type_into(tab, "#name", NAME);
    type_into(tab, "#password", PASSWORD);
    click(tab, "main button");
    wait(tab, "location.pathname !== '/login'");
    wait(tab, "document.readyState === 'complete'");
}

#[test]
fn somebody_logs_in_changes_the_language_and_logs_out() {
    let house = House::of(two_hotels());
    let browser = browser();
    let (tab, complaints) = tab(&browser, &house.origin, "zh");
    Look::at(360, "light").apply(&tab);
    let text = |what: &str| {
        let text = value(&tab, &format!("document.querySelector('{what}').innerText"));
        text.as_str().expect("a text").to_owned()
    };
    // A page leads to the form, and the form back to the page.
    open(&tab, &house.url("/hotel?hotel=H001"));
    wait(&tab, "location.pathname === '/login'");
    assert_eq!(text("h1"), "登录");

    // The language is chosen before, too.
    click(&tab, ".who button[value=en]");
    wait(&tab, "document.documentElement.lang === 'en'");
    wait(&tab, "document.querySelector('h1').innerText === 'Log in'");

    type_into(&tab, "#name", NAME);
    type_into(&tab, "#password", "wrong horse");
    click(&tab, "main button");
    wait(&tab, "document.querySelector('main [role=alert]') !== null");
    std::fs::write(
        file("login-failed-en-360-light.png"),
        Look::at(360, "light").picture(&tab, 2_400),
    )
    .expect("a file");
    assert_eq!(text("main [role=alert]"), "Wrong name or password.");
    // The name need not be typed once more, and the password comes next.
    let name = value(&tab, "document.querySelector('#name').value");
    assert_eq!(name.as_str(), Some(NAME));
    wait(&tab, "document.activeElement.id === 'password'");
    let wrong = value(&tab, "document.querySelector('#password').value");
    assert_eq!(wrong.as_str(), Some(""));
    {
        // A browser notes the status of the answer.
        let mut complaints = complaints.lock();
        complaints.retain(|complaint| !complaint.contains("401"));
    }
    type_into(&tab, "#password", PASSWORD);
    tab.press_key("Enter").expect("a key");
    wait(&tab, "location.search === '?hotel=H001'");
    wait(&tab, "document.querySelector('h1').innerText === '滨江店'");
    assert_eq!(text(".who span"), NAME);

    click(&tab, ".who button[value=zh]");
    wait(&tab, "document.documentElement.lang === 'zh-CN'");
    assert_eq!(value(&tab, "location.search").as_str(), Some("?hotel=H001"));

    click(&tab, ".who form[action='/logout'] button");
    wait(&tab, "location.pathname === '/login'");
    open(&tab, &house.url("/map?hotel=H001"));
    wait(&tab, "location.pathname === '/login'");
    let complaints = complaints.lock();
    assert!(complaints.is_empty(), "{complaints:#?}");
}
