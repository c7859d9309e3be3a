//! The waits of a block, fast to add up.

use super::durations::Durations;
use crate::trace::{Exact, Wait, WaitFigure, WaitKind, WaitResult};

const KINDS: usize = WaitKind::ALL.len();
const RESULTS: usize = WaitResult::ALL.len();
pub(super) const FIGURES: usize = WaitFigure::ALL.len();

/// Waits of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct OfKind {
    /// By result.
    waits: [u64; RESULTS],
    pages: u64,
}

/// Sums over waits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    kinds: [OfKind; KINDS],
    /// By [`WaitFigure`]: how many have it, and all of it, nanoseconds.
    figures: [(u64, u64); FIGURES],
    /// Faults whose own migration brought the page: their time, and that before it, nanoseconds.
    moved_ns: (u64, u64),
}

/// Waits of consecutive migrations.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    pub(super) sums: Sums,
    /// By [`WaitFigure`].
    pub(super) times: [Durations; FIGURES],
}

/// Where a kind stands: numbers on the wire begin at 1.
fn of_kind(kind: WaitKind) -> usize {
    kind as usize - 1
}

fn of_result(result: WaitResult) -> usize {
    result as usize - 1
}

impl Waits {
    pub(super) fn count(&mut self, wait: &Wait) {
        let mut one = Sums::default();
        let of = &mut one.kinds[of_kind(wait.kind)];
        of.waits[of_result(wait.result)] = 1;
        of.pages = wait.pages.unwrap_or(0);
        let before = wait.before_setup_ns.map(|ns| (WaitFigure::BeforeSetup, ns));
        let whole = [(wait.kind.into(), wait.total_ns)];
        for (figure, ns) in whole.into_iter().chain(before) {
            one.figures[figure as usize] = (1, ns);
            self.times[figure as usize].record(ns);
        }
        if (wait.kind, wait.result) == (WaitKind::Fault, WaitResult::Moved) {
            one.moved_ns = (wait.total_ns, wait.before_setup_ns.unwrap_or(0));
        }
        self.sums.add(&one, 1);
    }

    /// What the kernel counted by itself.
    pub(super) fn of_totals(exact: &Exact) -> Self {
        let mut all = Self::default();
        for of in &exact.wait_figures {
            let at = of.figure as usize;
            for (ns, count) in of.values.recorded() {
                all.times[at].record_n(ns, count);
                add(&mut all.sums.figures[at].0, count);
            }
        }
        for of in &exact.waits {
            let sums = &mut all.sums;
            let kind = &mut sums.kinds[of_kind(of.kind)];
            add(&mut kind.waits[of_result(of.result)], of.waits);
            add(&mut kind.pages, of.pages);
            let figure = |figure: WaitFigure| figure as usize;
            add(&mut sums.figures[figure(of.kind.into())].1, of.total_ns);
            let before = &mut sums.figures[figure(WaitFigure::BeforeSetup)].1;
            add(before, of.before_setup_ns);
            if of.key() == (WaitKind::Fault, WaitResult::Moved) {
                sums.moved_ns = (of.total_ns, of.before_setup_ns);
            }
        }
        all
    }

    pub(super) fn add(&mut self, more: &Self) {
        self.sums.add(&more.sums, 1);
        for (times, more) in self.times.iter_mut().zip(&more.times) {
            times.add(more);
        }
    }
}

impl Sums {
    /// Units together, each taken so often.
    pub(super) fn together(units: &[Self], taken: &[u64]) -> Self {
        let mut sum = Self::default();
        for (unit, taken) in units.iter().zip(taken) {
            sum.add(unit, *taken);
        }
        sum
    }

    fn add(&mut self, more: &Self, times: u64) {
        let add = |sum: &mut u64, more: u64| add(sum, more.saturating_mul(times));
        for (kind, more) in self.kinds.iter_mut().zip(&more.kinds) {
            add(&mut kind.pages, more.pages);
            for (waits, more) in kind.waits.iter_mut().zip(more.waits) {
                add(waits, more);
            }
        }
        let pairs = self.figures.iter_mut().zip(more.figures);
        for (sum, more) in pairs.chain([(&mut self.moved_ns, more.moved_ns)]) {
            add(&mut sum.0, more.0);
            add(&mut sum.1, more.1);
        }
    }

