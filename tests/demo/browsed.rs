//! The story in a browser: the pages of the service, while it is played and after it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use roomwatt::threads::spawn;

use crate::printed;
use crate::support::{ROOMWATT, wait};

/// A demonstration that goes on, and what it has printed.
struct Playing {
    child: Child,
    printed: Arc<Mutex<String>>,
}

impl Playing {
    fn start(arguments: &[&str]) -> Playing {
        let mut command = Command::new(ROOMWATT);
        command.args(["demo", "--page", "always"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let output = child.stdout.take().expect("its output");
        Playing::reading(child, output)
    }

    fn reading(child: Child, output: impl Read + Send + 'static) -> Playing {
        let printed = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&printed);
        // Its exit is not waited for.
        let (exits, _) = crossbeam_channel::bounded(1);
        spawn("output", &exits, move || {
            // The end of a terminal is an error.
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                kept.lock().push_str(&format!("{line}\n"));
            }
        })
        .expect("a thread");
        Playing { child, printed }
    }

    /// Waits until it has printed this; gives all it has printed.
    fn says(&self, text: &str) -> String {
        wait(text, || {
            let printed = self.printed.lock().clone();
            let is_there = printed.contains(text);
            is_there.then(|| printed.clone()).ok_or(printed)
        })
    }

    /// The address that it names.
    fn address(&self) -> String {
        let printed = self.says("http://");
        let (_, address) = printed.split_once("http://").expect("an address");
        let end = address.find("/").expect("an end");
        format!("http://{}", &address[..end])
    }

    fn ends_at(&mut self, signal: Signal) -> (ExitStatus, String) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a pid");
        kill_process(pid, signal).expect("a signal");
        let status = wait("its end", || {
            let status = self.child.try_wait().expect("a status");
            status.ok_or("it goes on".to_owned())
        });
        let printed = self.printed.lock().clone();
        (status, printed)
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        // A test that fails leaves none behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is there for a browser in English.
fn page(url: &str) -> Result<String, String> {
    let asked = ureq::get(url).header("Accept-Language", "en").call();
    let mut answer = asked.map_err(|error| error.to_string())?;
    let body = answer.body_mut().read_to_string();
    body.map_err(|error| error.to_string())
}

#[test]
fn its_pages_show_the_story_while_it_is_played() {
    // The first alert comes within seconds, the end in half an hour.
    let story = ["--rooms", "30", "--days", "366", "--speed", "20000"];
    let mut playing = Playing::start(&[&story[..], &["--language", "en"]].concat());
    let address = playing.address();
    let first = playing.printed.lock().clone();
    assert!(
        first.contains("Watch it in a browser: http://") && !first.contains("DEMO · "),
        "{first}"
    );
    // The root leads to the only hotel.
    let hotel = wait("an open alert", || {
        let hotel = page(&format!("{address}/"))?;
        let open = hotel.contains("<b class=a>Alert</b>");
        open.then(|| hotel.clone()).ok_or(hotel)
    });
    assert!(hotel.contains("<h1>DEMO</h1>"), "{hotel}");
    // A minute is a third of the story.
    assert!(hotel.contains("data-seconds=\"2\""), "{hotel}");
    playing.says("DEMO · ");
    let (_, row) = hotel.split_once("<tr class=a>").expect("a row");
    let (_, href) = row.split_once("href=\"").expect("a link");
    let href = href.split('"').next().expect("its end");
    let href = href.replace("&#38;", "&").replace("&amp;", "&");
    let room = page(&format!("{address}{href}")).expect("the room's page");
    assert!(room.contains("<svg") && room.contains("alert"), "{room}");
    let map = page(&format!("{address}/map?hotel=DEMO")).expect("the map");
    assert!(map.contains("<table class=\"map\">"), "{map}");

    let (status, printed) = playing.ends_at(Signal::TERM);
    assert!(status.success(), "{printed}");
    assert!(printed.contains("Stopped at 2024-"), "{printed}");
    assert!(!printed.contains("Ctrl-C"), "{printed}");
    page(&address).expect_err("they end with it");
}

#[test]
fn its_pages_stay_after_the_story_until_somebody_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(ROOMWATT);
    command.args(["demo", "--page", "always", "--speed", "1e9", "--days", "1"]);
    command.env("TMPDIR", folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let output = child.stdout.take().expect("its output");
    let mut playing = Playing::reading(child, output);
    let printed = playing.says("Ctrl-C");
    let address = playing.address();
    let last = printed.lines().last().expect("a line");
    assert_eq!(
        last,
        format!("可在浏览器中继续查看：{address}/，按 Ctrl-C 结束。")
    );
    let hotel = page(&format!("{address}/hotel?hotel=DEMO")).expect("the hotel's page");
    // Time stands still.
    assert!(hotel.contains("data-seconds=\"60\""), "{hotel}");
    assert!(!hotel.contains("class=\"stale\""), "{hotel}");
    let (status, _) = playing.ends_at(Signal::INT);
    assert!(status.success());
    let printed = playing.says("已关闭");
    let last = printed.lines().last();
    assert_eq!(last, Some("演示已结束，页面已关闭。"), "{printed}");
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 0);
}

