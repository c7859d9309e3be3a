//! Which memory migrates.

use super::Report;
use super::page::Page;
use crate::figures::mappings::{RESIDENT_NOTE, bounced, by_device, name, process, range, resident};
use crate::text::{count, counted};

/// Rows of a table, at most.
const ROWS: usize = 10;

/// Mappings of the records that came, those of each process together; nothing where they are not
/// told.
pub(super) fn mappings(report: &Report<'_>, page: &mut Page) {
    let model = report.model;
    let mappings = model.mappings();
    if mappings.is_empty() {
        return;
    }
    page.head(row(
        "Recorded mappings",
        &[
            "requested",
            "arrived",
            "left",
            "on devices",
            "bounced",
            "refused",
        ]
        .map(str::to_owned),
    ));
    let mut last = None;
    for of in mappings.sorted().into_iter().take(ROWS) {
        if last != Some(of.pid) {
            page.line(format!("  {}", process(of)));
            last = Some(of.pid);
        }
        let cells = [
            count(of.sums.ledger.requested),
            count(of.arrived),
            count(of.left),
            resident(model, of),
            bounced(of),
            count(of.refused()),
        ];
        page.line(row(&format!("    {}", name(of)), &cells));
        page.line(format!("      {}", range(of)));
        if let Some(devices) = by_device(model, of) {
            page.line(format!("      {devices}"));
        }
    }
    if mappings.len() > ROWS {
        let more = (mappings.len() - ROWS) as u64;
        page.line(format!("  and {}", counted(more, "other", "others")));
    }
    if let Some((gave_way, sums)) = mappings.others() {
        let pages = counted(sums.ledger.requested, "page", "pages");
        page.line(format!("  and smaller ones ({}): {pages}", count(gave_way)));
    }
    let unknown = mappings.unknown();
    if unknown.migrations > 0 {
        page.line(format!(
            "  In no mapping that is known, as evictions: {} of {}",
            counted(unknown.migrations, "migration", "migrations"),
            counted(unknown.ledger.requested, "page", "pages"),
        ));
    }
    page.paragraph("  ", RESIDENT_NOTE);
}

fn row(name: &str, cells: &[String; 6]) -> String {
    let [requested, arrived, left, resident, bounced, refused] = cells;
    format!(
        "{name:<30}{requested:>11}{arrived:>11}{left:>11}{resident:>15}{bounced:>15}{refused:>10}"
    )
}
