//! Other people's readers of what migscope writes and ships, from PyPI, in environments of their
//! own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::Part;
use super::packages::{Need, Packages};
use crate::cache::{Cache, Entry, Key};
use crate::process::Logged;
use crate::progress::Step;

/// Packages that are installed together, with what they need themselves: the versions that were
/// tried.
#[derive(Clone, Copy)]
pub(crate) struct Set {
    folder: &'static str,
    title: &'static str,
    packages: &'static str,
}

/// What reads recordings and exports.
pub(crate) const READERS: Set = Set {
    folder: "readers",
    title: "readers from PyPI (pyarrow, polars, DuckDB, pandas, HdrHistogram, Perfetto)",
    packages: "\
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
",
};
/// The schemas of Kubernetes, and what holds manifests against them.
pub(crate) const SCHEMAS: Set = Set {
    folder: "schemas",
    title: "the schemas of Kubernetes from PyPI",
    packages: "\
attrs==26.1.0
importlib_resources==7.1.0
jsonschema==4.26.0
jsonschema-specifications==2025.9.1
kubernetes-validate==1.37.0
packaging==26.4
PyYAML==6.0.4
referencing==0.37.0
rpds-py==2026.9.1
typing_extensions==4.16.0
",
};

/// A Python environment with such a set.
#[derive(Clone)]
pub(crate) struct Environment {
    set: Set,
    cache: Cache,
    entry: Entry,
}

impl Environment {
    pub(crate) fn new(cache: &Cache, set: Set) -> Self {
        Environment {
            set,
            cache: cache.clone(),
            entry: cache.entry(set.folder, &Key::new().with(set.packages)),
        }
    }

    /// Its interpreter, after it was made where it was not there.
    pub(crate) fn ready(&self) -> Result<PathBuf> {
        Packages::have(Need::Python)?;
        let step = Step::begin(self.title());
        if !self.is_there()? {
            self.make(&step)?;
        }
        Ok(self.python())
    }

    fn python(&self) -> PathBuf {
        self.entry.path("bin/python")
    }

    fn run(&self, command: &mut Command) -> Result<()> {
        let log = self.cache.log(self.set.folder);
        Logged {
            log: &log,
            limit: None,
        }
        .run(command, |_| {})
    }
}

impl Part for Environment {
    fn title(&self) -> String {
        self.set.title.into()
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
        fs::write(&list, self.set.packages).with_context(|| format!("write {}", list.display()))?;
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
