//! SVG of our own: text stays text, in the fonts that the reader's system has.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// A picture as it comes about.
pub struct Drawing {
    width: f64,
    elements: String,
}

/// How a text is set.
#[derive(Clone, Copy)]
pub struct Style {
    /// In pixels.
    pub size: f64,
    pub colour: &'static str,
    pub is_bold: bool,
}

impl Drawing {
    pub fn new(width: f64) -> Drawing {
        Drawing {
            width,
            elements: String::new(),
        }
    }

    /// A rectangle with round corners.
    pub fn rectangle(&mut self, [x, y, width, height]: [f64; 4], round: f64, fill: &str) {
        let size = format!(r#"width="{width}" height="{height}" rx="{round}""#);
        self.add(&format!(r#"<rect x="{x}" y="{y}" {size} fill="{fill}"/>"#));
    }

    /// A line of text whose letters stand on `y`. Where it has a length, it is set so long whatever
    /// the font.
    pub fn text(&mut self, [x, y]: [f64; 2], text: &str, style: Style, length: Option<f64>) {
        let Style { size, colour, .. } = style;
        let weight = match style.is_bold {
            true => r#" font-weight="600""#,
            false => "",
        };
        let length = length.map(|length| format!(r#" textLength="{}""#, rounded(length)));
        let length = length.unwrap_or_default();
        let (x, y) = (rounded(x), rounded(y));
        let font = format!(r#"font-size="{size}" fill="{colour}"{weight}{length}"#);
        let text = escaped(text);
        self.add(&format!(r#"<text x="{x}" y="{y}" {font}>{text}</text>"#));
    }

    fn add(&mut self, element: &str) {
        // Writing to a String can't fail.
        let _ = writeln!(self.elements, "{element}");
    }

    /// The file. What is drawn later covers what was drawn before.
    pub fn finish(self, height: f64, language: &str, fonts: &str) -> String {
        let Drawing { width, elements } = self;
        let size = format!(r#"width="{width}" height="{height}" viewBox="0 0 {width} {height}""#);
        let font = format!(r#"xml:lang="{language}" font-family="{}""#, escaped(fonts));
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" {size} {font}>\n{elements}</svg>\n")
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('"', "&quot;")
}

/// To tenths: what is smaller can't be seen.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// How wide a text is in pixels, nearly: what systems have as their fonts differs by some percent.
pub fn width(text: &str, style: Style) -> f64 {
    let ems: f64 = text.chars().map(ems).sum();
    ems * style.size * if style.is_bold { 1.07 } else { 1.01 }
}

fn ems(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' => 0.23,
        ' ' | '.' | ',' | ':' | ';' | 'I' | 'f' | 't' | '/' | '!' | '·' => 0.28,
        'r' | '(' | ')' | '-' => 0.34,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' => 0.5,
        'm' | 'M' | 'W' | '%' => 0.86,
        'w' => 0.73,
        'A'..='Z' => 0.69,
        // Some fonts have them as wide as Chinese characters.
        '▁'..='█' | '│' => 1.0,
        _ if c.width() == Some(2) => 1.0,
        _ => 0.56,
    }
}

/// A text in lines that are not wider: between words, and between Chinese characters but not before
/// a mark that closes, nor after one that opens.
pub fn wrapped(text: &str, style: Style, room: f64) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in words(paragraph) {
            if !line.is_empty() && width(&format!("{line}{}", word.trim_end()), style) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    let lines = lines.iter().map(|line| line.trim_end().to_owned());
    lines.collect()
}

/// The parts of a text between which a line may be broken, each with the blanks after it.
fn words(text: &str) -> Vec<&str> {
    const CLOSE: &str = "，。：；、）";
    let mut words = Vec::new();
    let mut begin = 0;
    for ((_, before), (at, after)) in text.char_indices().zip(text.char_indices().skip(1)) {
        let is_wide = before.width() == Some(2) || after.width() == Some(2);
        let may_break = is_wide && after != ' ' && !CLOSE.contains(after) && before != '（';
        if before == ' ' || may_break {
            words.push(&text[begin..at]);
            begin = at;
        }
    }
    words.push(&text[begin..]);
    words
}
