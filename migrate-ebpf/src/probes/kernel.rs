//! What the running kernel's structures look like. The only file that reads them.
//!
//! Linux: `struct migrate_vma` and the `MIGRATE_*` flags of `include/linux/migrate.h`.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{
    bpf_get_current_task_btf, bpf_probe_read_kernel, bpf_task_pt_regs,
};
use migrate_ebpf::wire::{Cause, Direction, Mapping, UNKNOWN};

use super::{
    asked, mapping,
    words::{self, word_at},
};
use crate::{
    config::{Field, config, field, names_payer, names_process},
    in_flight::{Call, Identity},
};

/// `MIGRATE_PFN_VALID`: a page stands behind the entry.
pub(crate) const VALID: u64 = 1 << 0;
/// `MIGRATE_PFN_MIGRATE`: collected, and later: migrated.
pub(crate) const MIGRATE: u64 = 1 << 1;
/// `MIGRATE_PFN_COMPOUND`: the entry stands for a whole folio. In older kernels the bit is never
/// set.
pub(crate) const COMPOUND: u64 = 1 << 4;
/// `MIGRATE_PFN_SHIFT`: the frame number stands above the flags.
pub(crate) const FRAME_SHIFT: u64 = 6;

/// `MIGRATE_VMA_SELECT_SYSTEM`
const SELECT_SYSTEM: u64 = 1 << 0;
/// `MIGRATE_VMA_SELECT_COMPOUND`; older kernels have no such bit.
const SELECT_COMPOUND: u64 = 1 << 3;

/// Base pages of a huge page: what page tables have an entry of their own for.
#[inline(always)]
pub(crate) fn huge_pages() -> u64 {
    u64::from(config!(huge_pages))
}

/// Notes what an eviction by `migrate_device_range` or `migrate_device_pfns` asks for, which knows
/// of no address, and whose pages may be anybody's.
#[inline(always)]
pub(crate) fn plan_eviction(call: &mut Call, src_pfns: u64, npages: u64, first_frame: u64) {
    call.setup.src = src_pfns;
    call.setup.entries = npages;
    if npages == 1 {
        call.note_single(src_pfns);
    }
    call.first_frame = first_frame;
    call.compound = 1;
    call.fault = 0;
    call.worker = 1;
    let record = &mut call.record;
    record.address = UNKNOWN;
    record.ledger.requested = npages;
    record.pgmap_owner = 0;
    record.cgroup = UNKNOWN;
    record.pid = 0;
    record.comm = [0; 2];
    record.mapping = Mapping::UNKNOWN;
    record.direction = Direction::ToSystem as u8;
    record.cause = Cause::Eviction as u8;
}

/// A pointer to a structure of the kernel's, however it is read.
pub(crate) trait Pointer: Copy {
    /// Where it points.
    fn address(self) -> u64;

    /// The pointer in this field.
    fn pointer<const WORD: usize>(self, field: Field<WORD>) -> Self;

    /// The word in this field.
    fn word<const WORD: usize>(self, field: Field<WORD>) -> u64;

    /// The word behind it.
    fn next_word<const WORD: usize>(self, field: Field<WORD>) -> u64;

    /// The 32 bits in this field.
    fn half<const WORD: usize>(self, field: Field<WORD>) -> u32;
}

/// A pointer whose type the verifier knows: it makes a load through it safe whatever it points to.
/// A load is a handful of instructions.
#[derive(Clone, Copy)]
pub(crate) struct Typed(pub(crate) *const c_void);

/// Loads a field through a pointer, `u64` or `u32`. An assembler's, for the offset to stand in the
/// instruction.
macro_rules! load {
    ($size:literal, $pointer:expr, $field:ident) => {{
        let value: u64;
        // SAFETY: a load through a pointer whose type the verifier tracks; were the memory gone, it
        // would give 0.
        unsafe {
            core::arch::asm!(
                concat!("{value} = *(", $size, " *)({pointer} + {offset})"),
                value = out(reg) value,
                pointer = in(reg) $pointer,
                offset = const $field::<WORD>::IN_A_LOAD,
                options(nostack, pure, readonly),
            );
        }
        value
    }};
}

