//! What a call costs, and what a page.

use super::Report;
use super::page::Page;
use crate::model::{Fit, Size, Step};
use crate::text::{count, counted, duration, quantity, signed_duration};
use crate::view::figures::NONE;

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
}

fn range(size: &Size) -> String {
    let (least, most) = (*size.pages.start(), *size.pages.end());
    if least == most {
        count(least)
    } else {
        format!("{} to {}", count(least), count(most))
    }
}

/// The fixed cost of a call and the cost of a page, by step.
pub(super) fn fits(report: &Report<'_>, page: &mut Page) {
    let batching = report.model.batching();
    let Some(all) = batching.fit(None, None) else {
        return;
    };
    let [call, each] = ["per call", "per page"];
    page.head(format!("{:<18}{call:>24}{each:>26}", "Costs"));
    for step in Step::ALL {
        if let Some(fit) = batching.fit(Some(step), None) {
            page.line(row(step.name(), &fit));
        }
    }
    page.line(row("all together", &all));
    let calls = counted(all.calls, "completed call", "completed calls");
    page.line(format!(
        "  A line through {calls}; the errors are twice the standard error."
    ));
    if let Some(pages) = all.break_even_pages() {
        let pages = quantity(pages);
        page.line(format!(
            "  With {pages} pages, a call costs as much as its pages do."
        ));
    }
}

fn row(name: &str, fit: &Fit) -> String {
    let with_error =
        |ns: f64, error: f64| format!("{} ± {}", signed_duration(ns), signed_duration(2.0 * error));
    let call = with_error(fit.fixed_ns, fit.fixed_error_ns);
    let each = with_error(fit.per_page_ns, fit.per_page_error_ns);
    format!("  {name:<16}{call:>24}{each:>26}")
}
