//! What is compared.

use super::parts::OfParts;
use crate::trace::{DRIVER_PARTS, OF_DRIVER, Step, WaitFigure, WaitKind};

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
    /// The same of a part of one of the driver's steps: which of [`OF_DRIVER`], and which of
    /// [`DRIVER_PARTS`].
    PartPerPage(usize, usize),
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
    /// The mean of how long waits of a kind took, or of their part before setup, nanoseconds.
    WaitMean(WaitFigure),
    /// The value that this share (in thousandths) of those does not exceed, nanoseconds.
    WaitQuantile(WaitFigure, u16),
    /// Of the time of faults that moved their page, that before their own migrations.
    BeforeSetupShare,
    /// Of a device's calls for a range, those that have to be made again.
    RetryShare,
}

/// The quantiles that are compared, in thousandths.
const QUANTILES: [u16; 2] = [500, 990];

impl Figure {
    /// All of migrations, in the order in which they are listed.
    pub fn of_migrations() -> Vec<Self> {
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

    /// Those of the parts that occur in each of the driver's steps, in the order in which they are
    /// listed.
    pub(super) fn of_parts(occur: [OfParts; OF_DRIVER.len()]) -> Vec<Self> {
        let of_step = |(step, occur): (usize, OfParts)| {
            let parts = occur.into_iter().enumerate();
            let some = parts.filter(|(_, occurs)| *occurs);
            some.map(move |(part, _)| Self::PartPerPage(step, part))
        };
        occur.into_iter().enumerate().flat_map(of_step).collect()
    }

    /// All of waits of these kinds, in the order in which they are listed.
    pub fn of_waits(kinds: &[WaitKind]) -> Vec<Self> {
        let has = |kind| kinds.contains(&kind);
        let before = has(WaitKind::Fault).then_some(WaitFigure::BeforeSetup);
        let of_kinds = kinds.iter().map(|kind| WaitFigure::from(*kind));
        let times: Vec<_> = of_kinds.chain(before).collect();
        let quantiles = QUANTILES.into_iter().flat_map(|q| {
            let times = times.iter();
            times.map(move |figure| Self::WaitQuantile(*figure, q))
        });
        let shares = [
            (WaitKind::Fault, Self::BeforeSetupShare),
            (WaitKind::RangeFault, Self::RetryShare),
        ];
        let shares = shares.into_iter().filter(|(kind, _)| has(*kind));
        let means = times.iter().map(|figure| Self::WaitMean(*figure));
        means
            .chain(quantiles)
            .chain(shares.map(|(_, share)| share))
            .collect()
    }

    /// The name used on screen and in JSON.
    pub fn name(self) -> String {
        match self {
            Self::TimeAlike => "alike_ns_per_page".to_owned(),
            Self::TimePerPage => "ns_per_page".to_owned(),
            Self::StepPerPage(step) => format!("{}_ns_per_page", step.name()),
            Self::PartPerPage(step, part) => {
                format!("{}_{}_ns_per_page", OF_DRIVER[step].name(), part_name(part))
            }
            Self::Quantile(step, q) => {
                let step = step.map_or("total", Step::name);
                format!("{step}_p{}_ns", q / 10)
            }
            Self::WastedShare => "wasted_share".to_owned(),
            Self::SkippedShare => "skipped_share".to_owned(),
            Self::DeclinedShare => "declined_share".to_owned(),
            Self::FailedShare => "failed_share".to_owned(),
            Self::PagesPerCall => "pages_per_call".to_owned(),
            Self::WaitMean(of) => format!("wait_{}_mean_ns", wait_name(of)),
            Self::WaitQuantile(of, q) => format!("wait_{}_p{}_ns", wait_name(of), q / 10),
            Self::BeforeSetupShare => "wait_before_setup_share".to_owned(),
            Self::RetryShare => "wait_range_fault_retry_share".to_owned(),
        }
    }

    /// Is it a share of pages?
    pub fn is_share_of_pages(self) -> bool {
        matches!(
            self,
            Self::WastedShare | Self::SkippedShare | Self::DeclinedShare | Self::FailedShare
        )
    }

    /// Is it a share, of pages or of waits? Its change is a difference; that of others is a ratio.
    pub fn is_share(self) -> bool {
        self.is_share_of_pages() || matches!(self, Self::BeforeSetupShare | Self::RetryShare)
    }

    /// Is it about the slowest calls, or waits?
    pub(super) fn is_of_the_slowest(self) -> bool {
        match self {
            Self::Quantile(_, thousandths) | Self::WaitQuantile(_, thousandths) => {
                thousandths > 500
            }
            _ => false,
        }
    }

    /// Is it about single calls, whatever they ask for? A wait may be for a call, or have one in
    /// it.
    pub(super) fn is_of_calls(self) -> bool {
        matches!(self, Self::Quantile(..)) || self.kind_of_waits().is_some()
    }

    /// The kind of waits whose whole time it is about. What is before setup depends neither on
    /// what the migration asks for nor on what becomes of it.
    pub(super) fn kind_of_waits(self) -> Option<WaitKind> {
        let (Self::WaitMean(of) | Self::WaitQuantile(of, _)) = self else {
            return None;
        };
        let mut kinds = WaitKind::ALL.iter().copied();
        kinds.find(|kind| WaitFigure::from(*kind) == of)
    }

    /// Is more of it worse? What programs ask for is neither; and the share before setup is larger
    /// where the rest of a fault became shorter.
    pub fn is_judged(self) -> bool {
        !matches!(self, Self::PagesPerCall | Self::BeforeSetupShare)
    }
}

/// What a part of the driver's steps is called.
pub fn part_name(part: usize) -> &'static str {
    DRIVER_PARTS[part]
}

/// What a figure of waits is about: a kind, or the part before setup.
pub fn wait_name(figure: WaitFigure) -> &'static str {
    let name = figure.name();
    name.strip_suffix("_ns").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_have_their_unit() {
        let parts = Figure::of_parts([[true; DRIVER_PARTS.len()]; OF_DRIVER.len()]);
        let waits = Figure::of_waits(WaitKind::ALL);
        let all = [Figure::of_migrations(), parts, waits].concat();
        let names: Vec<_> = all.into_iter().map(Figure::name).collect();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len());
        for name in [
            "alloc_and_copy_p99_ns",
            "finalize_and_map_fence_ns_per_page",
            "wait_range_fault_mean_ns",
        ] {
            assert!(names.contains(&name.to_owned()), "{names:?}");
        }
        let has_unit = |name: &String| {
            ["_ns", "_share", "_page", "_per_call"]
                .iter()
                .any(|unit| name.ends_with(unit))
        };
        assert!(names.iter().all(has_unit), "{names:?}");
    }

    #[test]
    fn only_kinds_that_are_asked_for_have_figures() {
        assert_eq!(Figure::of_waits(&[]), []);
        let of_fault = Figure::of_waits(&[WaitKind::Fault]);
        assert_eq!(of_fault.len(), 7, "{of_fault:?}");
        assert!(of_fault.contains(&Figure::BeforeSetupShare));
        let of_device = Figure::of_waits(&[WaitKind::RangeFault]);
        let shares: Vec<_> = of_device
            .iter()
            .filter(|figure| figure.is_share())
            .collect();
        assert_eq!(shares, [&Figure::RetryShare]);
    }
}
