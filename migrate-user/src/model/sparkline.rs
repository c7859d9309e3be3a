//! Pages per second over the last minute, small enough to have one for each row of a table.

/// How many seconds are kept.
pub const SECONDS: usize = 60;

const SECOND_NS: u64 = 1_000_000_000;

/// Pages that arrived in each of the last seconds of the recording's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sparkline {
    /// The number of the newest second that is in it.
    newest: u64,
    /// By number of the second, modulo their count.
    pages: [u64; SECONDS],
}

impl Default for Sparkline {
    fn default() -> Self {
        Self {
            newest: 0,
            pages: [0; SECONDS],
        }
    }
}

impl Sparkline {
    /// Adds pages that arrived at this time, nanoseconds. What is older than a minute is left out.
    pub(super) fn count(&mut self, time_ns: u64, pages: u64) {
        let second = time_ns / SECOND_NS;
        if second > self.newest {
            self.advance(second);
        } else if self.newest - second >= SECONDS as u64 {
            return;
        }
        let sum = &mut self.pages[place(second)];
        *sum = sum.saturating_add(pages);
    }

    fn advance(&mut self, second: u64) {
        let oldest = (self.newest + 1).max(second.saturating_sub(SECONDS as u64 - 1));
        for number in oldest..=second {
            self.pages[place(number)] = 0;
        }
        self.newest = second;
    }

    /// The pages of each second, the oldest first; the last is the second that `now_ns` is in.
    pub fn seconds(&self, now_ns: u64) -> [u64; SECONDS] {
        let now = now_ns / SECOND_NS;
        std::array::from_fn(|at| {
            let ago = (SECONDS - 1 - at) as u64;
            let second = now.checked_sub(ago);
            let kept =
                |second: &u64| *second <= self.newest && self.newest - second < SECONDS as u64;
            second
                .filter(kept)
                .map_or(0, |second| self.pages[place(second)])
        })
    }
}

fn place(second: u64) -> usize {
    (second % SECONDS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_go_by_and_are_forgotten() {
        let at = |second: u64| second * SECOND_NS + 7;
        let mut line = Sparkline::default();
        line.count(at(100), 5);
        line.count(at(102), 3);
        line.count(at(101), 2);
        assert_eq!(line.seconds(at(102))[57..], [5, 2, 3]);
        assert_eq!(line.seconds(at(104))[55..], [5, 2, 3, 0, 0]);
        assert_eq!(line.seconds(at(101))[58..], [5, 2]);
        line.count(at(160), 1);
        assert_eq!(line.seconds(at(160))[..3], [2, 3, 0]);
        line.count(at(100), 9);
        assert_eq!(line.seconds(at(160)).iter().sum::<u64>(), 6, "too old");
        line.count(u64::MAX, 4);
        assert_eq!(line.seconds(u64::MAX)[58..], [0, 4]);
        assert_eq!(line.seconds(0), [0; SECONDS]);
    }
}
