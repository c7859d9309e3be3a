//! Takes every offset from the running kernel's BTF.

use std::collections::HashMap;
use std::fs;

use btfparse::{Error, ErrorKind, Integer32Value, Offset, Readable, TypeInformation, TypeVariant};
use migrate_ebpf::wire::{
    AskOffsets, CAST, Config, KernelFunction, MappingOffsets, ModuleOffsets, OFFSET_UNKNOWN,
    OwnerOffsets, PagemapOffsets, PayerOffsets, TASK_FROM_PID, TASK_RELEASE, VMA_LOCK, VmaOffsets,
    WORDS, WORDS_TYPE, WaitOffsets,
};

use super::{TracerError, requirements};
use crate::machine;

const BTF: &str = "/sys/kernel/btf/vmlinux";
/// Where this one is, the other two are.
const FUNCTION: &str = "migrate_vma_setup";
const HPAGE_PMD_SIZE: &str = "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size";

/// What the probes must know of the running kernel. What is asked for is left at nothing.
pub(super) fn config() -> Result<(Config, StructureOffsets), TracerError> {
    let bytes = fs::read(BTF).map_err(|_| TracerError::NoBtf { path: BTF })?;
    let page_size = rustix::param::page_size() as u64;
    let compound = fs::read_to_string(HPAGE_PMD_SIZE).ok();
    offsets(bytes, page_size, huge_pages(compound.as_deref(), page_size))
}

/// Base pages of a huge page: `HPAGE_PMD_NR`. A kernel without transparent huge pages has none.
fn huge_pages(hpage_pmd_size: Option<&str>, page_size: u64) -> u32 {
    hpage_pmd_size
        .and_then(|size| size.trim().parse::<u64>().ok())
        .and_then(|size| u32::try_from(size / page_size).ok())
        .map_or(1, |pages| pages.max(1))
}

fn offsets(
    bytes: Vec<u8>,
    page_size: u64,
    huge_pages: u32,
) -> Result<(Config, StructureOffsets), TracerError> {
    let types = Types::parse(bytes).map_err(|cause| TracerError::BadBtf { path: BTF, cause })?;
    if !types.has("migrate_vma") || !types.has(FUNCTION) {
        return Err(TracerError::NoFunction { function: FUNCTION });
    }
    requirements::kernel(&types)?;
    let pagemap = pagemap(&types).unwrap_or(PagemapOffsets::UNKNOWN);
    let release = machine::facts().kernel;
    let (words_type, cast) = loads(&types).unwrap_or((0, 0));
    let (task_from_pid, task_release) = holders(&types).unwrap_or((0, 0));
    let config = Config {
        vma: vma(&types)?,
        payer: payer(&types).unwrap_or(PayerOffsets::UNKNOWN),
        owner: owner(&types)?,
        pagemap,
        page_size: types.size("page").unwrap_or(0),
        page_refcount: types.offset("page", "_refcount").unwrap_or(OFFSET_UNKNOWN),
        folio_order: types.offset("folio", "_flags_1").unwrap_or(OFFSET_UNKNOWN),
        module: module(&types).unwrap_or(ModuleOffsets::UNKNOWN),
        words_type,
        cast,
        task_from_pid,
        task_release,
        huge_pages,
        page_shift: page_size.trailing_zeros(),
        record_every: 1,
        kernel_stacks: 0,
        user_stacks: 0,
        details: 0,
        wait: wait(&types),
        swap_type_shift: swap_type_shift(&release).unwrap_or(0),
        device_type: device_type(&types, &release).unwrap_or(OFFSET_UNKNOWN),
        waits: 0,
        mapping: mapping(&types).unwrap_or(MappingOffsets::UNKNOWN),
        mappings: 0,
        phases: 0,
        filters: 0,
        names_driver: 0,
        names_process: 0,
        names_payer: 0,
        ask: ask(&types).unwrap_or(AskOffsets::UNKNOWN),
        asks: 0,
    };
    let structures = StructureOffsets {
        xa_head: types.offset("xarray", "xa_head"),
        xa_slots: types.offset("xa_node", "slots"),
        page_refcount: config.page_refcount,
        page_bytes: config.page_size,
        pagemap,
    };
    Ok((config, structures))
}

/// Where user space finds things in the kernel's structures, in bytes.
#[derive(Clone, Copy)]
pub(super) struct StructureOffsets {
    /// `xarray::xa_head`
    pub(super) xa_head: Option<u32>,
    /// `xa_node::slots`
    pub(super) xa_slots: Option<u32>,
    /// `page::_refcount`, or [`OFFSET_UNKNOWN`]
    pub(super) page_refcount: u32,
    /// Bytes of a `struct page`; 0 where that is not known.
    pub(super) page_bytes: u32,
    /// In `struct dev_pagemap`.
    pub(super) pagemap: PagemapOffsets,
}

