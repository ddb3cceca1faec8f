//! Who may come in over HTTP.

use std::collections::BTreeSet;

use crate::types::HotelId;

/// The hotels that a token or a person has.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Hotels {
    #[default]
    All,
    Only(BTreeSet<HotelId>),
}

impl Hotels {
    pub fn includes(&self, hotel: &HotelId) -> bool {
        match self {
            Hotels::All => true,
            Hotels::Only(hotels) => hotels.contains(hotel),
        }
    }
}
