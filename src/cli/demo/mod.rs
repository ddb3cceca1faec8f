mod ending;

use std::io::{self, IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::Arc;

use anyhow::anyhow;
use crossbeam_channel::bounded;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use log::LevelFilter;
use parking_lot::Mutex;

use crate::app::interruption;
use crate::config::{Config, Language, Setting};
use crate::demo::{Demo, DemoError};
use crate::logging;
use crate::notify::Console;
use crate::simulator::{Scenario, World};
use crate::types::HotelId;

use super::story::{self, NamedWorld};
use super::words::{LanguageOption, Story, words};
use super::{Code, Failure};

/// Watch a simulated hotel, without any server
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt demo
  roomwatt demo --rooms 300 --days 7 --seed 5
  roomwatt demo --set checkout_abnormal_threshold=0.5
  roomwatt demo --set baseline.mode=off
  roomwatt demo --world habits

Guests come and go, one moves to another room, a room is out of order, meters are read, some of them
wrongly, and some rooms have a trouble: an air conditioner left on, a mining rig. The service's own
parts watch them, with an embedded database that is deleted afterwards. Cards are shown as the staff
would see them; on a terminal a browser shows the pages, too, at the address that is named. The end
lists what there was to find, what the thresholds found, what the baseline rule found that needs
none, and which thresholds would have found more. The same seed gives the same story.
")]
pub(super) struct Arguments {
    /// Another hotel than the demonstration's
    #[arg(long, value_name = "NAME", value_parser = story::named_world())]
    world: Option<NamedWorld>,
    /// Rooms of the hotel [default: 120; in the world small-hotel 8]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    rooms: Option<u32>,
    /// Days that the story lasts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// Which story
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds of the story that pass in one second
    #[arg(long, default_value_t = 7_200.0, value_parser = speed)]
    speed: f64,
    #[command(flatten)]
    language: LanguageOption,
    /// Whether to serve the pages, until Ctrl-C [auto: on a terminal]
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Browsed::Auto)]
    page: Browsed,
    /// Another value of a key of [monitoring], or of one in another section; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
}

/// When pages are served.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Browsed {
    /// Where somebody sits at a terminal, who can end it.
    Auto,
    Always,
    Never,
}

impl Browsed {
    fn applies(self) -> bool {
        match self {
            Browsed::Auto => io::stdin().is_terminal() && io::stdout().is_terminal(),
            Browsed::Always => true,
            Browsed::Never => false,
        }
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (1.0..=1e9).contains(&speed) => Ok(speed),
        _ => Err("it must be a number from 1 on".to_owned()),
    }
}

/// Rooms of the hotel, unless its world has hotels of another size.
const ROOMS: u32 = 120;

/// Seconds of the story between two sweeps, and that the baseline rule notifies, too.
const SETTINGS: [&str; 2] = ["sweep_seconds=300", "baseline.mode=on"];

/// The hint for a database that fails.
const PLACE: &str =
    "the story's database is in the folder of temporary files; TMPDIR names another one";

/// Owner, sweep, one notifier, and two for pages.
const THREADS: usize = 5;

