//! Putting times of another clock on that of the recording.

use super::Refusal;
use crate::text::{duration, utc};
use crate::trace::Facts;

/// How far apart two readings of the wall clock may put the same boot. Clocks are set while
/// machines run, mostly by less than that; two boots are hardly ever so near.
const SAME_BOOT_NS: u64 = 2_000_000_000;

const OTHER_BOOT: &str = "Record both at once, on one machine. Times of two boots or machines have nothing to do with each other.";

/// What is added to a time to have it on the recording's clock, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offset(i128);

impl Offset {
    /// Of times that count from a moment of the wall clock, nanoseconds since 1970.
    ///
    /// # Errors
    ///
    /// If the recording does not say what that was on its own clock.
    pub(super) fn from_unix(unix_ns: i64, facts: &Facts) -> Result<Self, Refusal> {
        let (Some(own), Some(unix)) = (facts.started_ns, facts.started_unix_ns) else {
            return Err(Refusal::new(
                "its times are of the wall clock, and the recording does not say what time that was when it began",
                "Record again with a clock that is set to after 1970.",
            ));
        };
        Ok(Self(
            i128::from(unix_ns) - i128::from(unix) + i128::from(own),
        ))
    }

    /// A time on the recording's clock; `None` for one that clock never had.
    pub(super) fn apply(self, time_ns: i64) -> Option<u64> {
        u64::try_from(i128::from(time_ns) + self.0).ok()
    }
}

/// Refuses a trace of another machine, as far as names can tell.
pub(super) fn check_machine(
    host: Option<&str>,
    release: Option<&str>,
    facts: &Facts,
) -> Result<(), Refusal> {
    let differs = |theirs: Option<&str>, ours: &str| {
        let theirs = theirs.filter(|theirs| !theirs.is_empty() && !ours.is_empty());
        theirs.filter(|theirs| *theirs != ours).map(str::to_owned)
    };
    if let Some(theirs) = differs(release, &facts.kernel) {
        let ours = &facts.kernel;
        let why = format!("it was made on Linux {theirs}, and the recording on Linux {ours}");
        return Err(Refusal::new(why, OTHER_BOOT));
    }
    if let Some(theirs) = differs(host, &facts.host) {
        let ours = &facts.host;
        return Err(Refusal::new(
            format!("it is of the machine {theirs}, and the recording of {ours}"),
            "If that is the same machine under another name, such as that of a container, say so with --same-machine.",
        ));
    }
    Ok(())
}

/// Refuses a trace in which the wall clock and the recording's clock were not as they were in the
/// recording: each boot begins another.
pub(super) fn check_boot(own_ns: u64, unix_ns: u64, facts: &Facts) -> Result<(), Refusal> {
    let (Some(own), Some(unix)) = (facts.started_ns, facts.started_unix_ns) else {
        return Ok(());
    };
    let booted = |unix: u64, own: u64| i128::from(unix) - i128::from(own);
    let apart = (booted(unix_ns, own_ns) - booted(unix, own)).unsigned_abs();
    let apart = u64::try_from(apart).unwrap_or(u64::MAX);
    if apart <= SAME_BOOT_NS {
        return Ok(());
    }
    let why = format!(
        "it is of another boot or machine: by the wall clock, the two began {} apart",
        duration(apart)
    );
    Err(Refusal::new(why, OTHER_BOOT))
}

/// Refuses a trace that ended before the recording began.
pub(super) fn check_end(end_ns: u64, facts: &Facts) -> Result<(), Refusal> {
    match facts.started_ns {
        Some(began) if end_ns < began => Err(apart(format!(
            "its last event ended {} before the recording began{}",
            duration(began - end_ns),
            when(facts),
        ))),
        _ => Ok(()),
    }
}

/// Refuses a trace that began after the recording had ended.
pub(super) fn check_begin(begin_ns: u64, reached_ns: u64) -> Result<(), Refusal> {
    if begin_ns <= reached_ns {
        return Ok(());
    }
    Err(apart(format!(
        "its first event began {} after the recording had ended",
        duration(begin_ns - reached_ns)
    )))
}

fn apart(why: String) -> Refusal {
    Refusal::new(why, OTHER_BOOT)
}

fn when(facts: &Facts) -> String {
    let when = facts.started_unix_ns.map(utc);
    when.map_or_else(String::new, |when| format!(" ({when})"))
}