impl Pointer for Typed {
    #[inline(always)]
    fn address(self) -> u64 {
        self.0 as u64
    }

    #[inline(always)]
    fn pointer<const WORD: usize>(self, _field: Field<WORD>) -> Self {
        Self(load!("u64", self.0, Field) as *const c_void)
    }

    #[inline(always)]
    fn word<const WORD: usize>(self, _field: Field<WORD>) -> u64 {
        load!("u64", self.0, Field)
    }

    #[inline(always)]
    fn next_word<const WORD: usize>(self, field: Field<WORD>) -> u64 {
        Self(self.0.wrapping_byte_add(8)).word(field)
    }

    #[inline(always)]
    fn half<const WORD: usize>(self, _field: Field<WORD>) -> u32 {
        load!("u32", self.0, Field) as u32
    }
}

/// An address that nothing is known about, as kprobes give it. In older kernels a load is a call of
/// a helper.
#[derive(Clone, Copy)]
pub(crate) struct Untyped(pub(crate) u64);

impl Pointer for Untyped {
    #[inline(always)]
    fn address(self) -> u64 {
        self.0
    }

    #[inline(always)]
    fn pointer<const WORD: usize>(self, field: Field<WORD>) -> Self {
        Self(self.word(field))
    }

    #[inline(always)]
    fn word<const WORD: usize>(self, field: Field<WORD>) -> u64 {
        word_at(self.0.wrapping_add(u64::from(field.offset())))
    }

    #[inline(always)]
    fn next_word<const WORD: usize>(self, field: Field<WORD>) -> u64 {
        Self(self.0.wrapping_add(8)).word(field)
    }

    #[inline(always)]
    fn half<const WORD: usize>(self, field: Field<WORD>) -> u32 {
        self.word(field) as u32
    }
}

/// `struct migrate_vma *`.
pub(crate) trait MigrateVma: Pointer {
    /// This thread's call.
    #[inline(always)]
    fn identity(self) -> Identity {
        Identity::vma(self.address())
    }

    /// Notes what is asked for, and for whom. Each field as it is read: what waits for others goes
    /// by the stack.
    #[inline(always)]
    fn plan(self, call: &mut Call) {
        call.setup.src = self.word(field!(vma.src));
        let flags = known(self, field!(vma.flags));
        // Without flags nobody says that entries are pages.
        call.compound = flags.map_or(1, |flags| u32::from(flags & SELECT_COMPOUND != 0));
        let fault_page = known(self, field!(vma.fault_page));
        call.fault = u32::from(fault_page.is_some_and(|page| page != 0));
        let record = &mut call.record;
        (record.address, record.ledger.requested) = range(self);
        record.pgmap_owner = known(self, field!(vma.pgmap_owner)).unwrap_or(0);
        record.direction = asked(flags, call.fault != 0, record.pgmap_owner) as u8;
        // Unless the stack tells.
        record.cause = Cause::Unknown as u8;
        find_owner(self, call);
    }

    /// Is it still about the range and the array that a call began with? Another call in the same
    /// place has others.
    #[inline(always)]
    fn is_of(self, call: &Call) -> bool {
        self.word(field!(vma.src)) == call.setup.src && range(self).0 == call.record.address
    }

    /// `npages`: how many entries setup filled.
    #[inline(always)]
    fn entries(self) -> u64 {
        self.word(field!(vma.npages))
    }

    /// The array of destinations.
    #[inline(always)]
    fn dst(self) -> u64 {
        self.word(field!(vma.dst))
    }

