//! What is printed of a story at its end.

use std::io::{self, BufWriter, Write};

use serde_json::{Value, json};

use crate::engine::Move;
use crate::escape;
use crate::simulator::{Outline, Scenario};
use crate::types::counted;

use super::super::Failure;
use super::super::rows::check_output;
use super::sink::Delivered;
use super::{Arguments, Played};

/// Prints what was played, and the truth of what was wrong.
pub(super) fn print(
    arguments: &Arguments,
    scenario: &Scenario,
    played: &Played,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let write = if arguments.json { json } else { text };
    check_output(write(&mut out, arguments, scenario, played).and_then(|()| out.flush()))
}

fn text(
    out: &mut dyn Write,
    arguments: &Arguments,
    scenario: &Scenario,
    played: &Played,
) -> io::Result<()> {
    let Delivered { readings, messages } = played.delivered;
    let Outline {
        troubles,
        moves,
        out_of_order,
    } = &played.outline;
    let hotels = match &scenario.hotels[..] {
        [hotel] => hotel.to_string(),
        hotels => format!("{} hotels", hotels.len()),
    };
    writeln!(
        out,
        "played {hotels} of {}, from {} to {}: {}, {}, {}",
        counted(scenario.rooms, "room"),
        scenario.start,
        played.until,
        counted(readings, "reading"),
        counted(messages, "message"),
        counted(troubles.len(), "trouble"),
    )?;
    for (room, trouble) in troubles {
        let kind = trouble.kind.occupancy();
        writeln!(
            out,
            "  {room} {kind}: {}, {} kWh in 30 minutes, {} to {}",
            trouble.appliance.as_str(),
            trouble.per_half_hour,
            trouble.from,
            trouble.until
        )?;
    }
    if !moves.is_empty() {
        writeln!(out, "{}:", counted(moves.len(), "move"))?;
    }
    for Move { from, to, at, .. } in moves {
        writeln!(out, "  {to}: its guest came from {from} at {at}")?;
    }
    if !out_of_order.is_empty() {
        writeln!(out, "{} out of order:", counted(out_of_order.len(), "room"))?;
    }
    for (room, span) in out_of_order {
        writeln!(out, "  {room}: {} to {}", span.from, span.until)?;
    }
    let world = match arguments.world.name.as_str() {
        "today" => String::new(),
        other => format!(" --world {other}"),
    };
    writeln!(
        out,
        "to play the same story again and go on: --seed {} --from '{}'{world}",
        scenario.seed, scenario.start
    )
}

fn json(
    out: &mut dyn Write,
    arguments: &Arguments,
    scenario: &Scenario,
    played: &Played,
) -> io::Result<()> {
    let Outline {
        troubles,
        moves,
        out_of_order,
    } = &played.outline;
    let mut line = |line: Value| writeln!(out, "{}", escape::json(&line.to_string()));
    for (room, trouble) in troubles {
        line(json!({
            "event": "trouble",
            "hotel_id": room.hotel_id,
            "room_number": room.room_number,
            "kind": trouble.kind,
            "appliance": trouble.appliance,
            "from": trouble.from,
            "until": trouble.until,
            "kwh_per_30_minutes": trouble.per_half_hour.0 as f64 / 1_000.0,
        }))?;
    }
    for Move { from, to, at, .. } in moves {
        line(json!({
            "event": "move",
            "hotel_id": to.hotel_id,
            "old_room_number": from.room_number,
            "room_number": to.room_number,
            "at": at,
        }))?;
    }
    for (room, span) in out_of_order {
        line(json!({
            "event": "out_of_order",
            "hotel_id": room.hotel_id,
            "room_number": room.room_number,
            "from": span.from,
            "until": span.until,
        }))?;
    }
    line(json!({
        "event": "told",
        "seed": scenario.seed,
        "world": arguments.world.name,
        "hotels": scenario.hotels,
        "rooms": scenario.rooms,
        "from": scenario.start,
        "until": played.until,
        "readings": played.delivered.readings,
        "messages": played.delivered.messages,
        "troubles": troubles.len(),
        "moves": moves.len(),
        "out_of_order": out_of_order.len(),
    }))
}
