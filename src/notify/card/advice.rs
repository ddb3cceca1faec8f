//! The advice on a card.

use std::collections::HashSet;

use crate::engine::{HotelNoticeKind, NoticeKind};
use crate::notify::story::{Status, Story, common_kind};
use crate::types::Kind;

use super::words::{InCommon, Words};

/// What to do about each status that needs action; if none does, about the worst.
pub(super) fn advice(words: &Words, stories: &[Story]) -> String {
    let are = |status: Status| stories.iter().filter(move |story| story.status == status);
    let mut advice = Vec::new();
    let abnormal: Vec<&Story> = are(Status::Alert).chain(are(Status::Reminder)).collect();
    if !abnormal.is_empty() {
        let look = match common_kind(abnormal.iter().copied()) {
            Some(Kind::Checkout) => words.look_into_vacant,
            Some(Kind::Checkin) => words.look_into_occupied,
            None => words.look_into_both,
        };
        advice.push(look.to_owned());
        if abnormal.len() > 1 {
            advice.push(words.worst_first.to_owned());
        }
    }
    let has_some_left = |status| are(status).any(Story::has_silent);
    let others = [
        (are(Status::Silent).next().is_some(), words.check_gateway),
        (are(Status::Frozen).next().is_some(), words.check_repeating),
        (are(Status::Unclear).next().is_some(), words.may_go_on),
        (has_some_left(Status::Reporting), words.some_are_silent),
        (has_some_left(Status::Moving), words.some_are_frozen),
    ];
    let others = others.into_iter().filter(|(is_so, _)| *is_so);
    advice.extend(others.map(|(_, words)| words.to_owned()));
    let in_common = stories.iter().filter_map(Story::of_hotel);
    advice.extend(in_common.map(|notice| match notice.kind {
        HotelNoticeKind::Rise => (words.common_rise)(&InCommon::of(notice)),
        HotelNoticeKind::Level => (words.common_level)(&InCommon::of(notice)),
    }));
    if are(Status::Closed).next().is_some() {
        let reasons: HashSet<Option<String>> =
            stories.iter().map(|story| closing(words, story)).collect();
        advice.push(match Vec::from_iter(reasons).as_slice() {
            [Some(of_all)] => of_all.clone(),
            _ => words.closed_below.to_owned(),
        });
    }
    if let Some(worst) = stories.first()
        && advice.is_empty()
    {
        advice.push(match worst.status {
            Status::NewStay if stories.len() == 1 => closing(words, worst).unwrap_or_default(),
            Status::NewStay => words.new_stays_below.to_owned(),
            Status::Ended => words.was_over.to_owned(),
            Status::Reporting => words.all_report.to_owned(),
            Status::Moving => words.all_are_moving.to_owned(),
            Status::Recovered
            | Status::Alert
            | Status::Reminder
            | Status::Silent
            | Status::Frozen
            | Status::Rise
            | Status::Level
            | Status::Unclear
            | Status::Closed => words.nothing_to_do.to_owned(),
        });
    }
    advice.join("\n")
}

/// Why its run is no longer followed, if it is not, as a sentence about one or several rooms.
fn closing(words: &Words, story: &Story) -> Option<String> {
    let notice = story.of_room()?;
    match notice.kind {
        NoticeKind::Closed(why) => Some((words.closing)(notice.stay.kind(), why)),
        NoticeKind::Alert | NoticeKind::Reminder | NoticeKind::Recovered => None,
    }
}