    /// `cpages`: what setup collected, in entries.
    #[inline(always)]
    fn collected_entries(self) -> u64 {
        self.word(field!(vma.cpages))
    }
}

impl MigrateVma for Typed {}
impl MigrateVma for Untyped {}

/// The range: first address and base pages, counted as setup counts them (it rounds both ends
/// down).
#[inline(always)]
fn range(migrate: impl MigrateVma) -> (u64, u64) {
    let shift = config!(page_shift);
    let start = migrate.word(field!(vma.start)) >> shift;
    let end = migrate.word(field!(vma.end)) >> shift;
    (start << shift, end.saturating_sub(start))
}

#[inline(always)]
fn known<const WORD: usize>(migrate: impl MigrateVma, field: Field<WORD>) -> Option<u64> {
    field.is_known().then(|| migrate.word(field))
}

/// Where pages are to go, as far as the flags tell, which say what is collected and not where it
/// goes: with a page that a CPU waits for, or of devices only, to the system; of the system only,
/// and with a device's owner, to that. Drivers whose device memory is a NUMA node name no owner.
#[inline(always)]
fn asked(flags: Option<u64>, fault: bool, pgmap_owner: u64) -> Direction {
    const SELECT: u64 = SELECT_COMPOUND - 1;
    match flags {
        _ if fault => Direction::ToSystem,
        Some(flags) if flags & SELECT == SELECT_SYSTEM && pgmap_owner != 0 => Direction::ToDevice,
        Some(flags) if flags & SELECT != 0 && flags & SELECT_SYSTEM == 0 => Direction::ToSystem,
        _ => Direction::Unknown,
    }
}

/// Notes which memory it is, whose, and whether the thread that calls is one of the owner's own.
///
/// Drivers migrate from threads of the kernel, which have no address space; whose pages move stands
/// in the VMA.
#[inline(always)]
fn find_owner(migrate: impl MigrateVma, call: &mut Call) {
    let vma = migrate.pointer(field!(owner.vma));
    let mm = vma.pointer(field!(owner.vma_mm));
    mapping::note(call, vma, mm);
    let record = &mut call.record;
    let (pid, comm, cgroup) = (&mut record.pid, &mut record.comm, &mut record.cgroup);
    call.worker = note_owner(mm, Whose { pid, comm, cgroup });
    asked::note(call, mm);
}

/// Where a record says whose memory it is.
pub(crate) struct Whose<'a> {
    pub(crate) pid: &'a mut u32,
    pub(crate) comm: &'a mut [u64; 2],
    pub(crate) cgroup: &'a mut u64,
}

/// Notes who owns an address space. Not 0 if this thread is none of the owner's own.
#[inline(always)]
pub(crate) fn note_owner(mm: impl Pointer, whose: Whose<'_>) -> u32 {
    let thread = this_thread();
    let worker = u32::from(thread.pointer(field!(owner.task_mm)).address() != mm.address());
    let leader = thread.pointer(field!(owner.task_leader));
    if field!(owner.mm_owner).is_known() {
        let owner = mm.pointer(field!(owner.mm_owner));
        // Mostly it is this thread's own process. The verifier knows that this one is there, so
        // that a load from it takes one instruction and not eight.
        if owner.address() == leader.address() {
            note_process(leader, whose);
        } else {
            note_process(owner, whose);
        }
    } else if worker == 0 {
        note_process(leader, whose);
    } else {
        note_nobody(whose);
    }
    worker
}

#[inline(always)]
fn note_process(owner: impl Pointer, whose: Whose<'_>) {
    // Nobody owns it any more; and newer verifiers want to see this.
    if owner.address() == 0 {
        note_nobody(whose);
        return;
    }
    if names_process() {
        *whose.pid = owner.half(field!(owner.task_tgid));
        *whose.comm = command_of(owner);
    }
    *whose.cgroup = if names_payer() { payer(owner) } else { UNKNOWN };
}

