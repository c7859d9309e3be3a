//! What a change comes from, in words.

use super::{Figure, Figures, Verdict};
use crate::text::{percent, signed_duration};
use crate::trace::Step;

/// The most important first.
pub(super) fn why(figures: &[Figures]) -> Vec<String> {
    let mut why: Vec<String> = per_page(figures)
        .into_iter()
        .chain(alike(figures))
        .collect();
    let shares = figures.iter().filter(|figure| figure.figure.is_share());
    why.extend(shares.filter_map(share));
    why
}

fn find(figures: &[Figures], figure: Figure) -> Option<&Figures> {
    figures.iter().find(|found| found.figure == figure)
}

fn changed(figures: &Figures) -> bool {
    matches!(figures.verdict, Some(Verdict::Worse | Verdict::Better))
}

/// How much longer a page takes in calls that are alike.
fn alike(figures: &[Figures]) -> Option<String> {
    let found = find(figures, Figure::TimeAlike).filter(|found| changed(found))?;
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
    find(figures, Figure::TimePerPage).filter(|found| changed(found))?;
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

fn share(figures: &Figures) -> Option<String> {
    let (base, new) = (figures.base?, figures.new?);
    let what = match figures.figure {
        Figure::WastedShare => "of the pages copied or made are thrown away",
        Figure::SkippedShare => "of the pages asked for are skipped",
        Figure::DeclinedShare => "of the pages asked for are declined by the driver",
        Figure::FailedShare => "of the pages asked for are in calls rolled back or rejected",
        _ => return None,
    };
    changed(figures).then(|| format!("{} {what} instead of {}", percent(new), percent(base)))
}
