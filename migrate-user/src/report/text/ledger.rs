//! Where the pages went.

use super::Report;
use super::page::Page;
use crate::figures;
use crate::figures::NONE;
use crate::text::{count, percent};
use crate::trace::ledger::Row;

pub(super) fn ledger(report: &Report<'_>, page: &mut Page) {
    let model = report.model;
    let requested = model.totals().ledger(None).requested;
    page.head(format!("{:<18}{:>20}{:>18}", "Pages", "pages", "share"));
    page.line(format!("  {:<16}{:>20}", "requested", count(requested)));
    for figure in figures::ledger(model) {
        let share = if requested > 0 {
            percent(figure.share)
        } else {
            NONE.to_owned()
        };
        let (name, pages) = (figure.row.name(), count(figure.pages));
        page.bar(&format!("  {name:<16}{pages:>20}{share:>18}"), figure.share);
        if figure.row == Row::Skipped {
            reasons(report, page, requested);
        }
    }
}

/// What the skipped pages are made of.
fn reasons(report: &Report<'_>, page: &mut Page, requested: u64) {
    for (name, pages) in figures::reasons(report.model) {
        let share = percent(pages as f64 / requested as f64);
        page.line(format!("    {name:<14}{:>20}{share:>18}", count(pages)));
    }
}
