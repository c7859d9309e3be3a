//! Moves batches from a source to a recording.

use super::gather::Gather;
use super::progress::Progress;
use super::rotation::{Due, Rotation};
use crate::Error;
use crate::command::stop::Stop;
use crate::command::workload::Workload;
use crate::figures;
use crate::recording::{Output, Recording};
use crate::source::Source;
use crate::tell_line;
use crate::text::{clock, count, counted};
use crate::trace::{Batch, Losses, Status};

/// What is recorded, and how far it has come.
pub(super) struct Recorder<S> {
    source: S,
    pub(super) stop: Stop,
    gather: Gather,
    rotation: Rotation,
    status: Option<Status>,
    /// Migrations in files that are finished.
    before: u64,
    /// Migrations that came, written or not.
    received: u64,
    progress: Progress,
}

impl<S: Source> Recorder<S> {
    pub(super) fn new(source: S, stop: Stop, gather: Gather, rotation: Rotation) -> Self {
        Self {
            source,
            stop,
            gather,
            rotation,
            status: None,
            before: 0,
            received: 0,
            progress: Progress::new(),
        }
    }

    /// Records to the end: the source's, the workload's, or when somebody asks. How many migrations
    /// were recorded.
    pub(super) async fn run(
        &mut self,
        recording: Recording,
        workload: &mut Workload,
    ) -> Result<u64, Error> {
        if workload.is_there() {
            self.progress.give_way();
        }
        let ended = self.record(recording, workload).await;
        self.progress.clear();
        ended
    }

