//! How finely can time be measured?

use rustix::time::{ClockId, clock_getres};

use super::{Check, Root, State};

const CLOCKSOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
/// Coarser than this, short steps are noise.
const FINE_NS: u64 = 1_000;

pub(super) fn checks(root: &Root) -> Vec<Check> {
    vec![source(root), resolution()]
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

fn resolution() -> Check {
    let time = clock_getres(ClockId::Boottime);
    let nanoseconds = u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0);
    let check = Check::new("clock", "resolution", format!("{nanoseconds} ns"));
    if nanoseconds <= FINE_NS {
        return check;
    }
    check.judged(
        State::Limited,
        "Steps shorter than this are noise: high-resolution timers are off (CONFIG_HIGH_RES_TIMERS, highres=off)",
    )
}
