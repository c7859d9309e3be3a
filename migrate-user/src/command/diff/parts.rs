//! Which parts of the driver's steps can be compared, and why others cannot.

use super::of_both;
use crate::model::Model;
use crate::trace::{DRIVER_PARTS, Details, seen_parts};

/// What recordings have of a part. Of several, that of the one that has least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    NotFollowed,
    ByTotals,
    NotSeen,
    Enough,
}

/// What a side has, by [`DRIVER_PARTS`].
pub(super) struct Parts([Known; DRIVER_PARTS.len()]);

impl Default for Parts {
    /// That of no recording.
    fn default() -> Self {
        Self([Known::Enough; DRIVER_PARTS.len()])
    }
}

impl Parts {
    /// Adds what a run has.
    pub(super) fn add(&mut self, model: &Model, by_totals: bool) {
        let seen = seen_parts(model.facts());
        for (known, seen) in self.0.iter_mut().zip(seen) {
            *known = (*known).min(Known::of(model, seen, by_totals));
        }
    }

    /// Why some are not compared, in sentences; nothing where all are, or where neither side
    /// followed any.
    pub(super) fn why_not(&self, new: &Self) -> Vec<String> {
        let mut said: Vec<(String, Vec<&str>)> = Vec::new();
        let both = self.0.into_iter().zip(new.0);
        for ((base, new), name) in both.zip(DRIVER_PARTS) {
            let Some(why) = why_not(base, new) else {
                continue;
            };
            match said.iter_mut().find(|(of, _)| *of == why) {
                Some((_, names)) => names.push(name),
                None => said.push((why, vec![name])),
            }
        }
        let sentence = |(why, names): (String, Vec<&str>)| match names.len() {
            all if all == DRIVER_PARTS.len() => {
                format!("Parts of the driver's steps are not compared: {why}.")
            }
            _ => {
                let names = names.join(", ");
                format!("Of the driver's steps, these parts are not compared: {names}; {why}.")
            }
        };
        said.into_iter().map(sentence).collect()
    }
}

fn why_not(base: Known, new: Known) -> Option<String> {
    if base.max(new) == Known::NotFollowed {
        return None;
    }
    of_both(base.why_not(), new.why_not())
}

impl Known {
    fn of(model: &Model, seen: bool, by_totals: bool) -> Self {
        let Details { sub_steps, .. } = model.facts().details;
        // Older recordings have parts of setup alone.
        let has_any = model.driver_parts().migrations > 0 || model.records().migrations() == 0;
        match () {
            () if !sub_steps || !has_any => Self::NotFollowed,
            () if by_totals => Self::ByTotals,
            () if !seen => Self::NotSeen,
            () => Self::Enough,
        }
    }

    fn why_not(self) -> Option<&'static str> {
        match self {
            Self::NotFollowed => Some("did not measure them"),
            Self::ByTotals => Some("is compared by the kernel's totals, which do not have them"),
            Self::NotSeen => Some("could not see them"),
            Self::Enough => None,
        }
    }
}
