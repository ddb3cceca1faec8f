use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Energy in whole watt-hours: a meter's register, or the difference of two.
///
/// An integer, so that no decision depends on floating point. Its absolute value is at most 10^18,
/// so the difference of any two fits an `i64`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WattHours(pub i64);

/// The text is not a number of kWh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a number of kWh (digits with an optional sign and decimal point)")]
pub struct BadRegister;

/// The most integer digits of kWh. No meter shows more, and longer numbers could overflow in sums.
const MAX_KWH_DIGITS: usize = 15;

impl WattHours {
    pub const ZERO: WattHours = WattHours(0);

    /// Parses a decimal number of kWh such as `12.34` or `1.234e1`; surrounding blanks are allowed.
    /// Digits beyond the third decimal are rounded, half away from zero.
    ///
    /// # Errors
    /// [`BadRegister`] for any other text, and for more than 15 integer digits.
    pub fn parse_kwh(text: &str) -> Result<WattHours, BadRegister> {
        let text = text.trim();
        WattHours::parse_plain(text).or_else(|error| {
            let plain = without_exponent(text).ok_or(error)?;
            WattHours::parse_plain(&plain)
        })
    }

    /// Parses a number without an exponent.
    fn parse_plain(text: &str) -> Result<WattHours, BadRegister> {
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, decimals) = match digits.split_once('.') {
            Some((whole, decimals)) if !decimals.is_empty() => (whole, decimals),
            Some(_) => return Err(BadRegister),
            None => (digits, ""),
        };
        if whole.is_empty() || whole.len() > MAX_KWH_DIGITS {
            return Err(BadRegister);
        }
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(i64::from(byte - b'0')),
            _ => Err(BadRegister),
        };
        let mut wh = 0;
        for byte in whole.bytes() {
            wh = wh * 10 + digit(byte)?;
        }
        let mut round_up = false;
        let mut decimals = decimals.bytes();
        for _ in 0..3 {
            wh = wh * 10 + decimals.next().map_or(Ok(0), digit)?;
        }
        if let Some(fourth) = decimals.next() {
            round_up = digit(fourth)? >= 5;
        }
        for rest in decimals {
            digit(rest)?;
        }
        wh += i64::from(round_up);
        Ok(WattHours(if negative { -wh } else { wh }))
    }

    /// The mean power in W where this was used in so many seconds.
    pub fn mean_watts(self, seconds: i64) -> i64 {
        let watts = i128::from(self.0) * 3_600 / i128::from(seconds.max(1));
        i64::try_from(watts).unwrap_or(i64::MAX)
    }

    /// kWh with two decimals, for the DECIMAL(10,2) columns of the original program; rounds half
    /// away from zero. `None` if such a column can't hold it.
    pub fn kwh_2(self) -> Option<String> {
        const COLUMN_HOLDS: i64 = 9_999_999_999;
        let hundredths = (self.0.abs() + 5) / 10;
        if hundredths > COLUMN_HOLDS {
            return None;
        }
        let sign = if self.0 < 0 && hundredths > 0 {
            "-"
        } else {
            ""
        };
        Some(format!(
            "{sign}{}.{:02}",
            hundredths / 100,
            hundredths % 100
        ))
    }
}

