//! Times as people write them.

use std::time::Duration;

/// A time: a number of seconds, or a number with its unit.
///
/// # Errors
///
/// Says what is expected, if it is neither.
pub fn time(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .or_else(|| humantime::parse_duration(text).ok())
        .ok_or("expected a number of seconds, such as 10 or 0.5, or a time such as 500ms or 2m")
}
