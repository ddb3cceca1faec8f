//! The READMEs' pictures of pages are of the demonstration. `scripts/pictures` makes them anew.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::chromium::{Look, browser, number, open, tab};

/// The variable with which the files are written.
const WRITE: &str = "ROOMWATT_PICTURES";

/// A picture is loaded with each view of its README.
const BYTES: usize = 150_000;

/// What is shown: a name, its page, what has to be on that, and how much of its height.
const SHOWN: [(&str, &str, &str, u32); 2] = [
    (
        "room",
        "/room?hotel=DEMO&room=405&stay=2024-03-05+17:07:32",
        ".chart .mark.alert",
        620,
    ),
    ("map", "/map?hotel=DEMO", "tr.a", 520),
];

/// A language, and how the names of its files end.
const LANGUAGES: [(&str, &str, &str); 2] = [
    ("en", "README.md", ".png"),
    ("zh", "README.zh-CN.md", ".zh-CN.png"),
];

/// A demonstration that is over, with its pages still there.
struct Ended {
    child: Child,
    origin: String,
}

impl Ended {
    fn new() -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomwatt"));
        command.args(["demo", "--speed", "1e9", "--page", "always"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let output = child.stdout.take().expect("its output");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let last = lines.find(|line| line.contains("Ctrl-C"));
        let last = last.expect("the line that says that pages stay");
        let (_, rest) = last.split_once("http://").expect("an address");
        let address = rest.split('/').next().expect("an address");
        Ended {
            origin: format!("http://{address}"),
            child,
        }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Width and height of a PNG.
fn size(png: &[u8]) -> (u32, u32) {
    assert_eq!(png.get(1..4), Some(&b"PNG"[..]));
    let number = |at: usize| {
        let bytes = png[at..at + 4].try_into().expect("four bytes");
        u32::from_be_bytes(bytes)
    };
    (number(16), number(20))
}

#[test]
fn the_readmes_pictures_are_of_the_demonstration() {
    let demo = Ended::new();
    let browser = browser();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (language, readme, ending) in LANGUAGES {
        let readme = fs::read_to_string(root.join(readme)).expect("a README");
        let (tab, complaints) = tab(&browser, &demo.origin, language);
        for (name, path, shown, height) in SHOWN {
            open(&tab, &format!("{}{path}", demo.origin));
            let count = format!("document.querySelectorAll('{shown}').length");
            assert!(number(&tab, &count) > 0, "{path} has no {shown}");
            let look = Look {
                scale: 1.5,
                ..Look::at(1_000, "light")
            };
            assert_eq!(
                readme.matches(&format!("](docs/{name}{ending})")).count(),
                1
            );
            let png = look.picture(&tab, height);
            let file = format!("docs/{name}{ending}");
            assert!(png.len() < BYTES, "{file}: {} bytes", png.len());
            if env::var_os(WRITE).is_some() {
                fs::write(root.join(&file), &png).expect("a file");
                continue;
            }
            // What a letter looks like depends on the machine, so they are not compared.
            let there = fs::read(root.join(&file)).expect(&file);
            assert_eq!(size(&there), size(&png), "{file}: make it anew");
        }
        let complaints = complaints.lock();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}
