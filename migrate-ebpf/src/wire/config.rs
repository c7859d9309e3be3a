//! What user space tells the probes before they are loaded.

/// An offset that the running kernel's BTF does not have.
pub const OFFSET_UNKNOWN: u32 = u32::MAX;

/// Where the running kernel keeps things, and what is asked for.
///
/// Each word is a part of the instructions that want it, where user space puts it in: the verifier
/// knows it as a constant, and drops the branches for fields that this kernel does not have, and
/// for what was not asked for.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct Config {
    /// Offsets in `struct migrate_vma`.
    pub vma: VmaOffsets,
    /// Offsets on the way from a thread to the memory cgroup that pays for its memory.
    pub payer: PayerOffsets,
    /// Offsets on the way from a call to the process whose memory it is about.
    pub owner: OwnerOffsets,
    /// Base pages of a huge page: `HPAGE_PMD_NR` of the running kernel.
    pub huge_pages: u32,
    /// log2 of the base page size.
    pub page_shift: u32,
    /// Every n-th migration becomes a record; 0: none does.
    pub record_every: u32,
    /// Not 0: the kernel's stack of every migration is kept.
    pub kernel_stacks: u32,
    /// Not 0: the user's stack of every migration is kept.
    pub user_stacks: u32,
    /// Not 0: [`Details`](super::Details) follow each record.
    pub details: u32,
    /// Offsets in `struct dev_pagemap`.
    pub pagemap: PagemapOffsets,
    /// Bytes of a `struct page`; 0 where it cannot be found by its number.
    pub page_size: u32,
    /// `page::_refcount`
    pub page_refcount: u32,
    /// `folio::_flags_1`, whose lowest byte is the order; [`OFFSET_UNKNOWN`] where there is none.
    pub folio_order: u32,
    /// Offsets in `struct module`.
    pub module: ModuleOffsets,
    /// The kernel's number of the type [`WORDS_TYPE`]; 0 where memory cannot be read through it.
    pub words_type: u32,
    /// The kernel's number of [`CAST`]; 0 where there is none.
    pub cast: u32,
    /// That of [`TASK_FROM_PID`].
    pub task_from_pid: u32,
    /// That of [`TASK_RELEASE`].
    pub task_release: u32,
    /// Offsets in what threads wait with.
    pub wait: WaitOffsets,
    /// How far to shift a page table's entry that is not present, to have the type of a swap entry
    /// in its low five bits.
    pub swap_type_shift: u32,
    /// The first of the two types of pages on a device; [`OFFSET_UNKNOWN`] where they are not
    /// known.
    pub device_type: u32,
    /// Not 0: waits are followed.
    pub waits: u32,
    /// Offsets on the way from a call to the mapping that it is about.
    pub mapping: MappingOffsets,
    /// Not 0: mappings are noted. Then all of [`MappingOffsets`] is known that need be.
    pub mappings: u32,
    /// Not 0: phases of programs are followed.
    pub phases: u32,
    /// Not 0: the [`Filter`] asks for something.
    pub filters: u32,
    /// Not 0: it asks for a driver.
    pub names_driver: u32,
    /// Not 0: records or the filter want to know the process and the thread.
    pub names_process: u32,
    /// Not 0: they want to know the memory cgroup that pays.
    pub names_payer: u32,
    /// Offsets on the way from ioctl(2) to the driver.
    pub ask: AskOffsets,
    /// Not 0: who asks drivers is noted. Then all of [`AskOffsets`] is known.
    pub asks: u32,
}

/// Byte offsets on the way from the registers of ioctl(2) to the driver's function.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct AskOffsets {
    /// The first argument of a system call, in `struct pt_regs`.
    pub regs_first: u32,
    /// `task_struct::files`
    pub task_files: u32,
    /// `files_struct::fdt`
    pub files_table: u32,
    /// `fdtable::max_fds`
    pub table_size: u32,
    /// `fdtable::fd`
    pub table_files: u32,
    /// `file::f_op`
    pub file_operations: u32,
    /// `file_operations::unlocked_ioctl`
    pub operations_ioctl: u32,
}

impl AskOffsets {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        regs_first: OFFSET_UNKNOWN,
        task_files: OFFSET_UNKNOWN,
        files_table: OFFSET_UNKNOWN,
        table_size: OFFSET_UNKNOWN,
        table_files: OFFSET_UNKNOWN,
        file_operations: OFFSET_UNKNOWN,
        operations_ioctl: OFFSET_UNKNOWN,
    };
}