#[test]
fn an_address_in_use_is_named_and_another_one_taken() {
    // Whoever has it, it is in use.
    let _taken = TcpListener::bind("127.0.0.1:8580");
    let mut playing = Playing::start(&["--speed", "1e9", "--days", "1", "--language", "en"]);
    let printed = playing.says("http://");
    let line = printed.lines().find(|line| line.contains("http://"));
    let line = line.expect("a line");
    assert!(line.ends_with(" (127.0.0.1:8580 is in use)"), "{line}");
    page(&playing.address()).expect("a page");
    assert!(playing.ends_at(Signal::TERM).0.success());
}

/// A terminal, and the end of it that a program has.
fn terminal() -> (OwnedFd, File) {
    let own = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&own).expect("a grant");
    unlockpt(&own).expect("unlocked");
    let name = ptsname(&own, Vec::new()).expect("a name");
    let name = name.into_string().expect("UTF-8");
    let of_program = File::options().read(true).write(true).open(name);
    (own, of_program.expect("the other end"))
}

/// A script that waits for the end must not wait for ever.
#[test]
fn without_being_asked_there_are_pages_on_a_terminal_alone() {
    let story = ["--rooms", "30", "--days", "1", "--speed", "1e9"];
    let without = printed(&story);
    assert!(!without.contains("http://"), "{without}");
    for (more, has_pages) in [(&[][..], true), (&["--page", "never"][..], false)] {
        let (own, of_program) = terminal();
        let end = || Stdio::from(of_program.try_clone().expect("a descriptor"));
        let mut command = Command::new(ROOMWATT);
        let folder = tempfile::tempdir().expect("a folder");
        command.arg("demo").args(story).args(more);
        command.env("TMPDIR", folder.path());
        let child = command.stdin(end()).stdout(end()).stderr(Stdio::null());
        let child = child.spawn().expect("it starts");
        drop(of_program);
        let mut playing = Playing::reading(child, File::from(own));
        if has_pages {
            playing.says("按 Ctrl-C 结束");
            page(&playing.address()).expect("a page");
            // The terminal is closed.
            assert!(playing.ends_at(Signal::HUP).0.success());
            let left = std::fs::read_dir(folder.path()).expect("a folder").count();
            assert_eq!(left, 0);
            continue;
        }
        let status = wait("its end", || {
            let status = playing.child.try_wait().expect("a status");
            status.ok_or("it goes on".to_owned())
        });
        assert!(status.success());
        let printed = playing.printed.lock().clone();
        assert!(!printed.contains("http://"), "{printed}");
    }
}
