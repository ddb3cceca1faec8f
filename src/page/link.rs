//! Links between pages. Hotels and rooms stand in the query, where `..`, `/` and `#` are data.

use form_urlencoded::Serializer;

use crate::types::{HotelId, RoomKey};

/// A path with a query.
pub(super) fn to(path: &str, query: &[(&str, &str)]) -> String {
    let mut pairs = Serializer::new(String::new());
    format!("{path}?{}", pairs.extend_pairs(query).finish())
}

pub(super) fn hotel(hotel: &HotelId) -> String {
    to("/hotel", &[("hotel", hotel.as_str())])
}

pub(super) fn room(room: &RoomKey) -> String {
    to(
        "/room",
        &[
            ("hotel", room.hotel_id.as_str()),
            ("room", room.room_number.as_str()),
        ],
    )
}

/// A query, of each key the first value.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(text: Option<&str>) -> Query {
        let pairs = form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        Query(pairs.into_owned().collect())
    }

    /// What is asked for; empty if nothing is.
    pub(super) fn get(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(asked, _)| asked == key);
        found.map_or("", |(_, value)| value.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_room_is_called_its_link_leads_to_it() {
        for name in [
            "..",
            "a/b",
            "#1",
            "50%",
            "a&room=b",
            "a+b c",
            "\"<'",
            "🛏️",
            "\u{202e}1",
        ] {
            let key = RoomKey::new(name, name);
            let link = room(&key);
            let (path, query) = link.split_once('?').expect("a query");
            assert_eq!(path, "/room");
            assert!(
                query
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && !b"\"<>#/'".contains(&byte))
            );
            let query = Query::of(Some(query));
            assert_eq!((query.get("hotel"), query.get("room")), (name, name));
        }
    }
}
