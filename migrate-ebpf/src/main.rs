//! What migscope runs in the kernel: probes at the entry and the return of the kernel calls that
//! make up a migration, which count its pages, time its steps and write one record when it ends.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch, core_intrinsics)]
#![expect(
    internal_features,
    reason = "BPF has no compare-and-swap in `core::sync::atomic`"
)]

mod atomic;
mod clock;
mod config;
mod counted;
mod in_flight;
mod last_places;
mod lock_wait;
mod losses;
mod probes;
mod waiting;

/// The helpers that the probes call are for GPL-compatible programs only; this source is that, and
/// MIT or Apache-2.0 besides.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// What user space compares with its own.
#[unsafe(link_section = "wire_version")]
#[unsafe(no_mangle)]
static WIRE_VERSION: u32 = migrate_ebpf::wire::VERSION;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
