//! What the rooms of a hotel had in common, kept for pages.

use roomwatt::engine::baseline::FrameSummary;
use roomwatt::store::{KeptFrame, Span, Store};
use roomwatt::types::HotelId;

use crate::subject::{Subject, commit};
use crate::{at, on_each_store};

fn frame(hotel: &str, minutes: i64, common: u16) -> KeptFrame {
    KeptFrame {
        hotel: HotelId::new(hotel),
        began: at(minutes),
        interval_seconds: 1_800,
        summary: FrameSummary {
            vacant: 5,
            common,
            low: 25,
            high: 75,
            is_hot: common > 100,
            base: 60,
            level: (common > 100).then_some(500),
        },
        allowance: 120,
    }
}

fn found(subject: &Subject, hotel: &str, seconds: i64) -> Vec<KeptFrame> {
    let span = Span {
        after: at(0),
        to: at(90),
    };
    let mut archive = subject.database.archive();
    let mut found = archive
        .frames(&HotelId::new(hotel), seconds, span)
        .expect("frames");
    found.sort_by_key(|frame| frame.began);
    found
}

fn a_frame_is_kept_as_it_was_first_looked_at(subject: &Subject) {
    let mut store = subject.owner();
    let (hot, usual) = (frame("H1", 30, 200), frame("H1", 90, 50));
    let other = frame("h1", 30, 75);
    let longer = KeptFrame {
        interval_seconds: 3_600,
        ..frame("H1", 30, 25)
    };
    let before = frame("H1", 0, 50);
    let all = [&hot, &usual, &other, &longer, &before];
    commit(&mut store, |plan| {
        plan.frames = all.map(Clone::clone).into()
    });
    // After a restart, when rooms no longer know all.
    commit(&mut store, |plan| plan.frames = vec![frame("H1", 30, 0)]);
    assert_eq!(found(subject, "H1", 1_800), [hot, usual]);
    assert_eq!(found(subject, "h1", 1_800), [other]);
    assert_eq!(found(subject, "H1", 3_600), [longer]);
    assert_eq!(found(subject, "H2", 1_800), []);

    let old = format!(
        "UPDATE hotel_frame SET created_at = {} WHERE interval_seconds = 1800",
        subject.ago(3 * 86_400)
    );
    subject.execute(&old);
    assert_eq!(store.delete_old(4).expect("it may"), 0);
    assert_eq!(store.delete_old(2).expect("it may"), 4);
    assert_eq!(found(subject, "H1", 1_800), []);
    assert_eq!(found(subject, "H1", 3_600).len(), 1);
}

fn a_hotels_frames_are_read_by_key_among_many(subject: &Subject) {
    let mut store = subject.owner();
    commit(&mut store, |plan| {
        let hotels = (0..3_000).map(|nth| frame(&format!("H{nth:04}"), 30, 50));
        plan.frames = hotels.collect();
    });
    let rows = subject.rows_read(|| assert_eq!(found(subject, "H0077", 1_800).len(), 1));
    assert!(
        rows.is_none_or(|rows| (1..20).contains(&rows)),
        "{rows:?} rows were read"
    );
}

on_each_store!(
    a_frame_is_kept_as_it_was_first_looked_at,
    a_hotels_frames_are_read_by_key_among_many,
);
