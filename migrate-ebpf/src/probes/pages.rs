//! `migrate_vma_pages`: the driver has copied, and the kernel moves metadata.

use aya_ebpf::{
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};

use super::{kernel::MigrateVma, ledger};
use crate::{
    clock,
    in_flight::{self, Stage},
};

#[fentry(function = "migrate_vma_pages")]
fn pages_entry(ctx: FEntryContext) -> i32 {
    let now = clock::now();
    let migrate = MigrateVma(ctx.arg(0));
    let Some(call) = in_flight::find_current(migrate.context()) else {
        return 0;
    };
    call.record.steps.alloc_and_copy_ns = call.interval(now);
    call.advance(Stage::Collected, Stage::InPages);
    ledger::count_attempted(call);
    call.mark = clock::now();
    call.record.probe.pages_ns = call.mark.wrapping_sub(now);
    0
}

#[fexit(function = "migrate_vma_pages")]
fn pages_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    let migrate = MigrateVma(ctx.arg(0));
    let Some(call) = in_flight::find_current(migrate.context()) else {
        return 0;
    };
    call.record.steps.pages_ns = call.interval(now);
    call.advance(Stage::InPages, Stage::Migrated);
    ledger::count_arrived(call);
    call.mark = clock::now();
    call.record.probe.pages_ns += call.mark.wrapping_sub(now);
    0
}
