//! Migrations as they come: one by one from the kernel, in columns from a recording.

use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::sync::{Arc, OnceLock};

use super::{Migration, Row};

/// Migrations, however they are held.
pub(crate) trait Rows: Send + Sync {
    /// How many there are.
    fn len(&self) -> usize;

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

/// Some migrations: to everybody a `Vec` of them. The model counts them where they are, and those
/// of a recording are in columns, which takes a fraction of the time that it takes to make a
/// [`Migration`] of each; they are made when somebody looks.
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
        self.rows().bytes()
    }

    /// As they are held.
    pub(crate) fn rows(&self) -> &dyn Rows {
        match &self.rows {
            Some(unmade) => &*unmade.rows,
            None => &self.made,
        }
    }

    /// How many there are: for this none is made.
    pub fn len(&self) -> usize {
        self.rows().len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes them, and lets go of what they are made of.
    pub(crate) fn make(&mut self) -> &mut Vec<Migration> {
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

impl Deref for Migrations {
    type Target = Vec<Migration>;

    fn deref(&self) -> &Vec<Migration> {
        match &self.rows {
            Some(unmade) => unmade.seen.get_or_init(|| unmade.make()),
            None => &self.made,
        }
    }
}

impl DerefMut for Migrations {
    fn deref_mut(&mut self) -> &mut Vec<Migration> {
        self.make()
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
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Migrations {
    type Item = &'a mut Migration;
    type IntoIter = std::slice::IterMut<'a, Migration>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl fmt::Debug for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for Migrations {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl PartialEq<Vec<Migration>> for Migrations {
    fn eq(&self, other: &Vec<Migration>) -> bool {
        **self == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Reader;
    use crate::support::recording;

    /// Those of a recording, in columns, and as they were written.
    fn in_columns() -> (Migrations, Vec<Migration>) {
        let (bytes, mut batches) = recording(4, 1, 100);
        let read = Reader::new("test", &bytes[..]).unwrap().next().unwrap();
        (read.migrations, batches.remove(0).migrations.into_vec())
    }

    fn is_made(migrations: &Migrations) -> bool {
        let seen = |unmade: &Unmade| unmade.seen.get().is_some();
        migrations.rows.as_ref().is_none_or(seen)
    }

    #[test]
    fn none_is_made_before_somebody_looks() {
        let (read, expected) = in_columns();
        assert_eq!((read.len(), read.is_empty()), (100, false));
        assert!(!is_made(&read));
        assert_eq!(read[7], expected[7]);
        assert!(is_made(&read));
        assert_eq!(read, expected);
        assert_eq!(read.into_vec(), expected);
    }

    #[test]
    fn what_is_changed_is_no_longer_in_columns() {
        let (mut read, mut expected) = in_columns();
        for migrations in [&mut *read, &mut expected] {
            migrations.retain(|migration| migration.sequence % 3 > 0);
            migrations[0].pid = Some(7);
        }
        assert!(read.rows.is_none());
        assert_eq!(read.len(), expected.len());
        assert_eq!(read, expected);
    }

    #[test]
    fn rows_are_the_same_in_both_forms() {
        let (read, expected) = in_columns();
        let (mut in_columns, mut one_by_one) = (Vec::new(), Vec::new());
        read.rows().rows(20..70, &mut in_columns);
        Rows::rows(&expected, 20..70, &mut one_by_one);
        assert_eq!(format!("{in_columns:?}"), format!("{one_by_one:?}"));
        assert_eq!(in_columns.len(), 50);
        assert!(!is_made(&read));
    }
}
