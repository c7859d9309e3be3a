//! Seeded choices: the same seed, the same sequence, on every machine.

/// SplitMix64 (Steele, Lea, Flood 2014): one word of state, every seed is as good as any other.
#[derive(Clone, Debug)]
pub struct Rng(u64);

/// Mixes a word so that every bit of it changes about half of the result's.
pub const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Rng {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The sequence of one thread.
    pub const fn new(seed: u64, thread: u16) -> Self {
        Self(mix(seed) ^ mix(Self::STEP.wrapping_mul(thread as u64 + 1)))
    }

    /// Another sequence, which depends on this one.
    pub const fn split(&mut self) -> Self {
        Self(mix(self.word()))
    }

    /// The next word.
    pub const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        mix(self.0)
    }

    /// A number from 0 up to, without, `end`. 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        // The upper half of a product is even enough: `end` is tiny beside 2^64.
        ((u128::from(self.word()) * end as u128) >> 64) as usize
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of these. There must be one.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A power of two from 1 to `most`, each as likely as the next.
    pub fn power_of_two(&mut self, most: usize) -> usize {
        1 << self.below(most.ilog2() as usize + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence_and_each_thread_its_own() {
        let sequence = |seed, thread| {
            let mut rng = Rng::new(seed, thread);
            std::array::from_fn::<u64, 8, _>(|_| rng.word())
        };
        assert_eq!(sequence(1, 0), sequence(1, 0));
        assert_ne!(sequence(1, 0), sequence(1, 1));
        assert_ne!(sequence(1, 0), sequence(2, 0));
    }

    #[test]
    fn powers_of_two_reach_both_ends() {
        let mut rng = Rng::new(7, 0);
        let mut seen = [0u32; 10];
        for _ in 0..10_000 {
            let n = rng.power_of_two(512);
            assert!(n.is_power_of_two() && n <= 512);
            seen[n.ilog2() as usize] += 1;
        }
        assert!(
            seen.iter().all(|count| (800..1200).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::new(3, 0);
        assert!((0..1000).all(|_| rng.below(3) < 3));
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }
}
