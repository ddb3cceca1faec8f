//! Random bytes of the system, which nobody can guess.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// So many of them.
///
/// # Errors
/// When the system has none.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match getrandom(rest, GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_are_the_same() {
        let made: [[u8; 32]; 2] = [
            super::bytes().expect("bytes"),
            super::bytes().expect("bytes"),
        ];
        assert_ne!(made[0], made[1]);
        // Each place is filled: that a byte is zero in all of twenty is as good as impossible.
        let many: Vec<[u8; 32]> = (0..20).map(|_| super::bytes().expect("bytes")).collect();
        assert!((0..32).all(|at| many.iter().any(|made| made[at] != 0)));
    }
}
