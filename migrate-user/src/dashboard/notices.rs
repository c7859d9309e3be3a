//! What the user should know besides the figures.

use super::app::{App, Ended};
use crate::figures;
use crate::text::{counted, duration};
use crate::trace::Ending;

/// Most important first.
pub(super) fn notices(app: &App) -> Vec<String> {
    let mut notices: Vec<String> = app.message.iter().cloned().collect();
    match &app.ended {
        Some(Ended::Failed(error)) => notices.push(error.to_string()),
        // A replay says so by itself.
        Some(Ended::Stream(Ending::Complete)) if app.playback().is_some() => {}
        Some(Ended::Stream(ending)) => notices.push(describe(ending)),
        None => {}
    }
    notices.extend(app.shown().hanging_ns().filter(|ns| *ns > 0).map(|ns| {
        let age = duration(ns);
        format!("a migration has been under way for {age}: `migscope stuck` tells where it hangs")
    }));
    if app.is_paused() {
        notices.push("paused: what comes is counted all the same".to_owned());
    }
    let coverage = figures::coverage(app.shown());
    if !coverage.is_empty() {
        notices.push(coverage.join(", "));
    }
    notices.extend(app.data.limits());
    notices.extend(app.data.seen().unknown(app.data.filter()));
    notices.extend(app.data.filter().hints());
    let facts = app.data.facts();
    if let (true, Some(clock)) = (facts.coarse_clock(), &facts.clocksource) {
        notices.push(format!(
            "clock source {clock} is too coarse: durations mean little"
        ));
    }
    notices
}

fn describe(ending: &Ending) -> String {
    match ending {
        Ending::Complete => "stream ended".to_owned(),
        Ending::Unfinished { lost_bytes: 0, .. } => {
            "stream ended without its end mark: its recorder was killed, or is still writing"
                .to_owned()
        }
        Ending::Unfinished { lost_bytes, .. } => format!(
            "stream ended in the middle of a batch: {} left out",
            counted(*lost_bytes, "byte", "bytes")
        ),
        Ending::Damaged { at, found } => {
            format!("stream is damaged at byte {at} ({found}): nothing after that can be read")
        }
        Ending::LeftOut { why, .. } => format!("another recording is left out: {why}"),
    }
}
