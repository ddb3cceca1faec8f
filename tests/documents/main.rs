//! What can be checked of the documents without any server. `service/documents.rs` and
//! `service/install.rs` run their commands.

mod pictures;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use roomwatt::config::Config;
use roomwatt::engine::{MessageKind, Parsed, Said};
use serde_json::Value;
use support::ROOMWATT;
use support::pages::{
    ENGLISH, Page, blocks, commands, first_cells, in_two_languages, root, rows, without_comment,
};

/// The code of a page except drawings, without the words of its language.
fn code(page: &Page) -> Vec<String> {
    let blocks = blocks(&page.text).into_iter();
    let blocks = blocks.filter(|block| !block.iter().any(|line| line.contains('▼')));
    let lines = blocks.flat_map(|block| match block.first() {
        // What a command says is in the page's language.
        Some(line) if line.starts_with("$ ") => vec![block[0]],
        _ => block,
    });
    lines
        .map(|line| without_comment(line).replace(ENGLISH, ""))
        .collect()
}

/// Where the links of a page lead, but for the one to the other language. The headings that they
/// name have another name there.
fn targets(page: &Page) -> Vec<String> {
    let own = page.path.file_name().expect("a name").to_string_lossy();
    let own = own.replace(".zh-CN", "");
    let links = page.links().into_iter();
    let links = links.map(|link| {
        link.split('#')
            .next()
            .unwrap_or_default()
            .replace(".zh-CN", "")
    });
    let mut targets: Vec<String> = links.filter(|target| *target != own).collect();
    targets.sort();
    targets
}

#[test]
fn both_languages_say_the_same() {
    for english in in_two_languages() {
        let chinese = english.chinese();
        let name = english.path.display();
        let levels = |page: &Page| -> Vec<usize> {
            let headings = page.headings().into_iter();
            headings.map(|(level, _)| level).collect()
        };
        assert_eq!(levels(&english), levels(&chinese), "headings of {name}");
        assert_eq!(code(&english), code(&chinese), "code of {name}");
        let cells = |page: &Page| first_cells(&page.text).join("\n").replace('、', ", ");
        assert_eq!(cells(&english), cells(&chinese), "tables of {name}");
        let sizes = |page: &Page| rows(&page.text).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&english), sizes(&chinese), "tables of {name}");
        assert_eq!(targets(&english), targets(&chinese), "links of {name}");
        let paragraphs = |page: &Page| page.text.split("\n\n").count();
        assert_eq!(
            paragraphs(&english),
            paragraphs(&chinese),
            "paragraphs of {name}"
        );
    }
}

/// All files and folders below a folder, from the root of the project on.
fn paths_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect("a folder") {
        let entry = entry.expect("an entry");
        let path = folder.join(entry.file_name());
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if is_hidden || path == Path::new("target") {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            found.extend(paths_below(&path));
        }
        found.push(path);
    }
    found
}

/// The files below a folder whose names end so.
fn files_below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files = paths_below(Path::new(folder));
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files
}

