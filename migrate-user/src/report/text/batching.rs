//! What a call costs, and what a page.

use super::Report;
use super::page::Page;
use crate::figures;
use crate::figures::{COSTS, NONE};
use crate::model::{Fit, Size};
use crate::text::{count, counted, duration, quantity};
use crate::trace::Step;

/// By how many pages completed calls asked for.
pub(super) fn sizes(report: &Report<'_>, page: &mut Page) {
    let sizes: Vec<_> = report.model.batching().sizes(None).collect();
    if sizes.is_empty() {
        return;
    }
    let [calls, arrived, per_page] = ["calls", "arrived", "time per page"];
    page.head(format!(
        "{:<24}{calls:>12}{arrived:>15}{per_page:>16}",
        "Pages per call"
    ));
    let most = sizes.iter().map(|size| size.calls).max().unwrap_or(1);
    for size in &sizes {
        let per_page = size
            .ns_per_page()
            .map_or_else(|| NONE.to_owned(), |ns| duration(ns as u64));
        let (name, calls, arrived) = (range(size), count(size.calls), count(size.arrived));
        let line = format!("  {name:<22}{calls:>12}{arrived:>15}{per_page:>16}");
        page.bar(&line, size.calls as f64 / most as f64);
    }
    if figures::lack_records(report.model) {
        page.line(format!("  Completed calls, {}.", figures::OF_RECORDED));
    }
}

fn range(size: &Size) -> String {
    let (least, most) = (*size.pages.start(), *size.pages.end());
    if least == most {
        count(least)
    } else {
        format!("{} to {}", count(least), count(most))
    }
}

/// The fixed cost of a call and the cost of a page, by step, of each direction and cause.
pub(super) fn fits(report: &Report<'_>, page: &mut Page) {
    let batching = report.model.batching();
    if batching.is_by_result() && !batching.groups().is_empty() {
        page.head("Costs");
        page.line("  Unknown: these migrations were chosen by how they went.");
    }
    let fits = batching.groups().into_iter();
    let fits = fits.filter_map(|group| Some((group, batching.fit(None, group)?)));
    let fits: Vec<_> = fits.collect();
    for (group, all) in &fits {
        let name = format!("Costs of {}", group.name());
        page.head(cells(&name, ["per call", "per page"].map(str::to_owned)));
        for step in Step::ALL {
            if let Some(fit) = batching.fit(Some(step), *group) {
                page.line(row(step.name(), &fit));
            }
        }
        page.line(row("all together", all));
        let calls = counted(
            all.calls,
            "recorded completed call",
            "recorded completed calls",
        );
        let even = all.break_even_pages().map_or_else(String::new, |pages| {
            let pages = quantity(pages);
            format!(" With {pages} pages, a call costs as much as they do.")
        });
        page.line(format!("  A line through {calls}.{even}"));
    }
    if !fits.is_empty() {
        page.line(format!("  {COSTS}"));
    }
}

fn row(name: &str, fit: &Fit) -> String {
    let costs = [fit.fixed(), fit.per_page()].map(figures::cost);
    cells(&format!("  {name}"), costs)
}

fn cells(name: &str, [call, each]: [String; 2]) -> String {
    format!("{name:<38}{call:>19}{each:>21}")
}
