//! In which phases of programs memory migrates, and threads wait, in words.

use std::cmp::Reverse;

use crate::model::waits::WaitSums;
use crate::model::{Model, Phase};
use crate::trace::WaitKind;

/// What those are called that came when there were too many, together.
pub(crate) const LATER: &str = "later ones, together";

/// What a phase is called.
pub(crate) fn name(path: Option<&str>) -> &str {
    match path {
        Some("") => "no phase",
        Some(path) => path,
        None => "unknown",
    }
}

/// The phases of the recorded migrations by their names, those first that took most time, and those
/// last that came when there were too many; `None` where they were not followed.
pub(crate) fn of_migrations(model: &Model) -> Option<Vec<(&str, &Phase)>> {
    let all = all(model)?.into_iter();
    Some(all.filter(|(_, of)| of.sums.migrations > 0).collect())
}

/// What the threads of a phase waited for, of one kind.
pub(crate) struct Waited<'a> {
    pub(crate) phase: &'a str,
    pub(crate) kind: WaitKind,
    pub(crate) sums: &'a WaitSums,
}

/// The waits of the phases, those that took longest first; `None` where either was not followed.
pub(crate) fn of_waits(model: &Model) -> Option<Vec<Waited<'_>>> {
    let kinds: Vec<_> = model.followed().collect();
    let all = all(model).filter(|_| !kinds.is_empty())?;
    let each = all.into_iter().flat_map(|(phase, of)| {
        kinds.iter().map(move |kind| Waited {
            phase,
            kind: *kind,
            sums: of.waits(*kind),
        })
    });
    let mut waits: Vec<_> = each.filter(|of| of.sums.waits > 0).collect();
    waits.sort_by_key(|of| Reverse(of.sums.total_ns));
    Some(waits)
}

fn all(model: &Model) -> Option<Vec<(&str, &Phase)>> {
    let phases = model.facts().details.phases.then(|| model.phases())?;
    let sorted = phases.sorted().into_iter();
    let named = sorted.map(|phase| (name(phase.path.as_deref()), phase));
    let later = phases.others().map(|others| (LATER, others));
    Some(named.chain(later).collect())
}
