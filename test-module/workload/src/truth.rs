//! The truth file: what the driver says it did, one JSON object per line.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    sync::Mutex,
};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::uapi::{self, Steps, Total, Totals, Truth, direction, outcome, trigger};

/// One line: the names that the tracer exports.
#[derive(Serialize)]
struct Line {
    time_ns: u64,
    pid: u32,
    tid: u32,
    direction: &'static str,
    trigger: &'static str,
    outcome: &'static str,
    errno: Option<u32>,
    address: u64,
    #[serde(flatten)]
    ledger: Ledger,
    setup_ns: Option<u64>,
    alloc_and_copy_ns: Option<u64>,
    pages_ns: Option<u64>,
    finalize_and_map_ns: Option<u64>,
    finalize_ns: Option<u64>,
    /// Pages that the driver held pinned before setup, those it held an extra reference to after, and those that
    /// went as whole large folios: what no tracer can see, and what tells whether a scenario does what it says.
    pinned: u64,
    referenced: u64,
    whole: u64,
}

#[derive(Serialize)]
struct Ledger {
    requested: u64,
    skipped: u64,
    declined: u64,
    moved: u64,
    populated: u64,
    wasted_copy: u64,
    wasted_fill: u64,
    rolled_back: u64,
    rejected: u64,
}

/// The last line.
#[derive(Serialize)]
struct LastLine {
    totals: TotalsLine,
}

#[derive(Serialize)]
struct TotalsLine {
    /// Lines before this one.
    migrations: u64,
    /// By direction and trigger: the driver's own sums while the workload ran.
    by_kind: Vec<Kind>,
    log_lost: u64,
    unbalanced: u64,
}

#[derive(Serialize)]
struct Kind {
    direction: &'static str,
    trigger: &'static str,
    migrations: u64,
    #[serde(flatten)]
    ledger: Ledger,
}

fn known(nanoseconds: u64) -> Option<u64> {
    (nanoseconds != uapi::UNKNOWN).then_some(nanoseconds)
}

fn direction_name(direction: u32) -> Result<&'static str> {
    match direction {
        direction::TO_DEVICE => Ok("to_device"),
        direction::TO_SYSTEM => Ok("to_system"),
        other => Err(strange("direction", other)),
    }
}

fn trigger_name(trigger: u32) -> Result<&'static str> {
    match trigger {
        trigger::FAULT => Ok("fault"),
        trigger::DRIVER => Ok("driver"),
        trigger::EVICTION => Ok("eviction"),
        other => Err(strange("trigger", other)),
    }
}

fn outcome_name(outcome: u32) -> Result<&'static str> {
    match outcome {
        outcome::COMPLETED => Ok("completed"),
        outcome::ROLLED_BACK => Ok("rolled_back"),
        outcome::REJECTED => Ok("rejected"),
        other => Err(strange("outcome", other)),
    }
}

fn strange(what: &str, number: u32) -> anyhow::Error {
    anyhow::anyhow!("the driver reports {what} {number}, which has no name")
}

impl From<uapi::Ledger> for Ledger {
    fn from(ledger: uapi::Ledger) -> Self {
        Self {
            requested: ledger.requested,
            skipped: ledger.skipped,
            declined: ledger.declined,
            moved: ledger.moved,
            populated: ledger.populated,
            wasted_copy: ledger.wasted_copy,
            wasted_fill: ledger.wasted_fill,
            rolled_back: ledger.rolled_back,
            rejected: ledger.rejected,
        }
    }
}

impl TryFrom<&Truth> for Line {
    type Error = anyhow::Error;

    fn try_from(truth: &Truth) -> Result<Self> {
        let Steps {
            setup_ns,
            alloc_and_copy_ns,
            pages_ns,
            finalize_and_map_ns,
            finalize_ns,
        } = truth.steps;
        Ok(Self {
            time_ns: truth.time_ns,
            pid: truth.pid,
            tid: truth.tid,
            direction: direction_name(truth.direction)?,
            trigger: trigger_name(truth.trigger)?,
            outcome: outcome_name(truth.outcome)?,
            errno: (truth.errno != 0).then_some(truth.errno),
            address: truth.address,
            ledger: truth.ledger.into(),
            setup_ns: known(setup_ns),
            alloc_and_copy_ns: known(alloc_and_copy_ns),
            pages_ns: known(pages_ns),
            finalize_and_map_ns: known(finalize_and_map_ns),
            finalize_ns: known(finalize_ns),
            pinned: truth.pinned,
            referenced: truth.referenced,
            whole: truth.whole,
        })
    }
}

/// What the driver's sums grew by.
fn growth(before: &Totals, after: &Totals) -> Result<Vec<Kind>> {
    let mut kinds = Vec::new();
    for direction in [direction::TO_DEVICE, direction::TO_SYSTEM] {
        for trigger in [trigger::FAULT, trigger::DRIVER, trigger::EVICTION] {
            let index = Totals::index(direction, trigger);
            let (old, new) = (&before.by_kind[index], &after.by_kind[index]);
            if new.migrations > old.migrations {
                kinds.push(kind(direction, trigger, old, new)?);
            }
        }
    }
    Ok(kinds)
}

