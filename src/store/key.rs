//! The key of the installation, from which the keys of sessions and forms follow.

use std::fmt;
use std::fmt::Write as _;

use crate::random;

use super::StoreError;

/// 32 random bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct InstallationKey([u8; 32]);

impl InstallationKey {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn random() -> Result<InstallationKey, StoreError> {
        let bytes = random::bytes();
        let bytes = bytes.map_err(|error| {
            StoreError::Unreadable(format!("the system has no random numbers: {error}"))
        })?;
        Ok(InstallationKey(bytes))
    }

    /// As the configuration has it; `None` if these are not 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<InstallationKey> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(InstallationKey(bytes))
    }

    /// As rows have it.
    pub(super) fn from_row(bytes: &[u8]) -> Result<InstallationKey, StoreError> {
        let bytes = bytes.try_into().map_err(|_| {
            StoreError::Unreadable(format!(
                "service.installation_key has {} bytes instead of 32: run `roomwatt rotate-key`",
                bytes.len()
            ))
        })?;
        Ok(InstallationKey(bytes))
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The inverse of [`InstallationKey::from_hex`].
    pub fn hex(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// It is a secret.
impl fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_never_shown() {
        let key = InstallationKey::random().expect("a key");
        assert_eq!(InstallationKey::from_hex(&key.hex()), Some(key.clone()));
        assert_eq!(InstallationKey::from_row(key.bytes()).expect("a key"), key);
        assert_eq!(format!("{key:?}"), "***");
        for text in [
            "",
            &"0".repeat(63),
            &"0".repeat(66),
            &"+1".repeat(32),
            &"é".repeat(32),
        ] {
            assert_eq!(InstallationKey::from_hex(text), None, "{text}");
        }
        assert!(InstallationKey::from_row(&[0; 16]).is_err());
    }
}
