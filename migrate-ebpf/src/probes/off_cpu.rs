//! How long the thread of a migration did not run: it slept, waited for a lock, or for a CPU.
//!
//! Linux: the tracepoint `sched_switch`, at which `current` is still the thread that stops running.

use core::ffi::c_void;

use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid, macros::btf_tracepoint, programs::BtfTracePointContext,
};

use super::kernel::thread_id;
use crate::{clock, in_flight};

#[btf_tracepoint(function = "sched_switch")]
fn sched_switch(ctx: BtfTracePointContext) -> i32 {
    let now = clock::now();
    let next: *const c_void = ctx.arg(2);
    in_flight::of_thread_id(bpf_get_current_pid_tgid() as u32, |call| {
        call.off_since = now;
    });
    in_flight::of_thread_id(thread_id(next), |call| {
        if call.off_since != 0 {
            // Stages are numbered as steps are. The compiler knows that they are below 5, and would leave out the check that the
            // verifier wants to see.
            let stage = core::hint::black_box(call.stage as usize);
            if let Some(step) = call.details.off_cpu.steps.get_mut(stage) {
                *step += now.wrapping_sub(call.off_since);
            }
            call.off_since = 0;
        }
    });
    0
}
