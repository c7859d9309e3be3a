//! Other people's readers of what migscope writes, from PyPI, in an environment of their own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::Part;
use crate::cache::{Cache, Entry, Key};
use crate::process::Logged;
use crate::progress::Step;

/// What is installed, with what it needs itself: the versions that were tried.
const PACKAGES: &str = "\
duckdb==2.0.1
hdrhistogram==0.10.8
numpy==2.4.6
pandas==3.1.1
pbr==7.1.3
perfetto==0.59.1
polars==2.1.0
polars-runtime-32==2.1.0
protobuf==7.36.2
pyarrow==26.0.1
python-dateutil==4.0.0
setuptools==84.2.1
";

/// A Python environment with the readers.
#[derive(Clone)]
pub(crate) struct Readers {
    cache: Cache,
    entry: Entry,
}

impl Readers {
    pub(crate) fn new(cache: &Cache) -> Self {
        Readers {
            cache: cache.clone(),
            entry: cache.entry("readers", &Key::new().with(PACKAGES)),
        }
    }

    /// Its interpreter.
    pub(crate) fn python(&self) -> PathBuf {
        self.entry.path("bin/python")
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        let log = self.cache.log("readers");
        Logged {
            log: &log,
            limit: None,
        }
        .run(command, |_| {})
    }
}

impl Part for Readers {
    fn title(&self) -> String {
        "readers from PyPI (pyarrow, polars, DuckDB, pandas, HdrHistogram, Perfetto)".into()
    }

    fn is_there(&self) -> Result<bool> {
        Ok(self.entry.is_finished() && self.python().is_file())
    }

    fn make(&self, step: &Step) -> Result<()> {
        let _lock = self.cache.lock(&self.entry.name(), step)?;
        if self.is_there()? {
            return Ok(());
        }
        let mut environment = Command::new("python3");
        environment
            .args(["-m", "venv", "--clear"])
            .arg(self.entry.folder());
        self.run(&mut environment)?;
        let list = self.entry.path("packages.txt");
        fs::write(&list, PACKAGES).with_context(|| format!("write {}", list.display()))?;
        let mut install = Command::new(self.python());
        install
            .args([
                "-m",
                "pip",
                "install",
                "--no-deps",
                "--only-binary",
                ":all:",
            ])
            .arg("-r")
            .arg(&list);
        self.run(&mut install)?;
        self.entry.finish()
    }
}
