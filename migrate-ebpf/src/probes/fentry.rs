//! Hooks by BPF trampolines. They know the types of arguments, and at a return the arguments as
//! well.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use migrate_ebpf::wire::UNKNOWN;

use super::{
    coherent, finalize,
    kernel::{MigrateVma as _, Typed, plan_eviction},
    ledger::Stop,
    pages,
    path::Entered,
    setup::{self, Setup},
    unmap,
};
use crate::{
    clock,
    in_flight::{self, Call, Identity},
};

impl Entered for FEntryContext {
    /// The arguments lie in the trampoline's frame, which always has the same size.
    #[inline(always)]
    fn stack(&self) -> u64 {
        self.as_ptr() as u64
    }
}

#[fentry(function = "migrate_vma_setup")]
fn setup_entry(ctx: FEntryContext) -> i32 {
    let began = clock::now();
    let migrate = Typed(ctx.arg(0));
    setup::enter(
        &ctx,
        Setup::Vma,
        migrate.identity(),
        |call| migrate.plan(call),
        began,
    );
    0
}

#[fexit(function = "migrate_vma_setup")]
fn setup_return(ctx: FExitContext) -> i32 {
    let migrate = Typed(ctx.arg(0));
    if let Some(call) = in_flight::find(migrate.identity()) {
        // The function has one argument; what it returned stands behind it.
        setup::leave_vma(call, migrate, ctx.arg(1));
    }
    0
}

#[fentry(function = "migrate_device_range")]
fn range_entry(ctx: FEntryContext) -> i32 {
    let began = clock::now();
    let (src, first, pages): (u64, u64, u64) = (ctx.arg(0), ctx.arg(1), ctx.arg(2));
    if pages == 1 && setup::joins(Identity::device(src), src, first, began) {
        return 0;
    }
    let plan = |call: &mut Call| plan_eviction(call, src, pages, first);
    setup::enter(&ctx, Setup::Range, Identity::device(src), plan, began);
    0
}

#[fexit(function = "migrate_device_range")]
fn range_return(ctx: FExitContext) -> i32 {
    if let Some(call) = in_flight::find(Identity::device(ctx.arg(0))) {
        setup::leave_device(call, ctx.arg(3), Stop::RangeCollected);
    }
    0
}

#[fentry(function = "migrate_device_pfns")]
fn pfns_entry(ctx: FEntryContext) -> i32 {
    let began = clock::now();
    let src = ctx.arg(0);
    let plan = |call: &mut Call| plan_eviction(call, src, ctx.arg(1), UNKNOWN);
    setup::enter(&ctx, Setup::Pfns, Identity::device(src), plan, began);
    0
}

#[fexit(function = "migrate_device_pfns")]
fn pfns_return(ctx: FExitContext) -> i32 {
    if let Some(call) = in_flight::find(Identity::device(ctx.arg(0))) {
        setup::leave_device(call, ctx.arg(2), Stop::PfnsCollected);
    }
    0
}

#[fentry(function = "migrate_device_unmap")]
fn unmap_entry(ctx: FEntryContext) -> i32 {
    unmap::enter(ctx.arg(0), ctx.arg(1));
    0
}

#[fentry(function = "migrate_vma_pages")]
fn pages_entry(ctx: FEntryContext) -> i32 {
    let migrate = Typed(ctx.arg(0));
    if let Some(call) = in_flight::resume(migrate.identity()) {
        pages::enter_vma(call, migrate);
    }
    0
}

#[fexit(function = "migrate_vma_pages")]
fn pages_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    let migrate = Typed(ctx.arg(0));
    if let Some(call) = in_flight::find(migrate.identity()) {
        pages::leave_vma(call, migrate, now);
    }
    0
}

#[fentry(function = "migrate_device_pages")]
fn device_pages_entry(ctx: FEntryContext) -> i32 {
    let (src, entries) = (ctx.arg(0), ctx.arg(2));
    if let Some(call) = in_flight::resume_eviction(src, entries) {
        pages::enter_device(call, src, ctx.arg(1), entries);
    }
    0
}

#[fexit(function = "migrate_device_pages")]
fn device_pages_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    if let Some(call) = in_flight::find(Identity::device(ctx.arg(0))) {
        pages::leave_device(call, now);
    }
    0
}

#[fentry(function = "migrate_vma_finalize")]
fn finalize_entry(ctx: FEntryContext) -> i32 {
    finalize::enter(in_flight::resume(Typed(ctx.arg(0)).identity()));
    0
}

#[fexit(function = "migrate_vma_finalize")]
fn finalize_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    finalize::leave(in_flight::find(Typed(ctx.arg(0)).identity()), now);
    0
}

#[fentry(function = "migrate_device_finalize")]
fn device_finalize_entry(ctx: FEntryContext) -> i32 {
    finalize::enter_device(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

#[fexit(function = "migrate_device_finalize")]
fn device_finalize_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    finalize::leave(in_flight::find(Identity::device(ctx.arg(0))), now);
    0
}

#[fentry(function = "migrate_device_coherent_folio")]
fn coherent_entry(ctx: FEntryContext) -> i32 {
    coherent::enter(&ctx);
    0
}

#[fexit(function = "migrate_device_coherent_folio")]
fn coherent_return(ctx: FExitContext) -> i32 {
    let now = clock::now();
    coherent::leave(in_flight::find(Identity::folio()), ctx.arg(1), now);
    0
}
