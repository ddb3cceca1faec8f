//! The title of a card: all that a telephone shows before the card is opened.

use crate::engine::{HotelNoticeKind, NoticeKind};
use crate::notify::story::{Status, Story, common_kind};
use crate::types::RoomNumber;

use super::numbers::{kilowatts, kwh_a_day};
use super::words::Words;

/// The most rooms named in a title.
const NAMED: usize = 3;

/// The most statuses named in a title, each with its number of stories.
const STATES: usize = 3;

/// The title: status, hotel, rooms, and power.
pub(super) fn title(words: &Words, hotel: &str, stories: &[Story], is_mixed: bool) -> String {
    let mut rooms: Vec<&RoomNumber> = Vec::new();
    for room in stories.iter().filter_map(Story::room) {
        // A room can have had several runs.
        if !rooms.contains(&room) {
            rooms.push(room);
        }
    }
    let Some(worst) = stories.first() else {
        return hotel.to_owned();
    };
    // Notices of meters are about all rooms.
    let rooms_that = match worst.room() {
        Some(_) => (words.rooms_that)(common_kind(stories), rooms.len() > 1),
        None => "",
    };
    let state = if is_mixed {
        states(words, stories)
    } else {
        words.of(worst).long.to_owned()
    };
    let mut title = format!("{rooms_that}{state}{}{hotel}", words.before_hotel);
    let mut add = |part: &str| {
        title.push_str(" · ");
        title.push_str(part);
    };
    match rooms.as_slice() {
        [] => {}
        [room] => add(room.as_str()),
        // The statuses come before, so that there is less space.
        [room, ..] if is_mixed => add(&(words.first_of)(room.as_str(), rooms.len())),
        several => {
            let mut names = words.joined(several.iter().copied().take(NAMED));
            if several.len() > NAMED {
                names.push('…');
            }
            add(&(words.rooms_of)(&names, several.len()));
        }
    }
    if let Some(notice) = worst.of_room() {
        match (worst.status, notice.kind) {
            (Status::Alert | Status::Reminder, _) => {
                let power = kilowatts(notice);
                add(&match rooms.len() {
                    1 => (words.kilowatts)(&power),
                    _ => (words.most_kilowatts)(&power),
                });
            }
            (_, NoticeKind::Closed(why)) if stories.len() == 1 => {
                add((words.closed_by)(notice.stay.kind(), why));
            }
            _ => {}
        }
    }
    if let [only] = stories
        && let Some(notice) = only.of_hotel()
    {
        add(&match notice.kind {
            HotelNoticeKind::Rise => (words.rooms_of_vacant)(notice.rose, notice.vacant),
            HotelNoticeKind::Level => (words.more_a_day)(&format!("{:.0}", kwh_a_day(notice))),
        });
    }
    title
}

/// How many stories have which status, the worst first; further statuses are counted together.
fn states(words: &Words, stories: &[Story]) -> String {
    let chunks = stories.chunk_by(|a, b| words.of(a).short == words.of(b).short);
    let mut chunks: Vec<&[Story]> = chunks.collect();
    let others = match chunks.len() {
        ..=STATES => Vec::new(),
        _ => chunks.split_off(STATES - 1),
    };
    let counted = chunks.into_iter().filter_map(|chunk| {
        let first = chunk.first()?;
        let word = words.of(first).short;
        // All meters of a hotel are one story, so it has no count.
        Some(match first.room() {
            Some(_) => format!("{word} ×{}", chunk.len()),
            None => word.to_owned(),
        })
    });
    let others = others.concat().len();
    let others = (others > 0).then(|| (words.others)(others));
    let states: Vec<String> = counted.chain(others).collect();
    states.join(words.between_states)
}
