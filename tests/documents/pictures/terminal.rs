//! What a terminal of 80 columns and 24 rows shows when a command has ended.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::drawing::{Drawing, Style};

const FONTS: &str = "ui-monospace, SFMono-Regular, Menlo, Consolas, \"Liberation Mono\", \
                     \"DejaVu Sans Mono\", \"PingFang SC\", \"Microsoft YaHei\", \
                     \"Noto Sans CJK SC\", monospace";

const COLUMNS: usize = 80;
const ROWS: usize = 42;

/// Pixels of a character.
const CELL: f64 = 8.4;
const ROW: f64 = 19.0;

/// Pixels of the window's head, and around the text.
const HEAD: f64 = 32.0;
const PADDING: f64 = 14.0;

const TEXT: Style = Style {
    size: 14.0,
    colour: "#e6edf3",
    is_bold: false,
};
/// Chinese characters fill two columns, as terminals show them.
const WIDE: Style = Style { size: 16.0, ..TEXT };
const TITLE: Style = Style {
    size: 13.0,
    colour: "#9da7b3",
    is_bold: false,
};

/// The end of what a command prints, and the prompt below it.
pub fn draw(command: &str, output: &str, language: &str) -> String {
    let width = COLUMNS as f64 * CELL + 2.0 * PADDING;
    let height = HEAD + ROWS as f64 * ROW + 2.0 * PADDING;
    let mut drawing = Drawing::new(width);
    // A border, which shows the window on a page that is as dark.
    drawing.rectangle([0.0, 0.0, width, height], 10.0, "#3d444d");
    drawing.rectangle([1.0, 1.0, width - 2.0, height - 2.0], 9.0, "#0d1117");
    drawing.rectangle([1.0, HEAD, width - 2.0, 1.0], 0.0, "#3d444d");
    drawing.text([PADDING, 21.0], command, TITLE, None);
    let lines: Vec<&str> = output.lines().collect();
    let shown = &lines[lines.len().saturating_sub(ROWS - 1)..];
    for (row, line) in shown.iter().chain(&["$"]).enumerate() {
        assert!(line.width() <= COLUMNS, "a terminal would wrap: {line}");
        let y = HEAD + PADDING + row as f64 * ROW + 14.0;
        for (column, run) in runs(line) {
            let x = PADDING + column as f64 * CELL;
            let is_wide = run.width() > run.chars().count();
            let style = if is_wide { WIDE } else { TEXT };
            drawing.text([x, y], run, style, Some(run.width() as f64 * CELL));
        }
    }
    drawing.finish(height, language, FONTS)
}

/// The runs of a line, each with its column: text of characters of one width, without two blanks in
/// a row. Each is drawn at its own column, because not every font draws Chinese characters twice as
/// wide as others.
fn runs(line: &str) -> Vec<(usize, &str)> {
    let is_wide = |c: char| c.width() == Some(2);
    let mut runs = Vec::new();
    let (mut rest, mut column) = (line, 0);
    loop {
        let text = rest.trim_start_matches(' ');
        column += rest.len() - text.len();
        let Some(first) = text.chars().next() else {
            return runs;
        };
        let ends = [text.find(|c| is_wide(c) != is_wide(first)), text.find("  ")];
        let end = ends.into_iter().flatten().min().unwrap_or(text.len());
        let (run, after) = text.split_at(end);
        runs.push((column, run.trim_end()));
        column += run.width();
        rest = after;
    }
}
