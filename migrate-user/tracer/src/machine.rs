//! What this machine tells about itself.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use migscope_recording::trace::{Details, Facts, Moment};

/// The facts of a recording that begins now, on this machine, by CLOCK_BOOTTIME.
pub(crate) fn facts() -> Facts {
    let name = rustix::system::uname();
    Facts {
        host: name.nodename().to_string_lossy().into_owned(),
        kernel: name.release().to_string_lossy().into_owned(),
        boot_id: line("/proc/sys/kernel/random/boot_id"),
        clock: "CLOCK_BOOTTIME".to_owned(),
        clocksource: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        page_size: rustix::param::page_size() as u64,
        not_hooked: Vec::new(),
        attached: None,
        filter: None,
        chosen: None,
        record_every: 1,
        details: Details::default(),
        tracer: env!("CARGO_PKG_VERSION").to_owned(),
        started_ns: Some(boot_time_ns()),
        started_unix_ns: unix_time_ns(),
    }
}

/// CLOCK_BOOTTIME now, nanoseconds.
pub fn boot_time_ns() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// The wall clock, nanoseconds since 1970; `None` when it is set to before that.
pub fn unix_time_ns() -> Option<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

/// Now, by CLOCK_BOOTTIME and by the wall clock as it is set now; `None` when that is set to before
/// 1970.
pub fn now() -> Option<Moment> {
    Some(Moment {
        time_ns: boot_time_ns(),
        unix_ns: unix_time_ns()?,
    })
}

fn line(path: &str) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

/// The first two numbers of a release, `6.12.3-amd64` for instance.
pub(crate) fn version_of(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version_of("6.12.3-amd64"), Some((6, 12)));
        assert_eq!(version_of("7.2+deb13"), Some((7, 2)));
        assert_eq!(version_of("nonsense"), None);
    }
}