/// The same number without its exponent: `1.5e3` is `1500`, `15E-1` is `1.5`. `None` if the text
/// has no exponent, or one beyond 40 in either direction, which no register or time needs.
pub fn without_exponent(number: &str) -> Option<String> {
    const MOST_PLACES: i32 = 40;
    let (mantissa, exponent) = number.split_once(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok()?;
    if exponent.abs() > MOST_PLACES {
        return None;
    }
    let digits = mantissa.trim_start_matches(['+', '-']);
    let sign = &mantissa[..mantissa.len() - digits.len()];
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = !whole.is_empty()
        && (decimals.is_empty() != digits.contains('.'))
        && [whole, decimals]
            .iter()
            .all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if !is_number {
        return None;
    }
    let mut digits = format!("{whole}{decimals}");
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    // Pad with zeros, so that the point has a digit on either side.
    let before = usize::try_from(1 - point).unwrap_or(0);
    digits.insert_str(0, &"0".repeat(before));
    let point = usize::try_from(point.max(1)).ok()?;
    while digits.len() < point {
        digits.push('0');
    }
    let (whole, decimals) = digits.split_at(point);
    let (whole, decimals) = (
        whole.trim_start_matches('0'),
        decimals.trim_end_matches('0'),
    );
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match decimals {
        "" => format!("{sign}{whole}"),
        decimals => format!("{sign}{whole}.{decimals}"),
    })
}

/// Exact kWh without trailing zeros: `9.6`, `8`, `0.005`.
impl fmt::Display for WattHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, thousandths) = (self.0.abs() / 1000, self.0.abs() % 1000);
        let text = format!("{sign}{whole}.{thousandths:03}");
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Add for WattHours {
    type Output = WattHours;
    fn add(self, other: WattHours) -> WattHours {
        WattHours(self.0 + other.0)
    }
}

impl AddAssign for WattHours {
    fn add_assign(&mut self, other: WattHours) {
        self.0 += other.0;
    }
}

impl Sub for WattHours {
    type Output = WattHours;
    fn sub(self, other: WattHours) -> WattHours {
        WattHours(self.0 - other.0)
    }
}

impl Sum for WattHours {
    fn sum<I: Iterator<Item = WattHours>>(parts: I) -> WattHours {
        parts.fold(WattHours::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kwh_are_parsed_to_the_watt_hour() {
        for (text, wh) in [
            ("0", 0),
            ("12.34", 12_340),
            (" 12.34 ", 12_340),
            ("+1.5", 1_500),
            ("-1.5", -1_500),
            ("1.0004", 1_000),
            ("1.0005", 1_001),
            ("-1.0005", -1_001),
            ("1.00049999", 1_000),
            ("999999999999999.999", 999_999_999_999_999_999),
            ("1.5e3", 1_500_000),
            ("-1.2345E+2", -123_450),
            ("15e-1", 1_500),
            ("5e-4", 1),
            ("4e-4", 0),
            ("0e9", 0),
            ("1e-40", 0),
        ] {
            assert_eq!(WattHours::parse_kwh(text), Ok(WattHours(wh)), "{text}");
        }
    }

    #[test]
    fn texts_that_are_not_numbers_are_refused() {
        for text in [
            "",
            " ",
            ".",
            "1.",
            ".5",
            "1e",
            "e3",
            "1.e3",
            ".5e3",
            "1e3.5",
            "1e15",
            "1e41",
            "1e99999999999",
            "1e3e3",
            "--1e3",
            "NaN",
            "1,5",
            "--1",
            "1.2.3",
            "１",
            "1.0005x",
            "1000000000000000",
            "0x10",
        ] {
            assert_eq!(WattHours::parse_kwh(text), Err(BadRegister), "{text}");
        }
    }

    #[test]
    fn energy_is_printed_exactly_or_with_two_decimals() {
        for (wh, exact, two) in [
            (9_600, "9.6", "9.60"),
            (8_000, "8", "8.00"),
            (5, "0.005", "0.01"),
            (4, "0.004", "0.00"),
            (-4, "-0.004", "0.00"),
            (-1_015, "-1.015", "-1.02"),
            (100_000, "100", "100.00"),
            (0, "0", "0.00"),
            (-99_999_999_994, "-99999999.994", "-99999999.99"),
        ] {
            assert_eq!(WattHours(wh).to_string(), exact);
            assert_eq!(WattHours(wh).kwh_2().as_deref(), Some(two));
        }
        assert_eq!(WattHours(99_999_999_995).kwh_2(), None);
    }
}