/// The names by which links find the headings of a page, as GitHub makes them.
fn anchors(page: &Page) -> Vec<String> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let headings = page.headings().into_iter();
    headings
        .map(|(_, title)| {
            let kept = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == ' ';
            let name: String = title.to_lowercase().chars().filter(|&c| kept(c)).collect();
            let name = name.replace(' ', "-");
            let times = seen.entry(name.clone()).or_default();
            *times += 1;
            match *times {
                1 => name,
                times => format!("{name}-{}", times - 1),
            }
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let pages: Vec<Page> = files_below("", "md").into_iter().map(Page::read).collect();
    let mut wrong = Vec::new();
    let mut followed = 0;
    for page in &pages {
        for link in page.links() {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = match file {
                "" => page.path.clone(),
                _ => page.path.parent().expect("a folder").join(file),
            };
            followed += 1;
            let is_there = root().join(&path).exists();
            if !is_there
                || !anchor.is_empty() && !anchors(&Page::read(&path)).contains(&anchor.to_owned())
            {
                wrong.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(
        pages.len() > 15 && followed > 60,
        "{} pages, {followed} links",
        pages.len()
    );
    assert_eq!(wrong, [""; 0]);
}

/// Whether what a document shows as code is the path of a file, or of a folder.
fn is_path(code: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let is_file = [".rs", ".sql", ".toml"]
        .iter()
        .any(|ending| code.ends_with(ending));
    code.chars().all(is_plain) && !code.starts_with('/') && (is_file || code.contains('/'))
}

/// The paths that a text names.
fn named_paths(text: &str) -> impl Iterator<Item = &str> + Clone {
    let code = text.split('`').skip(1).step_by(2);
    code.filter(|code| is_path(code))
}

#[test]
fn every_path_that_is_named_to_developers_exists() {
    let architecture = Page::read("docs/ARCHITECTURE.md");
    let contributing = Page::read("CONTRIBUTING.md");
    let all: Vec<String> = paths_below(Path::new(""))
        .into_iter()
        .map(|path| match root().join(&path).is_dir() {
            true => format!("{}/", path.display()),
            false => path.display().to_string(),
        })
        .collect();
    // A folder may be named without its slash.
    let ends = |path: &str, name: &str| {
        let path = format!("/{path}");
        [format!("/{name}"), format!("/{name}/")]
            .iter()
            .any(|name| path.ends_with(name))
    };
    let named = named_paths(&architecture.text).chain(named_paths(&contributing.text));
    let mut missing: Vec<&str> = named
        .clone()
        .filter(|name| !all.iter().any(|path| ends(path, name)))
        .collect();
    // In this table names are those of the part, or begin where names of other parts do.
    for row in rows(architecture.section("The parts")) {
        let parts: Vec<&str> = named_paths(row[0]).collect();
        missing.extend(named_paths(row[1]).filter(|name| {
            let mut begins = ["", "src", "tests"].iter();
            let is_whole = begins.any(|begin| root().join(begin).join(name).exists());
            let in_part = |path: &String| parts.iter().any(|part| path.starts_with(part));
            !is_whole && !all.iter().any(|path| in_part(path) && ends(path, name))
        }));
    }
    assert_eq!(missing, [""; 0]);
    assert!(named.count() > 300);
}

#[test]
fn every_page_is_found_from_the_readme() {
    let readme = Page::read("README.md");
    let chinese = readme.chinese();
    let pages = in_two_languages().into_iter();
    for page in pages.filter(|page| page.path != readme.path) {
        let path = page.path.to_str().expect("UTF-8");
        assert!(readme.links().contains(&path), "{path}");
        let path = path.replace(".md", ".zh-CN.md");
        assert!(chinese.links().contains(&path.as_str()), "{path}");
    }
}

#[test]
fn a_readme_can_be_read_in_some_minutes() {
    let readme = Page::read("README.md");
    for page in [readme.chinese(), readme] {
        let lines = page.text.lines().count();
        assert!(lines <= 150, "{} has {lines} lines", page.path.display());
    }
}

/// The output of the program, which must succeed.
fn output(arguments: &[&str]) -> String {
    let output = Command::new(ROOMWATT)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_command_stands_in_the_readmes() {
    let help = output(&["--help"]);
    let commands = help.split("Commands:\n").nth(1).expect("commands");
    let mut names: Vec<String> = commands
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(|name| format!("roomwatt {name}"))
        .collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    let readme = Page::read("README.md");
    let mut cells = first_cells(&readme.text);
    cells.sort_unstable();
    assert_eq!(cells, names);
}

#[test]
fn the_help_of_the_tests_names_every_suite() {
    let mut suites = vec!["unit tests (--lib)".to_owned()];
    for entry in fs::read_dir(root().join("tests")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_suite = path.join("main.rs").exists() || path.extension().is_some();
        if is_suite {
            let name = path.file_stem().expect("a name");
            suites.push(name.to_str().expect("UTF-8").to_owned());
        }
    }
    let help = Command::new(root().join("scripts/test"))
        .arg("--help")
        .output();
    let help = String::from_utf8(help.expect("it runs").stdout).expect("UTF-8");
    let (_, table) = help.split_once("How long they take").expect("a table");
    // Suites stand below what they need, and before the time they take.
    let rows = table.lines().filter_map(|line| line.strip_prefix("    "));
    let rows = rows.filter(|row| !row.starts_with(' '));
    let named = rows.filter_map(|row| row.split("  ").next());
    let mut named: Vec<&str> = named.flat_map(|names| names.split(", ")).collect();
    named.sort_unstable();
    suites.sort_unstable();
    assert_eq!(named, suites);
}

/// The demonstration that a README names, and what it prints.
struct Shown {
    command: String,
    output: String,
}

/// It takes seconds, and more than one test looks at it.
fn demo(readme: &Page) -> &'static Shown {
    static ENGLISH_DEMO: OnceLock<Shown> = OnceLock::new();
    static CHINESE_DEMO: OnceLock<Shown> = OnceLock::new();
    let commands = commands(&readme.text).into_iter();
    let mut commands = commands.filter(|command| command.contains(" -- demo"));
    let command = commands.next().expect("it is there");
    let once = match command.contains(ENGLISH) {
        true => &ENGLISH_DEMO,
        false => &CHINESE_DEMO,
    };
    once.get_or_init(|| {
        let (_, options) = command.split_once(" -- ").expect("its options");
        let options: Vec<&str> = options.split(' ').chain(["--speed", "1e9"]).collect();
        Shown {
            command: command.to_owned(),
            output: output(&options),
        }
    })
}

#[test]
fn the_demo_finds_what_the_readmes_promise() {
    let readme = Page::read("README.md");
    let printed = &demo(&readme).output;
    // All numbers of a line.
    let numbers = |line: &str| -> Vec<String> {
        let numbers = line.split(|c: char| !c.is_ascii_digit() && c != '.');
        numbers
            .filter(|number| !number.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let tried = printed.split("false alerts\n").nth(1).expect("a table");
    let tried = tried.lines().take_while(|line| !line.is_empty());
    let tried: Vec<Vec<String>> = tried.map(numbers).collect();
    let promised = rows(&readme.text).into_iter();
    let promised = promised.filter(|row| row.len() == 4 && row[1].contains(" of "));
    let promised: Vec<Vec<String>> = promised.map(|row| numbers(&row.join(" "))).collect();
    assert_eq!(promised.len(), 4);
    assert_eq!(tried, promised, "{printed}");
}

#[test]
fn every_key_stands_in_the_tables_with_its_default() {
    let example: toml::Table = include_str!("../../etc/roomwatt.toml")
        .parse()
        .expect("TOML");
    let english = Page::read("docs/configuration.md");
    let chinese = english.chinese();
    let meters = Page::read("docs/meter-table.md");
    let mut missing = Vec::new();
    for (section, keys) in &example {
        for (key, value) in keys.as_table().expect("a section") {
            let is_required = [("rabbitmq", "queue"), ("mysql", "database")];
            let row = match is_required.contains(&(section.as_str(), key.as_str())) {
                true => format!("| `{section}.{key}` |  | "),
                false => format!("| `{section}.{key}` | `{value}` | "),
            };
            for page in [&english, &chinese] {
                // Of names only the first is in the table; columns have a page of their own.
                let named = match section.as_str() {
                    "message_fields" => true,
                    "meter" => meters.text.contains(&format!("`{key}`")),
                    _ => false,
                };
                if !page.text.contains(&row) && !named {
                    missing.push(row.clone());
                }
            }
        }
    }
    // Those without a default, behind a comment's sign, and lists of tables.
    let mut section = "";
    for line in keys_and_values(include_str!("../../etc/roomwatt.toml")) {
        let key = match (line.strip_prefix("[["), line.strip_prefix('[')) {
            (Some(list), _) => {
                section = "";
                list.trim_end_matches(']').to_owned()
            }
            (None, Some(header)) => {
                section = header.trim_end_matches(']');
                continue;
            }
            (None, None) => match line.split_once(" = ") {
                Some((key, _)) if !section.is_empty() => format!("{section}.{key}"),
                _ => continue,
            },
        };
        let is_elsewhere = ["message_fields", "meter"].contains(&section);
        let row = format!("| `{key}` | ");
        for page in [&english, &chinese] {
            if !page.text.contains(&row) && !is_elsewhere {
                missing.push(row.clone());
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}

/// The messages of a section of a page, each with the text of its JSON.
fn messages(section: &str) -> Vec<Value> {
    let blocks = blocks(section).into_iter();
    let blocks = blocks.filter(|block| block.iter().any(|line| line.starts_with('{')));
    let texts = blocks.map(|block| block.join("\n"));
    let values = texts.flat_map(|text| {
        let values = serde_json::Deserializer::from_str(&text).into_iter();
        values.collect::<Result<Vec<Value>, _>>().expect("JSON")
    });
    values.collect()
}

#[test]
fn an_example_of_each_kind_is_read_with_the_codes_of_its_page() {
    let english = Page::read("docs/messages.md");
    let chinese = english.chinese();
    let titles = [
        ["Messages", "An example of each kind", "Kinds of messages"],
        ["消息", "每种消息的例子", "消息种类"],
    ];
    for (page, [first, examples, kinds]) in [&english, &chinese].into_iter().zip(titles) {
        let examples = page.section(examples);
        let blocks = blocks(examples).into_iter();
        let codes = blocks.filter(|block| block[0].starts_with('['));
        let codes: Vec<String> = codes.map(|block| block.join("\n")).collect();
        let name = page.path.file_name().expect("a name");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&file, codes.join("\n")).expect("a file");
        let config = Config::load(Some(&file), &[]).expect("a configuration");

        let read = |message: Value| {
            let parsed = config.messages.parse(message.to_string().as_bytes(), None);
            let Parsed::Event(event) = parsed else {
                panic!("{message}: {parsed:?}")
            };
            match (event.kind, &event.rooms[0].1) {
                (MessageKind::RoomStatus, Said::Status(change)) => change.status.key(),
                (kind, _) => kind.key(),
            }
        };
        let shown: Vec<&str> = messages(examples).into_iter().map(read).collect();
        let statuses = ["out_of_order", "in_order", "dirty", "clean"];
        let mut expected = first_cells(page.section(kinds));
        assert_eq!(expected.pop(), Some("room_status"));
        expected.extend(statuses);
        assert_eq!(shown, expected, "{}", page.path.display());
        let shown: Vec<&str> = messages(page.section(first))
            .into_iter()
            .map(read)
            .collect();
        assert_eq!(shown, ["checkin", "checkout"], "{}", page.path.display());
    }
}

/// Lines that give a key a value, also behind a comment's sign.
fn keys_and_values(text: &str) -> Vec<&str> {
    let lines = text.lines();
    let lines = lines.map(|line| line.strip_prefix("# ").unwrap_or(line));
    let code = lines.filter(|line| line.starts_with('[') || line.contains(" = "));
    // No value has a sign of a comment in it.
    code.map(|line| line.split('#').next().unwrap_or_default().trim_end())
        .collect()
}

#[test]
fn the_chinese_configuration_is_the_same_one() {
    let english = include_str!("../../etc/roomwatt.toml");
    let chinese = include_str!("../../etc/roomwatt.zh-CN.toml");
    let body = |text: &'static str| keys_and_values(text.split_once("\n\n").expect("a head").1);
    let keys = body(english);
    assert!(keys.len() > 70, "{keys:#?}");
    assert_eq!(keys, body(chinese));
    let comments = |text: &str| text.lines().filter(|line| line.contains('#')).count();
    // Where the one says something the other does.
    assert_eq!(comments(english), comments(chinese));
}

/// All of `src/`.
fn sources() -> String {
    let files = files_below("src", "rs").into_iter();
    files
        .map(|path| fs::read_to_string(root().join(path)).expect("a source file"))
        .collect()
}

#[test]
fn every_log_line_is_one_that_is_written() {
    let sources = sources();
    let page = Page::read("docs/operating.md");
    let lines = first_cells(page.section("What the log says"));
    assert!(lines.len() > 10, "{lines:#?}");
    for line in lines {
        // What is fixed in it; the rest are numbers, names, and things that are counted.
        let counted = [
            "new readings",
            "readings",
            "rooms",
            "intervals",
            "rows",
            "lines",
        ];
        let mut text = line.replace("...", "1").replace("H001/101", "1");
        for word in counted {
            text = text.replace(word, "1");
        }
        let parts = text.split(|c: char| c.is_ascii_digit() || c == '(' || c == ')');
        let fixed: Vec<&str> = parts.filter(|part| part.trim().len() >= 8).collect();
        assert!(!fixed.is_empty(), "{line:?}: no part of it is searched for");
        for part in &fixed {
            let part = part.trim().trim_end_matches(" room_events");
            assert!(
                sources.contains(part),
                "{part:?} of {line:?} is not written anywhere"
            );
        }
    }
}