    async fn record(
        &mut self,
        mut recording: Recording,
        workload: &mut Workload,
    ) -> Result<u64, Error> {
        // When the source fails, what came before is kept.
        let failed = loop {
            match self.next(workload).await {
                Ok(Some(batch)) => recording = self.take_in(recording, batch).await?,
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        recording = self.write_rest(recording).await?;
        let migrations = self.before + recording.migrations();
        recording.finish()?;
        failed.map_or(Ok(migrations), Err)
    }

    /// The next batch; `None` at the end, for which the source is asked when somebody asks for it.
    async fn next(&mut self, workload: &mut Workload) -> Result<Option<Batch>, Error> {
        loop {
            let asked = self.stop.asked();
            tokio::select! {
                batch = self.source.next() => return Ok(batch?),
                () = workload.ended() => self.source.stop(),
                () = self.stop.wait() => if asked { return Ok(None) } else { self.source.stop() },
            }
        }
    }

    async fn take_in(
        &mut self,
        mut recording: Recording,
        batch: Batch,
    ) -> Result<Recording, Error> {
        let now = batch.status.clone();
        self.received += batch.migrations.len() as u64;
        if let Some(due) = self.gather.add(batch) {
            recording = self.write(recording, due).await?;
            self.progress
                .show(&self.line(self.before + recording.migrations()));
        }
        if let Some(now) = now {
            self.status = Some(now.clone());
            if self.is_cut(recording.bytes(), &now) {
                recording = self.rotate(recording, now).await?;
            }
        }
        Ok(recording)
    }

    /// Does the file end here? Where the next one counts from must be known for it: the kernel's
    /// totals, which are asked for when it is time.
    fn is_cut(&mut self, bytes: u64, now: &Status) -> bool {
        let facts = self.source.facts();
        let is_one = facts.record_every != 1 || now.accounts_for(self.received);
        let is_cut = match self.rotation.is_due(bytes, now.time_ns, facts) {
            Due::No => return false,
            Due::AtNextCut => is_one && now.exact.is_some(),
            Due::Overdue => now.exact.is_some(),
        };
        if !is_cut {
            self.source.want_totals();
        }
        is_cut
    }

    /// Goes on in another file.
    async fn rotate(&mut self, recording: Recording, now: Status) -> Result<Recording, Error> {
        let recording = self.write_rest(recording).await?;
        self.before += recording.migrations();
        recording.finish()?;
        let unix_ns = self.source.unix_ns(now.time_ns);
        let (output, facts) = self
            .rotation
            .next(now.clone(), unix_ns, self.source.facts());
        let next = Recording::create(output, &facts)?;
        self.rotation.tidy();
        // Were it the last, it would tell nothing of itself without this.
        let begun = Batch {
            migrations: Default::default(),
            waits: Vec::new(),
            status: Some(now),
        };
        self.write(next, begun).await
    }

    async fn write_rest(&mut self, recording: Recording) -> Result<Recording, Error> {
        let rest = self.gather.take();
        self.write(recording, rest).await
    }

    /// Writes on another thread, because a pipe that nobody reads blocks for ever.
    async fn write(
        &mut self,
        mut recording: Recording,
        mut batch: Batch,
    ) -> Result<Recording, Error> {
        self.rotation.count(&batch.migrations);
        let facts = self.source.facts();
        batch.status = batch.status.map(|status| self.rotation.tell(status, facts));
        let path = recording.output().to_string();
        let mut writing = tokio::task::spawn_blocking(move || match recording.write(&batch) {
            Ok(()) => Ok(recording),
            Err(cause) => Err(recording.abandon(cause)),
        });
        loop {
            let asked = self.stop.asked();
            tokio::select! {
                written = &mut writing => return Ok(written.expect("writing does not panic")?),
                () = self.stop.wait() => if asked {
                    return Err(Error::OutputStuck { path });
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
            "recording: {}, {}, {} lost. Ctrl-C ends it.",
            clock(self.elapsed_ns()),
            self.what(migrations),
            count(self.losses().lost()),
        )
    }

    /// Migrations that ended, recorded or not.
    fn ended(&self) -> u64 {
        self.status.as_ref().map_or(0, |status| status.ended)
    }

    /// What was recorded: so many migrations, or totals.
    fn what(&self, migrations: u64) -> String {
        let ended = counted(self.ended(), "migration", "migrations");
        match self.source.facts().record_every {
            0 => format!("totals of {ended}"),
            1 => counted(migrations, "migration", "migrations"),
            _ => format!("{} of {ended}", count(migrations)),
        }
    }

    /// Says what was recorded, what was lost and what to do next.
    pub(super) fn summary(&self, migrations: u64, output: &Output) {
        let what = self.what(migrations);
        let lost = count(self.losses().lost());
        let (files, kept) = self.rotation.files();
        let to = match files {
            1 => output.to_string(),
            _ => format!(
                "{} from {output} on, of which {} kept",
                counted(files, "file", "files"),
                counted(kept.len() as u64, "is", "are"),
            ),
        };
        tell_line!(
            "Recorded {what} in {} to {to}; {lost} lost.",
            clock(self.elapsed_ns())
        );
        for (name, number) in self.losses().nonzero() {
            tell_line!("  {name}: {}", count(number));
        }
        if let Some(waits) = figures::waits::lost(&self.losses()) {
            tell_line!("  {waits}");
        }
        if migrations == 0 && self.ended() == 0 && self.losses().lost() == 0 {
            tell_line!("{}", figures::NOTHING_MIGRATED);
        } else if let (Output::File(_), Some(last)) = (output, kept.last()) {
            let last = last.display();
            tell_line!("Next: `migscope report {last}` or `migscope replay {last}`.");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::cli::Rotate;
    use crate::command::record::gather::Pace;
    use crate::model::Model;
    use crate::recording::Reader;
    use crate::trace::{Ending, Facts, Migration};
    use migscope_testkit::{Synthetic, facts};

    /// A tracer that goes on until it is asked to stop, and then has one more batch.
    struct Endless {
        facts: Facts,
        synthetic: Synthetic,
        sent: Vec<Batch>,
        left: Option<usize>,
        /// Migrations that its totals have, and its records have not yet.
        ahead: u64,
    }

    impl Source for Endless {
        fn facts(&self) -> &Facts {
            &self.facts
        }

        async fn next(&mut self) -> Result<Option<Batch>, crate::source::Error> {
            tokio::time::sleep(Duration::from_millis(5)).await;
            if self.left == Some(0) {
                return Ok(None);
            }
            self.left = self.left.map(|left| left - 1);
            let mut batch = self.synthetic.batch(20);
            self.sent.push(batch.clone());
            if let Some(exact) = batch.status.as_mut().and_then(|told| told.exact.as_mut()) {
                Arc::make_mut(exact).counts[0].migrations += self.ahead;
            }
            Ok(Some(batch))
        }

        fn stop(&mut self) {
            self.left.get_or_insert(1);
        }
    }

    /// One that ends by itself after so many batches, if a number is given.
    fn endless(left: Option<usize>) -> Endless {
        Endless {
            facts: facts(),
            synthetic: Synthetic::new(1).with_totals(),
            sent: Vec::new(),
            left,
            ahead: 0,
        }
    }

    /// Records for a moment, or many batches in many files. What was recorded, and the recorder
    /// after it.
    async fn record(
        path: &Path,
        rotation: Option<Rotate>,
        keep: Option<u32>,
    ) -> (u64, Recorder<Endless>) {
        let output = Output::File(path.to_owned());
        let mut stop = Stop::new().unwrap();
        let left = rotation.map(|_| 8);
        if left.is_none() {
            stop.after(Duration::from_millis(60));
        }
        let ahead = if rotation.is_some() { 3 } else { 0 };
        let rotation = Rotation::new(rotation, keep, &output, false);
        let recording = Recording::create(output, &facts()).unwrap();
        let source = Endless {
            ahead,
            ..endless(left)
        };
        let mut recorder = Recorder::new(source, stop, Gather::new(Pace::FILE), rotation);
        let mut workload = Workload::start(&[]).unwrap();
        let recorded = recorder.run(recording, &mut workload).await.unwrap();
        assert_eq!(recorder.source.left, Some(0));
        (recorded, recorder)
    }

    fn read(path: &Path) -> Reader<File> {
        Reader::new("test", File::open(path).unwrap()).unwrap()
    }

    fn migrations(batches: impl Iterator<Item = Batch>) -> Vec<Migration> {
        batches.flat_map(|batch| batch.migrations).collect()
    }

    #[tokio::test]
    async fn the_end_comes_when_asked_for_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.arrow");
        let (recorded, recorder) = record(&path, None, None).await;
        let sent = recorder.source.sent;
        assert_eq!(recorded, sent.len() as u64 * 20);
        let mut reader = read(&path);
        let found = migrations(reader.by_ref());
        assert_eq!(found, migrations(sent.into_iter()));
        assert_eq!(reader.ending(), Some(&Ending::Complete));
    }

    /// A model of each file, by its own account whole.
    fn model_of(path: &Path) -> Model {
        let reader = read(path);
        let mut model = Model::new(reader.facts().clone());
        reader.for_each(|batch| model.apply(batch));
        assert_eq!(model.unaccounted(), Some(0));
        model
    }

    #[tokio::test]
    async fn files_of_a_rotation_are_recordings_of_their_own_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.arrow");
        let (recorded, recorder) = record(&path, Some(Rotate::Size(1)), None).await;
        let (count, files) = recorder.rotation.files();
        assert!(count > 3 && count == files.len() as u64, "{count} files");
        let models: Vec<_> = files.iter().map(|file| model_of(file)).collect();
        let sum = |of: fn(&Model) -> u64| models.iter().map(of).sum::<u64>();
        assert_eq!(sum(|model| model.records().migrations()), recorded);
        // The kernel's own are a few ahead, whenever they are read.
        for model in &models {
            assert_eq!(model.exact(), Some(model.records()));
        }
        let found = files.iter().flat_map(|file| migrations(read(file)));
        assert_eq!(
            found.collect::<Vec<_>>(),
            migrations(recorder.source.sent.clone().into_iter())
        );
    }

    #[tokio::test]
    async fn only_the_last_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.arrow");
        let (_, recorder) = record(&path, Some(Rotate::Size(1)), Some(2)).await;
        let (count, files) = recorder.rotation.files();
        let mut there: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        there.sort();
        let mut expected: Vec<_> = files.iter().map(|file| (*file).clone()).collect();
        expected.sort();
        assert_eq!((files.len(), there), (2, expected));
        assert!(count > 3 && !path.exists());
    }
}
