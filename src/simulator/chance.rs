use std::ops::RangeInclusive;

/// A stream of random numbers: the same seed and words give the same stream on every machine. It
/// uses no sine and no logarithm, because their results differ between machines.
pub(super) struct Chance(fastrand::Rng);

impl Chance {
    /// The stream with the name `words` for a seed.
    pub(super) fn new(seed: u64, words: &[&str]) -> Chance {
        // FNV-1a; each word ends with a byte that no UTF-8 text contains.
        let bytes = words
            .iter()
            .flat_map(|word| word.bytes().chain(std::iter::once(0xff)));
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325 ^ mixed(seed), |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Chance(fastrand::Rng::with_seed(mixed(hash)))
    }

    /// A number below 1.
    pub(super) fn fraction(&mut self) -> f64 {
        self.0.f64()
    }

    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    pub(super) fn between(&mut self, range: RangeInclusive<i64>) -> i64 {
        self.0.i64(range)
    }

    /// A number between two, both included.
    pub(super) fn within(&mut self, (least, most): (i64, i64)) -> i64 {
        self.between(least..=most.max(least))
    }

    /// Any number.
    pub(super) fn any(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A bell-shaped number around a mean, never beyond 3.5 deviations.
    pub(super) fn around(&mut self, mean: i64, deviation: i64) -> i64 {
        // The sum of four uniform numbers, each with a deviation of reach / √3.
        let reach = deviation * 866 / 1_000;
        (0..4).fold(mean, |sum, _| sum + self.between(-reach..=reach))
    }

    /// How many times in a row something did not happen before it did; at most `most`.
    pub(super) fn waiting(&mut self, probability: f64, most: i64) -> i64 {
        (0..most)
            .find(|_| self.happens(probability))
            .unwrap_or(most)
    }
}

/// Spreads neighbouring seeds (the end of SplitMix64).
pub(super) fn mixed(seed: u64) -> u64 {
    let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ (seed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ (seed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_and_by_each_word() {
        let first = |seed, words: &[&str]| Chance::new(seed, words).between(i64::MIN..=i64::MAX);
        let all = [
            first(1, &["a", "bc"]),
            first(2, &["a", "bc"]),
            first(1, &["ab", "c"]),
            first(1, &["abc"]),
            first(1, &["a", "bc", ""]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{all:?}");
        }
        assert_eq!(all[0], first(1, &["a", "bc"]));
    }

    #[test]
    fn bell_shaped_numbers_have_the_right_width() {
        let mut chance = Chance::new(7, &[]);
        let drawn: Vec<i64> = (0..20_000).map(|_| chance.around(1_000, 100)).collect();
        let mean = drawn.iter().sum::<i64>() / 20_000;
        let variance = drawn.iter().map(|x| (x - 1_000).pow(2)).sum::<i64>() / 20_000;
        assert!((995..=1_005).contains(&mean), "{mean}");
        assert!((9_500..=10_500).contains(&variance), "{variance}");
        assert!(drawn.iter().all(|x| (650..=1_350).contains(x)));
    }
}
