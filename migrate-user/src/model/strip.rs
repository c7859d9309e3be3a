//! Where along a range of addresses something happens: counts of pieces of equal length, which grow
//! with the range.

/// Into how many pieces a range is divided, at most.
const PIECES: usize = 64;

/// Bytes of the shortest piece, as a power of two: no page is smaller.
const SHORTEST: u32 = 12;

/// Counts along a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// Bytes of a piece, as a power of two.
    bits: u32,
    /// The number of the first piece: an address divided by the bytes of one.
    first: u64,
    counts: [u64; PIECES],
}

impl Default for Strip {
    fn default() -> Self {
        Self {
            bits: SHORTEST,
            first: 0,
            counts: [0; PIECES],
        }
    }
}

impl Strip {
    /// Of a range, with nothing in it yet.
    pub(super) fn over(start: u64, end: u64) -> Self {
        let mut strip = Self {
            first: start >> SHORTEST,
            ..Self::default()
        };
        strip.reach(start, end);
        strip
    }

    /// Lets it reach over a range, too.
    pub(super) fn reach(&mut self, start: u64, end: u64) {
        let (start, last) = self.with(start, end);
        let mut bits = self.bits;
        while (last >> bits) - (start >> bits) >= PIECES as u64 {
            bits += 1;
        }
        let first = start >> bits;
        if (bits, first) == (self.bits, self.first) {
            return;
        }
        let mut counts = [0_u64; PIECES];
        for (place, count) in self.pieces() {
            let at = ((place >> bits) - first) as usize;
            counts[at] = counts[at].saturating_add(count);
        }
        *self = Self {
            bits,
            first,
            counts,
        };
    }

    /// The first address of what was counted and of a range, and the last.
    fn with(&self, start: u64, end: u64) -> (u64, u64) {
        let last = end.max(start.saturating_add(1)) - 1;
        let own = || self.pieces().map(|(place, _)| place);
        let own_end = own()
            .map(|place| place.saturating_add((1 << self.bits) - 1))
            .max();
        (
            own().min().map_or(start, |place| place.min(start)),
            own_end.map_or(last, |place| place.max(last)),
        )
    }

    /// Where something was counted: the first address of each such piece, and how much.
    fn pieces(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let counts = self.counts.iter().zip(self.first..);
        let counts = counts.filter(|(count, _)| **count > 0);
        counts.map(|(count, piece)| (piece << self.bits, *count))
    }

    /// Adds so much, spread evenly over a range that it reaches over.
    pub(super) fn count(&mut self, start: u64, end: u64, amount: u64) {
        let bytes = end.saturating_sub(start).max(1);
        let (mut at, mut before) = (start, 0);
        while at < end && before < amount {
            let piece = at >> self.bits;
            let next = (piece + 1).saturating_mul(1 << self.bits).min(end);
            let until = super::sums::part_of(amount, next - start, bytes);
            let place = piece.saturating_sub(self.first) as usize;
            if let Some(count) = self.counts.get_mut(place) {
                *count = count.saturating_add(until - before);
            }
            (at, before) = (next, until);
        }
    }

    /// Adds what was counted along another range, over which it reaches.
    pub(super) fn add(&mut self, other: &Self) {
        for (place, count) in other.pieces() {
            self.count(place, place.saturating_add(1 << other.bits), count);
        }
    }

    /// What was counted in each of `columns` equal parts of a range. What a piece has is spread
    /// evenly over the columns that it lies in: a gap is shown only where nothing was counted.
    pub fn columns(&self, start: u64, end: u64, columns: usize) -> Vec<u64> {
        let mut counts = vec![0_u64; columns];
        if end <= start {
            return counts;
        }
        let bytes = u128::from(end - start);
        // Where a column begins.
        let begin = |column: usize| start + (bytes * column as u128 / columns as u128) as u64;
        let column = |address: u64| {
            let at = u128::from(address.saturating_sub(start)) * columns as u128 / bytes;
            (at as usize).min(columns.saturating_sub(1))
        };
        for (place, amount) in self.pieces() {
            let last = place.saturating_add((1 << self.bits) - 1).min(end - 1);
            let from = place.clamp(start, last);
            let all = last - from + 1;
            let mut before = 0;
            for (nth, count) in counts
                .iter_mut()
                .enumerate()
                .take(column(last) + 1)
                .skip(column(from))
            {
                let until = super::sums::part_of(
                    amount,
                    begin(nth + 1).min(last + 1).max(from) - from,
                    all,
                );
                *count = count.saturating_add(until - before);
                before = until;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    fn sum(strip: &Strip) -> u64 {
        strip.counts.iter().sum()
    }

    #[test]
    fn everything_that_is_counted_is_somewhere() {
        let mut strip = Strip::over(0x7f00_0000_3000, 0x7f00_0000_3000 + 10_000 * PAGE);
        strip.count(0x7f00_0000_3000, 0x7f00_0000_3000 + 10_000 * PAGE, 999);
        strip.count(
            0x7f00_0000_3000 + 17 * PAGE,
            0x7f00_0000_3000 + 18 * PAGE,
            1,
        );
        assert_eq!(sum(&strip), 1000);
        let columns = strip.columns(0x7f00_0000_3000, 0x7f00_0000_3000 + 10_000 * PAGE, 40);
        assert_eq!(columns.iter().sum::<u64>(), 1000);
        assert!(columns.iter().all(|count| *count > 0), "{columns:?}");
    }

    #[test]
    fn what_was_counted_stays_where_it_was_when_the_range_grows() {
        let mut strip = Strip::over(104 * PAGE, 114 * PAGE);
        strip.count(104 * PAGE, 105 * PAGE, 5);
        strip.count(113 * PAGE, 114 * PAGE, 7);
        // Downwards, and upwards.
        strip.reach(0, 400 * PAGE);
        assert_eq!(sum(&strip), 12);
        strip.count(0, PAGE, 3);
        strip.count(399 * PAGE, 400 * PAGE, 4);
        let columns = strip.columns(0, 400 * PAGE, 4);
        assert_eq!(columns, [3, 12, 0, 4]);
    }

    #[test]
    fn a_piece_that_lies_in_several_columns_is_in_each() {
        let mut strip = Strip::over(0, 1000 * PAGE);
        strip.count(0, 16 * PAGE, 8);
        assert_eq!(strip.columns(0, 16 * PAGE, 4), [2, 2, 2, 2]);
        assert!(strip.columns(0, 16 * PAGE, 0).is_empty());
        assert_eq!(strip.columns(5, 5, 2), [0, 0]);
    }

    #[test]
    fn two_are_one_when_they_meet() {
        let mut one = Strip::over(0, 10 * PAGE);
        one.count(0, 10 * PAGE, 10);
        let mut other = Strip::over(1000 * PAGE, 1010 * PAGE);
        other.count(1000 * PAGE, 1010 * PAGE, 20);
        one.reach(0, 1010 * PAGE);
        one.add(&other);
        assert_eq!(one.columns(0, 1010 * PAGE, 2), [10, 20]);
    }
}
