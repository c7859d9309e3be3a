//! One run, cut into blocks of consecutive migrations, in bounded memory.

use super::alike::Kinds;
use super::durations::Durations;
use super::parts::{OfParts, Parts};
use super::waits::Waits;
use crate::trace::{Batch, DriverParts, Exact, Figure, Ledger, Row, Step, Wait, WaitKind, ledger};

/// As many blocks as this become half as many, each of two.
const MOST: usize = 64;

/// Migrations of the first blocks.
const FIRST: u64 = 8;

/// The steps, and all of them together.
pub(super) const TIMES: usize = Step::COUNT + 1;

/// Sums over consecutive migrations.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) migrations: u64,
    pub(super) ledger: Ledger,
    /// By step, nanoseconds.
    pub(super) steps_ns: [u64; Step::COUNT],
    /// Of each step and of whole migrations.
    pub(super) times: [Durations; TIMES],
    /// Where the time of the driver's steps went. Totals do not tell.
    pub(super) parts: Parts,
    /// Calls that are alike. Totals do not tell them apart.
    pub(super) kinds: Kinds,
    /// Those that ended while these migrations did.
    pub(super) waits: Waits,
}

impl Block {
    fn new() -> Self {
        Self {
            migrations: 0,
            ledger: Ledger::default(),
            steps_ns: [0; Step::COUNT],
            times: Default::default(),
            parts: Parts::default(),
            kinds: Kinds::default(),
            waits: Waits::default(),
        }
    }

    /// What the kernel counted by itself.
    fn of_totals(exact: &Exact) -> Self {
        let mut block = Self::new();
        block.migrations = exact.migrations();
        block.ledger = exact.ledger(None);
        block.waits = Waits::of_totals(exact);
        for of in &exact.figures {
            let steps = Step::ALL.into_iter();
            let step = steps
                .zip(0..)
                .find(|(step, _)| Figure::from(*step) == of.figure);
            let at = match (step, of.figure) {
                (Some((_, at)), _) => at,
                (None, Figure::Total) => Step::COUNT,
                (None, _) => continue,
            };
            if let Some(sum) = block.steps_ns.get_mut(at) {
                *sum = sum.saturating_add(of.sum);
            }
            for (ns, count) in of.values.recorded() {
                block.times[at].record_n(ns, count);
            }
        }
        block
    }

    fn count(&mut self, migration: &Row<'_>) {
        self.migrations += 1;
        ledger::add(&mut self.ledger, &migration.ledger);
        for (step, ns) in migration.steps.iter().enumerate() {
            if let Some(ns) = *ns {
                self.steps_ns[step] = self.steps_ns[step].saturating_add(ns);
                self.times[step].record(ns);
            }
        }
        self.times[Step::COUNT].record(migration.total_ns());
        self.kinds.count(migration);
    }

    pub(super) fn add(&mut self, more: &Self) {
        self.migrations += more.migrations;
        ledger::add(&mut self.ledger, &more.ledger);
        for (sum, more) in self.steps_ns.iter_mut().zip(more.steps_ns) {
            *sum = sum.saturating_add(more);
        }
        for (sum, more) in self.times.iter_mut().zip(&more.times) {
            sum.add(more);
        }
        self.parts.add(&more.parts);
        self.kinds.add(&more.kinds);
        self.waits.add(&more.waits);
    }
}

/// A run, as far as it is compared.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    blocks: Vec<Block>,
    /// Pairs of blocks have become one so often.
    doubled: u32,
    /// By the kernel's totals: what it counted between one reading and the next.
    totals: Vec<Block>,
    /// The last reading.
    read: Exact,
    /// The kinds of waits that are known.
    followed: Vec<WaitKind>,
    /// The parts of the driver's steps that could be seen.
    seen: OfParts,
}

impl Sample {
    /// Says which kinds of waits are known; unless this is said, none is.
    pub fn knows_waits(&mut self, kinds: impl Iterator<Item = WaitKind>) {
        self.followed = kinds.collect();
    }

    /// Are waits of this kind known?
    pub(super) fn follows(&self, kind: WaitKind) -> bool {
        self.followed.contains(&kind)
    }

    /// Says which parts of the driver's steps can be seen in what is added from now on, in the
    /// order of [`DRIVER_PARTS`](crate::trace::DRIVER_PARTS); unless this is said, none is looked
    /// at.
    pub fn sees_parts(&mut self, seen: [bool; 4]) {
        self.seen = seen;
    }

    /// Which parts of the driver's steps are known: those that were seen in all its migrations.
    pub(super) fn knows_parts(&self) -> OfParts {
        let is_whole = |block: &Block| block.parts.migrations == block.migrations;
        let all = self.blocks.iter().all(is_whole);
        self.seen.map(|seen| seen && all)
    }

    /// Adds what has happened: each wait where the migrations are that ended when it did, so that
    /// blocks are of one time.
    pub fn add(&mut self, batch: &Batch) {
        let looks = self.seen.contains(&true);
        let mut waits = batch.waits.iter().peekable();
        let mut at = 0;
        batch.migrations.each(|migration| {
            let until_ns = migration.end_ns();
            while let Some(wait) = waits.next_if(|wait| wait.end_ns() <= until_ns) {
                self.count_wait(wait);
            }
            self.count(migration);
            // Only the whole migration has them.
            if looks && let Some(parts) = &batch.migrations.one(at).driver_parts {
                self.count_parts(parts);
            }
            at += 1;
        });
        waits.for_each(|wait| self.count_wait(wait));
        let status = batch.status.as_ref();
        if let Some(exact) = status.and_then(|status| status.exact.as_ref()) {
            self.count_totals(exact);
        }
    }

