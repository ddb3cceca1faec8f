//! The baseline rule: the engine against an oracle written from the rule's text alone, with
//! examples worked by hand and hotels made at random.

mod cases;
mod coverage;
mod engine;
mod explained;
mod oracle;
mod random;

use oracle::{Evaluation, Hotel, Rules};

/// Every example and every random hotel is evaluated by this, and the engine's result is compared.
fn evaluate(rules: &Rules, hotel: &Hotel) -> Evaluation {
    let evaluation = oracle::evaluate(rules, hotel);
    engine::compare(&evaluation, &engine::play(rules, hotel, &[]));
    evaluation
}
