//! The content of a card, which each bot shows in its own way.

use std::fmt;

/// Some notices of one hotel in the staff's language.
pub(in crate::notify) struct Card {
    pub(in crate::notify) title: String,
    pub(in crate::notify) colour: Colour,
    /// What to do.
    pub(in crate::notify) advice: String,
    pub(in crate::notify) sections: Vec<Section>,
    /// The numbers of its notices, by which a repeated delivery is recognised.
    pub(in crate::notify) footer: String,
    /// The ids of its notices in the outbox.
    pub(in crate::notify) ids: Vec<u64>,
}

/// The colour of a card shows how urgent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::notify) enum Colour {
    Red,
    Orange,
    Yellow,
    Green,
    Grey,
    Blue,
}

/// The section of one room, or of a hotel's meters: shown field by field if it is the only one,
/// else as a paragraph.
pub(in crate::notify) struct Section {
    pub(super) heading: String,
    /// The content of the heading as fields, for a card with only this section.
    pub(super) subject: Vec<Row>,
    /// The other rows.
    pub(super) rows: Vec<Row>,
    /// The numbers of its notices, by which a repeated delivery is recognised among other sections.
    pub(super) number: String,
}

/// A line of a section.
pub(super) enum Row {
    Fields(Vec<Field>),
    Chart(Chart),
}

/// A name and its value.
pub(super) struct Field {
    pub(super) name: String,
    /// What separates them in the staff's language.
    pub(super) colon: &'static str,
    pub(super) value: String,
}

/// A chart of a room's power use.
pub(super) struct Chart {
    /// Its name, with its scale.
    pub(super) name: String,
    pub(super) colon: &'static str,
    /// Oldest first.
    pub(super) bars: Vec<Bar>,
    /// The meaning of the marks among the bars; may be empty.
    pub(super) legend: String,
}

/// One interval of a chart, or the beginning of the stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bar {
    /// Its height in eighths: 1 to 8.
    Height(u8),
    Unknown,
    StayBegins,
}

impl Card {
    /// As plain text.
    pub(in crate::notify) fn text(&self) -> String {
        let sections: Vec<String> = match self.sections.as_slice() {
            [only] => only.lines().flatten().collect(),
            several => several.iter().map(Section::text).collect(),
        };
        let mut paragraphs = vec![self.title.clone(), self.advice.clone()];
        paragraphs.extend(sections);
        paragraphs.push(self.footer.clone());
        paragraphs.join("\n")
    }
}

impl Colour {
    /// Its English name, in small letters.
    pub(in crate::notify) fn as_str(self) -> &'static str {
        match self {
            Colour::Red => "red",
            Colour::Orange => "orange",
            Colour::Yellow => "yellow",
            Colour::Green => "green",
            Colour::Grey => "grey",
            Colour::Blue => "blue",
        }
    }
}

impl Section {
    /// As a paragraph among others.
    pub(in crate::notify) fn text(&self) -> String {
        let mut lines = vec![self.heading.clone()];
        lines.extend(self.rows.iter().map(|row| row.texts().join(" · ")));
        if let Some(last) = lines.last_mut() {
            last.push_str(" · ");
            last.push_str(&self.number);
        }
        lines.join("\n")
    }

    /// The lines, each with the fields that belong together.
    pub(in crate::notify) fn lines(&self) -> impl Iterator<Item = Vec<String>> {
        let rows = self.subject.iter().chain(&self.rows);
        rows.map(Row::texts)
    }
}

impl Row {
    fn texts(&self) -> Vec<String> {
        match self {
            Row::Fields(fields) => fields.iter().map(Field::to_string).collect(),
            Row::Chart(chart) => vec![chart.to_string()],
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.name, self.colon, self.value)
    }
}

/// In block characters.
impl fmt::Display for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.colon)?;
        for bar in &self.bars {
            write!(f, "{bar}")?;
        }
        f.write_str(&self.legend)
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BLOCKS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        f.write_str(match self {
            Bar::Height(eighths) => BLOCKS[usize::from(*eighths).clamp(1, 8) - 1],
            Bar::Unknown => "·",
            Bar::StayBegins => "│",
        })
    }
}