    /// Adds the next migration.
    pub fn count(&mut self, migration: &Row<'_>) {
        let full = FIRST << self.doubled;
        let next = self
            .blocks
            .last()
            .is_none_or(|block| block.migrations >= full);
        if next {
            if self.blocks.len() == MOST {
                self.halve();
            }
            self.blocks.push(Block::new());
        }
        if let Some(block) = self.blocks.last_mut() {
            block.count(migration);
        }
    }

    /// Where the time of the last migration's steps went.
    fn count_parts(&mut self, parts: &[DriverParts; 2]) {
        if let Some(block) = self.blocks.last_mut() {
            block.parts.count(parts);
        }
    }

    fn count_wait(&mut self, wait: &Wait) {
        if self.blocks.is_empty() {
            self.blocks.push(Block::new());
        }
        if let Some(block) = self.blocks.last_mut() {
            block.waits.count(wait);
        }
    }

    fn halve(&mut self) {
        halve(&mut self.blocks);
        self.doubled += 1;
    }

    /// Adds what the kernel had counted by itself at some moment, since the run began.
    pub fn count_totals(&mut self, exact: &Exact) {
        let since = exact.since(&self.read);
        // Waits alone stay for the next reading with migrations.
        if since.migrations() == 0 {
            return;
        }
        if self.totals.len() == MOST {
            halve(&mut self.totals);
        }
        self.totals.push(Block::of_totals(&since));
        self.read = exact.clone();
    }

    /// The same run by the kernel's totals, which count what has no record, too.
    pub fn by_totals(self) -> Self {
        Self {
            blocks: self.totals,
            // Readings are what they are: none is left over.
            doubled: 0,
            totals: Vec::new(),
            read: Exact::default(),
            followed: self.followed,
            seen: self.seen,
        }
    }

    /// How many migrations it has.
    pub fn migrations(&self) -> u64 {
        self.blocks.iter().map(|block| block.migrations).sum()
    }

    /// Its blocks. What is left over at the end is part of the last.
    pub(super) fn into_blocks(mut self) -> Vec<Block> {
        let full = FIRST << self.doubled;
        if let [.., before, last] = &mut *self.blocks
            && last.migrations < full
        {
            before.add(last);
            self.blocks.pop();
        }
        self.blocks
    }

    /// The whole run as one block; `None` if it has no migration.
    pub(super) fn into_whole(self) -> Option<Block> {
        self.blocks.into_iter().reduce(|mut whole, block| {
            whole.add(&block);
            whole
        })
    }
}

/// Makes one of every two.
fn halve(blocks: &mut Vec<Block>) {
    for at in 0..MOST / 2 {
        let second = blocks.remove(at + 1);
        blocks[at].add(&second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::Synthetic;

    #[test]
    fn blocks_are_few_equal_and_whole() {
        for number in [1, 8, 9, 511, 513, 5000] {
            let all = Synthetic::new(1).batch(number).migrations;
            let mut sample = Sample::default();
            all.each(|row| sample.count(row));
            assert_eq!(sample.migrations(), number as u64);
            let whole = sample.clone().into_whole().unwrap();
            let blocks = sample.into_blocks();
            assert!(blocks.len() <= MOST, "{number}");
            let size = blocks[0].migrations;
            assert!(
                blocks
                    .iter()
                    .all(|block| block.migrations < 2 * size.max(2))
            );
            let sum: u64 = blocks.iter().map(|block| block.migrations).sum();
            assert_eq!((sum, whole.migrations), (number as u64, number as u64));
            let moved: u64 = all.made().iter().map(|m| m.ledger.moved).sum();
            assert_eq!(whole.ledger.moved, moved);
            assert_eq!(
                whole.times[Step::COUNT]
                    .places()
                    .map(|(_, n)| n)
                    .sum::<u64>(),
                number as u64
            );
        }
        assert!(Sample::default().into_blocks().is_empty());
    }

    #[test]
    fn waits_are_with_the_migrations_of_their_time_and_none_gets_lost() {
        let mut synthetic = Synthetic::new(9).with_waits();
        let mut sample = Sample::default();
        let batches: Vec<_> = (0..20).map(|_| synthetic.batch(60)).collect();
        batches.iter().for_each(|batch| sample.add(batch));
        let all = batches.iter().flat_map(|batch| &batch.waits);
        let faults = all.filter(|wait| wait.kind == WaitKind::Fault).count() as u64;
        let blocks = sample.into_blocks();
        let each = blocks
            .iter()
            .map(|block| block.waits.sums.waits(WaitKind::Fault));
        let each: Vec<_> = each.collect();
        assert_eq!(each.iter().sum::<u64>(), faults);
        let fewest = each.iter().min().unwrap();
        assert!(*fewest > 0 || each.len() > 20, "{each:?}");
    }

    #[test]
    fn waits_before_the_first_migration_are_in_the_first_block() {
        let batch = Synthetic::new(9).with_waits().batch(60);
        let mut sample = Sample::default();
        sample.add(&Batch {
            waits: batch.waits.clone(),
            ..Batch::default()
        });
        sample.add(&Batch {
            waits: Vec::new(),
            ..batch
        });
        let blocks = sample.into_blocks();
        assert!(blocks[0].migrations > 0 && blocks[1].waits.sums.waits(WaitKind::Fault) == 0);
    }
}
