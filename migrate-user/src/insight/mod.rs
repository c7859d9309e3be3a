//! What a run's figures mean: findings, each with evidence, what it costs, and what to try.
//!
//! A finding is data. Dashboard, report and JSON show the same ones. `docs/findings.md` explains
//! each kind and each threshold.

mod declines;
mod dominant_step;
mod given_up;
mod livelock;
mod not_followed;
mod oversubscribed;
mod ping_pong;
mod records_lost;
mod rollbacks;
mod scene;
mod setup_parts;
mod skips;
mod small_batches;
mod split;
mod tail;
mod thresholds;
mod tracer_cost;
mod unjudged;
mod wasted_copies;

use std::cmp::Reverse;

pub use thresholds::Thresholds;

use crate::model::Model;
use scene::Scene;

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Pages are copied, and the copies thrown away.
    WastedCopies,
    /// The fixed cost of a call outweighs that of its pages.
    SmallBatches,
    /// Many pages cannot be migrated, because somebody holds them.
    PinnedSkips,
    /// Many pages are not collected, and nobody knows why.
    Skips,
    /// Many pages are asked for that are there already.
    AlreadyThere,
    /// The driver does not want many of the pages that were collected for it.
    Declines,
    /// Drivers that want all or nothing give up what was collected, because something was missing.
    GivenUp,
    /// Drivers undo what the kernel has begun for them.
    Rollbacks,
    /// One step takes nearly all the time.
    DominantStep,
    /// Setup mostly waits for LRU caches to drain.
    SetupDrain,
    /// Setup mostly waits for whoever mirrors the address space.
    SetupInvalidation,
    /// The CPU and a device want the same pages.
    PingPong,
    /// More is wanted on the device than fits.
    Oversubscribed,
    /// The same call is tried over and over, and nothing arrives.
    Livelock,
    /// Large folios are split on their way.
    Split,
    /// A few migrations take many times as long as others of their size.
    Tail,
    /// Migrations of which no record came.
    RecordsLost,
    /// Migrations that the tracer could not follow.
    NotFollowed,
    /// The tracer takes much time itself.
    TracerCost,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::WastedCopies,
        Self::SmallBatches,
        Self::PinnedSkips,
        Self::Skips,
        Self::AlreadyThere,
        Self::Declines,
        Self::GivenUp,
        Self::Rollbacks,
        Self::DominantStep,
        Self::SetupDrain,
        Self::SetupInvalidation,
        Self::PingPong,
        Self::Oversubscribed,
        Self::Livelock,
        Self::Split,
        Self::Tail,
        Self::RecordsLost,
        Self::NotFollowed,
        Self::TracerCost,
    ];

    /// The name used on screen and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WastedCopies => "wasted_copies",
            Self::SmallBatches => "small_batches",
            Self::PinnedSkips => "pinned_skips",
            Self::Skips => "skips",
            Self::AlreadyThere => "already_there",
            Self::Declines => "declines",
            Self::GivenUp => "given_up",
            Self::Rollbacks => "rollbacks",
            Self::DominantStep => "dominant_step",
            Self::SetupDrain => "setup_drain",
            Self::SetupInvalidation => "setup_invalidation",
            Self::PingPong => "ping_pong",
            Self::Oversubscribed => "oversubscribed",
            Self::Livelock => "livelock",
            Self::Split => "split",
            Self::Tail => "tail",
            Self::RecordsLost => "records_lost",
            Self::NotFollowed => "not_followed",
            Self::TracerCost => "tracer_cost",
        }
    }
}

/// How bad it is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It takes a large part of the time, or makes the figures doubtful.
    Serious,
    /// It takes a part of the time that shows.
    Notable,
    /// It is good to know.
    Minor,
}

impl Severity {
    /// The name used on screen and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serious => "serious",
            Self::Notable => "notable",
            Self::Minor => "minor",
        }
    }
}

/// Something that a run's figures say, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of trouble it is.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// What it is: one sentence.
    pub what: String,
    /// The numbers that say so.
    pub evidence: Vec<String>,
    /// What it costs: time, pages or bytes, and of what.
    pub cost: String,
    /// What to try against it, the most promising first.
    pub try_this: Vec<String>,
    /// What it costs, nanoseconds of the whole run; `None` where that is not known, or not what it
    /// costs.
    pub cost_ns: Option<u64>,
}

/// All that there is to say about a run, the worst first.
pub fn findings(model: &Model, thresholds: &Thresholds) -> Vec<Finding> {
    let scene = Scene::new(model, thresholds);
    let checks = [
        wasted_copies::check,
        small_batches::check,
        skips::held,
        skips::unexplained,
        skips::there,
        declines::check,
        given_up::check,
        rollbacks::check,
        dominant_step::check,
        setup_parts::drain,
        setup_parts::invalidation,
        ping_pong::check,
        oversubscribed::check,
        livelock::check,
        split::check,
        tail::check,
        records_lost::check,
        not_followed::check,
        tracer_cost::check,
    ];
    let mut findings: Vec<_> = checks.iter().filter_map(|check| check(&scene)).collect();
    findings.sort_by_key(|finding| (finding.severity, Reverse(finding.cost_ns), finding.kind));
    findings
}

/// What was not judged, a sentence for each reason: then that nothing was found says nothing of it.
pub fn unjudged(model: &Model, thresholds: &Thresholds) -> Vec<String> {
    unjudged::reasons(&Scene::new(model, thresholds))
}

#[cfg(test)]
mod tests;
