//! Conventions of this code that the compiler does not check.

mod circles;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each part of `src/` may use of the others: dependencies point one way.
const MAY_USE: [(&str, &[&str]); 33] = [
    ("types", &[]),
    ("pulse", &[]),
    ("threads", &["pulse"]),
    ("gate", &["pulse", "threads"]),
    ("certificate", &[]),
    ("escape", &[]),
    ("faults", &[]),
    ("figures", &["engine", "types"]),
    ("files", &[]),
    ("outage", &[]),
    ("password", &[]),
    ("random", &[]),
    ("finding", &[]),
    ("clock", &["threads", "types"]),
    ("engine", &["types"]),
    ("frontier", &["types"]),
    (
        "heartbeat",
        &[
            "certificate",
            "clock",
            "config",
            "escape",
            "figures",
            "finding",
            "gate",
            "outage",
            "types",
        ],
    ),
    ("metrics", &["engine", "figures", "types"]),
    ("rooms", &["engine", "frontier", "types"]),
    ("simulator", &["engine", "types"]),
    (
        "config",
        &["certificate", "engine", "files", "password", "types"],
    ),
    ("logging", &["clock", "config", "escape", "files", "types"]),
    (
        "store",
        &[
            "certificate",
            "clock",
            "config",
            "engine",
            "faults",
            "files",
            "finding",
            "frontier",
            "random",
            "types",
        ],
    ),
    ("review", &["engine", "escape", "store", "types"]),
    (
        "owner",
        &[
            "clock", "engine", "faults", "figures", "gate", "outage", "pulse", "rooms", "store",
            "threads", "types",
        ],
    ),
    (
        "amqp",
        &[
            "certificate",
            "clock",
            "config",
            "engine",
            "faults",
            "files",
            "finding",
            "gate",
            "outage",
            "owner",
            "pulse",
            "threads",
            "types",
        ],
    ),
    (
        "http",
        &[
            "clock", "config", "engine", "figures", "gate", "metrics", "outage", "owner", "page",
            "password", "random", "store", "threads", "types",
        ],
    ),
    (
        "page",
        &[
            "clock", "config", "engine", "escape", "review", "rooms", "store", "types",
        ],
    ),
    (
        "sweep",
        &[
            "clock",
            "engine",
            "figures",
            "gate",
            "heartbeat",
            "outage",
            "owner",
            "pulse",
            "rooms",
            "store",
            "threads",
            "types",
        ],
    ),
    (
        "notify",
        &[
            "certificate",
            "clock",
            "config",
            "engine",
            "escape",
            "faults",
            "figures",
            "finding",
            "outage",
            "owner",
            "pulse",
            "rooms",
            "store",
            "threads",
            "types",
        ],
    ),
    (
        "app",
        &[
            "amqp",
            "clock",
            "config",
            "engine",
            "figures",
            "gate",
            "heartbeat",
            "http",
            "logging",
            "metrics",
            "notify",
            "outage",
            "owner",
            "page",
            "pulse",
            "store",
            "sweep",
            "threads",
            "types",
        ],
    ),
    (
        "demo",
        &[
            "app",
            "clock",
            "config",
            "engine",
            "figures",
            "gate",
            "http",
            "metrics",
            "notify",
            "owner",
            "pulse",
            "review",
            "simulator",
            "store",
            "threads",
            "types",
        ],
    ),
    (
        "cli",
        &[
            "amqp",
            "app",
            "clock",
            "config",
            "demo",
            "engine",
            "escape",
            "finding",
            "heartbeat",
            "http",
            "logging",
            "notify",
            "password",
            "review",
            "simulator",
            "store",
            "threads",
            "types",
        ],
    ),
];

/// External crates, and the only parts that may use each.
const ONLY_IN: [(&str, &[&str]); 19] = [
    ("mysql::", &["store"]),
    ("r2d2", &["store"]),
    ("rusqlite", &["store"]),
    ("amiquip", &["amqp"]),
    ("mio::", &["amqp"]),
    ("rustls", &["amqp", "certificate"]),
    // The configuration checks an address with ureq's own type.
    ("ureq", &["heartbeat", "http", "notify", "config"]),
    ("httparse", &["http"]),
    ("use http::", &["http", "page"]),
    ("askama", &["page"]),
    ("argon2::", &["password"]),
    ("prometheus_client", &["metrics"]),
    ("rayon", &["sweep", "review"]),
    ("fern", &["logging"]),
    ("signal_hook", &["app", "faults"]),
    ("sd_notify", &["app"]),
    ("fail::", &["faults", "main"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
];

/// The most lines of a file. A longer one has to be split.
const LINES: usize = 600;

/// Test files that are longer for now.
const LONG_FILES: [&str; 2] = ["oracle/mod.rs", "service/by_key.rs"];

/// The most columns of a line, as in rustfmt.toml: rustfmt skips code with a longer line.
const COLUMNS: usize = 100;

/// The Rust files below a folder of this project: path, relative to the project, and text.
fn files(folder: &str) -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut found = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                let inner = path.strip_prefix(root).expect("below the project");
                found.insert(inner.to_owned(), text);
            }
        }
    }
    assert!(found.len() > 20, "too few files: {found:?}");
    found
}