/// Bytes from the start of structures that tell what a mapping is. [`OFFSET_UNKNOWN`] where said.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct MappingOffsets {
    /// `vm_area_struct::vm_start`
    pub start: u32,
    /// `vm_area_struct::vm_end`
    pub end: u32,
    /// `vm_area_struct::vm_file`
    pub file: u32,
    /// `vm_area_struct::vm_ops`
    pub operations: u32,
    /// `vm_area_struct::anon_name` of memory without a file, or [`OFFSET_UNKNOWN`] (before 5.17,
    /// and without `CONFIG_ANON_VMA_NAME`).
    pub name: u32,
    /// The same of memory that is shared, or [`OFFSET_UNKNOWN`] (before 6.2).
    pub shared_name: u32,
    /// `anon_vma_name::name`, where there are such names.
    pub text: u32,
    /// `mm_struct::start_brk`
    pub start_brk: u32,
    /// `mm_struct::brk`
    pub brk: u32,
    /// `mm_struct::start_stack`
    pub start_stack: u32,
    /// `file::f_inode`
    pub file_inode: u32,
    /// `file::f_path::dentry`
    pub file_dentry: u32,
    /// `inode::i_ino`
    pub inode_number: u32,
    /// `inode::i_sb`
    pub inode_sb: u32,
    /// `super_block::s_dev`
    pub sb_device: u32,
    /// `dentry::d_name::hash_len`
    pub dentry_hash: u32,
    /// `dentry::d_name::name`
    pub dentry_text: u32,
}

impl MappingOffsets {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        start: OFFSET_UNKNOWN,
        end: OFFSET_UNKNOWN,
        file: OFFSET_UNKNOWN,
        operations: OFFSET_UNKNOWN,
        name: OFFSET_UNKNOWN,
        shared_name: OFFSET_UNKNOWN,
        text: OFFSET_UNKNOWN,
        start_brk: OFFSET_UNKNOWN,
        brk: OFFSET_UNKNOWN,
        start_stack: OFFSET_UNKNOWN,
        file_inode: OFFSET_UNKNOWN,
        file_dentry: OFFSET_UNKNOWN,
        inode_number: OFFSET_UNKNOWN,
        inode_sb: OFFSET_UNKNOWN,
        sb_device: OFFSET_UNKNOWN,
        dentry_hash: OFFSET_UNKNOWN,
        dentry_text: OFFSET_UNKNOWN,
    };
}

/// Bytes from the start of structures with which threads wait. [`OFFSET_UNKNOWN`] where this kernel
/// has no such field.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct WaitOffsets {
    /// `vm_fault::vma`
    pub vmf_vma: u32,
    /// `vm_fault::address`
    pub vmf_address: u32,
    /// `vm_fault::orig_pte`
    pub vmf_entry: u32,
    /// `vm_fault::flags`, in kernels where a fault can be under the lock of its VMA alone.
    pub vmf_flags: u32,
    /// `vm_fault::page`
    pub vmf_page: u32,
    /// `vm_fault::pte`
    pub vmf_pte: u32,
    /// `vm_fault::pmd`
    pub vmf_pmd: u32,
    /// `hmm_range::notifier`
    pub range_notifier: u32,
    /// `hmm_range::start`
    pub range_start: u32,
    /// `hmm_range::end`
    pub range_end: u32,
    /// `mmu_interval_notifier::mm`
    pub notifier_mm: u32,
    /// `mmu_notifier_range::mm`
    pub invalidation_mm: u32,
    /// `mmu_notifier_range::start`
    pub invalidation_start: u32,
    /// `mmu_notifier_range::end`
    pub invalidation_end: u32,
    /// `mmu_notifier_range::event`
    pub invalidation_event: u32,
    /// `mutex::owner`
    pub mutex_owner: u32,
    /// `rw_semaphore::owner`
    pub rwsem_owner: u32,
}

/// `FAULT_FLAG_VMA_LOCK`, since 6.4: a fault is under the lock of its VMA alone. As the probes know
/// it; of a kernel that has another there is no [`WaitOffsets::vmf_flags`].
pub const VMA_LOCK: u32 = 1 << 12;

impl WaitOffsets {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        vmf_vma: OFFSET_UNKNOWN,
        vmf_address: OFFSET_UNKNOWN,
        vmf_entry: OFFSET_UNKNOWN,
        vmf_flags: OFFSET_UNKNOWN,
        vmf_page: OFFSET_UNKNOWN,
        vmf_pte: OFFSET_UNKNOWN,
        vmf_pmd: OFFSET_UNKNOWN,
        range_notifier: OFFSET_UNKNOWN,
        range_start: OFFSET_UNKNOWN,
        range_end: OFFSET_UNKNOWN,
        notifier_mm: OFFSET_UNKNOWN,
        invalidation_mm: OFFSET_UNKNOWN,
        invalidation_start: OFFSET_UNKNOWN,
        invalidation_end: OFFSET_UNKNOWN,
        invalidation_event: OFFSET_UNKNOWN,
        mutex_owner: OFFSET_UNKNOWN,
        rwsem_owner: OFFSET_UNKNOWN,
    };
}

