//! Ranges of addresses and of time, from the first up to, and without, the last.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use super::Run;
use super::text::duration;
use crate::trace::time;

/// Memory of a process: bytes from the first address up to the last, which is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    start: u64,
    end: u64,
}

impl Addresses {
    /// Is any byte in both?
    pub(super) fn overlap(&self, memory: Range<u64>) -> bool {
        self.start < memory.end && memory.start < self.end
    }
}

impl FromStr for Addresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |text: &str| {
            let digits = text.strip_prefix("0x");
            let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            number.ok_or_else(|| {
                "expected an address or a range of them, such as 0x7f00 or 0x7f00..0x8f00"
                    .to_owned()
            })
        };
        let (start, end) = match text.split_once("..") {
            Some((start, end)) => (read(start)?, read(end)?),
            // The last address of all is not in any range.
            None => (read(text)?, read(text)?.saturating_add(1)),
        };
        if start >= end {
            return Err("the range is empty: its end has to be above its start".to_owned());
        }
        Ok(Self { start, end })
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.end - self.start == 1 {
            write!(f, "{:#x}", self.start)
        } else {
            write!(f, "{:#x}..{:#x}", self.start, self.end)
        }
    }
}

/// A moment of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// So long after it began, nanoseconds.
    Since(u64),
    /// By the wall clock, nanoseconds since 1970.
    Wall(u64),
}

impl Bound {
    /// By the recording's clock, nanoseconds.
    fn on_clock(self, run: &Run) -> Result<u64, String> {
        let began = run
            .started_ns
            .ok_or("the recording does not say when it began, so nothing can be chosen by time")?;
        match self {
            Self::Since(ns) => Ok(began.saturating_add(ns)),
            Self::Wall(unix_ns) => {
                let unix = run.started_unix_ns.ok_or(
                    "the recording has no time of the wall clock: say the time since it began, such as 10s..20s",
                )?;
                Ok((began.saturating_add(unix_ns)).saturating_sub(unix))
            }
        }
    }
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(since) = time(text) {
            return nanoseconds(since).map(Self::Since);
        }
        let wall = humantime::parse_rfc3339(text).ok();
        let since = wall.and_then(|wall| wall.duration_since(SystemTime::UNIX_EPOCH).ok());
        let since = since.ok_or_else(|| {
            "expected a range of time, such as 10s..20s, 90s.. or \
             2026-11-22T19:16:00Z..2026-11-22T19:17:00Z"
                .to_owned()
        })?;
        nanoseconds(since).map(Self::Wall)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Since(ns) => f.write_str(&duration(ns)),
            Self::Wall(unix_ns) => {
                let wall = SystemTime::UNIX_EPOCH + Duration::from_nanos(unix_ns);
                write!(f, "{}", humantime::format_rfc3339(wall))
            }
        }
    }
}

/// A part of a recording's time; a side without a bound is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    from: Option<Bound>,
    to: Option<Bound>,
}

impl Times {
    /// By the recording's clock, nanoseconds.
    ///
    /// # Errors
    ///
    /// Says what the recording does not tell, or that its clock has no such time.
    pub(super) fn on_clock(self, run: &Run) -> Result<Range<u64>, String> {
        let at = |bound: Option<Bound>, open| bound.map_or(Ok(open), |bound| bound.on_clock(run));
        let range = at(self.from, 0)?..at(self.to, u64::MAX)?;
        if range.is_empty() {
            return Err(format!("nothing of the recording is in time={self}"));
        }
        Ok(range)
    }
}

impl FromStr for Times {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What is no range is refused as a bound is.
        let (from, to) = text.split_once("..").unwrap_or(("?", "?"));
        let bound = |text: &str| match text {
            "" => Ok(None),
            text => text.parse().map(Some),
        };
        let times = Self {
            from: bound(from)?,
            to: bound(to)?,
        };
        let is_empty = match (times.from, times.to) {
            (None, None) => return "?".parse::<Bound>().map(|_| times),
            (Some(Bound::Since(from)), Some(Bound::Since(to)))
            | (Some(Bound::Wall(from)), Some(Bound::Wall(to))) => from >= to,
            _ => false,
        };
        if is_empty {
            return Err("the range is empty: its end has to be after its start".to_owned());
        }
        Ok(times)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound =
            |bound: Option<Bound>| bound.map_or_else(String::new, |bound| bound.to_string());
        write!(f, "{}..{}", bound(self.from), bound(self.to))
    }
}

/// A time in nanoseconds.
pub(super) fn nanoseconds(time: Duration) -> Result<u64, String> {
    u64::try_from(time.as_nanos()).map_err(|_| "it is longer than 584 years".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Run = Run {
        page_size: 4096,
        started_ns: Some(5_000_000_000),
        started_unix_ns: Some(1_795_374_966_000_000_000),
    };

    #[test]
    fn addresses() {
        let read = |text: &str| text.parse::<Addresses>();
        assert!(read("0x1fff").unwrap().overlap(0x1000..0x2000));
        assert!(!read("0x2000").unwrap().overlap(0x1000..0x2000));
        assert!(read("0x0..0x1001").unwrap().overlap(0x1000..0x2000));
        assert!(!read("0x0..0x1000").unwrap().overlap(0x1000..0x2000));
        for wrong in ["7f00", "0x", "0x2..0x1", "0x1..", "0xg", "0x1..0x1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_by_either_clock() {
        let read = |text: &str| text.parse::<Times>().map(|times| times.on_clock(&RUN));
        let second = 1_000_000_000;
        assert_eq!(read("1s..2s"), Ok(Ok(6 * second..7 * second)));
        assert_eq!(read("1..2"), read("1s..2s"));
        assert_eq!(read("1500ms.."), Ok(Ok(6_500_000_000..u64::MAX)));
        let wall = read("2026-11-22T19:16:07Z..2s");
        assert_eq!(wall, Ok(Ok(6 * second..7 * second)));
        for wrong in ["1s", "..", "2s..1s", "x..", "1s..2s..3s", "1x..2x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_recording_that_does_not_say_when_it_began() {
        let none = Run {
            started_ns: None,
            ..RUN
        };
        let no_wall = Run {
            started_unix_ns: None,
            ..RUN
        };
        let at = |text: &str, run| text.parse::<Times>().unwrap().on_clock(run);
        assert!(at("1s..", &none).is_err());
        assert!(at("2026-11-22T19:17:00Z..1s", &RUN).is_err());
        assert!(at("1s..", &no_wall).is_ok());
        assert!(
            at("2026-11-22T19:16:07Z..", &no_wall)
                .unwrap_err()
                .contains("10s..20s")
        );
    }
}
