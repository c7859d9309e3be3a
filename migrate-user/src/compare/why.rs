//! What a change comes from, in words.

use super::{Figure, Figures, Verdict, part_name, wait_name};
use crate::text::{count, percent, quantity, signed_duration};
use crate::trace::{OF_DRIVER, Step, WaitKind};

/// Sentences: first of what changed the way that the verdict on all of it says, then of what
/// changed the other way, after a "but". Of each, the most important first.
pub(super) fn why(figures: &[Figures], overall: Verdict) -> Vec<String> {
    let opposite = match overall {
        Verdict::Better => Verdict::Worse,
        _ => Verdict::Better,
    };
    let mut why = of(figures, overall);
    let but = of(figures, opposite).into_iter();
    why.extend(but.map(|sentence| format!("but {sentence}")));
    why
}

/// A sentence of each figure that became better, or worse; of those that belong together, one.
fn of(figures: &[Figures], verdict: Verdict) -> Vec<String> {
    if !matches!(verdict, Verdict::Worse | Verdict::Better) {
        return Vec::new();
    }
    let found: Vec<_> = figures
        .iter()
        .filter(|figures| figures.verdict == Some(verdict))
        .collect();
    let has = |figure| found.iter().find(|found| found.figure == figure);
    let per_page = has(Figure::TimePerPage).and_then(|_| per_page(figures));
    let alike = has(Figure::TimeAlike).and_then(|found| alike(found));
    let times = times(&found, verdict == Verdict::Worse);
    let shares = found.iter().filter_map(|figures| share(figures));
    per_page
        .into_iter()
        .chain(alike)
        .chain(times)
        .chain(shares)
        .collect()
}

/// The times that changed, as lists.
fn times(found: &[&Figures], worse: bool) -> Vec<String> {
    let longer = if worse { "longer" } else { "shorter" };
    let lists = [
        ("times of a page", list(found, step_of_page)),
        (
            "times of a page within alloc_and_copy",
            list(found, |figure| part_of(figure, Step::AllocAndCopy)),
        ),
        (
            "times of a page within finalize_and_map",
            list(found, |figure| part_of(figure, Step::FinalizeAndMap)),
        ),
        ("median times", list(found, |figure| step_of(figure, 500))),
        (
            "99th percentiles",
            list(found, |figure| step_of(figure, 990)),
        ),
        ("mean waits", list(found, mean_wait)),
        ("median waits", list(found, |figure| wait_of(figure, 500))),
        (
            "99th percentiles of waits",
            list(found, |figure| wait_of(figure, 990)),
        ),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let lists = lists.map(|(what, list)| format!("{longer} {what}: {list}"));
    lists.collect()
}

/// Why nothing is said of how long calls take.
pub(super) fn unlike(figures: &[Figures]) -> Option<String> {
    let found = find(figures, Figure::PagesPerCall)?;
    Some(format!(
        "pages per call changed from {} to {}: how long calls take may tell nothing",
        quantity(found.base?),
        quantity(found.new?)
    ))
}

/// Why nothing is said of how long waits of these kinds take.
pub(super) fn unlike_waits(kinds: impl Iterator<Item = WaitKind>) -> Option<String> {
    let names: Vec<_> = kinds.map(WaitKind::name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "waits end in other ways, or ask for other amounts, than before ({}): how long they take may tell nothing",
            names.join(", ")
        )
    })
}

/// Why nothing is said of parts of the driver's steps, of all figures that are open for a reason.
pub(super) fn within(open: &[Figure]) -> Option<String> {
    let name = |figure: &Figure| match figure {
        Figure::PartPerPage(step, part) => Some(format!(
            "{} in {}",
            part_name(*part),
            OF_DRIVER[*step].name()
        )),
        _ => None,
    };
    let names: Vec<_> = open.iter().filter_map(name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "the step did not change with its part ({}): time may have gone from one part to another",
            names.join(", ")
        )
    })
}

fn find(figures: &[Figures], figure: Figure) -> Option<&Figures> {
    figures.iter().find(|found| found.figure == figure)
}

/// How much longer a page takes in calls that are alike.
fn alike(found: &Figures) -> Option<String> {
    let by = found.change?;
    let longer = if by > 0.0 { "longer" } else { "less" };
    Some(format!(
        "a page takes {} {longer} in calls that are alike",
        percent(by.abs())
    ))
}

