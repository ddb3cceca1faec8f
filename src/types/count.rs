use std::fmt::Display;

/// A number with its noun: `1 room`, `2 rooms`. `what` is the singular of a noun whose plural adds
/// an s.
pub fn counted(number: impl Display, what: &str) -> String {
    let number = number.to_string();
    let s = if number == "1" { "" } else { "s" };
    format!("{number} {what}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        let texts = [0_u32, 1, 2].map(|number| counted(number, "new reading"));
        assert_eq!(texts, ["0 new readings", "1 new reading", "2 new readings"]);
    }
}
