//! `record`: this kernel's migrations to a file or pipe.

use std::io::{self, IsTerminal};

use super::gather::Gather;
use super::stop::Stop;
use crate::Error;
use crate::cli;
use crate::model::Losses;
use crate::recording::{Output, Recording};
use crate::source::kernel::KernelSource;
use crate::source::{Batch, Source, Status, machine};
use crate::text::{clock, count, counted, file_stamp};
use crate::{tell, tell_line};

/// Records until somebody asks for the end.
pub(super) async fn record(options: cli::Record) -> Result<(), Error> {
    // From the first hook on, Ctrl-C ends the recording and not the program.
    let mut stop = Stop::new()?;
    let source = KernelSource::open(&options.tracing.into())?;
    if !source.names_functions() {
        tell_line!(
            "migscope: drivers and the kernel's stacks stay unnamed: this user is shown no addresses of the kernel \
             (`migscope doctor` says why)."
        );
    }
    if let Some(duration) = options.duration {
        stop.after(duration.0);
    }
    let output = options.output.unwrap_or_else(default_output);
    let recording = Recording::create(output.clone(), source.facts())?;
    let mut recorder = Recorder::new(source, stop, &output);
    let ended = recorder.run(recording).await;
    recorder.progress.clear();
    ended.map(|migrations| recorder.summary(migrations))
}

fn default_output() -> Output {
    let now = machine::unix_time_ns().unwrap_or(0);
    Output::File(format!("migscope-{}.arrow", file_stamp(now)).into())
}

/// Moves batches from a source to a recording.
struct Recorder<'a, S> {
    source: S,
    stop: Stop,
    output: &'a Output,
    gather: Gather,
    status: Option<Status>,
    progress: Progress,
}

impl<'a, S: Source> Recorder<'a, S> {
    fn new(source: S, stop: Stop, output: &'a Output) -> Self {
        let gather = Gather::default();
        Self {
            source,
            stop,
            output,
            gather,
            status: None,
            progress: Progress::new(),
        }
    }

    /// Records to the end. How many migrations were recorded.
    async fn run(&mut self, mut recording: Recording) -> Result<u64, Error> {
        // When the source fails, what came before is kept.
        let failed = loop {
            match self.next().await {
                Ok(Some(batch)) => {
                    self.status = batch.status.clone().or(self.status.take());
                    if let Some(due) = self.gather.add(batch) {
                        recording = self.write(recording, due).await?;
                        self.progress.show(&self.line(recording.migrations()));
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let rest = self.gather.take();
        recording = self.write(recording, rest).await?;
        let migrations = recording.migrations();
        recording.finish()?;
        failed.map_or(Ok(migrations), Err)
    }

    /// The next batch; `None` at the end, for which the source is asked when somebody asks for it.
    async fn next(&mut self) -> Result<Option<Batch>, Error> {
        loop {
            let asked = self.stop.asked();
            tokio::select! {
                batch = self.source.next() => return batch,
                () = self.stop.wait() => if asked { return Ok(None) } else { self.source.stop() },
            }
        }
    }

    /// Writes on another thread, because a pipe that nobody reads blocks for ever.
    async fn write(&mut self, mut recording: Recording, batch: Batch) -> Result<Recording, Error> {
        let mut writing = tokio::task::spawn_blocking(move || match recording.write(&batch) {
            Ok(()) => Ok(recording),
            Err(cause) => Err(recording.abandon(cause)),
        });
        loop {
            let asked = self.stop.asked();
            tokio::select! {
                written = &mut writing => return written.expect("writing does not panic"),
                () = self.stop.wait() => if asked {
                    return Err(Error::OutputStuck { path: self.output.to_string() });
                } else {
                    self.source.stop();
                },
            }
        }
    }

    fn losses(&self) -> Losses {
        self.status
            .as_ref()
            .map(|status| Losses::new(status.losses))
            .unwrap_or_default()
    }

    fn elapsed_ns(&self) -> u64 {
        let now = self.status.as_ref().map_or(0, |status| status.time_ns);
        now.saturating_sub(self.source.facts().started_ns.unwrap_or(now))
    }

    fn line(&self, migrations: u64) -> String {
        format!(
            "recording to {}: {}, {}, {} lost. Ctrl-C ends it.",
            self.output,
            clock(self.elapsed_ns()),
            counted(migrations, "migration", "migrations"),
            count(self.losses().lost()),
        )
    }

    /// Says what was recorded, what was lost and what to do next.
    fn summary(&self, migrations: u64) {
        let what = counted(migrations, "migration", "migrations");
        let lost = count(self.losses().lost());
        tell_line!(
            "Recorded {what} in {} to {}; {lost} lost.",
            clock(self.elapsed_ns()),
            self.output
        );
        for (name, number) in self.losses().nonzero() {
            tell_line!("  {name}: {}", count(number));
        }
        if migrations == 0 {
            tell_line!(
                "No memory was migrated in that time. Is a driver loaded that uses device memory, and a program \
                 running that uses the device?"
            );
        } else if let Output::File(path) = self.output {
            let path = path.display();
            tell_line!("Next: `migscope report {path}` or `migscope replay {path}`.");
        }
    }
}

/// One line on standard error that renews itself, if that is a terminal.
struct Progress {
    enabled: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            enabled: io::stderr().is_terminal(),
        }
    }

    fn show(&self, line: &str) {
        if self.enabled {
            tell(format_args!("\r{line}\x1b[K"));
        }
    }

    fn clear(&self) {
        if self.enabled {
            tell("\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;
    use crate::recording::{Facts, Reader};
    use crate::source::Ending;
    use crate::support::{Synthetic, facts};

    /// A tracer that goes on until it is asked to stop, and then has one more batch.
    struct Endless {
        facts: Facts,
        synthetic: Synthetic,
        sent: Vec<Batch>,
        left: Option<usize>,
    }

    impl Source for Endless {
        fn facts(&self) -> &Facts {
            &self.facts
        }

        async fn next(&mut self) -> Result<Option<Batch>, Error> {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if self.left == Some(0) {
                return Ok(None);
            }
            self.left = self.left.map(|left| left - 1);
            self.sent.push(self.synthetic.batch(20));
            Ok(self.sent.last().cloned())
        }

        fn stop(&mut self) {
            self.left.get_or_insert(1);
        }
    }

    #[tokio::test]
    async fn the_end_comes_when_asked_for_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.arrow");
        let output = Output::File(path.clone());
        let synthetic = Synthetic::new(1);
        let source = Endless {
            facts: facts(),
            synthetic,
            sent: Vec::new(),
            left: None,
        };
        let mut stop = Stop::new().unwrap();
        stop.after(Duration::from_millis(60));
        let recording = Recording::create(output.clone(), &facts()).unwrap();
        let mut recorder = Recorder::new(source, stop, &output);
        let recorded = recorder.run(recording).await.unwrap();

        let sent = &recorder.source.sent;
        assert_eq!(recorder.source.left, Some(0));
        assert_eq!(recorded, sent.len() as u64 * 20);
        let mut reader = Reader::new("test", File::open(path).unwrap()).unwrap();
        let read: Vec<_> = reader.by_ref().flat_map(|batch| batch.migrations).collect();
        let sent: Vec<_> = sent
            .iter()
            .flat_map(|batch| batch.migrations.clone())
            .collect();
        assert_eq!(read, sent);
        assert_eq!(reader.ending(), Some(&Ending::Complete));
    }
}
