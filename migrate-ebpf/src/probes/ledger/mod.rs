//! Counts pages, in one of two ways.
//!
//! Where an entry of the arrays is a page (the call did not ask for large folios), the kernel's own count of
//! what it collected is in pages, and one look at `src` after the call of pages tells the rest, mostly
//! ([`plain`]). Else entries stand for one page or for many, the kernel may split them under way, and each
//! state is counted where it is ([`walk`]).

mod plain;
mod walk;

pub(super) use walk::Stop;

use super::kernel::MigrateVma;
use crate::in_flight::{Call, Kinds};

/// When the kernel begins to unmap: what was collected until then.
#[inline(always)]
pub(super) fn before_unmap(call: &mut Call, entries: Option<u64>) {
    match entries {
        Some(entries) if call.is_plain() => call.before_unmap = entries,
        _ => walk::count_before_unmap(call),
    }
}

/// After setup: what was collected, and what was skipped.
#[inline(always)]
pub(super) fn after_setup(call: &mut Call, migrate: Option<MigrateVma>, stop: Stop) {
    match migrate {
        Some(migrate) if call.is_plain() => {
            plain::count_collected(call, migrate.collected_entries())
        }
        _ => walk::count_collected(call, stop),
    }
}

/// Before pages: for what the driver gave a destination, and what it declined.
#[inline(always)]
pub(super) fn before_pages(call: &mut Call, stop: Stop) {
    if call.is_plain() {
        // Seen after pages as well.
        call.attempted = Kinds::NONE;
    } else {
        walk::count_attempted(call, stop);
    }
}

/// After pages: what arrived. What was attempted and did not arrive was wasted.
#[inline(always)]
pub(super) fn after_pages(call: &mut Call, stop: Stop) {
    if call.is_plain() {
        plain::count_arrived(call);
    } else {
        walk::count_arrived(call, stop);
    }
}
