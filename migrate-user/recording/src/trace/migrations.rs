//! Migrations as they come: one by one from the kernel, in columns from a recording.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::{Migration, Row};

/// Migrations, however they are held.
pub(crate) trait Rows: Send + Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Some of them, where they are.
    fn part(&self, range: Range<usize>) -> Arc<dyn Rows>;

    /// Appends what is counted of some of them.
    fn rows<'a>(&'a self, range: Range<usize>, rows: &mut Vec<Row<'a>>);

    /// One of them.
    fn migration(&self, at: usize) -> Migration;

    /// The memory that all of them take, with their texts, bytes, roughly.
    fn bytes(&self) -> usize;
}

impl Rows for Vec<Migration> {
    fn len(&self) -> usize {
        self.len()
    }

    fn part(&self, range: Range<usize>) -> Arc<dyn Rows> {
        Arc::new(self[range].to_vec())
    }

    fn rows<'a>(&'a self, range: Range<usize>, rows: &mut Vec<Row<'a>>) {
        rows.extend(self[range].iter().map(Row::from));
    }

    fn migration(&self, at: usize) -> Migration {
        self[at].clone()
    }

    fn bytes(&self) -> usize {
        size_of_val(&**self)
    }
}

/// How many rows are looked at together.
const AT_ONCE: usize = 64;

/// Some migrations. Those of a recording are in columns, and are counted there, by [`Row`]s, which
/// takes a fraction of the time that it takes to make a [`Migration`] of each. They are made only
/// where they are asked for by name: [`made`](Self::made), [`make`](Self::make),
/// [`into_vec`](Self::into_vec).
#[derive(Clone, Default)]
pub struct Migrations {
    made: Vec<Migration>,
    /// If none is made yet.
    rows: Option<Unmade>,
}

/// What migrations are made of, and those that are made of it when somebody looks.
#[derive(Clone)]
struct Unmade {
    rows: Arc<dyn Rows>,
    seen: OnceLock<Vec<Migration>>,
}

impl Unmade {
    fn make(&self) -> Vec<Migration> {
        let all = 0..self.rows.len();
        all.map(|at| self.rows.migration(at)).collect()
    }
}

impl Migrations {
    /// Those that can be made of `rows`.
    pub(crate) fn of_rows(rows: Arc<dyn Rows>) -> Self {
        let seen = OnceLock::new();
        Self {
            made: Vec::new(),
            rows: Some(Unmade { rows, seen }),
        }
    }

    /// The memory that they take as they are held, bytes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.held().bytes()
    }

    /// As they are held.
    fn held(&self) -> &dyn Rows {
        match &self.rows {
            Some(unmade) => &*unmade.rows,
            None => &self.made,
        }
    }

    /// How many there are: for this none is made.
    pub fn len(&self) -> usize {
        self.held().len()
    }

    /// Appends what is counted of some of them. None is made.
    pub fn rows<'a>(&'a self, range: Range<usize>, rows: &mut Vec<Row<'a>>) {
        self.held().rows(range, rows);
    }

    /// One of them, and only that is made.
    pub fn one(&self, at: usize) -> Migration {
        self.held().migration(at)
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks at what is counted of each, in their order. None is made.
    pub fn each(&self, mut look: impl FnMut(&Row<'_>)) {
        self.position(|row| {
            look(row);
            false
        });
    }

    /// The place of the first of which that is so. None is made.
    pub fn position(&self, mut is_it: impl FnMut(&Row<'_>) -> bool) -> Option<usize> {
        let rows = self.held();
        let mut some = Vec::with_capacity(AT_ONCE.min(rows.len()));
        for begin in (0..rows.len()).step_by(AT_ONCE) {
            rows.rows(begin..rows.len().min(begin + AT_ONCE), &mut some);
            if let Some(at) = some.iter().position(&mut is_it) {
                return Some(begin + at);
            }
            some.clear();
        }
        None
    }

    /// Keeps some, by what is counted of them. Only where some go and others stay those that stay
    /// are made.
    pub fn retain(&mut self, mut keep: impl FnMut(&Row<'_>) -> bool) {
        let Some(unmade) = &self.rows else {
            return self.made.retain(|migration| keep(&Row::from(migration)));
        };
        let mut kept = Vec::new();
        let mut at = 0;
        self.each(|row| {
            if keep(row) {
                kept.push(at);
            }
            at += 1;
        });
        if kept.len() < at {
            let rows = &unmade.rows;
            let made: Vec<_> = kept.into_iter().map(|at| rows.migration(at)).collect();
            *self = made.into();
        }
    }

    /// Takes the first ones off, where they are.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn take_first(&mut self, number: usize) -> Self {
        match &mut self.rows {
            Some(unmade) => {
                let len = unmade.rows.len();
                let first = unmade.rows.part(0..number);
                let rest = unmade.rows.part(number..len);
                *self = Self::of_rows(rest);
                Self::of_rows(first)
            }
            None => {
                let rest = self.made.split_off(number);
                std::mem::replace(&mut self.made, rest).into()
            }
        }
    }

    /// Adds those that came after these.
    pub fn append(&mut self, later: Self) {
        if self.is_empty() {
            *self = later;
        } else if !later.is_empty() {
            self.make().append(&mut later.into_vec());
        }
    }

    /// All of them, which are made if they are not yet.
    pub fn made(&self) -> &[Migration] {
        match &self.rows {
            Some(unmade) => unmade.seen.get_or_init(|| unmade.make()),
            None => &self.made,
        }
    }

    /// Makes them, and lets go of what they are made of.
    pub fn make(&mut self) -> &mut Vec<Migration> {
        if let Some(mut unmade) = self.rows.take() {
            let seen = unmade.seen.take();
            self.made = seen.unwrap_or_else(|| unmade.make());
        }
        &mut self.made
    }

    /// All of them.
    pub fn into_vec(mut self) -> Vec<Migration> {
        std::mem::take(self.make())
    }
}

impl From<Vec<Migration>> for Migrations {
    fn from(migrations: Vec<Migration>) -> Self {
        Self {
            made: migrations,
            rows: None,
        }
    }
}

impl FromIterator<Migration> for Migrations {
    fn from_iter<I: IntoIterator<Item = Migration>>(migrations: I) -> Self {
        Vec::from_iter(migrations).into()
    }
}

impl IntoIterator for Migrations {
    type Item = Migration;
    type IntoIter = std::vec::IntoIter<Migration>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_vec().into_iter()
    }
}

impl<'a> IntoIterator for &'a Migrations {
    type Item = &'a Migration;
    type IntoIter = std::slice::Iter<'a, Migration>;

    fn into_iter(self) -> Self::IntoIter {
        self.made().iter()
    }
}

impl<'a> IntoIterator for &'a mut Migrations {
    type Item = &'a mut Migration;
    type IntoIter = std::slice::IterMut<'a, Migration>;

    fn into_iter(self) -> Self::IntoIter {
        self.make().iter_mut()
    }
}

impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.made().fmt(f)
    }
}