/// Bytes from the start of `struct module`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct ModuleOffsets {
    /// `module::name`, or [`OFFSET_UNKNOWN`]: then the others mean nothing.
    pub name: u32,
    /// Where its code begins.
    pub code: u32,
    /// How many bytes that is, 32 bits.
    pub code_size: u32,
}

impl ModuleOffsets {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        name: OFFSET_UNKNOWN,
        code: OFFSET_UNKNOWN,
        code_size: OFFSET_UNKNOWN,
    };
}

/// A structure that begins with [`WORDS`] words, whatever it is for: through a pointer to it, any
/// memory of the kernel's can be read.
pub const WORDS_TYPE: &str = "vm_event_state";
/// Words at the beginning of [`WORDS_TYPE`] that are read through one pointer.
pub const WORDS: usize = 64;

/// A function of the kernel's that the probes call by its number, which is a part of an
/// instruction.
pub struct KernelFunction {
    /// What the kernel calls it.
    pub name: &'static str,
    /// What stands for its number in the object, until user space puts in the kernel's own: 0 where
    /// there is none.
    pub stands_for: u32,
}

/// It takes an address for a pointer to a structure, which is then read by loads.
pub const CAST: KernelFunction = KernelFunction {
    name: "bpf_rdonly_cast",
    stands_for: 0x7473_6163,
};

/// It finds a thread by its number, and holds it.
pub const TASK_FROM_PID: KernelFunction = KernelFunction {
    name: "bpf_task_from_pid",
    stands_for: 0x6b73_6174,
};

/// It lets go of such a thread.
pub const TASK_RELEASE: KernelFunction = KernelFunction {
    name: "bpf_task_release",
    stands_for: 0x6f67_656c,
};

/// The instruction that calls a function of the kernel's by this number: opcode, registers, offset,
/// number.
pub const fn call_of(number: u32) -> [u8; 8] {
    // BPF_JMP | BPF_CALL; BPF_PSEUDO_KFUNC_CALL.
    let [a, b, c, d] = number.to_le_bytes();
    [0x85, 0x20, 0, 0, a, b, c, d]
}

/// In the object, this and the number of a word of [`Config`] stand for the offset that the word
/// has, in loads, where user space puts it in: what is part of an instruction need not be read.
/// Nothing else is so far from where it belongs to.
pub const FIRST_FIELD: i16 = 0x7000;

/// Which word of [`Config`] a load of this instruction wants for its offset; `None` for other
/// instructions.
pub const fn field_of(instruction: [u8; 8]) -> Option<usize> {
    let [opcode, _, low, high, 0, 0, 0, 0] = instruction else {
        return None;
    };
    // BPF_LDX | BPF_MEM, of 8 bytes and of 4.
    if opcode != 0x79 && opcode != 0x61 {
        return None;
    }
    let nth = i16::from_le_bytes([low, high]).wrapping_sub(FIRST_FIELD);
    if nth >= 0 && (nth as usize) < CONFIG_WORDS {
        Some(nth as usize)
    } else {
        None
    }
}

/// In the object, this and the number of a word of [`Config`] stand for the word itself, in
/// instructions that move it to a register.
pub const FIRST_WORD: i32 = 0x6366_0000;

/// Which word of [`Config`] this instruction moves to a register; `None` for others.
pub const fn word_of(instruction: [u8; 8]) -> Option<usize> {
    // BPF_ALU | BPF_MOV | BPF_K.
    let [0xb4, 0..=0x0f, 0, 0, a, b, c, d] = instruction else {
        return None;
    };
    let nth = i32::from_le_bytes([a, b, c, d]).wrapping_sub(FIRST_WORD);
    if nth >= 0 && (nth as usize) < CONFIG_WORDS {
        Some(nth as usize)
    } else {
        None
    }
}

/// Bytes from the start of `struct migrate_vma`, from the running kernel's BTF.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct VmaOffsets {
    /// `migrate_vma::src`
    pub src: u32,
    /// `migrate_vma::dst`
    pub dst: u32,
    /// `migrate_vma::npages`
    pub npages: u32,
    /// `migrate_vma::cpages`
    pub cpages: u32,
    /// `migrate_vma::start`
    pub start: u32,
    /// `migrate_vma::end`
    pub end: u32,
    /// `migrate_vma::pgmap_owner`, or [`OFFSET_UNKNOWN`] (before 5.9)
    pub pgmap_owner: u32,
    /// `migrate_vma::flags`, or [`OFFSET_UNKNOWN`] (before 5.9)
    pub flags: u32,
    /// `migrate_vma::fault_page`, or [`OFFSET_UNKNOWN`] (before 6.1)
    pub fault_page: u32,
}

