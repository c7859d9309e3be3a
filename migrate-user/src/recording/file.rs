//! A recording in the making, wherever it goes.
//!
//! A recording is written straight under its own name, so that `report` and `replay` can read it
//! while it grows; every batch in it is whole. It never replaces another file.

use std::fs::File;
use std::io::{self, Write};

use super::{END_MARK, Output, Writer};
use crate::recording::Error;
use crate::trace::{Batch, Facts};

/// A recording in the making.
pub struct Recording {
    writer: Writer<File>,
    output: Output,
    migrations: u64,
}

impl Recording {
    /// Opens the output and writes the facts. A new file can be read by its owner only.
    pub fn create(output: Output, facts: &Facts) -> Result<Self, Error> {
        Self::new(output.open()?, output, facts)
    }

    /// Writes the facts to an output that is open.
    pub fn new(file: File, output: Output, facts: &Facts) -> Result<Self, Error> {
        let writer = Writer::new(file, facts).map_err(|cause| not_written(&output, cause, 0))?;
        Ok(Self {
            writer,
            output,
            migrations: 0,
        })
    }

    /// Adds a batch. After an error, call [`Recording::abandon`].
    pub fn write(&mut self, batch: &Batch) -> io::Result<()> {
        self.writer.write(batch)?;
        self.migrations += batch.migrations.len() as u64;
        Ok(())
    }

    /// Where it goes.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// How many migrations it holds.
    pub fn migrations(&self) -> u64 {
        self.migrations
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> u64 {
        self.writer.whole_bytes()
    }

    /// Ends it with its mark.
    pub fn finish(self) -> Result<(), Error> {
        let Self {
            writer,
            output,
            migrations,
        } = self;
        writer
            .finish()
            .map(drop)
            .map_err(|cause| not_written(&output, cause, migrations))
    }

    /// Ends it after an error: cuts off what is half-written, so that the file is whole up to
    /// there.
    pub fn abandon(self, cause: io::Error) -> Error {
        let (file, whole_bytes) = self.writer.abandon();
        // Without it the file still reads well, up to its last whole batch: readers say that it is
        // unfinished.
        let _ = mend(file, whole_bytes);
        not_written(&self.output, cause, self.migrations)
    }
}

fn not_written(output: &Output, cause: io::Error, migrations: u64) -> Error {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    // A socket is reset when its reader left without having read all.
    if matches!(cause.kind(), BrokenPipe | ConnectionReset) {
        return Error::ReaderLeft {
            path: output.to_string(),
            migrations,
        };
    }
    Error::RecordingCut {
        path: output.to_string(),
        cause,
        migrations,
    }
}

fn mend(mut file: File, whole_bytes: u64) -> io::Result<()> {
    if file.metadata()?.is_file() {
        file.set_len(whole_bytes)?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(whole_bytes))?;
        file.write_all(&END_MARK)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;
    use crate::recording::Reader;
    use crate::support::{Synthetic, facts};
    use crate::trace::Ending;

    fn create_in(folder: &tempfile::TempDir) -> (PathBuf, Recording) {
        let path = folder.path().join("run.arrow");
        let recording = Recording::create(Output::File(path.clone()), &facts()).unwrap();
        (path, recording)
    }

    fn read(path: &PathBuf) -> (Vec<Batch>, Option<Ending>) {
        let mut reader = Reader::new("test", File::open(path).unwrap()).unwrap();
        let batches = reader.by_ref().collect();
        (batches, reader.ending().cloned())
    }

    #[test]
    fn only_its_owner_reads_it_and_it_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (path, recording) = create_in(&folder);
        recording.finish().unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let again = Recording::create(Output::File(path), &facts())
            .err()
            .unwrap();
        assert!(matches!(again, Error::Exists { .. }), "{again}");
    }

    #[test]
    fn can_be_read_while_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut recording) = create_in(&folder);
        let batch = Synthetic::new(1).batch(5);
        recording.write(&batch).unwrap();
        let (batches, ending) = read(&path);
        assert_eq!(batches, [batch]);
        assert!(matches!(
            ending,
            Some(Ending::Unfinished { lost_bytes: 0, .. })
        ));
    }

    #[test]
    fn half_a_batch_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut recording) = create_in(&folder);
        let batch = Synthetic::new(1).batch(5);
        recording.write(&batch).unwrap();
        // As a disk would that filled up in the middle of the next batch.
        let mut half = OpenOptions::new().append(true).open(&path).unwrap();
        half.write_all(&[0xff; 1000]).unwrap();
        let error = recording.abandon(io::ErrorKind::StorageFull.into());
        assert!(
            matches!(error, Error::RecordingCut { migrations: 5, .. }),
            "{error}"
        );
        assert_eq!(read(&path), (vec![batch], Some(Ending::Complete)));
    }

    #[test]
    fn a_reader_that_left_is_said_to_have_left_and_when() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let output = Output::Socket(path);
        let mut recording = Recording::create(output, &facts()).unwrap();
        let mut synthetic = Synthetic::new(1);
        recording.write(&synthetic.batch(5)).unwrap();
        drop(listener.accept().unwrap());
        let cause = recording.write(&synthetic.batch(5)).unwrap_err();
        let error = recording.abandon(cause);
        assert!(
            matches!(error, Error::ReaderLeft { migrations: 5, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_full_disk_is_said_to_be_full() {
        let error = Recording::create(Output::File("/dev/full".into()), &facts())
            .err()
            .unwrap();
        assert!(
            error.to_string().contains("No space left on device"),
            "{error}"
        );
    }
}
