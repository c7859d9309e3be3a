//! The CPU and a device want the same pages.

use super::scene::{Scene, share};
use super::whom::process;
use super::{Finding, Kind};
use crate::model::Bounce;
use crate::text::{self, at_least, counted, duration, percent, printable};

/// Ranges that are named.
const NAMED: usize = 3;

pub(super) fn check(scene: &Scene<'_>) -> Option<Finding> {
    if scene.model.hidden().ways_back {
        return None;
    }
    let bounced = scene.model.ping_pong();
    let (pages, trips) = (bounced.total_pages(), bounced.total_trips());
    let part = share(pages, scene.records.arrived(None));
    // What may have come back is no reason to say so.
    if part < scene.at.bounced_share || trips < scene.at.bounced_trips {
        return None;
    }
    let mut evidence = vec![format!(
        "{} came back within a second, in at least {}",
        at_least(pages, bounced.most_pages()),
        counted(trips, "trip", "trips")
    )];
    evidence.extend(mostly_in(scene, pages));
    let ranges = bounced.sorted();
    evidence.extend(ranges.iter().take(NAMED).map(|range| named(scene, range)));
    let cost_ns = bounced.total_ns();
    Some(Finding {
        kind: Kind::PingPong,
        severity: scene.severity_of_records(cost_ns),
        what: format!(
            "{}{} of the pages that arrived in {} had arrived on the other side less than a second before.",
            if bounced.most_pages() > pages || !scene.has_all_records() {
                "At least "
            } else {
                ""
            },
            percent(part.min(1.0)),
            scene.recorded()
        ),
        evidence,
        cost: format!("for the way back, {}", scene.time(cost_ns)),
        try_this: vec![
            "Do not let both sides work on the same memory in turn: copy small results to a buffer of their own.".to_owned(),
            "Look for two things in one page: what the CPU polls (flags, counters) next to what the device computes.".to_owned(),
            "Advise where the range belongs (a preferred location), or let the device read it where it is.".to_owned(),
        ],
        cost_ns: Some(cost_ns),
    })
}

/// The mapping in which more than half of them are.
fn mostly_in(scene: &Scene<'_>, pages: u64) -> Option<String> {
    let mappings = scene.model.mappings().sorted().into_iter();
    let most = mappings.max_by_key(|of| of.bounced)?;
    let part = share(most.bounced, pages);
    let name = most.name.as_deref().filter(|_| part > 0.5)?;
    Some(format!(
        "{} of these in {} of {}, {:#x} to {:#x}",
        percent(part.min(1.0)),
        printable(name),
        text::process(most.comm.as_deref(), most.pid),
        most.start,
        most.end
    ))
}

fn named(scene: &Scene<'_>, range: &Bounce) -> String {
    let stayed = match (range.mean_ns(), range.soonest_ns) {
        (Some(mean), Some(least)) if scene.has_all_records() => format!(
            "they stayed {} on average, {} at least",
            duration(mean),
            duration(least)
        ),
        // In between they may have left and come again.
        (Some(mean), Some(least)) => format!(
            "they stayed at most {} on average, and the shortest stay was at most {}",
            duration(mean),
            duration(least)
        ),
        _ => "which ones, and how long they stayed, is not known".to_owned(),
    };
    format!(
        "{}, {:#x} to {:#x}: {} in at least {}; {stayed}",
        process(scene.model, range.pid),
        range.start,
        range.end,
        at_least(range.pages, range.most_pages),
        counted(range.trips, "trip", "trips"),
    )
}
