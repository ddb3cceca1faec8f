//! How long large configurations take to load, against the time it takes to read the same text with
//! the toml crate, or the csv crate, alone. What `scripts/bench` runs; figures are ratios, medians
//! of the rounds. Four times as much has to take about four times as long.
#![allow(clippy::disallowed_methods)] // no part of the service

use std::fs;
use std::path::Path;
use std::time::Instant;

use roomwatt::config::Config;

const ROUNDS: usize = 5;

/// Entries of each kind, in a small and in a large configuration.
const SIZES: [usize; 2] = [12_500, 50_000];

/// A kind of configuration: its name, its text of that many, and of its CSV where it has one.
type Kind = (
    &'static str,
    fn(usize) -> String,
    Option<fn(usize) -> String>,
);

const KINDS: [Kind; 3] = [
    ("monitoring.overrides", overrides, None),
    ("monitoring.overrides_file", |_| String::new(), Some(rows)),
    ("feishu.routes", routes, None),
];

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, csv) = (folder.path().join("c.toml"), folder.path().join("o.csv"));
    for (kind, text, of_csv) in KINDS {
        let mut medians = Vec::new();
        for size in SIZES {
            let mut text = text(size);
            if let Some(of_csv) = of_csv {
                fs::write(&csv, of_csv(size)).expect("a file");
                text = format!("[monitoring]\noverrides_file = '{}'\n", csv.display());
            }
            fs::write(&file, text).expect("a file");
            let (mut floors, mut wholes) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                floors.push(timed(|| floor(&file, of_csv.map(|_| csv.as_path()))));
                wholes.push(timed(|| {
                    let config = Config::load(Some(&file), &[]).expect("all right");
                    let rules = config.rules.room_thresholds.len();
                    let routes = config.notify.routes.len();
                    assert_eq!(rules + routes, size, "all was read");
                }));
            }
            let (floor, whole) = (median(floors), median(wholes));
            println!(
                "{size} {kind}: floor {floor:.3} s, loaded in {whole:.3} s, {:.2} times the floor",
                whole / floor
            );
            medians.push(whole);
        }
        println!(
            "{kind}: {} times as many take {:.2} times as long",
            SIZES[1] / SIZES[0],
            medians[1] / medians[0]
        );
    }
}

fn overrides(count: usize) -> String {
    let one = |number| {
        format!(
            "[[monitoring.overrides]]\nhotel_id = 'H{}'\nroom_number = '{number}'\n\
             checkout_abnormal_threshold = 0.3\n",
            number % 100
        )
    };
    (0..count).map(one).collect()
}

fn rows(count: usize) -> String {
    let row = |number| format!("H{},{number},2.5,0.3\n", number % 100);
    let header = "hotel_id,room_number,checkin,checkout\n".to_owned();
    header + &(0..count).map(row).collect::<String>()
}

fn routes(count: usize) -> String {
    let one = |number| {
        format!(
            "[[feishu.routes]]\nhotels = ['H{number}']\n\
             webhook_url = 'https://example.com/hook/{number}'\n"
        )
    };
    (0..count).map(one).collect()
}

/// Reads the files, and finds the values in them.
fn floor(file: &Path, csv: Option<&Path>) {
    let text = fs::read_to_string(file).expect("a file");
    let table: toml::Table = text.parse().expect("TOML");
    assert!(!table.is_empty(), "nothing was read");
    if let Some(csv) = csv {
        let mut reader = csv::Reader::from_path(csv).expect("a file");
        let mut record = csv::StringRecord::new();
        let mut values = 0;
        while reader.read_record(&mut record).expect("a row") {
            values += record.len();
        }
        assert!(values > 0, "nothing was read");
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