fn vma(types: &Types) -> Result<VmaOffsets, TracerError> {
    let needed = |field| types.needed("migrate_vma", field);
    let optional = |field| types.offset("migrate_vma", field).unwrap_or(OFFSET_UNKNOWN);
    Ok(VmaOffsets {
        src: needed("src")?,
        dst: needed("dst")?,
        npages: needed("npages")?,
        cpages: needed("cpages")?,
        start: needed("start")?,
        end: needed("end")?,
        pgmap_owner: optional("pgmap_owner"),
        flags: optional("flags"),
        fault_page: optional("fault_page"),
    })
}

/// What threads wait with.
fn wait(types: &Types) -> WaitOffsets {
    let offset = |structure, field| types.offset(structure, field).unwrap_or(OFFSET_UNKNOWN);
    WaitOffsets {
        vmf_vma: offset("vm_fault", "vma"),
        vmf_address: offset("vm_fault", "address"),
        vmf_entry: offset("vm_fault", "orig_pte"),
        vmf_flags: types
            .enumerator("fault_flag", "FAULT_FLAG_VMA_LOCK")
            .filter(|flag| *flag == VMA_LOCK)
            .map_or(OFFSET_UNKNOWN, |_| offset("vm_fault", "flags")),
        vmf_page: offset("vm_fault", "page"),
        vmf_pte: offset("vm_fault", "pte"),
        vmf_pmd: offset("vm_fault", "pmd"),
        range_notifier: offset("hmm_range", "notifier"),
        range_start: offset("hmm_range", "start"),
        range_end: offset("hmm_range", "end"),
        notifier_mm: offset("mmu_interval_notifier", "mm"),
        invalidation_mm: offset("mmu_notifier_range", "mm"),
        invalidation_start: offset("mmu_notifier_range", "start"),
        invalidation_end: offset("mmu_notifier_range", "end"),
        invalidation_event: offset("mmu_notifier_range", "event"),
        mutex_owner: offset("mutex", "owner"),
        rwsem_owner: offset("rw_semaphore", "owner"),
    }
}

/// Where in a page table's entry the type of a swap entry is: `__swp_type` of this machine. `None`
/// where it is not known: 64-bit ARM had another place for it before, and another kernel in between
/// has not been looked at.
fn swap_type_shift(release: &str) -> Option<u32> {
    match std::env::consts::ARCH {
        "x86_64" => Some(59),
        "aarch64" => (machine::version_of(release)? >= (6, 12)).then_some(6),
        _ => None,
    }
}

/// The type of a swap entry that stands for a page on a device which may be written to; the next is
/// that of others. `None` where it is not known.
///
/// Linux: `include/linux/swap.h` takes types from the upper end of 32: the last for markers (in
/// every kernel since 6.2), before it those of devices, of which there have been four since 5.14
/// (two of them for exclusive access), and three since 6.15.
fn device_type(types: &Types, release: &str) -> Option<u32> {
    swap_type_shift(release)?;
    let of_devices = if types.has("make_device_exclusive") {
        3
    } else if machine::version_of(release)? >= (6, 2) {
        4
    } else {
        return None;
    };
    Some(32 - 1 - of_devices)
}

/// The way from ioctl(2) to the driver; `None` in a kernel that keeps it otherwise.
fn ask(types: &Types) -> Option<AskOffsets> {
    // Where this machine has the first argument of a system call: x86-64, 64-bit ARM.
    let first = ["di", "regs"].map(|field| types.offset("pt_regs", field));
    Some(AskOffsets {
        regs_first: first.into_iter().flatten().next()?,
        task_files: types.offset("task_struct", "files")?,
        files_table: types.offset("files_struct", "fdt")?,
        table_size: types.offset("fdtable", "max_fds")?,
        table_files: types.offset("fdtable", "fd")?,
        file_operations: types.offset("file", "f_op")?,
        operations_ioctl: types.offset("file_operations", "unlocked_ioctl")?,
    })
}