impl PartialEq for Migrations {
    fn eq(&self, other: &Self) -> bool {
        self.made() == other.made()
    }
}

impl PartialEq<Vec<Migration>> for Migrations {
    fn eq(&self, other: &Vec<Migration>) -> bool {
        self.made() == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Cause, Direction, Ledger, Outcome, Side};

    /// Migrations that are made of others when somebody looks, and those.
    fn unmade() -> (Migrations, Vec<Migration>) {
        let all: Vec<_> = (0..100).map(migration).collect();
        (Migrations::of_rows(Arc::new(all.clone())), all)
    }

    /// Every third is slow.
    fn migration(sequence: u64) -> Migration {
        Migration {
            sequence,
            time_ns: sequence * 1_000,
            pid: Some(1),
            tid: Some(1),
            comm: None,
            worker: None,
            cgroup: None,
            driver: None,
            direction: Direction::ToDevice,
            from: Side::default(),
            to: Side::default(),
            cause: Cause::Driver,
            outcome: Outcome::Completed,
            errno: None,
            address: None,
            mapping: None,
            ledger: Ledger::default(),
            skips: None,
            declined_holes: None,
            free: None,
            steps: [
                Some(1 + sequence % 3 / 2 * 2_000_000),
                None,
                None,
                None,
                None,
            ],
            probe: [0; 3],
            pgmap_owner: None,
            kernel_stack: None,
            user_stack: None,
            parts: None,
            driver_parts: None,
            contended: None,
            off_cpu: None,
            phase: None,
            anomalies: 0,
        }
    }

    fn is_made(migrations: &Migrations) -> bool {
        let seen = |unmade: &Unmade| unmade.seen.get().is_some();
        migrations.rows.as_ref().is_none_or(seen)
    }

    #[test]
    fn none_is_made_before_somebody_looks() {
        let (read, expected) = unmade();
        assert_eq!((read.len(), read.is_empty()), (100, false));
        assert!(!is_made(&read));
        assert_eq!(read.made()[7], expected[7]);
        assert!(is_made(&read));
        assert_eq!(read, expected);
        assert_eq!(read.into_vec(), expected);
    }

    #[test]
    fn rows_are_kept_and_taken_where_they_are() {
        let (read, expected) = unmade();
        let mut rest = read.clone();
        let first = rest.take_first(30);
        let is_slow = |row: &Row<'_>| row.total_ns() > 1_000_000;
        let at = expected.iter().position(|m| m.total_ns() > 1_000_000);
        assert_eq!(read.position(is_slow), at);
        let mut all = read.clone();
        all.retain(|_| true);
        for of in [&first, &rest, &all] {
            assert!(!is_made(of));
        }
        assert_eq!(
            (first.made(), rest.made()),
            (&expected[..30], &expected[30..])
        );
        let mut some = read;
        some.retain(is_slow);
        let slow = expected.into_iter().filter(|m| m.total_ns() > 1_000_000);
        assert_eq!(some, slow.collect::<Vec<_>>());
        let mut both = first;
        both.append(rest);
        assert_eq!(both, all);
    }

    #[test]
    fn what_is_changed_is_made() {
        let (mut read, mut expected) = unmade();
        for migrations in [read.make(), &mut expected] {
            migrations.retain(|migration| migration.sequence % 3 > 0);
            migrations[0].pid = Some(7);
        }
        assert!(read.rows.is_none());
        assert_eq!(read.len(), expected.len());
        assert_eq!(read, expected);
    }
}
