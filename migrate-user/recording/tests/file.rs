//! Recordings in files and sockets: while they grow, and when they cannot.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use migscope_recording::recording::{Error, Output, Reader, Recording};
use migscope_recording::trace::{Batch, Ending};
use migscope_testkit::{Synthetic, facts};

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
