//! How long the thread of a migration did not run: it slept, waited for a lock, or for a CPU.
//!
//! Linux: the tracepoint `sched_switch`, at which `current` is still the thread that stops running.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};

use crate::{clock, in_flight};

#[raw_tracepoint(tracepoint = "sched_switch")]
fn sched_switch(ctx: RawTracePointContext) -> i32 {
    let now = clock::now();
    in_flight::of_this_thread(|call| {
        call.off_since = now;
    });
    let next = ctx.arg(2);
    in_flight::of_thread(next, |call| {
        if call.off_since != 0 {
            // Stages are numbered as steps are. The compiler knows that they are below 5, and would
            // leave out the check that the verifier wants to see.
            let stage = core::hint::black_box(call.stage as usize);
            if let Some(step) = call.details.off_cpu.steps.get_mut(stage) {
                *step += now.wrapping_sub(call.off_since);
            }
            call.off_since = 0;
        }
    });
    0
}
