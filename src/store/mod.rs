//! Where state lives between two runs. The only place that knows SQL.

pub mod codec;
