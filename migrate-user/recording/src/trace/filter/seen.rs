//! Names that were seen: what can be asked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Filter;
use crate::trace::Row;

/// So many names of a kind are kept, the first that come.
const MOST: usize = 1_000;

/// The drivers and commands of a recording, whatever a filter lets through.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    drivers: BTreeSet<Arc<str>>,
    comms: BTreeSet<Arc<str>>,
    workers: BTreeSet<Arc<str>>,
    cgroups: BTreeSet<Arc<str>>,
    mappings: BTreeSet<Arc<str>>,
    phases: BTreeSet<Arc<str>>,
}

impl Seen {
    /// Notes the names of a migration.
    pub fn note(&mut self, row: &Row<'_>) {
        for (names, name) in [
            (&mut self.drivers, row.driver),
            (&mut self.comms, row.comm),
            (&mut self.workers, row.worker),
            (&mut self.cgroups, row.cgroup),
            (
                &mut self.mappings,
                row.mapping.and_then(|mapping| mapping.name),
            ),
            (&mut self.phases, row.phase),
        ] {
            if let Some(name) = name
                && names.len() < MOST
                && !names.contains(name)
            {
                names.insert(Arc::clone(name));
            }
        }
    }

    /// The names that are values of a condition, in order; none for a condition of numbers.
    pub fn values(&self, word: &str) -> Vec<&str> {
        let names = match word {
            "driver" => &self.drivers,
            "comm" => &self.comms,
            "worker" => &self.workers,
            "cgroup" => &self.cgroups,
            "mapping" => &self.mappings,
            "phase" => &self.phases,
            _ => return Vec::new(),
        };
        names.iter().map(|name| &**name).collect()
    }

    /// What a filter asks for by a name that was never seen: a sentence for each condition, with
    /// some of the names that were.
    pub fn unknown(&self, filter: &Filter) -> Vec<String> {
        let unknown = [
            (
                "driver",
                unmet(&filter.driver, &self.drivers, |asked, name| asked.is(name)),
            ),
            (
                "comm",
                unmet(&filter.comm, &self.comms, |asked, name| asked.is(name)),
            ),
            (
                "worker",
                unmet(&filter.worker, &self.workers, |asked, name| asked.is(name)),
            ),
            (
                "cgroup",
                unmet(&filter.cgroup, &self.cgroups, |asked, name| asked.is(name)),
            ),
            (
                "mapping",
                unmet(&filter.mapping, &self.mappings, |asked, name| {
                    asked.is(name)
                }),
            ),
            (
                "phase",
                unmet(&filter.phase, &self.phases, |asked, path| asked.has(path)),
            ),
        ];
        let unknown = unknown.into_iter();
        unknown
            .filter_map(|(word, unmet)| Some(self.sentence(word, &unmet?)))
            .collect()
    }

    fn sentence(&self, word: &str, asked: &str) -> String {
        const TOLD: usize = 5;
        let values = self.values(word);
        let mut there: Vec<_> = values
            .iter()
            .take(TOLD)
            .map(|name| (*name).to_owned())
            .collect();
        if values.len() > TOLD {
            there.push(format!("{} more", values.len() - TOLD));
        }
        if there.is_empty() {
            return format!("no migration has a {word}, so {word}={asked} takes none");
        }
        format!(
            "no migration has {word}={asked}; there is {}",
            there.join(", ")
        )
    }
}

/// The first value that is asked for and was not seen; `None` if all were, or too many to know.
fn unmet<T: ToString>(
    asked: &[T],
    seen: &BTreeSet<Arc<str>>,
    is: impl Fn(&T, &str) -> bool,
) -> Option<String> {
    let is_there = |asked: &&T| seen.iter().any(|name| is(asked, name));
    let unmet = asked.iter().find(|asked| !is_there(asked));
    unmet.filter(|_| seen.len() < MOST).map(ToString::to_string)
}