/// Where the pages are, unless something else is there: where those of the service are by default.
const ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8_580));

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = tempfile::Builder::new()
        .prefix("roomwatt-demo-")
        .tempdir()
        .map_err(|error| Failure::new(Code::TryLater, error).about(PLACE))?;
    let mut config = configuration(&arguments.settings)?;
    config.embedded.path = folder.path().join("demo.db");
    config.notify.cards.language = (arguments.language).or(Language::default());
    let words = words(config.notify.cards.language);
    logging::start(&config.log, config.messages.zone)
        .map_err(|error| Failure::new(Code::Bug, error))?;

    let start = story::start()?;
    let hotels = vec![HotelId::new("DEMO")];
    let named = arguments.world.as_ref();
    let world = named.map_or_else(World::demo, |named| named.world.clone());
    let rooms = arguments.rooms.or(world.rooms).unwrap_or(ROOMS);
    let scenario = Scenario::new(arguments.seed, hotels, rooms, start, arguments.days);
    let scenario = scenario.in_world(world);
    let (exits, ended) = bounded(THREADS);
    let is_browsed = arguments.page.applies();
    let at_a_terminal = is_browsed && arguments.page == Browsed::Auto;
    let stop = interruption(at_a_terminal).map_err(|e| Failure::new(Code::TryLater, e))?;
    let screen = Screen::new(scenario.end().since(start).unsigned_abs());
    screen.print(&words.introduction(&Story {
        rooms,
        days: arguments.days,
        from: start,
        seed: arguments.seed,
        rules: &config.rules,
    }));
    let pages = is_browsed.then(listen).transpose();
    let (pages, browser) = match pages {
        Ok(pages) => pages.unzip(),
        Err(error) => {
            screen.print(&words.no_page(&error));
            (None, None)
        }
    };
    if let Some(at) = browser {
        screen.print(&words.page(at, (at != ADDRESS).then_some(ADDRESS)));
    }
    let cards = screen.clone();
    let demo = Demo {
        config: &config,
        scenario: &scenario,
        speed: arguments.speed,
        console: Console::new(move |_, card| cards.print(&format!("{card}\n"))),
        says: &|event| {
            // What was said before the story began is no part of it.
            let is_new = event.rooms.iter().all(|(_, said)| said.time() >= start);
            if let Some(line) = words.said(event).filter(|_| is_new) {
                screen.print(&format!("{line}\n"));
            }
        },
        progress: &|now| {
            screen.bar.set_position(now.since(start).unsigned_abs());
            screen.bar.set_message(now.day_hour_minute());
            screen.lost.lock().is_none()
        },
        pages,
        ends: &|report| {
            screen.bar.finish_and_clear();
            for line in ending::lines(words, &report, &scenario, &config.rules) {
                screen.print(&line);
            }
            if let Some(at) = browser.filter(|_| !stop.is_set()) {
                screen.print(&format!("\n{}", words.page_stays(at)));
            }
        },
        exits: &exits,
        ended: &ended,
    };
    demo.run(&stop).map_err(|error| {
        let code = match error {
            DemoError::Store(_) | DemoError::Thread(_) => Code::TryLater,
            DemoError::Died(_) | DemoError::Refused(_) | DemoError::Unwritten(_) => Code::Bug,
        };
        let is_of_store = matches!(error, DemoError::Store(_));
        let failure = Failure::new(code, error);
        if is_of_store {
            failure.about(PLACE)
        } else {
            failure
        }
    })?;
    if browser.is_some() {
        // Below what the terminal shows of Ctrl-C.
        screen.print(&format!("\n{}", words.page_ends()));
    }
    screen.end()
}

/// Opens an address for pages, and says which one it is.
fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let any = || TcpListener::bind((ADDRESS.ip(), 0));
    let socket = TcpListener::bind(ADDRESS).or_else(|_| any())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// The defaults with `settings` applied. The environment is ignored: variables that are meant for
/// this machine's service must not change the story.
fn configuration(settings: &[Setting]) -> Result<Config, Failure> {
    let own: Result<Vec<Setting>, String> = SETTINGS.iter().map(|text| text.parse()).collect();
    let own = own.map_err(|error| Failure::new(Code::Bug, anyhow!(error)))?;
    let settings = [&own, settings].concat();
    let mut config =
        Config::of_settings(&settings).map_err(|errors| Failure::new(Code::Usage, errors))?;
    config.log.level = LevelFilter::Error;
    config.messages.types = config.messages.types.for_all_kinds();
    Ok(config)
}

/// Where the story is shown, with its progress.
#[derive(Clone)]
struct Screen {
    /// Shown on a terminal only.
    bar: ProgressBar,
    /// The first error of standard output; nothing can be shown after it.
    lost: Arc<Mutex<Option<io::Error>>>,
}

impl Screen {
    fn new(length: u64) -> Screen {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg} [{wide_bar}] {percent:>3} %");
        Screen {
            bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            lost: Arc::default(),
        }
    }

    /// Prints a line above the bar.
    fn print(&self, text: &str) {
        let printed = self.bar.suspend(|| writeln!(io::stdout(), "{text}"));
        if let Err(error) = printed {
            self.lost.lock().get_or_insert(error);
        }
    }

    /// # Errors
    /// When not all could be printed; but a closed pipe is no error, as with `head`.
    fn end(self) -> Result<(), Failure> {
        match self.lost.lock().take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Code::TryLater, error).about("standard output"))
            }
            _ => Ok(()),
        }
    }
}
