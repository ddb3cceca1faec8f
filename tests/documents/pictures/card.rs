//! Cards one below the other, about as Feishu shows them on a telephone: a title in the card's
//! colour, fields side by side where the card says that they are short, a footer.

use serde_json::Value;

use super::drawing::{Drawing, Style, width, wrapped};

pub const FONTS: &str = "-apple-system, BlinkMacSystemFont, \"Segoe UI\", Roboto, \"Helvetica \
                         Neue\", Arial, \"PingFang SC\", \"Microsoft YaHei\", \
                         \"Noto Sans CJK SC\", sans-serif";

/// Pixels: of the picture, around cards, and within them.
const WIDTH: f64 = 360.0;
const MARGIN: f64 = 8.0;
const PADDING: f64 = 12.0;
const INNER: f64 = WIDTH - 2.0 * (MARGIN + PADDING);

/// Left empty below, as it stands above other things where text flows around it. Pixels.
const BELOW: f64 = 16.0;

/// Between the lines of a text, in sizes of its letters.
const LEADING: f64 = 1.45;

/// Between fields, and around lines.
const GAP: f64 = 5.0;

const TITLE: Style = Style {
    size: 15.0,
    colour: "#ffffff",
    is_bold: true,
};
const TEXT: Style = Style {
    size: 14.0,
    colour: "#1f2329",
    is_bold: false,
};
const FOOTER: Style = Style {
    size: 12.0,
    colour: "#646a73",
    is_bold: false,
};

/// As dark as white letters need it.
fn colour(template: &str) -> &'static str {
    match template {
        "red" => "#d83931",
        "green" => "#237b19",
        other => panic!("no picture has a card in {other} yet"),
    }
}

/// The picture of some cards as Feishu is sent them.
pub fn draw(cards: &[Value], language: &str) -> String {
    let mut drawing = Drawing::new(WIDTH);
    let cards: Vec<Card> = cards.iter().map(Card::new).collect();
    let heights = cards.iter().map(Card::height);
    let height = heights.map(|height| height + MARGIN).sum::<f64>() + MARGIN;
    drawing.rectangle([0.0, 0.0, WIDTH, height], 10.0, "#dee0e3");
    drawing.rectangle([1.0, 1.0, WIDTH - 2.0, height - 2.0], 9.0, "#eff0f1");
    let mut top = MARGIN;
    for card in &cards {
        card.draw(&mut drawing, top);
        top += card.height() + MARGIN;
    }
    drawing.finish(height + BELOW, language, FONTS)
}

/// A card, laid out.
struct Card {
    colour: &'static str,
    title: Vec<String>,
    /// From the top on.
    blocks: Vec<Block>,
}

enum Block {
    Line,
    /// Texts side by side, each in its lines.
    Texts(Style, Vec<Vec<String>>),
}

impl Card {
    fn new(card: &Value) -> Card {
        let header = &card["header"];
        let mut blocks = Vec::new();
        for element in list(&card["elements"]) {
            match text(&element["tag"]) {
                "hr" => blocks.push(Block::Line),
                "div" if element["text"].is_object() => {
                    blocks.push(Block::of(TEXT, &[content(&element["text"])]));
                }
                "div" => blocks.extend(fields(list(&element["fields"]))),
                "note" => {
                    let notes: Vec<&str> = list(&element["elements"]).iter().map(content).collect();
                    blocks.push(Block::of(FOOTER, &notes));
                }
                other => panic!("no picture has a {other} yet"),
            }
        }
        Card {
            colour: colour(text(&header["template"])),
            title: wrapped(content(&header["title"]), TITLE, INNER),
            blocks,
        }
    }

    fn head(&self) -> f64 {
        lines_height(TITLE, &self.title) + 2.0 * (PADDING - GAP)
    }

    fn height(&self) -> f64 {
        let blocks: f64 = self.blocks.iter().map(Block::height).sum();
        self.head() + blocks + 2.0 * GAP
    }

    fn draw(&self, drawing: &mut Drawing, top: f64) {
        let (x, width) = (MARGIN, WIDTH - 2.0 * MARGIN);
        let left = x + PADDING;
        drawing.rectangle([x, top, width, self.height()], 8.0, "#ffffff");
        drawing.rectangle([x, top, width, self.head()], 8.0, self.colour);
        // Square where it meets the body.
        drawing.rectangle([x, top + self.head() - 8.0, width, 8.0], 0.0, self.colour);
        draw_lines(
            drawing,
            [left, top + PADDING - GAP, INNER],
            &self.title,
            TITLE,
        );
        let mut y = top + self.head() + GAP;
        for block in &self.blocks {
            match block {
                Block::Line => drawing.rectangle([left, y + GAP, INNER, 1.0], 0.0, "#dee0e3"),
                Block::Texts(style, texts) => {
                    let each = INNER / texts.len() as f64;
                    for (at, lines) in texts.iter().enumerate() {
                        let x = left + each * at as f64;
                        draw_lines(drawing, [x, y + GAP / 2.0, each], lines, *style);
                    }
                }
            }
            y += block.height();
        }
    }
}

impl Block {
    fn of(style: Style, texts: &[&str]) -> Block {
        let each = INNER / texts.len() as f64;
        let texts = texts.iter().map(|text| wrapped(text, style, each));
        Block::Texts(style, texts.collect())
    }

    fn height(&self) -> f64 {
        match self {
            Block::Line => 2.0 * GAP + 1.0,
            Block::Texts(style, texts) => {
                let heights = texts.iter().map(|lines| lines_height(*style, lines));
                heights.fold(0.0, f64::max) + GAP
            }
        }
    }
}

/// Those that are short in pairs, the others by themselves.
fn fields(fields: &[Value]) -> impl Iterator<Item = Block> {
    let is_short = |field: &Value| field["is_short"] == true;
    let mut rows: Vec<Vec<&Value>> = Vec::new();
    for field in fields {
        match rows.last_mut() {
            Some(row) if row.len() == 1 && is_short(row[0]) && is_short(field) => row.push(field),
            _ => rows.push(vec![field]),
        }
    }
    rows.into_iter().map(|row| {
        let texts: Vec<&str> = row.iter().map(|field| content(&field["text"])).collect();
        Block::of(TEXT, &texts)
    })
}

fn lines_height(style: Style, lines: &[String]) -> f64 {
    (style.size * LEADING).round() * lines.len() as f64
}

fn draw_lines(drawing: &mut Drawing, [x, y, room]: [f64; 3], lines: &[String], style: Style) {
    let leading = (style.size * LEADING).round();
    for (at, line) in lines.iter().enumerate() {
        let length = width(line, style);
        assert!(length <= room, "{line} is too wide");
        // In a wide font it would leave the card else.
        let length = (length > 0.9 * room).then_some(length);
        // Where letters stand in a line of this height.
        let base = y + leading * at as f64 + (leading + style.size * 0.72) / 2.0;
        drawing.text([x, base], line, style, length);
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// The content of a plain text.
fn content(value: &Value) -> &str {
    text(&value["content"])
}