/// The files of `src/` without their tests: path below `src/`, part, and text.
fn sources() -> BTreeMap<PathBuf, (String, String)> {
    let is_code = |(path, _): &(PathBuf, String)| !path.ends_with("tests.rs");
    let without_tests = |(path, text): (PathBuf, String)| {
        let inner = path.strip_prefix("src").expect("below src").to_owned();
        let part = inner.iter().next().expect("a name").to_string_lossy();
        let part = part.trim_end_matches(".rs").to_owned();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        (inner, (part, text.to_owned()))
    };
    let files = files("src").into_iter().filter(is_code);
    files.map(without_tests).collect()
}

/// The lines of a text, numbered from 1, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines.map(|(at, line)| (at, line.split("//").next().unwrap_or_default()))
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (path, (part, text)) in sources() {
        if part == "lib" || part == "main" {
            continue;
        }
        let allowed = MAY_USE.iter().find(|(name, _)| *name == part);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{part} is not in MAY_USE"));
        for (line, code) in code(&text) {
            for used in code.split("crate::").skip(1) {
                let used = used
                    .split(|c: char| !c.is_alphanumeric() && c != '_')
                    .next();
                let used = used.unwrap_or_default();
                if used != part && !allowed.contains(&used) {
                    wrong.push(format!("{}:{line} uses {used}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn external_crates_are_used_only_by_their_parts() {
    let mut wrong = Vec::new();
    for (path, (part, text)) in sources() {
        for (line, code) in code(&text) {
            for (name, parts) in ONLY_IN {
                let named = code.match_indices(name).any(|(at, _)| {
                    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                });
                if named && !parts.contains(&part.as_str()) {
                    wrong.push(format!("{}:{line} names {name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_service_calls_nothing_that_is_meant_to_panic() {
    let mut wrong = Vec::new();
    for (path, (_, text)) in sources() {
        for (line, code) in code(&text) {
            for call in [
                ".unwrap()",
                ".expect(",
                "panic!(",
                "todo!(",
                "unimplemented!(",
                "unreachable!(",
                // These panic on a full disk or a closed pipe.
                "print!(",
                "println!(",
            ] {
                if code.contains(call) {
                    wrong.push(format!("{}:{line} has {call}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_are_not_too_long() {
    let sources = sources().into_iter().map(|(path, (_, text))| (path, text));
    let still_long = |path: &Path| LONG_FILES.iter().any(|file| path.ends_with(file));
    let tests = files("tests").into_iter();
    let tests = tests.filter(|(path, _)| !still_long(path));
    let long: Vec<String> = sources
        .chain(tests)
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|&(_, lines)| lines > LINES)
        .map(|(path, lines)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn lines_are_short_enough_for_rustfmt() {
    // Chinese characters are two columns wide.
    let is_wide = |c: char| matches!(c, '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{ffef}');
    let columns = |line: &str| {
        line.chars()
            .map(|c| 1 + usize::from(is_wide(c)))
            .sum::<usize>()
    };
    let mut longer = Vec::new();
    for (path, text) in files("src").into_iter().chain(files("tests")) {
        for (at, line) in text.lines().enumerate() {
            if columns(line) > COLUMNS {
                longer.push(format!("{}:{}", path.display(), at + 1));
            }
        }
    }
    assert!(longer.is_empty(), "{longer:#?}");
}

#[test]
fn a_module_with_submodules_is_in_mod_rs() {
    let files = ["src", "tests"].map(files);
    let paths: Vec<&PathBuf> = files.iter().flat_map(BTreeMap::keys).collect();
    let has_modules = |path: &&PathBuf| {
        let folder = path.with_extension("");
        paths.iter().any(|other| other.starts_with(&folder))
    };
    let beside: Vec<&PathBuf> = paths.iter().copied().filter(has_modules).collect();
    assert!(
        beside.is_empty(),
        "{beside:?}: move each into the folder of its submodules, as mod.rs"
    );
}

#[test]
fn no_dependency_is_an_async_runtime() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let lock = fs::read_to_string(lock).expect("Cargo.lock");
    for runtime in [
        "tokio",
        "async-std",
        "smol",
        "async-executor",
        "async-global-executor",
    ] {
        assert!(
            !lock.contains(&format!("name = \"{runtime}\"\n")),
            "{runtime} is in Cargo.lock"
        );
    }
}

#[test]
fn fault_points_are_compiled_only_into_tests() {
    let features = |edges: &str| {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--locked",
                "--offline",
                "--invert",
                "fail",
                "--edges",
                edges,
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let enabled = "fail feature \"failpoints\"";
    let built = features("features,no-dev");
    assert!(
        built.contains("roomwatt") && !built.contains(enabled),
        "{built}"
    );
    assert!(
        features("features").contains(enabled),
        "the tests do not enable fault points"
    );
}
