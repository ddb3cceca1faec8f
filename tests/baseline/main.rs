//! The baseline rule: an oracle written from its text alone, examples worked by hand, and hotels
//! made at random.

mod cases;
mod coverage;
mod oracle;
mod random;

use oracle::{Evaluation, Hotel, Rules};

/// Every example and every random hotel is evaluated by this: what is to agree with the oracle can
/// be compared here with all of them.
fn evaluate(rules: &Rules, hotel: &Hotel) -> Evaluation {
    oracle::evaluate(rules, hotel)
}
