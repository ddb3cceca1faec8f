//! Notices that are sent together: the last one includes what the earlier ones say.

use std::collections::HashSet;

use crate::engine::{
    Closing, HotelNotice, HotelNoticeKind, MeterNoticeKind, Notice, NoticeKind, RoomNotice, RunKey,
};
use crate::types::{HotelId, Kind, RoomNumber};

/// All notices of one incident, or of one thing about a hotel, that are sent together.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) status: Status,
    /// The notices with their ids in the outbox, in that order; never empty.
    pub(super) notices: Vec<(u64, Notice)>,
}

/// The status when a story is sent, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// A room is abnormal.
    Alert,
    /// A room is still abnormal.
    Reminder,
    /// Meters are silent.
    Silent,
    /// Meters repeat old registers.
    Frozen,
    /// Many vacant rooms began to use more.
    Rise,
    /// Many vacant rooms use more than by themselves.
    Level,
    /// A room was abnormal and its run has ended, but the outbox no longer has the notice of how:
    /// this one was retried, or was recorded later.
    Unclear,
    /// A room was abnormal, its run could not be followed further, and whether the room has
    /// recovered is unknown.
    Closed,
    /// A room was abnormal, and its guest has changed or left.
    NewStay,
    /// It ended before the staff was notified.
    Ended,
    /// A room has recovered.
    Recovered,
    /// Meters send readings again.
    Reporting,
    /// Meters move again.
    Moving,
}

/// What a notice is about: notices of one subject are sent as one story.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Run(RunKey),
    /// The meters of this hotel.
    Meters(HotelId),
    /// What the vacant rooms of this hotel have in common.
    Hotel(HotelId, HotelNoticeKind),
}

impl Subject {
    pub(super) fn of(notice: &Notice) -> Subject {
        match notice {
            Notice::Room(notice) => Subject::Run(notice.incident()),
            Notice::Meters(notice) => Subject::Meters(notice.hotel_id.clone()),
            Notice::Hotel(notice) => Subject::Hotel(notice.hotel_id.clone(), notice.kind),
        }
    }
}

impl Story {
    /// A story of one subject's notices, in the order of their ids. What the notices in `ended`
    /// report has ended. `None` without notices.
    pub(super) fn new(notices: Vec<(u64, Notice)>, ended: &HashSet<u64>) -> Option<Story> {
        let status = Status::of(&notices, ended)?;
        Some(Story { status, notices })
    }

    /// A story of one notice, which has not ended.
    pub(super) fn of(id: u64, notice: Notice) -> Story {
        let notices = vec![(id, notice)];
        Story {
            status: Status::of(&notices, &HashSet::new()).unwrap_or(Status::Alert),
            notices,
        }
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        self.notices.iter().map(|(id, _)| *id)
    }

    /// The notice that is shown.
    pub(super) fn last(&self) -> Option<&Notice> {
        Some(last(&self.notices)?.1)
    }

    /// The notice that is shown, if it is about a room.
    pub(super) fn of_room(&self) -> Option<&RoomNotice> {
        match self.last()? {
            Notice::Room(notice) => Some(notice),
            Notice::Meters(_) | Notice::Hotel(_) => None,
        }
    }

    /// The notice that is shown, if it is about what vacant rooms have in common.
    pub(super) fn of_hotel(&self) -> Option<&HotelNotice> {
        match self.last()? {
            Notice::Hotel(notice) => Some(notice),
            Notice::Room(_) | Notice::Meters(_) => None,
        }
    }

    /// Whether it reminds of what somebody had acknowledged or snoozed.
    pub(super) fn is_of_lapse(&self) -> bool {
        self.last().is_some_and(Notice::is_of_lapse)
    }

    /// Whether its room is occupied or vacant in the stay it is about, if it is about a room.
    pub(super) fn kind(&self) -> Option<Kind> {
        Some(self.of_room()?.stay.kind())
    }

    /// Whether it is about meters, some of which are silent or frozen.
    pub(super) fn has_silent(&self) -> bool {
        matches!(self.last(), Some(Notice::Meters(notice)) if notice.silent > 0)
    }

    /// The room it is about, if any.
    pub(super) fn room(&self) -> Option<&RoomNumber> {
        Some(&self.of_room()?.room.room_number)
    }

    /// The story with each room's number, and each name of people, replaced by `written` of it.
    pub(super) fn with_names(mut self, written: impl Fn(&str) -> String) -> Story {
        let of_room = |room: &RoomNumber| RoomNumber::new(&written(room.as_str()));
        for (_, notice) in &mut self.notices {
            if let Some(mut handling) = notice.handling().cloned() {
                if let Some(acknowledged) = &mut handling.acknowledged {
                    acknowledged.by = written(&acknowledged.by);
                }
                notice.set_handling(Some(handling));
            }
            match notice {
                Notice::Room(notice) => {
                    notice.room.room_number = of_room(&notice.room.room_number);
                }
                Notice::Meters(notice) => {
                    for room in &mut notice.rooms {
                        *room = of_room(room);
                    }
                }
                Notice::Hotel(_) => {}
            }
        }
        self
    }
}

/// The notice that says all: the last one, but for alerts that only add to what others say.
fn last(notices: &[(u64, Notice)]) -> Option<(&u64, &Notice)> {
    let is_more = |notice: &Notice| !matches!(notice, Notice::Room(room) if room.is_joined_alert());
    let mut from_last = notices.iter().rev();
    let last = from_last.clone().next();
    let last = from_last.find(|(_, notice)| is_more(notice)).or(last)?;
    Some((&last.0, &last.1))
}

/// Whether all rooms of some stories are occupied, or all vacant; `None` if they differ.
pub(super) fn common_kind<'a>(stories: impl IntoIterator<Item = &'a Story>) -> Option<Kind> {
    let mut kinds = stories.into_iter().filter_map(Story::kind);
    let first = kinds.next()?;
    kinds.all(|kind| kind == first).then_some(first)
}

impl Status {
    /// The status of one subject's notices, of which those in `ended` have ended.
    fn of(notices: &[(u64, Notice)], ended: &HashSet<u64>) -> Option<Status> {
        let is_first = notices.iter().any(|(_, notice)| is_alert(notice));
        let (id, last) = last(notices)?;
        Some(match last {
            Notice::Room(last) => match last.kind {
                NoticeKind::Recovered if is_first => Status::Ended,
                NoticeKind::Recovered => Status::Recovered,
                NoticeKind::Closed(Closing::NewStay { .. } | Closing::OutOfOrder { .. }) => {
                    Status::NewStay
                }
                NoticeKind::Closed(_) => Status::Closed,
                NoticeKind::Alert | NoticeKind::Reminder if ended.contains(id) => Status::Unclear,
                _ if is_first => Status::Alert,
                _ => Status::Reminder,
            },
            Notice::Meters(last) => match last.kind {
                MeterNoticeKind::Silent | MeterNoticeKind::Frozen if ended.contains(id) => {
                    Status::Ended
                }
                MeterNoticeKind::Silent => Status::Silent,
                MeterNoticeKind::Reporting => Status::Reporting,
                MeterNoticeKind::Frozen => Status::Frozen,
                MeterNoticeKind::Moving => Status::Moving,
            },
            Notice::Hotel(last) => match last.kind {
                HotelNoticeKind::Rise => Status::Rise,
                HotelNoticeKind::Level => Status::Level,
            },
        })
    }
}

fn is_alert(notice: &Notice) -> bool {
    matches!(notice, Notice::Room(notice) if notice.kind == NoticeKind::Alert)
}
