//! Archives that are the same from the same files.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::output;

/// An archive in the making: root's files, all of one time, in the order of their names.
pub(super) struct Tar(Command);

impl Tar {
    /// Of what is in a folder; `time` is in seconds since 1970.
    pub(super) fn new(folder: &Path, time: &str) -> Self {
        let mut tar = Command::new("tar");
        tar.args(["--create", "--format=gnu", "--sort=name"])
            .args(["--owner=0", "--group=0", "--numeric-owner"])
            .arg(format!("--mtime=@{time}"))
            .arg("--directory")
            .arg(folder)
            .arg(".");
        Self(tar)
    }

    pub(super) fn compressed(mut self) -> Self {
        self.0.arg("--gzip");
        self
    }

    /// Puts everything below a folder of this name, in place of `.`.
    pub(super) fn below(mut self, name: &str) -> Self {
        self.0.args(["--transform", &format!("s,^[.],{name},")]);
        self
    }

    pub(super) fn write(mut self, archive: &Path) -> Result<()> {
        output(self.0.arg("--file").arg(archive)).map(drop)
    }
}
