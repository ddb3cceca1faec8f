//! Shared by the commands that play simulated hotels: when a story begins, and what its hotels are
//! like.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::simulator::World;
use crate::types::LocalTime;

use super::{Code, Failure};

/// When stories begin that do not depend on today: a Monday.
const START: &str = "2024-03-04 00:00:00";

pub(super) fn start() -> Result<LocalTime, Failure> {
    LocalTime::parse(START).map_err(|error| Failure::new(Code::Bug, error))
}

/// A world that was named on the command line.
#[derive(Clone, Debug)]
pub(super) struct NamedWorld {
    pub name: String,
    pub world: World,
}

/// Takes the name of a world; any other is an error that lists them.
pub(super) fn named_world() -> impl TypedValueParser<Value = NamedWorld> {
    PossibleValuesParser::new(World::NAMES).try_map(|name| match World::named(&name) {
        Some(world) => Ok(NamedWorld { name, world }),
        None => Err("there is no such world"),
    })
}
