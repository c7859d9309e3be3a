//! A recording and a trace in a folder, and what comes of them.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use migscope::recording::Writer;
use migscope::trace::{Batch, Facts, Migration};
use migscope_testkit::{Synthetic, facts};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::played::Played;
use crate::program::{assert_refused, file, run, stderr};

pub(crate) struct Scene {
    folder: TempDir,
    pub(crate) batch: Batch,
}

impl Scene {
    /// The recording of a machine, 300 migrations long.
    pub(crate) fn new() -> Self {
        Self::of(&facts())
    }

    pub(crate) fn of(facts: &Facts) -> Self {
        let batch = Synthetic::new(3).with_waits().batch(300);
        let mut facts = facts.clone();
        facts.details.waits = true;
        let mut writer = Writer::new(Vec::new(), &facts).unwrap();
        writer.write(&batch).unwrap();
        let (folder, _) = file(&writer.finish().unwrap());
        Self { folder, batch }
    }

    pub(crate) fn migrations(&self) -> &[Migration] {
        self.batch.migrations.made()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Makes an SQLite file as `trace`.
    pub(crate) fn sqlite(&self, sql: &str) {
        let path = self.path("trace");
        let _ = fs::remove_file(&path);
        Connection::open(path).unwrap().execute_batch(sql).unwrap();
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        fs::write(self.path("trace"), bytes).unwrap();
    }

    pub(crate) fn merge(&self, options: &[&str]) -> Output {
        let (recording, trace, to) = (
            self.text("run.arrow"),
            self.text("trace"),
            self.text("both"),
        );
        let mut words = vec!["merge", &recording, &trace, "--force", "-o", &to];
        words.extend(options);
        run(&words)
    }

    /// Both as one trace, and what was said of it.
    pub(crate) fn merged(&self, options: &[&str]) -> (Played, String) {
        let output = self.merge(options);
        assert!(output.status.success(), "{}", stderr(&output));
        (Played::of(&self.bytes()), stderr(&output).to_owned())
    }

    /// What was written.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(self.path("both")).unwrap()
    }

    /// They do not fit, which is said so, and nothing is left behind.
    pub(crate) fn refused(&self, words: &[&str]) {
        let _ = fs::remove_file(self.path("both"));
        let output = self.merge(&[]);
        assert_refused(&output, words);
        assert_refused(&output, &["cannot be put beside the recording"]);
        let names: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
}
