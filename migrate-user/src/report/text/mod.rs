//! A page of text.

mod batching;
mod copies;
mod findings;
mod heading;
mod ledger;
mod mappings;
mod page;
mod phases;
mod steps;
mod tables;
mod waits;

pub(super) use findings::{limits_of, remarks_of as remarks};
pub(super) use heading::{covers, losses};
pub(super) use page::Page;
pub(super) use phases::innermost;

use super::Report;
use crate::figures;

/// The parts, in the order in which they are printed.
const PARTS: [fn(&Report<'_>, &mut Page); 20] = [
    heading::heading,
    heading::kinds,
    heading::rates,
    ledger::ledger,
    steps::steps,
    steps::parts,
    steps::driver_steps,
    copies::copies,
    waits::waits,
    batching::sizes,
    batching::fits,
    tables::drivers,
    tables::processes,
    mappings::mappings,
    phases::phases,
    phases::waits,
    waits::waiters,
    tables::ping_pong,
    findings::findings,
    findings::remarks,
];

/// Those that say something where all figures are unknown.
const ALWAYS: [fn(&Report<'_>, &mut Page); 2] = [heading::heading, findings::remarks];

/// The page.
pub(super) fn text(report: &Report<'_>, for_terminal: bool) -> String {
    let part = |write: fn(&Report<'_>, &mut Page)| {
        let mut page = Page::new(for_terminal);
        write(report, &mut page);
        page.into_text()
    };
    let parts = if figures::are_unknown(report.model) {
        &ALWAYS[..]
    } else {
        &PARTS
    };
    let parts = parts.iter().copied().map(part);
    let parts = parts.filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("\n")
}
