//! Passwords of people: hashed with argon2id, so that who reads the configuration does not have
//! them.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// The most memory that checking a password may take. KiB. Two are checked at a time.
const MOST_MEMORY: u32 = 256 * 1024;

/// The most passes over that memory: with [`MOST_MEMORY`] some seconds.
const MOST_PASSES: u32 = 20;

/// The longest password. Bytes.
pub const LONGEST: usize = 1_024;

/// Hashes a password, with a salt of its own.
///
/// # Errors
/// When the system has no random numbers.
pub fn hash(password: &str) -> Result<String, String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

/// Checks that a text is a hash of argon2id whose cost this program takes on.
///
/// # Errors
/// What is wrong with it. It never quotes the hash.
pub fn check(hash: &str) -> Result<(), String> {
    parsed(hash).map(drop)
}

/// Whether a password is the one of a hash. It takes the time and memory that the hash says.
pub fn verify(password: &str, hash: &str) -> bool {
    let Ok((hash, params)) = parsed(hash) else {
        return false;
    };
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .verify_password(password.as_bytes(), &hash)
        .is_ok()
}

fn parsed(hash: &str) -> Result<(PasswordHash, Params), String> {
    let not_one = |_| "is not a hash of argon2id".to_owned();
    let hash = PasswordHash::new(hash).map_err(|_| not_one(()))?;
    let is_complete = hash.salt.is_some() && hash.hash.is_some();
    if hash.algorithm.as_str() != "argon2id" || hash.version != Some(0x13) || !is_complete {
        return Err(not_one(()));
    }
    let params = Params::try_from(&hash).map_err(|_| not_one(()))?;
    if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES {
        return Err(format!(
            "costs more than {} MiB or {MOST_PASSES} passes",
            MOST_MEMORY / 1024
        ));
    }
    Ok((hash, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "secret", at little cost; made by `argon2 saltsalt -id -k 64 -t 1 -p 1`.
    fn cheap(password: &str) -> String {
        let params = Params::new(64, 1, 1, None).expect("parameters");
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon.hash_password(password.as_bytes()).expect("a hash");
        hash.to_string()
    }

    #[test]
    fn only_the_password_of_a_hash_is_accepted() {
        let hash = cheap("correct horse");
        assert_ne!(hash, cheap("correct horse"), "each has a salt of its own");
        assert_eq!(check(&hash), Ok(()));
        assert!(verify("correct horse", &hash));
        for other in ["correct horse ", "Correct horse", "", &hash] {
            assert!(!verify(other, &hash), "{other}");
        }
        let made = super::hash("12345678").expect("a hash");
        assert!(
            made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{made}"
        );
        assert_eq!(check(&made), Ok(()));
    }

    #[test]
    fn what_is_no_hash_of_argon2id_or_costs_too_much_is_refused() {
        let hash = cheap("x");
        for (text, expected) in [
            ("", "is not a hash of argon2id"),
            ("12345678", "is not a hash of argon2id"),
            ("$2y$10$abcdefghijklmnopqrstuv", "is not a hash of argon2id"),
            (&hash.replace("argon2id", "argon2i"), "is not a hash"),
            (&hash.replace("v=19", "v=16"), "is not a hash"),
            (&hash[..hash.len() - 44], "is not a hash"),
            (&hash.replace("m=64", "m=262145"), "costs more than 256 MiB"),
            (&hash.replace("t=1", "t=21"), "costs more than 256 MiB"),
        ] {
            let wrong = check(text).expect_err(text);
            assert!(wrong.starts_with(expected), "{text}: {wrong}");
            assert!(!verify("x", text), "{text}");
        }
    }
}
