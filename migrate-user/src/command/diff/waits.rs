//! Which waits of a side can be compared, and why others cannot.

use super::{FEW, of_both};
use crate::figures::waits::coverage;
use crate::model::Model;
use crate::trace::WaitKind;

/// A recording has followed all kinds of one of these, or none: what they are called, and one of
/// them.
const GROUPS: [(&str, WaitKind); 2] = [
    ("Waits of CPUs", WaitKind::Fault),
    ("Waits of devices", WaitKind::RangeFault),
];

/// What recordings have of such waits. Of several, that of the one that has least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    NotFollowed,
    Hidden,
    Lost,
    Enough,
}

/// What a side has, by [`GROUPS`].
pub(super) struct Waits([Known; GROUPS.len()]);

impl Default for Waits {
    /// That of no recording.
    fn default() -> Self {
        Self([Known::Enough; GROUPS.len()])
    }
}

impl Waits {
    /// Adds what a run has.
    pub(super) fn add(&mut self, model: &Model, by_totals: bool) {
        for (known, (_, kind)) in self.0.iter_mut().zip(GROUPS) {
            *known = (*known).min(Known::of(model, kind, by_totals));
        }
    }

    /// Why waits are not compared, in sentences; nothing where they are.
    pub(super) fn why_not(&self, new: &Self) -> Vec<String> {
        let both: Vec<_> = self.0.into_iter().zip(new.0).collect();
        let is_followed = |(base, new): &(Known, Known)| *base.max(new) > Known::NotFollowed;
        if !both.iter().any(is_followed) {
            return vec!["Waits are not compared: neither side followed them.".to_owned()];
        }
        let of_groups = both.into_iter().zip(GROUPS);
        let some = of_groups.filter(|(both, _)| is_followed(both));
        let why = |((base, new), (what, _)): ((Known, Known), (&str, WaitKind))| {
            let why = of_both(base.why_not(), new.why_not())?;
            Some(format!("{what} are not compared: {why}."))
        };
        some.filter_map(why).collect()
    }
}

/// The kinds of waits of a run that can be compared.
pub(super) fn comparable(model: &Model, by_totals: bool) -> impl Iterator<Item = WaitKind> {
    let kinds = WaitKind::ALL.iter().copied();
    kinds.filter(move |kind| Known::of(model, *kind, by_totals) == Known::Enough)
}

/// Which waits of a run are in no figure, or not in those of records.
pub(super) fn remark(name: &str, model: &Model) -> Option<String> {
    let coverage = coverage(model).filter(|_| model.follows_waits());
    coverage.map(|lacks| format!("{name}: {lacks}."))
}

fn has_lost_many(model: &Model) -> bool {
    let (lost, came) = (model.waits_lost(), model.waits().totals().waits());
    lost > came.saturating_add(lost) / FEW
}

impl Known {
    fn of(model: &Model, kind: WaitKind, by_totals: bool) -> Self {
        match () {
            () if !model.facts().details.follow(kind) => Self::NotFollowed,
            () if model.hidden().waits => Self::Hidden,
            () if !by_totals && has_lost_many(model) => Self::Lost,
            () => Self::Enough,
        }
    }

    fn why_not(self) -> Option<&'static str> {
        match self {
            Self::NotFollowed => Some("did not follow them"),
            Self::Hidden => Some("has a filter that asks what only migrations have"),
            Self::Lost => Some("lost more than one in a hundred"),
            Self::Enough => None,
        }
    }
}
