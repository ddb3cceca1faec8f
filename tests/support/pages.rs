//! The documents of this project, by their headings, their sections and the lines of their code.

use std::fs;
use std::path::{Path, PathBuf};

/// A document in Markdown.
pub struct Page {
    /// From the root of the project on.
    pub path: PathBuf,
    pub text: String,
}

/// The root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Page {
    pub fn read(path: impl Into<PathBuf>) -> Page {
        let path = path.into();
        let text = fs::read_to_string(root().join(&path));
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Page { path, text }
    }

    /// The same page in the other language: `a.md` and `a.zh-CN.md`.
    pub fn chinese(&self) -> Page {
        Page::read(self.path.with_extension("zh-CN.md"))
    }

    /// Level and text of each heading, in their order.
    pub fn headings(&self) -> Vec<(usize, &str)> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        headings
            .filter_map(|line| {
                let (marks, title) = line.split_once(' ')?;
                Some((marks.len(), title))
            })
            .collect()
    }

    /// The text below each heading of the second level; the text before the first has the title "".
    pub fn sections(&self) -> Vec<(&str, &str)> {
        let sections = self.text.split("\n## ").enumerate();
        sections
            .map(|(at, text)| match at {
                0 => ("", text),
                _ => text.split_once('\n').unwrap_or((text, "")),
            })
            .collect()
    }

    pub fn section(&self, title: &str) -> &str {
        let sections = self.sections();
        let found = sections.iter().find(|section| section.0 == title);
        found
            .unwrap_or_else(|| panic!("{} has no section {title}", self.path.display()))
            .1
    }

    /// The targets of its links.
    pub fn links(&self) -> Vec<&str> {
        let links = self.text.split("](").skip(1);
        links.filter_map(|rest| rest.split(')').next()).collect()
    }
}

/// The pages that there are in two languages, in English.
pub fn in_two_languages() -> Vec<Page> {
    let mut pages = vec![Page::read("README.md")];
    for entry in fs::read_dir(root().join("docs")).expect("a folder") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("UTF-8");
        // Developers read English.
        if name.ends_with(".md") && !name.ends_with(".zh-CN.md") && name != "ARCHITECTURE.md" {
            pages.push(Page::read(format!("docs/{name}")));
        }
    }
    assert!(pages.len() > 5, "where are the documents?");
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    pages
}

/// What commands on English pages have in addition to those on Chinese ones.
pub const ENGLISH: &str = " --language en";

/// The blocks of code of a text, each with its lines.
pub fn blocks(text: &str) -> Vec<Vec<&str>> {
    let mut blocks = vec![Vec::new()];
    for line in text.lines() {
        match line.strip_prefix("    ") {
            Some(code) => blocks.last_mut().expect("one").push(code),
            None if line.is_empty() => {}
            None => blocks.push(Vec::new()),
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// The lines of all blocks of code of a text.
pub fn code(text: &str) -> Vec<&str> {
    blocks(text).concat()
}

/// A line of a shell without its comment.
pub fn without_comment(line: &str) -> &str {
    line.split(" # ").next().unwrap_or_default().trim_end()
}

/// The commands of a text, without their comments.
pub fn commands(text: &str) -> Vec<&str> {
    let programs = ["roomwatt ", "scripts/", "cargo ", "curl "];
    let lines = code(text).into_iter();
    lines
        .map(|line| line.strip_prefix("$ ").unwrap_or(line))
        .filter(|line| programs.iter().any(|program| line.starts_with(program)))
        .map(without_comment)
        .collect()
}

/// The rows of the tables of a text, each with its cells.
pub fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    rows.map(|row| row.trim_end_matches(" |").split(" | ").collect())
        .collect()
}

/// The first cells of the rows of tables, where they are code.
pub fn first_cells(text: &str) -> Vec<&str> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once("` |").map(|(cell, _)| cell))
        .collect()
}
