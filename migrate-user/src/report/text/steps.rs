//! How long the steps took, and what the kernel did in them.

use super::Report;
use super::page::Page;
use crate::figures;
use crate::figures::NONE;
use crate::model::Distribution;
use crate::text::{count, counted, duration, percent};
use crate::trace::{Figure, Step};

pub(super) fn steps(report: &Report<'_>, page: &mut Page) {
    let model = report.model;
    let (steps, off_cpu) = (model.steps(), figures::off_cpu(model));
    let asked = model.off_cpu().migrations > 0;
    page.head(row(
        "Steps",
        ["count", "p50", "p90", "p99", "p99.9", "max", "share"].map(str::to_owned),
        if asked { "off CPU" } else { "" },
    ));
    for step in Step::ALL {
        let share = steps.share(step, None);
        let times = cells(&steps.of(step, None), share.map_or_else(none, percent));
        let off = off_cpu[step as usize].map_or_else(none, percent);
        let off = if asked { off } else { String::new() };
        let line = row(&format!("  {}", step.name()), times, &off);
        page.bar(&line, share.unwrap_or(0.0));
    }
    let all = cells(&steps.of(Figure::Total, None), String::new());
    page.line(row("  all together", all, ""));
    if asked {
        let measured = counted(model.off_cpu().migrations, "migration", "migrations");
        page.line(format!(
            "  Off CPU is of {measured} in which it was measured."
        ));
    }
    if let Some(share) = model.probe_share() {
        let (time, share) = (duration(model.totals().probe_ns()), percent(share));
        page.line(format!(
            "  The tracer's own time, {time}, is in none of these: {share} of the steps' and its own."
        ));
    }
}

fn none() -> String {
    NONE.to_owned()
}

/// Count, quantiles, maximum and share.
fn cells(times: &Distribution, share: String) -> [String; 7] {
    let time = |ns: Option<u64>| ns.map_or_else(none, duration);
    let quantile = |quantile| time(times.quantile(quantile));
    [
        count(times.count()),
        quantile(0.5),
        quantile(0.9),
        quantile(0.99),
        quantile(0.999),
        time(times.max()),
        share,
    ]
}

fn row(name: &str, cells: [String; 7], off_cpu: &str) -> String {
    let [count, p50, p90, p99, p999, max, share] = cells;
    format!("{name:<18}{count:>13}{p50:>9}{p90:>9}{p99:>9}{p999:>9}{max:>9}{share:>8}{off_cpu:>9}")
}

/// What the kernel did in the steps, where that was asked for.
pub(super) fn parts(report: &Report<'_>, page: &mut Page) {
    let parts = figures::parts(report.model);
    if parts.is_empty() {
        return;
    }
    page.head(format!(
        "{:<18}{:>13}{:>18}",
        "Parts", "time", "of all steps"
    ));
    for part in parts {
        let (time, share) = (duration(part.sum_ns), percent(part.share));
        page.bar(
            &format!("  {:<16}{time:>13}{share:>18}", part.name),
            part.share,
        );
    }
    let measured = counted(report.model.parts().migrations, "migration", "migrations");
    page.line(format!("  Measured in {measured}."));
}

/// Where the time of the driver's steps goes, where that was asked for.
pub(super) fn driver_steps(report: &Report<'_>, page: &mut Page) {
    for step in figures::driver_steps(report.model) {
        page.head(format!(
            "{:<18}{:>13}{:>18}",
            step.step.name(),
            "time",
            "of the step"
        ));
        for part in &step.parts {
            let (time, share) = (duration(part.sum_ns), percent(part.share));
            page.bar(
                &format!("  {:<16}{time:>13}{share:>18}", part.name),
                part.share,
            );
        }
        page.line(format!(
            "  {:<16}{:>13}",
            "all of it",
            duration(step.total_ns)
        ));
    }
}
