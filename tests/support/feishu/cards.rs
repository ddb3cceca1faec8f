//! What Feishu accepts as a message, and how the staff sees it.

use std::ops::Range;

use serde_json::Value;

use super::COLOURS;

/// Why Feishu refuses a message: code and reason.
pub(super) fn message_fault(body: &Value) -> Option<(i64, String)> {
    let content = &body["content"];
    let reason = match body["msg_type"].as_str().unwrap_or_default() {
        "text" if content["text"].is_string() => return None,
        "text" => "params error, content.text need",
        "post" if content["post"].is_object() => return None,
        "post" => "params error, content.post need",
        "interactive" if body["card"].is_object() => {
            let fault = card_fault(&body["card"]).err()?;
            return Some((11_246, fault));
        }
        "interactive" => "params error, unknown card value",
        _ => "params error, unknown msg_type",
    };
    Some((19_002, reason.to_owned()))
}

/// Errors look like Feishu's: `path: message->card->1th block(div); err_msg: ...`.
fn card_fault(card: &Value) -> Result<(), String> {
    if let Some(header) = card.get("header") {
        let colour = header.get("template").map_or("default", text_of);
        if !COLOURS.contains(&colour) {
            return Err(fault("header", "unknown template"));
        }
        text_fault(&header["title"], "header")?;
    }
    let elements = card["elements"].as_array();
    let elements = elements.ok_or_else(|| fault("elements", "array need"))?;
    for (number, element) in elements.iter().enumerate() {
        let tag = text_of(&element["tag"]);
        let path = format!("{}th block({tag})", number + 1);
        let (text, fields) = (element.get("text"), element.get("fields"));
        match tag {
            "hr" | "img" | "action" | "column_set" => {}
            "markdown" => content_fault(element, &path)?,
            "div" if text.is_some() || fields.is_some_and(Value::is_array) => {
                let fields = list(&element["fields"]).map(|field| &field["text"]);
                fields
                    .chain(text)
                    .try_for_each(|text| text_fault(text, &path))?;
            }
            "note" if element["elements"].is_array() => {
                let mut texts = list(&element["elements"]).filter(|text| text["tag"] != "img");
                texts.try_for_each(|text| text_fault(text, &path))?;
            }
            "div" | "note" => return Err(fault(&path, "text, fields or elements need")),
            _ => return Err(fault(&path, "unsupported type of block")),
        }
    }
    Ok(())
}

fn text_fault(text: &Value, path: &str) -> Result<(), String> {
    match text_of(&text["tag"]) {
        "plain_text" if text["content"].is_string() => Ok(()),
        "lark_md" => content_fault(text, path),
        _ => Err(fault(path, "unsupported type of text")),
    }
}

/// Markdown is refused as a whole for one invalid mention.
fn content_fault(markdown: &Value, path: &str) -> Result<(), String> {
    let content = markdown["content"].as_str();
    let mut rest = content.ok_or_else(|| fault(path, "content need"))?;
    while let Some((range, who)) = mention(rest) {
        if who != "all" && !who.starts_with("ou_") {
            return Err(fault(path, "invalid user resource(at/person)"));
        }
        rest = &rest[range.end..];
    }
    Ok(())
}

fn fault(path: &str, reason: &str) -> String {
    format!("path: message->card->{path}; err_msg: {reason}; err_type: validation; ")
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Where the first `<at ...=who>...</at>` stands.
fn mention(text: &str) -> Option<(Range<usize>, &str)> {
    let start = text.find("<at ")?;
    let end = start + text[start..].find('>')? + 1;
    let (_, who) = text[start..end - 1].split_once('=')?;
    let close = text[end..].find("</at>").map_or(end, |at| end + at + 5);
    Some((start..close, who.trim_matches(['"', '\'', ' ', '/'])))
}

/// A message of any kind as the staff sees it, for a terminal.
pub fn message_text(message: &Value) -> String {
    match message["content"]["text"].as_str() {
        Some(text) => format!("┌─[text]\n{}└─", frame(&rich(text))),
        None => card_text(&message["card"]),
    }
}

/// The numbers of the notices in a message of any kind.
pub fn notice_numbers(message: &Value) -> Vec<u64> {
    let text = message_text(message);
    let (_, numbers) = text.rsplit_once("通知编号 ").expect("numbers at its end");
    let numbers = numbers.lines().next().unwrap_or_default();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    numbers
        .split(", ")
        .flat_map(|range| match range.split_once('-') {
            Some((first, last)) => number(first)..=number(last),
            None => number(range)..=number(range),
        })
        .collect()
}

/// A card (JSON 1.0) as the staff sees it, for a terminal.
pub fn card_text(card: &Value) -> String {
    let header = &card["header"];
    let colour = header.get("template").map_or("default", text_of);
    let title = words(&header["title"]).replace('\n', " ");
    let blocks: String = list(&card["elements"]).map(block).collect();
    format!("┌─[{colour}] {title}\n{blocks}└─")
}

fn frame(text: &str) -> String {
    text.lines().map(|line| format!("│ {line}\n")).collect()
}

fn block(element: &Value) -> String {
    match text_of(&element["tag"]) {
        "hr" => "├─\n".to_owned(),
        "markdown" => frame(&rich(text_of(&element["content"]))),
        "div" => {
            let mut text = words(&element["text"]);
            let mut beside = false;
            for field in list(&element["fields"]) {
                // Two short ones stand side by side.
                let short = field["is_short"] == true;
                text += if beside && short { "    " } else { "\n" };
                text += &words(&field["text"]);
                beside = short && !beside;
            }
            frame(text.trim_start_matches('\n'))
        }
        "note" => {
            let parts: Vec<String> = list(&element["elements"]).map(words).collect();
            frame(&format!("※ {}", parts.join(" ")))
        }
        tag => frame(&format!("[{tag}]")),
    }
}

fn words(text: &Value) -> String {
    let content = text_of(&text["content"]);
    match text_of(&text["tag"]) {
        "lark_md" => rich(content),
        _ => printable(content),
    }
}

/// Marked-up text without its marks; mentions become what Feishu makes of them.
fn rich(content: &str) -> String {
    let mut text = printable(content);
    while let Some((range, who)) = mention(&text) {
        let who = if who == "all" { "所有人" } else { who };
        let who = format!("@{who}");
        text.replace_range(range, &who);
    }
    while let Some(start) = text.find("<font")
        && let Some(length) = text[start..].find('>')
    {
        text.replace_range(start..=start + length, "");
    }
    text.replace("</font>", "").replace("**", "")
}

/// A card's text, escaped for a terminal.
fn printable(text: &str) -> String {
    let safe = |c: char| c == '\n' || !c.is_control();
    text.replace(|c| !safe(c), "\u{fffd}")
}
