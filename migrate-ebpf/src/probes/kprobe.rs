//! The same hooks by kprobes, for kernels without BPF trampolines. An argument is a number there,
//! and at a return there are none: the thread's call that is at that stage is the one.
//!
//! `ProbeContext` knows where each machine has its arguments. The object is built for one machine:
//! `bpf_target_arch` says for which.

use aya_ebpf::{
    macros::{kprobe, kretprobe},
    programs::{ProbeContext, RetProbeContext},
};
use migrate_ebpf::wire::UNKNOWN;

use super::{
    coherent, doubt, finalize,
    kernel::{MigrateVma as _, Untyped, plan_eviction},
    ledger::Stop,
    pages,
    path::Entered,
    setup::{self, Setup},
    unmap,
};
use crate::{
    clock,
    in_flight::{self, Call, Identity, Stage},
};

impl Entered for ProbeContext {
    /// Where the stack was when the function was entered.
    #[inline(always)]
    fn stack(&self) -> u64 {
        // SAFETY: the context of a kprobe is the registers.
        let regs = unsafe { &*self.regs };
        #[cfg(bpf_target_arch = "x86_64")]
        return regs.rsp;
        #[cfg(bpf_target_arch = "aarch64")]
        return regs.sp;
    }
}

/// An argument; every function here has as many as are asked for.
#[inline(always)]
fn arg(ctx: &ProbeContext, index: usize) -> u64 {
    ctx.arg(index).unwrap_or(0)
}

#[kprobe]
fn setup_entry_kprobe(ctx: ProbeContext) -> u32 {
    let began = clock::now();
    let migrate = Untyped(arg(&ctx, 0));
    setup::enter(
        &ctx,
        Setup::Vma,
        migrate.identity(),
        |call| migrate.plan(call),
        began,
    );
    0
}

#[kretprobe]
fn setup_return_kprobe(ctx: RetProbeContext) -> u32 {
    if let Some(call) = in_flight::find_at(Stage::InSetup, false)
        && let Some(migrate) = call.migrate_vma()
    {
        doubt::other_in_setup(call, Untyped(migrate));
        setup::leave_vma(call, Untyped(migrate), ctx.ret());
    }
    0
}

#[kprobe]
fn range_entry_kprobe(ctx: ProbeContext) -> u32 {
    let began = clock::now();
    let (src, first, pages) = (arg(&ctx, 0), arg(&ctx, 1), arg(&ctx, 2));
    if pages == 1 && setup::joins(Identity::device(src), src, first, began) {
        return 0;
    }
    let plan = |call: &mut Call| plan_eviction(call, src, pages, first);
    setup::enter(&ctx, Setup::Range, Identity::device(src), plan, began);
    0
}

#[kretprobe]
fn range_return_kprobe(ctx: RetProbeContext) -> u32 {
    if let Some(call) = in_flight::find_at(Stage::InSetup, true) {
        setup::leave_device(call, ctx.ret(), Stop::RangeCollected);
    }
    0
}

#[kprobe]
fn pfns_entry_kprobe(ctx: ProbeContext) -> u32 {
    let began = clock::now();
    let src = arg(&ctx, 0);
    let plan = |call: &mut Call| plan_eviction(call, src, arg(&ctx, 1), UNKNOWN);
    setup::enter(&ctx, Setup::Pfns, Identity::device(src), plan, began);
    0
}

#[kretprobe]
fn pfns_return_kprobe(ctx: RetProbeContext) -> u32 {
    if let Some(call) = in_flight::find_at(Stage::InSetup, true) {
        setup::leave_device(call, ctx.ret(), Stop::PfnsCollected);
    }
    0
}

#[kprobe]
fn unmap_entry_kprobe(ctx: ProbeContext) -> u32 {
    unmap::enter(arg(&ctx, 0), arg(&ctx, 1));
    0
}

#[kprobe]
fn pages_entry_kprobe(ctx: ProbeContext) -> u32 {
    let migrate = Untyped(arg(&ctx, 0));
    if let Some(call) = in_flight::resume(migrate.identity()) {
        doubt::other_call(call, migrate);
        pages::enter_vma(call, migrate);
    }
    0
}

#[kretprobe]
fn pages_return_kprobe(_ctx: RetProbeContext) -> u32 {
    let now = clock::now();
    if let Some(call) = in_flight::find_at(Stage::InPages, false)
        && let Some(migrate) = call.migrate_vma()
    {
        doubt::other_call(call, Untyped(migrate));
        pages::leave_vma(call, Untyped(migrate), now);
    }
    0
}

#[kprobe]
fn device_pages_entry_kprobe(ctx: ProbeContext) -> u32 {
    let (src, entries) = (arg(&ctx, 0), arg(&ctx, 2));
    if let Some(call) = in_flight::resume_eviction(src, entries) {
        pages::enter_device(call, src, arg(&ctx, 1), entries);
    }
    0
}

#[kretprobe]
fn device_pages_return_kprobe(_ctx: RetProbeContext) -> u32 {
    let now = clock::now();
    if let Some(call) = in_flight::find_at(Stage::InPages, true) {
        pages::leave_device(call, now);
    }
    0
}

#[kprobe]
fn finalize_entry_kprobe(ctx: ProbeContext) -> u32 {
    let migrate = Untyped(arg(&ctx, 0));
    let mut call = in_flight::resume(migrate.identity());
    if let Some(call) = call.as_deref_mut() {
        let (src, entries) = (call.arrays.src, call.arrays.entries);
        doubt::other_call(call, migrate);
        doubt::rollback(call, src, || migrate.dst(), entries);
    }
    finalize::enter(call);
    0
}

#[kretprobe]
fn finalize_return_kprobe(_ctx: RetProbeContext) -> u32 {
    let now = clock::now();
    finalize::leave(finalized(false), now);
    0
}

#[kprobe]
fn device_finalize_entry_kprobe(ctx: ProbeContext) -> u32 {
    let (src, dst, entries) = (arg(&ctx, 0), arg(&ctx, 1), arg(&ctx, 2));
    if let Some(call) = in_flight::resume_eviction(src, entries) {
        doubt::rollback(call, src, || dst, entries);
    }
    finalize::enter_device(src, dst, entries);
    0
}

#[kretprobe]
fn device_finalize_return_kprobe(_ctx: RetProbeContext) -> u32 {
    let now = clock::now();
    finalize::leave(finalized(true), now);
    0
}

/// The call that finalize returns from; also one whose entry of finalize was not seen, which is
/// incomplete then.
#[inline(always)]
fn finalized(device: bool) -> Option<&'static mut Call> {
    in_flight::find_at(Stage::InFinalize, device)
        .or_else(|| in_flight::find_at(Stage::Migrated, device))
        .or_else(|| in_flight::find_at(Stage::Collected, device))
}

#[kprobe]
fn coherent_entry_kprobe(ctx: ProbeContext) -> u32 {
    coherent::enter(&ctx);
    0
}

#[kretprobe]
fn coherent_return_kprobe(ctx: RetProbeContext) -> u32 {
    let now = clock::now();
    coherent::leave(in_flight::folio_of_this_thread(), ctx.ret(), now);
    0
}
