//! What occurred in a run, so that a test can insist on it: a count that is zero proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::compare::sum;
use super::trace::{Line, ROWS, Run};

/// What only the driver knows: pages that it held, failed to place, moved or split as large ones,
/// and the evictions that it made in the middle of a call.
pub(super) const UNSEEN: [&str; 7] = [
    "pinned",
    "locked",
    "referenced",
    "failed",
    "whole",
    "split",
    "evictions",
];

/// How often things occurred: pages by row of the ledger and by what is [`UNSEEN`]; migrations by
/// direction, cause, outcome (`outcome abandoned`), number of pages (`batch 512`) and kinds of
/// memory (`from mixed`, `to device_coherent`); pages by what some rows have of holes and free
/// pages; distinct `devices`, `processes`, `threads` and, of these, `workers`.
pub(super) struct Tally(BTreeMap<String, u64>);

impl Tally {
    /// Counts what the driver says.
    pub(super) fn of(run: &Run) -> Result<Self> {
        let lines = &run.truth;
        let mut tally = BTreeMap::new();
        for row in ROWS.iter().chain(&UNSEEN) {
            tally.insert((*row).to_owned(), sum(lines, row)?);
        }
        for row in ["declined_holes", "free"] {
            let mut pages = 0;
            for line in lines {
                pages += line.number(row)?.unwrap_or(0);
            }
            tally.insert(row.to_owned(), pages);
        }
        for line in lines {
            for name in ["from", "to"] {
                if let Some(memory) = line.value(name).and_then(Value::as_str) {
                    *tally.entry(format!("{name} {memory}")).or_default() += 1;
                }
            }
            let direction = line.direction.as_deref().unwrap_or("null");
            let cause = line.cause.as_deref().unwrap_or("null");
            for name in [
                format!("direction {direction}"),
                format!("cause {cause}"),
                format!("outcome {}", line.outcome),
                format!("batch {}", line.pages("requested")?),
            ] {
                *tally.entry(name).or_default() += 1;
            }
        }
        let devices: BTreeSet<_> = lines
            .iter()
            .map(|line| line.pages("device"))
            .collect::<Result<_>>()?;
        let distinct = |number: fn(&Line) -> Option<u32>| {
            let numbers: BTreeSet<_> = lines.iter().filter_map(number).collect();
            numbers.len() as u64
        };
        tally.insert("devices".into(), devices.len() as u64);
        tally.insert("processes".into(), distinct(|line| line.pid));
        tally.insert("threads".into(), distinct(|line| line.thread()));
        tally.insert("workers".into(), distinct(|line| line.worker_tid));
        Ok(Tally(tally))
    }

    /// How often it occurred.
    pub(super) fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// An error unless all of these occurred, so many times at least.
    pub(super) fn expect(&self, occurs: &[(&str, u64)]) -> Result<()> {
        occurs.iter().try_for_each(|(what, least)| {
            let count = self.count(what);
            ensure!(
                count >= *least,
                "{what}: {count}, and at least {least} should occur"
            );
            Ok(())
        })
    }
}