fn kind(direction: u32, trigger: u32, old: &Total, new: &Total) -> Result<Kind> {
    let (old_ledger, new_ledger) = (&old.ledger, &new.ledger);
    Ok(Kind {
        direction: direction_name(direction)?,
        trigger: trigger_name(trigger)?,
        migrations: new.migrations - old.migrations,
        ledger: Ledger {
            requested: new_ledger.requested - old_ledger.requested,
            skipped: new_ledger.skipped - old_ledger.skipped,
            declined: new_ledger.declined - old_ledger.declined,
            moved: new_ledger.moved - old_ledger.moved,
            populated: new_ledger.populated - old_ledger.populated,
            wasted_copy: new_ledger.wasted_copy - old_ledger.wasted_copy,
            wasted_fill: new_ledger.wasted_fill - old_ledger.wasted_fill,
            rolled_back: new_ledger.rolled_back - old_ledger.rolled_back,
            rejected: new_ledger.rejected - old_ledger.rejected,
        },
    })
}

/// Where truths go: a file, or nowhere. Threads share it.
#[derive(Debug)]
pub struct TruthFile {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: Option<BufWriter<File>>,
    lines: u64,
}

impl TruthFile {
    /// Begins a file, or counts only.
    pub fn create(path: Option<&Path>) -> Result<Self> {
        let file = path
            .map(|path| {
                let file = File::create(path);
                file.with_context(|| format!("cannot write the truth file {}", path.display()))
            })
            .transpose()?;
        Ok(Self {
            state: Mutex::new(State {
                file: file.map(BufWriter::new),
                lines: 0,
            }),
        })
    }

    /// Writes one migration.
    pub fn write(&self, truth: &Truth) -> Result<()> {
        let mut state = self.lock();
        state.lines += 1;
        state.line(|| Line::try_from(truth))
    }

    /// Writes the last line. Gives the number of lines before it.
    pub fn finish(self, before: &Totals, after: &Totals) -> Result<u64> {
        let mut state = self.lock();
        let migrations = state.lines;
        state.line(|| {
            Ok(LastLine {
                totals: TotalsLine {
                    migrations,
                    by_kind: growth(before, after)?,
                    log_lost: after.log_lost - before.log_lost,
                    unbalanced: after.unbalanced - before.unbalanced,
                },
            })
        })?;
        if let Some(file) = &mut state.file {
            file.flush()
                .context("cannot write the truth file to its end")?;
        }
        Ok(migrations)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A thread that panicked left whole lines.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    fn line<T: Serialize>(&mut self, content: impl FnOnce() -> Result<T>) -> Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        serde_json::to_writer(&mut *file, &content()?).context("cannot write the truth file")?;
        file.write_all(b"\n").context("cannot write the truth file")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_tracers_names_and_null_for_what_did_not_happen() {
        let truth = Truth {
            time_ns: 5,
            address: 4096,
            pid: 7,
            tid: 8,
            direction: direction::TO_DEVICE,
            trigger: trigger::DRIVER,
            outcome: outcome::REJECTED,
            errno: 22,
            ledger: uapi::Ledger {
                requested: 2,
                rejected: 2,
                ..Default::default()
            },
            steps: Steps {
                setup_ns: 9,
                ..Steps::NONE
            },
            ..Truth::default()
        };
        let line = serde_json::to_string(&Line::try_from(&truth).unwrap()).unwrap();
        assert_eq!(
            line,
            r#"{"time_ns":5,"pid":7,"tid":8,"direction":"to_device","trigger":"driver","outcome":"rejected","#
                .to_owned()
                + r#""errno":22,"address":4096,"requested":2,"skipped":0,"declined":0,"moved":0,"populated":0,"#
                + r#""wasted_copy":0,"wasted_fill":0,"rolled_back":0,"rejected":2,"setup_ns":9,"#
                + r#""alloc_and_copy_ns":null,"pages_ns":null,"finalize_and_map_ns":null,"finalize_ns":null,"#
                + r#""pinned":0,"referenced":0,"whole":0}"#
        );
    }

    #[test]
    fn totals_are_those_of_the_run() {
        let mut before = Totals::default();
        let index = Totals::index(direction::TO_SYSTEM, trigger::FAULT);
        before.by_kind[index].migrations = 3;
        before.by_kind[index].ledger.moved = 3;
        let mut after = before;
        after.by_kind[index].migrations = 5;
        after.by_kind[index].ledger.moved = 4;
        let kinds = growth(&before, &after).unwrap();
        assert_eq!(kinds.len(), 1);
        assert_eq!(
            (kinds[0].direction, kinds[0].trigger),
            ("to_system", "fault")
        );
        assert_eq!((kinds[0].migrations, kinds[0].ledger.moved), (2, 1));
    }
}
