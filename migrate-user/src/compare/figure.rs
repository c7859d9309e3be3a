//! What is compared.

use crate::trace::Step;

/// A figure of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// The typical time of a page in calls that both sides have: of one direction, for one reason,
    /// with about as many pages; nanoseconds.
    TimeAlike,
    /// The time of all steps by the pages that arrived, nanoseconds.
    TimePerPage,
    /// The same of one step.
    StepPerPage(Step),
    /// The value that this share (in thousandths) of a step's durations does not exceed,
    /// nanoseconds; of whole migrations where no step is named.
    Quantile(Option<Step>, u16),
    /// Pages copied or made in vain, of all that were.
    WastedShare,
    /// Pages skipped, of all requested.
    SkippedShare,
    /// Pages declined, of all requested.
    DeclinedShare,
    /// Pages rolled back or rejected, of all requested.
    FailedShare,
    /// Pages that were asked for, by calls.
    PagesPerCall,
}

/// The quantiles that are compared, in thousandths.
const QUANTILES: [u16; 2] = [500, 990];

impl Figure {
    /// All of them, in the order in which they are listed.
    pub fn all() -> Vec<Self> {
        let steps = || Step::ALL.into_iter();
        let times = || steps().map(Some).chain([None]);
        let quantiles = times().flat_map(|step| QUANTILES.map(|q| Self::Quantile(step, q)));
        let shares = [
            Self::WastedShare,
            Self::SkippedShare,
            Self::DeclinedShare,
            Self::FailedShare,
        ];
        [Self::TimeAlike, Self::TimePerPage]
            .into_iter()
            .chain(steps().map(Self::StepPerPage))
            .chain(quantiles)
            .chain(shares)
            .chain([Self::PagesPerCall])
            .collect()
    }

    /// The name used on screen and in JSON.
    pub fn name(self) -> String {
        match self {
            Self::TimeAlike => "alike_ns_per_page".to_owned(),
            Self::TimePerPage => "ns_per_page".to_owned(),
            Self::StepPerPage(step) => format!("{}_ns_per_page", step.name()),
            Self::Quantile(step, q) => {
                let step = step.map_or("total", Step::name);
                format!("{step}_p{}_ns", q / 10)
            }
            Self::WastedShare => "wasted_share".to_owned(),
            Self::SkippedShare => "skipped_share".to_owned(),
            Self::DeclinedShare => "declined_share".to_owned(),
            Self::FailedShare => "failed_share".to_owned(),
            Self::PagesPerCall => "pages_per_call".to_owned(),
        }
    }

    /// Is it a share of pages? Its change is a difference; that of others is a ratio.
    pub fn is_share(self) -> bool {
        matches!(
            self,
            Self::WastedShare | Self::SkippedShare | Self::DeclinedShare | Self::FailedShare
        )
    }

    /// Is it about the slowest calls?
    pub(super) fn is_of_the_slowest(self) -> bool {
        matches!(self, Self::Quantile(_, thousandths) if thousandths > 500)
    }

    /// Is it about single calls, whatever they ask for?
    pub(super) fn is_of_calls(self) -> bool {
        matches!(self, Self::Quantile(..))
    }

    /// Is more of it worse? What programs ask for is neither.
    pub fn is_judged(self) -> bool {
        self != Self::PagesPerCall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_have_their_unit() {
        let names: Vec<_> = Figure::all().into_iter().map(Figure::name).collect();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        assert!(names.contains(&"alloc_and_copy_p99_ns".to_owned()));
        let has_unit = |name: &String| {
            ["_ns", "_share", "_page", "_per_call"]
                .iter()
                .any(|unit| name.ends_with(unit))
        };
        assert!(names.iter().all(has_unit), "{names:?}");
    }
}
