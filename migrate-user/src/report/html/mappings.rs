//! Which memory migrates.

use maud::{Markup, html};

use super::super::Report;
use crate::figures::mappings::{RESIDENT_NOTE, bounced, by_device, name, process, range, resident};
use crate::text::count;

/// Rows of a table, at most.
const ROWS: usize = 20;

/// Mappings of the records that came; nothing where they are not told.
pub(super) fn mappings(report: &Report<'_>) -> Markup {
    let model = report.model;
    let all = model.mappings().sorted();
    html! {
        @if !all.is_empty() {
            h2 { "Memory" }
            div.scroll { table {
                thead { tr {
                    th { "mapping" } th { "process" } th { "addresses" } th { "requested" } th { "arrived on devices" }
                    th { "left" } th { "on devices" } th { "came back" } th { "refused" }
                } }
                tbody {
                    @for of in all.iter().take(ROWS) {
                        tr {
                            td { (name(of)) }
                            td { (process(of)) }
                            td { (range(of)) }
                            td { (count(of.sums.ledger.requested)) }
                            td { (count(of.arrived)) }
                            td { (count(of.left)) }
                            td {
                                (resident(model, of))
                                @if let Some(devices) = by_device(model, of) { br; (devices) }
                            }
                            td { (bounced(of)) }
                            td { (count(of.refused())) }
                        }
                    }
                }
            } }
            @if all.len() > ROWS {
                p.quiet { "and " (count((all.len() - ROWS) as u64)) " more" }
            }
            p.quiet { (RESIDENT_NOTE) }
        }
    }
}