#[inline(always)]
fn note_nobody(whose: Whose<'_>) {
    *whose.pid = 0;
    *whose.comm = [0; 2];
    *whose.cgroup = UNKNOWN;
}

/// The id of the memory cgroup that pays for a process's address space, `UNKNOWN` where this kernel
/// does not tell.
///
/// Linux: `get_mem_cgroup_from_mm` in `mm/memcontrol.c`, which charges the cgroup of `mm->owner`.
#[inline(always)]
fn payer(owner: impl Pointer) -> u64 {
    if !field!(payer.task_cgroups).is_known() {
        return UNKNOWN;
    }
    // Newer verifiers want to see that none is 0.
    let there = |at: Option<_>| at.filter(|at: &_| Pointer::address(*at) != 0);
    let cgroups = there(Some(owner.pointer(field!(payer.task_cgroups))));
    let memory = there(cgroups.map(|at| at.pointer(field!(payer.css_set_memory))));
    let cgroup = there(memory.map(|at| at.pointer(field!(payer.css_cgroup))));
    let node = there(cgroup.map(|at| at.pointer(field!(payer.cgroup_kn))));
    node.map_or(UNKNOWN, |at| at.word(field!(payer.kn_id)))
}

/// `migrate_vma::cpages` of the structure at this address; `None` if it cannot be read.
#[inline(always)]
pub(crate) fn collected_entries(migrate_vma: u64) -> Option<u64> {
    let at = migrate_vma.wrapping_add(u64::from(config!(vma.cpages)));
    match words::reader() {
        Some(reader) => Some(reader.word(at)),
        None => read_word(at),
    }
}

/// `struct task_struct` of the thread that runs.
#[inline(always)]
pub(super) fn this_thread() -> Typed {
    // SAFETY: the helper takes nothing.
    Typed(unsafe { bpf_get_current_task_btf() } as *const c_void)
}

/// `task_struct::pid` of this thread.
#[inline(always)]
pub(crate) fn tid() -> u32 {
    this_thread().half(field!(owner.task_pid))
}

/// `task_struct::comm` of this thread: its command name.
#[inline(always)]
pub(crate) fn command() -> [u64; 2] {
    command_of(this_thread())
}

/// `task_struct::comm` of a thread.
#[inline(always)]
pub(crate) fn command_of(thread: impl Pointer) -> [u64; 2] {
    let comm = field!(owner.task_comm);
    [thread.word(comm), thread.next_word(comm)]
}

/// Did this thread come into the kernel by an exception, and not by a system call? A thread of the
/// kernel did neither, and its registers say so by chance; `None` where this machine's do not tell.
#[inline(always)]
pub(crate) fn in_exception() -> Option<bool> {
    if !field!(owner.regs_syscall).is_known() {
        return None;
    }
    // SAFETY: the helper takes a thread that the verifier knows as one.
    let regs = unsafe { bpf_task_pt_regs(this_thread().0 as *mut _) } as *const c_void;
    if regs.is_null() {
        return None;
    }
    Some((Typed(regs).half(field!(owner.regs_syscall)) as i32) < 0)
}

/// A word at this address; `None` if it cannot be read.
#[inline(always)]
pub(crate) fn read_word(address: u64) -> Option<u64> {
    let mut word = 0;
    // SAFETY: there is room for one word.
    unsafe { read_entries(&raw mut word, address, 1) }.then_some(word)
}

/// Copies `entries` words of an array of the kernel's; false if it cannot be read.
///
/// # Safety
///
/// `to` has room for `entries` words.
#[inline(always)]
pub(crate) unsafe fn read_entries(to: *mut u64, from: u64, entries: u32) -> bool {
    // SAFETY: the helper writes at most the bytes it is told, for which the caller promises room;
    // it fails, and does not fault, on an address that cannot be read.
    unsafe { bpf_probe_read_kernel(to.cast(), entries * 8, from as *const c_void) == 0 }
}
