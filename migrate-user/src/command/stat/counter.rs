//! Counts one run of a command: what the totals grew by from before its start until it was over.

use std::ffi::OsString;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::lines::{Lines, since};
use super::target::Target;
use crate::Error;
use crate::command::stop::Stop;
use crate::command::workload::Workload;
use crate::model::Phases;
use crate::report::stat::Run;
use crate::source::{self, Source};
use crate::trace::{Batch, Status};

/// How long calls that are under way when the command ends are waited for. The tracer gives up
/// those of which nothing more comes after a second.
const PATIENCE: Duration = Duration::from_millis(1500);

/// How often it is looked for them.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What counts, and what may end it.
pub(super) struct Counter<S> {
    source: S,
    stop: Stop,
    lines: Option<Lines>,
    runs: u32,
    /// What the records of this run say by phase, where those are followed.
    phases: Option<Phases>,
}

impl<S: Source> Counter<S> {
    pub(super) fn new(source: S, stop: Stop, lines: Option<Lines>) -> Self {
        Self {
            source,
            stop,
            lines,
            runs: 0,
            phases: None,
        }
    }

    /// Has anybody asked for the end?
    pub(super) fn is_interrupted(&self) -> bool {
        self.stop.asked()
    }

    /// Runs the command to its end.
    pub(super) async fn run(
        &mut self,
        command: &[OsString],
        target: &mut Target,
    ) -> Result<Run, Error> {
        self.runs += 1;
        let before = self.source.under_way()?;
        let began = self.reading().await?;
        // What came until then is no run's.
        self.phases = self.source.facts().details.phases.then(Phases::default);
        if let Some(lines) = &mut self.lines {
            lines.begin(self.runs, &began);
        }
        let mut workload = Workload::start(command)?;
        let watched = self.watch(&mut workload, target).await;
        // A command that goes on is not left alone, whatever became of the tracer.
        let finished = workload.wait(&mut self.stop).await?;
        watched?;
        let after = self.settle().await?;
        let ended = self.reading().await?;
        if let Some(lines) = &mut self.lines {
            target.write(&lines.rest(&ended, self.source.facts()))?;
        }
        Ok(Run {
            model: since(self.source.facts(), &began, &ended),
            phases: self.phases.take(),
            elapsed_ns: finished.map_or(0, |finished| nanoseconds(finished.elapsed)),
            status: finished.map_or(0, |finished| finished.status),
            under_way: [before, after],
        })
    }

    /// Waits for the command's end, and tells meanwhile what was asked for.
    async fn watch(&mut self, workload: &mut Workload, target: &mut Target) -> Result<(), Error> {
        loop {
            let asked = self.stop.asked();
            tokio::select! {
                batch = self.source.next() => {
                    let batch = batch?.ok_or_else(ended_early)?;
                    self.tell(&batch, target)?;
                }
                () = workload.ended() => return Ok(()),
                () = tick(&mut self.lines) => self.source.want_totals(),
                // A terminal has sent its signal to the command, too.
                () = self.stop.wait() => if asked { workload.terminate() },
            }
        }
    }

    fn tell(&mut self, batch: &Batch, target: &mut Target) -> Result<(), Error> {
        self.take(batch);
        let (Some(lines), Some(status)) = (&mut self.lines, &batch.status) else {
            return Ok(());
        };
        match lines.next(status, self.source.facts()) {
            Some(line) => target.write(&line),
            None => Ok(()),
        }
    }

    /// Counts by phase what came as records.
    fn take(&mut self, batch: &Batch) {
        if let Some(phases) = &mut self.phases {
            phases.take(batch);
        }
    }

    /// Waits until calls that were under way have ended; how many have not.
    async fn settle(&mut self) -> Result<Option<u64>, Error> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = self.source.under_way()?;
            if left.is_none_or(|left| left == 0) || Instant::now() >= until {
                return Ok(left);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// What the kernel has counted by now.
    async fn reading(&mut self) -> Result<Status, Error> {
        loop {
            self.source.want_totals();
            let batch = self.source.next().await?.ok_or_else(ended_early)?;
            self.take(&batch);
            if let Some(status) = batch.status.filter(|status| status.exact.is_some()) {
                return Ok(status);
            }
        }
    }
}

/// Returns when a line is due; never where none is wanted.
async fn tick(lines: &mut Option<Lines>) {
    match lines {
        Some(lines) => lines.tick().await,
        None => std::future::pending().await,
    }
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// Tracing does not end by itself; what only reads would.
fn ended_early() -> Error {
    source::Error::Ended.into()
}
