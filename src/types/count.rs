/// A number of things in words: `1 room`, `2 rooms`. `what` is one of them, and takes an s.
pub fn counted(number: impl Into<u64>, what: &str) -> String {
    match number.into() {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
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