/// The way to the process whose memory it is.
fn owner(types: &Types) -> Result<OwnerOffsets, TracerError> {
    let optional = |structure, field| types.offset(structure, field).unwrap_or(OFFSET_UNKNOWN);
    // Where this machine keeps the number of the system call: x86-64, 64-bit ARM.
    let syscall = ["orig_ax", "syscallno"].map(|field| types.offset("pt_regs", field));
    Ok(OwnerOffsets {
        vma: types.needed("migrate_vma", "vma")?,
        vma_mm: types.needed("vm_area_struct", "vm_mm")?,
        mm_owner: optional("mm_struct", "owner"),
        task_mm: types.needed("task_struct", "mm")?,
        task_pid: types.needed("task_struct", "pid")?,
        task_tgid: types.needed("task_struct", "tgid")?,
        task_leader: types.needed("task_struct", "group_leader")?,
        task_comm: types.needed("task_struct", "comm")?,
        regs_syscall: syscall
            .into_iter()
            .flatten()
            .next()
            .unwrap_or(OFFSET_UNKNOWN),
    })
}

/// What tells which mapping a call is about; `None` in a kernel that keeps it otherwise.
fn mapping(types: &Types) -> Option<MappingOffsets> {
    let vma = |field| types.offset("vm_area_struct", field);
    let mm = |field| types.offset("mm_struct", field);
    let qstr = |field| Some(types.offset("dentry", "d_name")? + types.offset("qstr", field)?);
    let text = types.offset("anon_vma_name", "name");
    let name = vma("anon_name").filter(|_| text.is_some());
    // Before 6.2 it lies where a file's mapping has something else.
    let shared_name = name.filter(|name| vma("shared").is_some_and(|other| other != *name));
    Some(MappingOffsets {
        start: vma("vm_start")?,
        end: vma("vm_end")?,
        file: vma("vm_file")?,
        operations: vma("vm_ops")?,
        name: name.unwrap_or(OFFSET_UNKNOWN),
        shared_name: shared_name.unwrap_or(OFFSET_UNKNOWN),
        text: text.unwrap_or(OFFSET_UNKNOWN),
        start_brk: mm("start_brk")?,
        brk: mm("brk")?,
        start_stack: mm("start_stack")?,
        file_inode: types.offset("file", "f_inode")?,
        file_dentry: types.offset("file", "f_path")? + types.offset("path", "dentry")?,
        inode_number: types.offset("inode", "i_ino")?,
        inode_sb: types.offset("inode", "i_sb")?,
        sb_device: types.offset("super_block", "s_dev")?,
        dentry_hash: qstr("hash_len")?,
        dentry_text: qstr("name")?,
    })
}

/// Where a module's name and its code are; `None` in a kernel that keeps them otherwise.
fn module(types: &Types) -> Option<ModuleOffsets> {
    let name = types.offset("module", "name")?;
    // Since 6.4 there is an entry for each kind of memory, of which the first (`MOD_TEXT`) is code.
    let (code, of) = match types.offset("module", "mem") {
        Some(memory) => (memory, ["module_memory", "base", "size"]),
        None => (
            types.offset("module", "core_layout")?,
            ["module_layout", "base", "text_size"],
        ),
    };
    let [structure, base, size] = of;
    Some(ModuleOffsets {
        name,
        code: code + types.offset(structure, base)?,
        code_size: code + types.offset(structure, size)?,
    })
}

/// The type and the function by which memory can be read by loads; `None` in a kernel that has no
/// such function.
fn loads(types: &Types) -> Option<(u32, u32)> {
    let structure = types.structure(WORDS_TYPE)?;
    let words = types.size(WORDS_TYPE)? as usize / size_of::<u64>();
    (words >= WORDS).then_some((structure, types.function(CAST.name)?))
}

/// The functions by which another thread is found, and let go of; `None` in a kernel without them
/// (before 6.2).
fn holders(types: &Types) -> Option<(u32, u32)> {
    let function = |of: KernelFunction| types.function(of.name);
    Some((function(TASK_FROM_PID)?, function(TASK_RELEASE)?))
}

/// What is read of a device's memory; `None` in a kernel whose is described otherwise.
fn pagemap(types: &Types) -> Option<PagemapOffsets> {
    let offset = |field| types.offset("dev_pagemap", field);
    Some(PagemapOffsets {
        kind: offset("type")?,
        nr_range: offset("nr_range")?,
        ranges: offset("ranges").or_else(|| offset("range"))?,
    })
}

/// The way to the memory cgroup that pays; `None` in a kernel without one.
fn payer(types: &Types) -> Option<PayerOffsets> {
    let memory = types.enumerator("cgroup_subsys_id", "memory_cgrp_id")?;
    let pointer = u32::try_from(size_of::<*const ()>()).ok()?;
    Some(PayerOffsets {
        task_cgroups: types.offset("task_struct", "cgroups")?,
        css_set_memory: types.offset("css_set", "subsys")? + memory * pointer,
        css_cgroup: types.offset("cgroup_subsys_state", "cgroup")?,
        cgroup_kn: types.offset("cgroup", "kn")?,
        kn_id: types.offset("kernfs_node", "id")?,
    })
}

