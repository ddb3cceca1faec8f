//! The READMEs' pictures are what the program shows by now: its cards, as its snapshots have them,
//! how the baseline rule judges a room, and the end of its demonstration. `scripts/pictures` draws
//! them anew.

mod baseline;
mod card;
mod drawing;
mod terminal;

use std::env;
use std::fs;

use serde_json::Value;

use crate::demo;
use crate::support::pages::{Page, root};

/// The variable with which the files are written instead of compared.
const WRITE: &str = "ROOMWATT_PICTURES";

/// A picture is loaded with each view of its README.
const BYTES: usize = 30_000;

/// A language, and where its README and pictures are.
struct Language {
    readme: &'static str,
    tag: &'static str,
    /// The ending of the names of snapshots.
    snapshots: &'static str,
    /// The ending of the names of files.
    files: &'static str,
}

const ENGLISH: Language = Language {
    readme: "README.md",
    tag: "en",
    snapshots: "_en.snap",
    files: ".svg",
};

const CHINESE: Language = Language {
    readme: "README.zh-CN.md",
    tag: "zh-CN",
    snapshots: "_zh.snap",
    files: ".zh-CN.svg",
};

impl Language {
    /// The path of a picture.
    fn picture(&self, name: &str) -> String {
        format!("docs/{name}{}", self.files)
    }
}

/// What Feishu is sent as a card of some kind, by the snapshot that guards it.
fn card(name: &str, language: &Language) -> Value {
    let snapshot = Page::read(format!("src/notify/snapshots/{name}{}", language.snapshots));
    let (_, json) = snapshot.text.split_once("\n\n").expect("JSON below a text");
    serde_json::from_str(json).expect("JSON")
}

/// Compares a file with what it would be by now, or writes it.
fn check(path: &str, drawn: &str) {
    assert!(drawn.len() < BYTES, "{path}: {} bytes", drawn.len());
    let file = root().join(path);
    if env::var_os(WRITE).is_some() {
        fs::write(file, drawn).expect("a file that can be written");
        return;
    }
    let there = fs::read_to_string(file).unwrap_or_default();
    let mut lines = drawn.lines().zip(there.lines().chain([""]));
    let differing = lines.find(|(now, then)| now != then);
    assert!(
        there == drawn,
        "{path} is not what the program shows by now; draw it anew with scripts/pictures, and look \
         at it. The first difference, as it is now and in the file: {differing:#?}"
    );
}

/// Whether a README shows a picture before its first heading, and says to those who can't see it
/// what is on it.
fn is_shown(readme: &Page, path: &str) -> bool {
    let (_, first_screen) = readme.sections()[0];
    let (html, markdown) = (format!("<img src=\"{path}\" "), format!("]({path})"));
    first_screen.lines().any(|line| {
        let is_html = line.starts_with(&html) && line.contains(" alt=\"");
        let is_markdown = line.starts_with("![") && line.ends_with(&markdown);
        let is_silent = line.starts_with("![]") || line.contains(" alt=\"\"");
        (is_html || is_markdown) && !is_silent
    })
}

#[test]
fn pictures_show_the_cards_as_they_are() {
    for language in [&ENGLISH, &CHINESE] {
        let cards = ["alert", "recovered"].map(|name| card(name, language));
        check(&language.picture("card"), &card::draw(&cards, language.tag));
    }
}

#[test]
fn pictures_show_a_room_as_the_baseline_rule_judges_it() {
    for (language, texts) in [(&ENGLISH, baseline::ENGLISH), (&CHINESE, baseline::CHINESE)] {
        let drawn = baseline::draw(&texts, language.tag);
        check(&language.picture("baseline"), &drawn);
        let readme = Page::read(language.readme);
        let link = format!("]({})", language.picture("baseline"));
        let mut lines = readme.text.lines();
        assert!(lines.any(|line| line.starts_with("![") && line.ends_with(&link)));
    }
}

fn shows_the_demo_as_it_ends(language: &Language) {
    let demo = demo(&Page::read(language.readme));
    let drawn = terminal::draw(&demo.command, &demo.output, language.tag);
    check(&language.picture("demo"), &drawn);
}

#[test]
fn pictures_show_the_demo_as_it_ends() {
    shows_the_demo_as_it_ends(&ENGLISH);
}

#[test]
fn chinese_pictures_show_the_demo_as_it_ends() {
    shows_the_demo_as_it_ends(&CHINESE);
}

#[test]
fn readmes_begin_with_their_pictures() {
    for language in [&ENGLISH, &CHINESE] {
        let readme = Page::read(language.readme);
        for path in ["card", "demo"].map(|name| language.picture(name)) {
            assert!(is_shown(&readme, &path), "{path} in {}", language.readme);
        }
    }
}
