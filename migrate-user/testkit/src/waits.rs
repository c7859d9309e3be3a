//! Synthetic waits, beside synthetic migrations.

use migscope_recording::trace::{
    Contended, Migration, Wait, WaitFigure, WaitKind, WaitResult, Worker,
};

use crate::{START_NS, Synthetic};

/// What can come of a wait of each kind; but every other of those for an invalidation is one.
const RESULTS: [(WaitKind, &[WaitResult]); 5] = [
    (
        WaitKind::Fault,
        &[
            WaitResult::Moved,
            WaitResult::Moved,
            WaitResult::MovedByOther,
            WaitResult::Nothing,
            WaitResult::Failed,
        ],
    ),
    (WaitKind::Migrating, &[WaitResult::Done]),
    (
        WaitKind::RangeFault,
        &[WaitResult::Done, WaitResult::Retry, WaitResult::Failed],
    ),
    (WaitKind::Notifier, &[WaitResult::Done]),
    (WaitKind::Exclusive, &[WaitResult::Done, WaitResult::Failed]),
];

/// A wait for one page of which nothing is known but this.
pub fn plain_wait(kind: WaitKind, result: WaitResult, total_ns: u64) -> Wait {
    Wait {
        sequence: 0,
        time_ns: START_NS,
        kind,
        result,
        errno: None,
        pid: None,
        tid: None,
        comm: Some("trainer".into()),
        worker: None,
        cgroup: None,
        address: None,
        pages: Some(1),
        total_ns,
        before_setup_ns: None,
        in_migration_ns: None,
        page_lock_ns: 0,
        migration: None,
        contended: None,
        kernel_stack: None,
        user_stack: None,
        phase: None,
    }
}

impl Synthetic {
    /// A wait about the time of this migration. One of a fault that moved its page has made it.
    pub(crate) fn wait(&mut self, migration: &Migration) -> Wait {
        let (kind, results) = RESULTS[self.below(RESULTS.len() as u64) as usize];
        let result = results[self.below(results.len() as u64) as usize];
        let (kind, result) = match kind {
            WaitKind::Notifier if self.waits.is_multiple_of(2) => {
                let becomes = [WaitResult::Unmapped, WaitResult::Cleared];
                let nth = (self.waits / 2) as usize % becomes.len();
                (WaitKind::Invalidation, becomes[nth])
            }
            _ => (kind, result),
        };
        let made_one = kind == WaitKind::Fault && result == WaitResult::Moved;
        let before_ns = self.below(2_000_000);
        let in_ns = migration.total_ns();
        let total_ns = before_ns + in_ns + self.below(5_000);
        let page_lock_ns = match (kind, result) {
            (WaitKind::Migrating, _) => total_ns - total_ns / 20,
            (WaitKind::Fault, WaitResult::MovedByOther) => total_ns / 2,
            _ => 0,
        };
        let worker = (kind == WaitKind::RangeFault).then(|| Worker {
            tid: 51,
            comm: "kworker/u8:2".into(),
        });
        let who = 1200 + self.below(3) as u32;
        let wait = Wait {
            sequence: self.waits,
            time_ns: migration.time_ns.saturating_sub(before_ns),
            kind,
            result,
            errno: match result {
                WaitResult::Retry => Some(16),
                WaitResult::Failed => Some(14),
                _ => None,
            },
            pid: Some(who),
            tid: worker.is_none().then_some(who + 1),
            comm: Some(["trainer", "solver", "python3"][who as usize - 1200].into()),
            worker,
            cgroup: (who > 1200).then(|| "/user.slice/job".into()),
            address: (kind != WaitKind::Notifier)
                .then(|| migration.address.unwrap_or(0x7f00_0000_0000)),
            pages: match kind {
                WaitKind::RangeFault => Some(migration.ledger.requested),
                WaitKind::Notifier => None,
                _ => Some(1),
            },
            total_ns,
            before_setup_ns: made_one.then_some(before_ns),
            in_migration_ns: made_one.then_some(in_ns),
            page_lock_ns,
            migration: made_one.then_some(migration.sequence),
            contended: (self.detailed && before_ns > 1_000_000).then(|| Contended {
                all_ns: before_ns,
                ns: before_ns - 1_000,
                lock: "0xffff888101234560".into(),
                holder: Some(Worker {
                    tid: 1203,
                    comm: "trainer".into(),
                }),
                holder_stack: Some("xe_svm_copy_[k];dma_fence_wait_[k];schedule_[k]".into()),
            }),
            kernel_stack: self
                .detailed
                .then(|| "asm_exc_page_fault_[k];do_swap_page_[k]".into()),
            user_stack: (self.detailed && self.below(4) > 0).then(|| "main;train;step".into()),
            phase: migration.phase.clone(),
        };
        self.waits += 1;
        if let Some(kernel) = &mut self.kernel {
            kernel.count_wait(&wait);
        }
        wait
    }
}

/// What is measured of a wait.
pub(crate) fn measured(wait: &Wait) -> impl Iterator<Item = (WaitFigure, u64)> {
    let before = wait.before_setup_ns.map(|ns| (WaitFigure::BeforeSetup, ns));
    [(wait.kind.into(), wait.total_ns)]
        .into_iter()
        .chain(before)
}