/// Byte offsets on the way from a call to the process whose memory it is about.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct OwnerOffsets {
    /// `migrate_vma::vma`
    pub vma: u32,
    /// `vm_area_struct::vm_mm`
    pub vma_mm: u32,
    /// `mm_struct::owner`, or [`OFFSET_UNKNOWN`]: then only who works for itself is known.
    pub mm_owner: u32,
    /// `task_struct::mm`
    pub task_mm: u32,
    /// `task_struct::pid`, which is the thread's
    pub task_pid: u32,
    /// `task_struct::tgid`, which is the process's
    pub task_tgid: u32,
    /// `task_struct::group_leader`
    pub task_leader: u32,
    /// `task_struct::comm`
    pub task_comm: u32,
    /// The number of the system call that a thread is in, in its `struct pt_regs`: 32 bits,
    /// negative in an exception. [`OFFSET_UNKNOWN`] where this machine's registers do not tell.
    pub regs_syscall: u32,
}

/// Bytes from the start of `struct dev_pagemap`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct PagemapOffsets {
    /// `dev_pagemap::type`, or [`OFFSET_UNKNOWN`]: then the others mean nothing.
    pub kind: u32,
    /// `dev_pagemap::nr_range`
    pub nr_range: u32,
    /// `dev_pagemap::ranges`
    pub ranges: u32,
}

impl PagemapOffsets {
    /// This kernel has no such structure.
    pub const UNKNOWN: Self = Self {
        kind: OFFSET_UNKNOWN,
        nr_range: OFFSET_UNKNOWN,
        ranges: OFFSET_UNKNOWN,
    };
}

/// Byte offsets of the pointers that lead from a thread to the cgroup that pays for its memory. All
/// or none are known.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct PayerOffsets {
    /// `task_struct::cgroups`, or [`OFFSET_UNKNOWN`]: then the others mean nothing.
    pub task_cgroups: u32,
    /// `css_set::subsys`, the entry of the memory controller
    pub css_set_memory: u32,
    /// `cgroup_subsys_state::cgroup`
    pub css_cgroup: u32,
    /// `cgroup::kn`
    pub cgroup_kn: u32,
    /// `kernfs_node::id`
    pub kn_id: u32,
}

impl OwnerOffsets {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        vma: OFFSET_UNKNOWN,
        vma_mm: OFFSET_UNKNOWN,
        mm_owner: OFFSET_UNKNOWN,
        task_mm: OFFSET_UNKNOWN,
        task_pid: OFFSET_UNKNOWN,
        task_tgid: OFFSET_UNKNOWN,
        task_leader: OFFSET_UNKNOWN,
        task_comm: OFFSET_UNKNOWN,
        regs_syscall: OFFSET_UNKNOWN,
    };
}

impl PayerOffsets {
    /// This kernel does not tell who pays.
    pub const UNKNOWN: Self = Self {
        task_cgroups: OFFSET_UNKNOWN,
        css_set_memory: OFFSET_UNKNOWN,
        css_cgroup: OFFSET_UNKNOWN,
        cgroup_kn: OFFSET_UNKNOWN,
        kn_id: OFFSET_UNKNOWN,
    };
}

#[cfg(feature = "user")]
impl Config {
    /// The same as words.
    pub fn words(self) -> [u32; CONFIG_WORDS] {
        zerocopy::transmute!(self)
    }
}

/// How many words it is made of.
pub const CONFIG_WORDS: usize = size_of::<Config>() / size_of::<u32>();

/// Which migrations are counted and recorded; the others leave no trace. A 0 asks for nothing,
/// except where said otherwise.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "user", derive(zerocopy::IntoBytes, zerocopy::Immutable))]
pub struct Filter {
    /// The process whose memory it is.
    pub pid: u64,
    /// Its command name, padded with zero bytes: two little-endian words.
    pub comm: [u64; 2],
    /// The command name of a thread that is none of the process's own, in the same form.
    pub worker: [u64; 2],
    /// The id of the memory cgroup that pays.
    pub cgroup: u64,
    /// A [`Direction`](super::Direction).
    pub direction: u64,
    /// An [`Outcome`](super::Outcome).
    pub outcome: u64,
    /// At least so many requested base pages.
    pub min_pages: u64,
    /// All steps together took at least so long, nanoseconds.
    pub slower_than_ns: u64,
    /// A [`Cause`](super::Cause).
    pub cause: u64,
    /// The name of the module that makes the call, padded with zero bytes: little-endian words.
    pub driver: [u64; MODULE_NAME_WORDS],
}

/// Words of a module's name: `MODULE_NAME_LEN` of the kernel.
pub const MODULE_NAME_WORDS: usize = 7;

/// How many words it is made of.
pub const FILTER_WORDS: usize = size_of::<Filter>() / size_of::<u64>();

#[cfg(feature = "user")]
impl Filter {
    /// The same as the words that make up the global.
    pub fn words(self) -> [u64; FILTER_WORDS] {
        zerocopy::transmute!(self)
    }
}
