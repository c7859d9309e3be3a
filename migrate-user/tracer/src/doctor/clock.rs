//! How finely can time be measured?

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_getres};

use super::{Check, Root, State};
use crate::machine::boot_time_ns;

const CLOCKSOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
/// Coarser than this, short steps are noise.
const FINE_NS: u64 = 1_000;
/// How many steps of the clock are watched, and for how long at most: one that ticks shows a few.
const STEPS: u32 = 1_000;
const WATCHED_FOR: Duration = Duration::from_millis(50);

pub(super) fn checks(root: &Root) -> Vec<Check> {
    vec![
        source(root),
        resolution(resolution_ns()),
        smallest_step(watch(boot_time_ns)),
    ]
}

fn source(root: &Root) -> Check {
    let Some(name) = root.text(CLOCKSOURCE) else {
        return Check::new("clock", "source", "unknown")
            .unknown(format!("{CLOCKSOURCE} cannot be read"));
    };
    let check = Check::new("clock", "source", name.as_str());
    if name.contains("jiffies") {
        return check.judged(
            State::Limited,
            "It moves with the timer tick, some milliseconds at a time: counts are right, short steps are not. A \
             machine with a time-stamp counter, HPET or ACPI PM timer measures better",
        );
    }
    check
}

/// What the kernel promises.
fn resolution_ns() -> u64 {
    let time = clock_getres(ClockId::Boottime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

fn resolution(nanoseconds: u64) -> Check {
    let check = Check::new("clock", "resolution", format!("{nanoseconds} ns"));
    if nanoseconds <= FINE_NS {
        return check;
    }
    check.judged(
        State::Limited,
        "Steps shorter than this are noise: high-resolution timers are off (CONFIG_HIGH_RES_TIMERS, highres=off)",
    )
}

/// The smallest step that the clock makes, in nanoseconds, by reading it again and again. The time
/// that a reading takes is in it. `None` if it stands still.
fn watch(read: impl Fn() -> u64) -> Option<u64> {
    let until = Instant::now() + WATCHED_FOR;
    let (mut smallest, mut steps, mut before) = (None, 0, read());
    while steps < STEPS && Instant::now() < until {
        let now = read();
        if now > before {
            let step = now - before;
            smallest = Some(smallest.map_or(step, |smallest: u64| smallest.min(step)));
            steps += 1;
        }
        before = now;
    }
    smallest
}

fn smallest_step(nanoseconds: Option<u64>) -> Check {
    let check = |found: String| Check::new("clock", "smallest step", found);
    match nanoseconds {
        Some(step) if step <= FINE_NS => check(format!("{step} ns, measured")),
        Some(step) => check(format!("{step} ns, measured")).judged(
            State::Limited,
            "Times are multiples of this, whatever the clock promises: counts are right, short steps are not",
        ),
        None => check(format!("none in {} ms", WATCHED_FOR.as_millis())).judged(
            State::Limited,
            "The clock hardly moves: counts are right, times mean nothing",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A clock that moves on by `step` at every `every`-th reading.
    fn clock(step: u64, every: u64) -> impl Fn() -> u64 {
        let readings = Cell::new(0);
        move || {
            readings.set(readings.get() + 1);
            readings.get() / every * step
        }
    }

    #[test]
    fn the_smallest_step_is_measured() {
        assert_eq!(watch(clock(30, 1)), Some(30));
        assert_eq!(watch(clock(4_000_000, 3)), Some(4_000_000));
        assert_eq!(watch(clock(0, 1)), None);
        let uneven = Cell::new(0);
        let read = || {
            uneven.set(uneven.get() + 1);
            uneven.get() * 100 + uneven.get() % 2 * 60
        };
        assert_eq!(watch(read), Some(40));
    }

    #[test]
    fn a_coarse_clock_is_said_whatever_it_promises() {
        assert_eq!(resolution(1).state, State::Good);
        assert_eq!(resolution(4_000_000).state, State::Limited);
        assert_eq!(smallest_step(Some(25)).state, State::Good);
        assert_eq!(smallest_step(Some(10_000_000)).state, State::Limited);
        assert_eq!(smallest_step(None).state, State::Limited);
    }
}
