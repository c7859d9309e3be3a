//! Which kinds of findings a recording could have had: that it has none of the others says nothing.

use std::collections::BTreeSet;

use super::{Kind, Thresholds};
use crate::model::Model;
use crate::trace::WaitKind;

/// Those that were looked for, with enough to find them.
pub fn judged(model: &Model, at: &Thresholds) -> BTreeSet<Kind> {
    let all = Kind::ALL.iter().copied();
    all.filter(|kind| is_judged(*kind, model, at)).collect()
}

fn is_judged(kind: Kind, model: &Model, at: &Thresholds) -> bool {
    let hidden = model.hidden();
    let enough = model.totals().migrations() >= at.migrations;
    let enough_records = model.drivers().sum().migrations >= at.migrations;
    match kind {
        Kind::RecordsLost | Kind::NotFollowed => model.losses().is_some(),
        Kind::Stuck => model.hanging_ns().is_some(),
        Kind::WastedCopies
        | Kind::PinnedSkips
        | Kind::Skips
        | Kind::Declines
        | Kind::TracerCost => enough,
        Kind::AlreadyThere => enough && model.already_there().is_some(),
        Kind::Rollbacks | Kind::DominantStep => enough && !hidden.by_result,
        Kind::Oversubscribed => enough && !hidden.evictions,
        Kind::GivenUp => enough_records,
        Kind::SmallBatches | Kind::Tail => enough_records && !hidden.by_result,
        // What a page did between two records nobody knows.
        Kind::PingPong | Kind::Livelock => {
            enough_records && !hidden.ways_back && model.has_all_records()
        }
        Kind::LockConvoy => has_waits(model, at, WaitKind::Fault),
        Kind::WaitsForOthers => has_waits(model, at, WaitKind::Migrating),
        Kind::RetryStorm => has_waits(model, at, WaitKind::RangeFault),
        Kind::SetupDrain | Kind::SetupInvalidation | Kind::Split => {
            enough && model.parts().migrations > 0
        }
    }
}

/// Were waits of this kind followed, and was there none or enough of them?
fn has_waits(model: &Model, at: &Thresholds, kind: WaitKind) -> bool {
    let waits = model.wait_totals().of_kind(kind);
    let enough = waits == 0 || waits >= at.migrations;
    model.follows(kind) && !model.hidden().by_result && enough
}
