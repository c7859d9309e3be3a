//! Durations, spans and dates.

use super::number::scaled;

const SECOND_NS: u64 = 1_000_000_000;

/// A duration to three digits, with its unit: `1.23 µs`.
pub fn duration(ns: u64) -> String {
    scaled(ns as f64, 1000.0, &["ns", "µs", "ms", "s"])
}

/// A duration that was calculated, and may be below 0 or a fraction: `-1.23 µs`.
pub fn signed_duration(ns: f64) -> String {
    let sign = if ns < 0.0 { "-" } else { "" };
    format!(
        "{sign}{}",
        scaled(ns.abs(), 1000.0, &["ns", "µs", "ms", "s"])
    )
}

/// A span as a clock shows it: `0:01:23`.
pub fn clock(ns: u64) -> String {
    let seconds = ns / SECOND_NS;
    format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// A moment after another, seconds to a millionth: `12.345678 s`. In full, so that moments can be
/// compared.
pub fn since(time_ns: u64, began_ns: u64) -> String {
    let us = time_ns.saturating_sub(began_ns) / 1000;
    format!("{}.{:06} s", us / 1_000_000, us % 1_000_000)
}

/// A moment, from nanoseconds since 1970: `2026-11-22 19:16:06 UTC`.
pub fn utc(unix_ns: u64) -> String {
    let (date, [hour, minute, second]) = parts(unix_ns);
    let [year, month, day] = date;
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// A moment, for the name of a file: `20261122-191606`.
pub fn file_stamp(unix_ns: u64) -> String {
    let ([year, month, day], [hour, minute, second]) = parts(unix_ns);
    format!("{year}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

fn parts(unix_ns: u64) -> ([u64; 3], [u64; 3]) {
    let seconds = unix_ns / SECOND_NS;
    (
        date(seconds / 86_400),
        [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60],
    )
}

/// The date of a day since 1970 in the Gregorian calendar, by counting in years that begin in March
/// and in eras of 400 years, of which each has the same 146,097 days.
fn date(day_since_1970: u64) -> [u64; 3] {
    let day = day_since_1970 + 719_468;
    let era = day / 146_097;
    let of_era = day % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    [year + era * 400 + u64::from(month <= 2), month, day]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_their_unit() {
        let cases = [
            (0, "0 ns"),
            (812, "812 ns"),
            (1_234, "1.23 µs"),
            (999_999, "1.00 ms"),
            (12_345_678, "12.3 ms"),
            (4_000_000_000_000, "4000 s"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn calculated_durations() {
        assert_eq!(signed_duration(-1234.0), "-1.23 µs");
        assert_eq!(signed_duration(0.254), "0.25 ns");
        assert_eq!(signed_duration(0.0), "0 ns");
    }

    #[test]
    fn spans() {
        assert_eq!(clock(83 * SECOND_NS), "0:01:23");
        assert_eq!(clock(100 * 3600 * SECOND_NS), "100:00:00");
    }

    #[test]
    fn moments_are_told_to_a_microsecond() {
        assert_eq!(since(12_345_678_999, 0), "12.345678 s");
        assert_eq!(since(1_000_001_000, 1_000_000_000), "0.000001 s");
        assert_eq!(since(0, 5), "0.000000 s");
    }

    #[test]
    fn dates() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400 * SECOND_NS), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_795_374_966 * SECOND_NS), "2026-11-22 19:16:06 UTC");
        assert_eq!(file_stamp(1_795_374_966 * SECOND_NS), "20261122-191606");
        assert_eq!(utc(u64::MAX), "2554-07-21 23:34:33 UTC");
    }
}