/// How much longer a page takes, and the step with most of that.
fn per_page(figures: &[Figures]) -> Option<String> {
    let difference = |figure| {
        let found = find(figures, figure)?;
        Some(found.new? - found.base?)
    };
    let all = difference(Figure::TimePerPage)?;
    let towards = |ns: &f64| if all > 0.0 { *ns } else { -*ns };
    let (step, of_step) = Step::ALL
        .into_iter()
        .filter_map(|step| Some((step, difference(Figure::StepPerPage(step))?)))
        .max_by(|a, b| towards(&a.1).total_cmp(&towards(&b.1)))?;
    let longer = if all > 0.0 { "longer" } else { "less" };
    Some(format!(
        "a page takes {} {longer}, {} of it in {}",
        signed_duration(all.abs()),
        percent((of_step / all).clamp(0.0, 1.0)),
        step.name()
    ))
}

/// The names of those for which there is one, and how much each changed.
fn list(found: &[&Figures], name: impl Fn(Figure) -> Option<&'static str>) -> String {
    let one = |found: &&Figures| {
        let (name, by) = (name(found.figure)?, found.change?);
        Some(format!("{name} ({})", change(by)))
    };
    let all: Vec<_> = found.iter().filter_map(one).collect();
    all.join(", ")
}

fn step_of_page(figure: Figure) -> Option<&'static str> {
    match figure {
        Figure::StepPerPage(step) => Some(step.name()),
        _ => None,
    }
}

fn part_of(figure: Figure, of: Step) -> Option<&'static str> {
    match figure {
        Figure::PartPerPage(step, part) if OF_DRIVER[step] == of => Some(part_name(part)),
        _ => None,
    }
}

fn step_of(figure: Figure, quantile: u16) -> Option<&'static str> {
    match figure {
        Figure::Quantile(step, of) if of == quantile => {
            Some(step.map_or("whole migration", Step::name))
        }
        _ => None,
    }
}

fn mean_wait(figure: Figure) -> Option<&'static str> {
    match figure {
        Figure::WaitMean(of) => Some(wait_name(of)),
        _ => None,
    }
}

fn wait_of(figure: Figure, quantile: u16) -> Option<&'static str> {
    match figure {
        Figure::WaitQuantile(of, q) if q == quantile => Some(wait_name(of)),
        _ => None,
    }
}

/// `+12.3%`.
fn change(by: f64) -> String {
    match by * 100.0 {
        small if small < 99.95 => format!("{small:+.1}%"),
        large if large < 999.5 => format!("{large:+.0}%"),
        // A ratio that nobody reads as percent.
        _ => format!("×{}", count((by + 1.0) as u64)),
    }
}

fn share(figures: &Figures) -> Option<String> {
    let (base, new) = (figures.base?, figures.new?);
    let what = match figures.figure {
        Figure::WastedShare => "of the pages copied or made are thrown away",
        Figure::SkippedShare => "of the pages asked for are skipped",
        Figure::DeclinedShare => "of the pages asked for are declined by the driver",
        Figure::FailedShare => "of the pages asked for are in calls rolled back or rejected",
        Figure::RetryShare => "of a device's calls for a range have to be made again",
        _ => return None,
    };
    Some(format!(
        "{} {what} instead of {}",
        percent(new),
        percent(base)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(figure: Figure, base: f64, new: f64, verdict: Verdict) -> Figures {
        let change = if figure.is_share() {
            new - base
        } else {
            new / base - 1.0
        };
        Figures {
            figure,
            base: Some(base),
            new: Some(new),
            change: Some(change),
            interval: None,
            effect: None,
            verdict: Some(verdict),
        }
    }

    #[test]
    fn what_the_verdict_rests_on_is_named_first_and_the_opposite_after_a_but() {
        let of_step = |step, q| Figure::Quantile(step, q);
        let all = [
            figures(
                Figure::StepPerPage(Step::Finalize),
                400.0,
                100.0,
                Verdict::Better,
            ),
            figures(
                of_step(Some(Step::Pages), 500),
                710.0,
                1000.0,
                Verdict::Worse,
            ),
            figures(of_step(None, 500), 127.0, 328.0, Verdict::Worse),
            figures(of_step(None, 990), 1.0, 9.0, Verdict::Unsure),
            figures(Figure::SkippedShare, 0.557, 0.055, Verdict::Better),
        ];
        let longer = "longer median times: pages (+40.8%), whole migration (+158%)";
        let shorter = "shorter times of a page: finalize (-75.0%)";
        let skipped = "5.5% of the pages asked for are skipped instead of 55.7%";
        let but = |text: &str| format!("but {text}");
        assert_eq!(
            why(&all, Verdict::Worse),
            [longer.to_owned(), but(shorter), but(skipped)]
        );
        assert_eq!(
            why(&all, Verdict::Better),
            [shorter.to_owned(), skipped.to_owned(), but(longer)]
        );
        assert_eq!(why(&all, Verdict::Unsure), [but(shorter), but(skipped)]);
    }
}
