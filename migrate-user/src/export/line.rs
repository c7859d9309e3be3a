//! One migration as one line of text. Ledger: base pages; unknown is absent.

use serde::Serialize;

use crate::trace::{MappingKind, Memory, Migration, Side, Step, ledger};

/// One migration. The order of the fields is the order in the output.
#[derive(Default, Serialize)]
pub(super) struct Line<'a> {
    time_ns: u64,
    pid: Option<u32>,
    tid: Option<u32>,
    comm: Option<&'a str>,
    worker_tid: Option<u32>,
    worker_comm: Option<&'a str>,
    cgroup: Option<&'a str>,
    driver: Option<&'a str>,
    direction: Option<&'a str>,
    cause: Option<&'a str>,
    outcome: &'a str,
    errno: Option<u32>,
    address: Option<u64>,
    from: Option<&'a str>,
    from_place: Option<&'a str>,
    to: Option<&'a str>,
    to_place: Option<&'a str>,
    requested: u64,
    skipped: u64,
    not_collected: Option<u64>,
    unmap_failed: Option<u64>,
    free: Option<u64>,
    declined: u64,
    declined_holes: Option<u64>,
    moved: u64,
    populated: u64,
    wasted_copy: u64,
    wasted_fill: u64,
    rolled_back: u64,
    rejected: u64,
    setup_ns: Option<u64>,
    alloc_and_copy_ns: Option<u64>,
    pages_ns: Option<u64>,
    finalize_and_map_ns: Option<u64>,
    finalize_ns: Option<u64>,
    probe_ns: u64,
    sequence: u64,
    probe_setup_ns: u64,
    probe_pages_ns: u64,
    probe_finalize_ns: u64,
    anomalies: u8,
    /// In hexadecimal: tools that take every number for a floating-point one would round it.
    pgmap_owner: Option<String>,
    from_system_pages: Option<u64>,
    from_private_pages: Option<u64>,
    from_coherent_pages: Option<u64>,
    to_system_pages: Option<u64>,
    to_private_pages: Option<u64>,
    to_coherent_pages: Option<u64>,
    kernel_stack: Option<&'a str>,
    user_stack: Option<&'a str>,
    lru_drain_ns: Option<u64>,
    invalidate_ns: Option<u64>,
    rmap_ns: Option<u64>,
    split_ns: Option<u64>,
    alloc_and_copy_fence_ns: Option<u64>,
    alloc_and_copy_lock_ns: Option<u64>,
    alloc_and_copy_alloc_ns: Option<u64>,
    alloc_and_copy_dma_map_ns: Option<u64>,
    finalize_and_map_fence_ns: Option<u64>,
    finalize_and_map_lock_ns: Option<u64>,
    finalize_and_map_alloc_ns: Option<u64>,
    finalize_and_map_dma_map_ns: Option<u64>,
    lock: Option<&'a str>,
    lock_longest_ns: Option<u64>,
    holder_tid: Option<u32>,
    holder_comm: Option<&'a str>,
    holder_stack: Option<&'a str>,
    off_cpu_setup_ns: Option<u64>,
    off_cpu_alloc_and_copy_ns: Option<u64>,
    off_cpu_pages_ns: Option<u64>,
    off_cpu_finalize_and_map_ns: Option<u64>,
    off_cpu_finalize_ns: Option<u64>,
    mapping: Option<&'a str>,
    mapping_kind: Option<&'a str>,
    mapping_start: Option<u64>,
    mapping_end: Option<u64>,
    mapping_device: Option<&'a str>,
    mapping_inode: Option<u64>,
    phase: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub(super) fn new(migration: &'a Migration) -> Self {
        let [
            setup_ns,
            alloc_and_copy_ns,
            pages_ns,
            finalize_and_map_ns,
            finalize_ns,
        ] = migration.steps;
        let [probe_setup_ns, probe_pages_ns, probe_finalize_ns] = migration.probe;
        let ledger = migration.ledger;
        let [from_system_pages, from_private_pages, from_coherent_pages] =
            known(&migration.from, ledger.moved);
        let [to_system_pages, to_private_pages, to_coherent_pages] =
            known(&migration.to, ledger::arrived(&ledger));
        let [copy, map] = migration
            .driver_parts
            .map_or([None; 2], |parts| parts.map(Some));
        let locks = migration.contended.as_ref();
        let holder = locks.and_then(|locks| locks.holder.as_ref());
        let mapping = migration.mapping.as_ref();
        let file = mapping.and_then(|mapping| mapping.file.as_ref());
        let off_cpu = |step: Step| migration.off_cpu.map(|ns| ns[step as usize]);
        Self {
            time_ns: migration.time_ns,
            pid: migration.pid,
            tid: migration.tid,
            comm: migration.comm.as_deref(),
            worker_tid: migration.worker.as_ref().map(|worker| worker.tid),
            worker_comm: migration.worker.as_ref().map(|worker| &*worker.comm),
            cgroup: migration.cgroup.as_deref(),
            driver: migration.driver.as_deref(),
            direction: migration.known_direction(),
            cause: migration.known_cause(),
            outcome: migration.outcome.name(),
            errno: migration.errno,
            address: migration.address,
            from: migration.from.kind(),
            from_place: migration.from.place.as_deref(),
            to: migration.to.kind(),
            to_place: migration.to.place.as_deref(),
            requested: ledger.requested,
            skipped: ledger.skipped,
            not_collected: migration.skips.map(|skips| skips.not_collected),
            unmap_failed: migration.skips.map(|skips| skips.unmap_failed),
            free: migration.free,
            declined: ledger.declined,
            declined_holes: migration.declined_holes,
            moved: ledger.moved,
            populated: ledger.populated,
            wasted_copy: ledger.wasted_copy,
            wasted_fill: ledger.wasted_fill,
            rolled_back: ledger.rolled_back,
            rejected: ledger.rejected,
            setup_ns,
            alloc_and_copy_ns,
            pages_ns,
            finalize_and_map_ns,
            finalize_ns,
            probe_ns: migration.probe_ns(),
            sequence: migration.sequence,
            probe_setup_ns,
            probe_pages_ns,
            probe_finalize_ns,
            anomalies: migration.anomalies,
            pgmap_owner: migration.pgmap_owner.map(|owner| format!("{owner:#x}")),
            from_system_pages,
            from_private_pages,
            from_coherent_pages,
            to_system_pages,
            to_private_pages,
            to_coherent_pages,
            kernel_stack: migration.kernel_stack.as_deref(),
            user_stack: migration.user_stack.as_deref(),
            lru_drain_ns: migration.parts.map(|parts| parts.lru_drain_ns),
            invalidate_ns: migration.parts.map(|parts| parts.invalidate_ns),
            rmap_ns: migration.parts.map(|parts| parts.rmap_ns),
            split_ns: migration.parts.map(|parts| parts.split_ns),
            alloc_and_copy_fence_ns: copy.map(|parts| parts.fence_ns),
            alloc_and_copy_lock_ns: copy.map(|parts| parts.lock_ns),
            alloc_and_copy_alloc_ns: copy.map(|parts| parts.alloc_ns),
            alloc_and_copy_dma_map_ns: copy.map(|parts| parts.dma_map_ns),
            finalize_and_map_fence_ns: map.map(|parts| parts.fence_ns),
            finalize_and_map_lock_ns: map.map(|parts| parts.lock_ns),
            finalize_and_map_alloc_ns: map.map(|parts| parts.alloc_ns),
            finalize_and_map_dma_map_ns: map.map(|parts| parts.dma_map_ns),
            lock: locks.map(|locks| &*locks.lock),
            lock_longest_ns: locks.map(|locks| locks.ns),
            holder_tid: holder.map(|holder| holder.tid),
            holder_comm: holder.map(|holder| &*holder.comm),
            holder_stack: locks.and_then(|locks| locks.holder_stack.as_deref()),
            off_cpu_setup_ns: off_cpu(Step::Setup),
            off_cpu_alloc_and_copy_ns: off_cpu(Step::AllocAndCopy),
            off_cpu_pages_ns: off_cpu(Step::Pages),
            off_cpu_finalize_and_map_ns: off_cpu(Step::FinalizeAndMap),
            off_cpu_finalize_ns: off_cpu(Step::Finalize),
            mapping: mapping.and_then(|of| of.name.as_deref()),
            mapping_kind: mapping.and_then(|of| of.kind).map(MappingKind::name),
            mapping_start: mapping.map(|of| of.start),
            mapping_end: mapping.map(|of| of.end),
            mapping_device: file.map(|file| &*file.device),
            mapping_inode: file.map(|file| file.inode),
            phase: migration.phase.as_deref(),
        }
    }
}

