//! How fast pages were copied.

use maud::{Markup, html};

use super::super::Report;
use crate::figures::copies::{ABOUT, rate, rows};
use crate::text::count;

/// Copies by direction; nothing where nothing tells of them.
pub(super) fn copies(report: &Report<'_>) -> Markup {
    let rows = rows(report.model);
    let page_size = report.model.facts().page_size;
    html! {
        @if !rows.is_empty() {
            h2 { "Copies" }
            div.scroll { table {
                thead { tr { th {} th { "migrations" } th { "copied" } th { "took at most" } th { "at least" } th { "rate" } } }
                tbody {
                    @for row in &rows {
                        tr {
                            td { (row.name()) }
                            td { (count(row.copied.migrations)) }
                            @for cell in row.cells(page_size) { td { (cell) } }
                            td { (rate(&row.copied, page_size)) }
                        }
                    }
                }
            } }
            p.quiet { (ABOUT) }
        }
    }
}
