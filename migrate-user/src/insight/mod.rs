//! What a run's figures mean: findings, each with evidence, what it costs, and what to try.
//!
//! A finding is data. Dashboard, report and JSON show the same ones. `docs/findings.md` explains
//! each kind and each threshold.

mod declines;
mod dominant_step;
mod given_up;
mod judged;
mod livelock;
mod lock_convoy;
mod not_followed;
mod oversubscribed;
mod ping_pong;
mod records_lost;
mod retry_storm;
mod rollbacks;
mod scene;
mod setup_parts;
mod skips;
mod small_batches;
mod split;
mod stuck;
mod tail;
mod thresholds;
mod tracer_cost;
mod unjudged;
mod waits_for_others;
mod wasted_copies;
mod whom;

use std::cmp::Reverse;

pub use judged::judged;
pub use thresholds::Thresholds;

use crate::model::Model;
use scene::Scene;

macro_rules! findings {
    ($($(#[doc = $about:literal])* $kind:ident $name:literal $check:path,)*) => {
        /// What kind of trouble it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[doc = $about])* $kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name used on screen and in JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }

        /// What looks for each.
        const CHECKS: &[fn(&Scene<'_>) -> Option<Finding>] = &[$($check,)*];
    };
}

// To add one takes its file, its line here and its lines in the documents. Where two are equally
// bad, the one that comes first here is told first.
findings! {
    /// Pages are copied, and the copies thrown away.
    WastedCopies "wasted_copies" wasted_copies::check,
    /// The fixed cost of a call outweighs that of its pages.
    SmallBatches "small_batches" small_batches::check,
    /// Many pages cannot be migrated, because somebody holds them.
    PinnedSkips "pinned_skips" skips::held,
    /// Many pages are not collected, and nobody knows why.
    Skips "skips" skips::unexplained,
    /// Many pages are asked for that are there already.
    AlreadyThere "already_there" skips::there,
    /// The driver does not want many of the pages that were collected for it.
    Declines "declines" declines::check,
    /// Drivers that want all or nothing give up what was collected, because something was missing.
    GivenUp "given_up" given_up::check,
    /// Drivers undo what the kernel has begun for them.
    Rollbacks "rollbacks" rollbacks::check,
    /// One step takes nearly all the time.
    DominantStep "dominant_step" dominant_step::check,
    /// Setup mostly waits for LRU caches to drain.
    SetupDrain "setup_drain" setup_parts::drain,
    /// Setup mostly waits for whoever mirrors the address space.
    SetupInvalidation "setup_invalidation" setup_parts::invalidation,
    /// The CPU and a device want the same pages.
    PingPong "ping_pong" ping_pong::check,
    /// More is wanted on the device than fits.
    Oversubscribed "oversubscribed" oversubscribed::check,
    /// The same call is tried over and over, and nothing arrives.
    Livelock "livelock" livelock::check,
    /// Large folios are split on their way.
    Split "split" split::check,
    /// A migration does not come to an end.
    Stuck "stuck" stuck::check,
    /// A few migrations take many times as long as others of their size.
    Tail "tail" tail::check,
    /// Threads wait for one another before they migrate.
    LockConvoy "lock_convoy" lock_convoy::check,
    /// Threads wait for pages that others migrate.
    WaitsForOthers "waits_for_others" waits_for_others::check,
    /// A device asks where memory is, over and over.
    RetryStorm "retry_storm" retry_storm::check,
    /// Migrations of which no record came.
    RecordsLost "records_lost" records_lost::check,
    /// Migrations that the tracer could not follow.
    NotFollowed "not_followed" not_followed::check,
    /// The tracer takes much time itself.
    TracerCost "tracer_cost" tracer_cost::check,
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
    let mut findings: Vec<_> = CHECKS.iter().filter_map(|check| check(&scene)).collect();
    findings.sort_by_key(|finding| (finding.severity, Reverse(finding.cost_ns), finding.kind));
    findings
}

/// What was not judged, a sentence for each reason: then that nothing was found says nothing of it.
pub fn unjudged(model: &Model, thresholds: &Thresholds) -> Vec<String> {
    unjudged::reasons(&Scene::new(model, thresholds))
}

#[cfg(test)]
mod tests;
