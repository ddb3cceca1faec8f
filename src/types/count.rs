use std::fmt::Display;

/// A whole number of things in words: `1 room`, `2 rooms`. `what` is one of them, and takes an s.
pub fn counted(number: impl Display, what: &str) -> String {
    let number = number.to_string();
    let s = if number == "1" { "" } else { "s" };
    format!("{number} {what}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_them_has_no_s() {
        let told = [0_u32, 1, 2].map(|number| counted(number, "new reading"));
        assert_eq!(told, ["0 new readings", "1 new reading", "2 new readings"]);
    }
}
