//! When the calls of a run are made, and when there are no more: for all its processes.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Longest sleep before looking whether to stop.
const NAP: Duration = Duration::from_millis(50);

/// What all processes of a run share, in memory that they share.
#[derive(Debug)]
pub struct Control {
    stopped: AtomicBool,
    /// Calls that may still be made.
    budget: AtomicU64,
    /// Time between calls; 0: no limit.
    interval_ns: u64,
    /// What `due_ns` counts from.
    start: Instant,
    /// When the next call is due.
    due_ns: AtomicU64,
}

impl Control {
    /// `calls`: how many in all; `rate`: how many per second at most.
    pub fn new(calls: Option<u64>, rate: Option<u64>) -> Self {
        Self {
            stopped: AtomicBool::new(false),
            budget: AtomicU64::new(calls.unwrap_or(u64::MAX)),
            interval_ns: rate.map_or(0, |rate| 1_000_000_000 / rate.max(1)),
            start: Instant::now(),
            due_ns: AtomicU64::new(0),
        }
    }

    /// Makes every thread come to an end.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether threads should come to an end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Waits until a call may be made. False when none may be made any more.
    pub fn next_call(&self) -> bool {
        self.wait_for_turn();
        !self.is_stopped() && self.spend()
    }

    /// Sleeps, unless it is over.
    pub fn sleep(&self, time: Duration) {
        let end = Instant::now().checked_add(time);
        while !self.is_stopped() {
            // Too far in the future to be told is never.
            let left = end.map_or(NAP, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(NAP));
        }
    }

    /// Takes one call out of the budget. False when there is none left.
    fn spend(&self) -> bool {
        let left = |budget: u64| budget.checked_sub(1);
        let spent = self
            .budget
            .try_update(Ordering::Relaxed, Ordering::Relaxed, left)
            .is_ok();
        if !spent {
            self.stop();
        }
        spent
    }

    /// Waits until the next call is due. Time that nobody used is not caught up on.
    fn wait_for_turn(&self) {
        if self.interval_ns == 0 {
            return;
        }
        let now = self.start.elapsed().as_nanos() as u64;
        let later = |due: u64| Some(due.max(now) + self.interval_ns);
        let due = self
            .due_ns
            .try_update(Ordering::Relaxed, Ordering::Relaxed, later)
            .map_or(now, |due| due.max(now));
        self.sleep(Duration::from_nanos(due - now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_spent_and_then_it_is_over() {
        let control = Control::new(Some(2), None);
        assert!(control.next_call() && control.next_call());
        assert!(!control.is_stopped());
        assert!(!control.next_call());
        assert!(control.is_stopped());
    }

    #[test]
    fn calls_keep_their_distance() {
        let control = Control::new(None, Some(200));
        let begun = Instant::now();
        for _ in 0..5 {
            assert!(control.next_call());
        }
        // The first is due at once.
        assert!(begun.elapsed() >= Duration::from_millis(4 * 5));
    }

    #[test]
    fn whoever_waits_is_told_to_stop() {
        let control = Control::new(None, Some(1));
        assert!(control.next_call());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| while control.next_call() {});
            control.stop();
            waiting.join().unwrap();
        });
    }
}
