//! How fast pages were copied.

use super::Report;
use super::page::Page;
use crate::figures::copies::{ABOUT, rate, rows};
use crate::text::count;

/// Copies by direction; nothing where nothing tells of them.
pub(super) fn copies(report: &Report<'_>, page: &mut Page) {
    let rows = rows(report.model);
    if rows.is_empty() {
        return;
    }
    let heads = ["count", "copied", "took at most", "at least", "rate"];
    page.head(line("Copies", heads.map(str::to_owned)));
    let page_size = report.model.facts().page_size;
    for row in rows {
        let [copied, most, least] = row.cells(page_size);
        let number = count(row.copied.migrations);
        let rate = rate(&row.copied, page_size);
        let cells = [number, copied, most, least, rate];
        page.line(line(&format!("  {}", row.name()), cells));
    }
    page.paragraph("  ", ABOUT);
}

fn line(name: &str, cells: [String; 5]) -> String {
    let [number, copied, most, least, rate] = cells;
    format!("{name:<30}{number:>11}{copied:>10}{most:>14}{least:>10}  {rate}")
}
