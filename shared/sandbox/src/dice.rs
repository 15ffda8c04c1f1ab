//! Chance that is a pure function of a seed.

/// `SplitMix64`: written out because a world's rows must never change with a library's version.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice for one thing: a name and its numbers.
    pub(crate) fn of(seed: u64, name: &str, numbers: &[i64]) -> Self {
        let mut dice = Self(seed ^ 0x5851_f42d_4c95_7f2d);
        for byte in name.bytes() {
            dice.mix(u64::from(byte));
        }
        for number in numbers {
            dice.mix(number.unsigned_abs());
        }
        dice
    }

    fn mix(&mut self, word: u64) {
        self.0 ^= word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = self.next();
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `[0, end)`; 0 when there is none.
    pub(crate) fn below(&mut self, end: i64) -> i64 {
        i64::try_from(self.next() % end.max(1).unsigned_abs()).unwrap_or(0)
    }

    /// A number in `[from, to]`.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(to - from + 1)
    }

    /// True in so many of a thousand cases.
    pub(crate) fn permille(&mut self, of: i64) -> bool {
        self.below(1000) < of
    }

    pub(crate) fn pick(&mut self, of: &[&'static str]) -> &'static str {
        let at = usize::try_from(self.next()).unwrap_or(0) % of.len().max(1);
        of.get(at).copied().unwrap_or_default()
    }

    /// A rank in `[0, end)` where low ranks are drawn as often as Zipf's law has it.
    pub(crate) fn zipf(&mut self, end: i64) -> i64 {
        // The k-th interval [2^k, 2^(k+1)) of ranks is as likely as any other.
        let end = end.max(1);
        let intervals = i64::from(64 - end.leading_zeros());
        let from = 1_i64 << self.below(intervals);
        (from + self.below(from)).min(end) - 1
    }

    /// A version-4 UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | (b >> 50),
            b & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_draws_for_ever() {
        let mut dice = Dice::of(7, "orders", &[1, 2]);
        assert_eq!(dice.uuid(), Dice::of(7, "orders", &[1, 2]).uuid());
        assert_ne!(dice.uuid(), Dice::of(7, "orders", &[2, 1]).uuid());
        assert_eq!(dice.uuid().len(), 36);
    }

    #[test]
    fn low_ranks_come_often() {
        let mut dice = Dice::of(1, "zipf", &[]);
        let draws: Vec<i64> = (0..1000).map(|_| dice.zipf(600)).collect();
        assert!(draws.iter().all(|rank| (0..600).contains(rank)));
        assert!(draws.iter().filter(|rank| **rank < 10).count() > 200);
    }
}