/// The pages of one side by kind of memory. Where there must be some and none is of any kind, as in
/// recordings that did not look for it, the kinds are unknown.
fn known(side: &Side, there: u64) -> [Option<u64>; Memory::ALL.len()] {
    let is_known = side.kind().is_some() || there == 0;
    side.pages.map(|pages| is_known.then_some(pages))
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    #[test]
    fn memory_that_was_not_looked_for_is_unknown_and_not_none() {
        let mut migration = Synthetic::new(1).migration();
        migration.ledger.moved = 0;
        migration.ledger.populated = 5;
        (migration.from.pages, migration.to.pages) = ([0; 3], [0; 3]);
        let line = Line::new(&migration);
        // No page came from anywhere.
        assert_eq!(line.from_system_pages, Some(0));
        assert_eq!((line.to_system_pages, line.to_private_pages), (None, None));
        migration.to.pages = [0, 5, 0];
        let line = Line::new(&migration);
        assert_eq!(
            (line.to_system_pages, line.to_private_pages),
            (Some(0), Some(5))
        );
    }

    #[test]
    fn an_owner_is_text_that_nobody_rounds() {
        let mut migration = Synthetic::new(1).migration();
        migration.pgmap_owner = Some(u64::MAX);
        let line = Line::new(&migration);
        assert_eq!(line.pgmap_owner.as_deref(), Some("0xffffffffffffffff"));
    }
}
