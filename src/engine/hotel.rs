//! What is remembered of a hotel.

use super::DayEnergy;
use super::baseline::HotelMemory;

/// What is remembered of a hotel, beside its rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HotelState {
    /// Of what its vacant rooms have in common.
    pub memory: HotelMemory,
    pub energy: DayEnergy,
}
