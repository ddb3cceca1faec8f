//! Tokens of programs: their scopes and their hotels.

use roomwatt::config::{Access, Hotels, Scope, Secret, Token};
use roomwatt::http::{Limits, Serves};
use roomwatt::types::HotelId;

use crate::people::get;
use crate::rig::{Rig, TOKEN, check_in};

#[test]
fn a_token_opens_what_its_scopes_name_and_nothing_else() {
    let token = |scope| Token {
        token: Secret::new(TOKEN),
        scopes: [scope].into(),
        hotels: Hotels::All,
    };
    for (scope, expected) in [
        (Scope::Write, [200, 403]),
        (Scope::Read, [403, 403]),
        (Scope::Act, [403, 403]),
        (Scope::Metrics, [403, 200]),
    ] {
        let access = Access {
            tokens: vec![token(scope)],
            ..Access::default()
        };
        let rig = Rig::of(access, Serves::Programs, Limits::default());
        let _end = rig.serve(true);
        let (written, _) = rig.messages("application/json", &check_in(1));
        let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
        let metrics = get(&rig, "/metrics", &bearer).status;
        assert_eq!([written, metrics], expected, "{scope:?}");
        assert_eq!(get(&rig, "/metrics", "").status, 401, "{scope:?}");
    }
}

#[test]
fn a_message_of_another_hotel_is_refused_by_itself() {
    let only = Token {
        token: Secret::new(TOKEN),
        scopes: [Scope::Write].into(),
        hotels: Hotels::Only([HotelId::new("H1")].into()),
    };
    let access = Access {
        tokens: vec![only],
        ..Access::default()
    };
    let rig = Rig::of(access, Serves::Programs, Limits::default());
    let _end = rig.serve(true);
    let other = check_in(2).replace("H1", "H2");
    let body = format!("[{}, {other}, {}]", check_in(1), check_in(3));
    let reason = "hotel \\\"H2\\\" is not one of those that this token may write of (http.tokens)";
    let refused = format!(r#"{{"taken":2,"refused":[{{"index":1,"reason":"{reason}"}}]}}"#);
    assert_eq!(rig.messages("application/json", &body), (200, refused));
    let rooms: Vec<String> = rig
        .memory
        .0
        .lock()
        .rooms
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(rooms.len(), 2);
    assert!(
        rooms.iter().all(|room| room.starts_with("H1/")),
        "{rooms:?}"
    );
    let csv = "hotel_id,room_number,reading_value,script_time\nH1,1,1.0,2023-04-10 11:00:00\n\
               H2,1,1.0,2023-04-10 11:00:00\n";
    let refused = format!(r#"{{"taken":1,"refused":[{{"line":3,"reason":"{reason}"}}]}}"#);
    assert_eq!(rig.post("/api/readings", "text/csv", csv), (200, refused));
    let stored = rig.memory.0.lock();
    let hotels: Vec<&str> = stored
        .readings
        .iter()
        .map(|(room, _)| room.hotel_id.as_str())
        .collect();
    assert_eq!(hotels, ["H1"]);
}