    /// How many waits there are of a kind.
    pub(super) fn waits(&self, kind: WaitKind) -> u64 {
        let waits = self.kinds[of_kind(kind)].waits;
        waits.iter().fold(0, |sum, more| sum.saturating_add(*more))
    }

    /// All of what a figure is about by how many have it, nanoseconds.
    pub(super) fn mean(&self, figure: WaitFigure) -> Option<f64> {
        let (count, ns) = self.figures[figure as usize];
        part(ns, count)
    }

    /// Of the time of faults that moved their page, that before their migrations.
    pub(super) fn before_setup(&self) -> Option<f64> {
        part(self.moved_ns.1, self.moved_ns.0)
    }

    /// Of the waits of a kind, those with a result.
    pub(super) fn share(&self, kind: WaitKind, result: WaitResult) -> Option<f64> {
        let of = self.kinds[of_kind(kind)].waits[of_result(result)];
        part(of, self.waits(kind))
    }

    /// Do the waits of a kind ask for about as much on both sides, and end in the same ways? Else
    /// how long they take may say nothing: where those that fail at once become fewer, say, the
    /// typical wait is longer.
    pub(super) fn are_alike(&self, new: &Self, kind: WaitKind, limit: f64) -> bool {
        let pages = |of: &Self| part(of.kinds[of_kind(kind)].pages, of.waits(kind));
        let as_many = match (pages(self), pages(new)) {
            (Some(base), Some(new)) => base.max(new) <= base.min(new) * (1.0 + limit),
            _ => true,
        };
        let results = WaitResult::ALL.iter();
        let moved = results.map(|result| {
            let share = |of: &Self| of.share(kind, *result).unwrap_or(0.0);
            (share(new) - share(self)).max(0.0)
        });
        as_many && moved.sum::<f64>() <= limit
    }
}

fn part(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    /// Records and the kernel's totals tell the same, but for how exact durations are.
    #[test]
    fn totals_and_records_have_the_same_sums() {
        let mut synthetic = Synthetic::new(3).with_waits().with_totals();
        let batch = synthetic.batch(600);
        let mut records = Waits::default();
        batch.waits.iter().for_each(|wait| records.count(wait));
        let exact = batch.status.unwrap().exact.unwrap();
        let totals = Waits::of_totals(&exact);
        assert_eq!(records.sums, totals.sums);
        let places = |of: &Waits, at: usize| of.times[at].places().collect::<Vec<_>>();
        for at in 0..FIGURES {
            assert_eq!(places(&records, at), places(&totals, at));
            assert!(!places(&records, at).is_empty());
        }
        let plain = |kind| batch.waits.iter().filter(|wait| wait.kind == kind).count() as u64;
        for &kind in WaitKind::ALL {
            assert_eq!(records.sums.waits(kind), plain(kind));
        }
    }

    #[test]
    fn waits_that_end_in_other_ways_are_not_alike() {
        let of = |done: u64, retries: u64, pages: u64| {
            let mut sums = Sums::default();
            let of = &mut sums.kinds[of_kind(WaitKind::RangeFault)];
            of.waits[of_result(WaitResult::Done)] = done;
            of.waits[of_result(WaitResult::Retry)] = retries;
            of.pages = pages * (done + retries);
            sums
        };
        let alike = |new: &Sums| of(50, 50, 16).are_alike(new, WaitKind::RangeFault, 0.1);
        assert!(alike(&of(500, 500, 16)) && alike(&of(55, 45, 17)));
        assert!(!alike(&of(62, 38, 16)) && !alike(&of(50, 50, 18)));
        // Where there are none, nothing is compared.
        assert!(Sums::default().are_alike(&Sums::default(), WaitKind::Fault, 0.0));
    }
}