/// The types of a kernel.
pub(crate) struct Types {
    all: TypeInformation,
    /// Structures by their names, of which a function or a variable can have the same.
    structures: HashMap<String, u32>,
}

impl Types {
    /// Reads BTF. An error says what is wrong with it.
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, String> {
        let all = TypeInformation::new(&Bytes(bytes));
        let all = all.map_err(|cause| cause.message().to_owned())?;
        let mut structures = HashMap::new();
        for (id, variant) in all.get() {
            if let TypeVariant::Struct(found) = variant
                && let Some(name) = found.name()
            {
                structures.entry(name.clone()).or_insert(*id);
            }
        }
        Ok(Self { all, structures })
    }

    /// Whether there is a type or function with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all.id_of(name).is_some()
    }

    /// A structure by its name.
    fn structure(&self, name: &str) -> Option<u32> {
        self.structures.get(name).copied()
    }

    /// A function by its name.
    fn function(&self, name: &str) -> Option<u32> {
        let (id, _) = self.all.get().iter().find(|(_, variant)| {
            matches!(variant, TypeVariant::Func(found) if found.name().as_deref() == Some(name))
        })?;
        Some(*id)
    }

    /// The size of a structure, in bytes.
    fn size(&self, structure: &str) -> Option<u32> {
        self.all
            .size_of(self.structure(structure)?)
            .ok()
            .and_then(|size| u32::try_from(size).ok())
    }

    /// Where in a structure a field is, in bytes.
    pub(crate) fn offset(&self, structure: &str, field: &str) -> Option<u32> {
        match self.all.offset_of(self.structure(structure)?, field) {
            Ok((_, Offset::ByteOffset(offset))) => Some(offset),
            _ => None,
        }
    }

    fn needed(&self, structure: &'static str, field: &'static str) -> Result<u32, TracerError> {
        self.offset(structure, field)
            .ok_or(TracerError::NoField { structure, field })
    }

    /// The value of a name in an enumeration.
    fn enumerator(&self, enumeration: &str, name: &str) -> Option<u32> {
        let names = self.enumerators(enumeration)?;
        let (_, value) = names.into_iter().find(|(found, _)| found == name)?;
        Some(value)
    }

    /// The names of an enumeration and their values, but for negative ones.
    pub(crate) fn enumerators(&self, enumeration: &str) -> Option<Vec<(String, u32)>> {
        let TypeVariant::Enum(found) = self.all.from_id(self.all.id_of(enumeration)?)? else {
            return None;
        };
        let values = found.named_value_list().iter().filter_map(|named| {
            let value = match named.value {
                Integer32Value::Unsigned(value) => value,
                Integer32Value::Signed(value) => u32::try_from(value).ok()?,
            };
            Some((named.name.clone(), value))
        });
        Some(values.collect())
    }

    /// The names of the tracepoints that begin with something, sorted.
    pub(crate) fn tracepoints(&self, prefix: &str) -> Vec<String> {
        let types = self.all.get().values().filter_map(|variant| match variant {
            TypeVariant::Typedef(found) => found.name().clone(),
            _ => None,
        });
        let mut names: Vec<_> = types
            .filter_map(|name| name.strip_prefix("btf_trace_").map(str::to_owned))
            .filter(|name| name.starts_with(prefix))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// BTF in memory: the parser seeks a lot, and sysfs makes each read a system call.
struct Bytes(Vec<u8>);

impl Readable for Bytes {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = start
            .checked_add(buffer.len())
            .and_then(|end| self.0.get(start..end))
            .ok_or_else(|| Error::new(ErrorKind::IOError, "it ends too early"))?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_follow_architecture_and_page_size() {
        assert_eq!(huge_pages(Some("2097152\n"), 4096), 512);
        assert_eq!(huge_pages(Some("536870912\n"), 65536), 8192);
        assert_eq!(huge_pages(None, 4096), 1, "no transparent huge pages");
        assert_eq!(huge_pages(Some("nonsense"), 4096), 1);
    }

    #[test]
    fn damaged_btf_is_an_error() {
        for bytes in [vec![], vec![0x9f, 0xeb, 1, 0], vec![0xff; 4096]] {
            assert!(matches!(
                offsets(bytes, 4096, 512),
                Err(TracerError::BadBtf { .. })
            ));
        }
    }
}
