//! What a program says it is doing, told by functions as libraries have them that mark phases, and
//! written down beside.

mod exported;
mod flood;

use std::{cell::RefCell, ffi::CStr, fs::File, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use serde::Serialize;

pub use exported::{Library, NVTX, ROCTX};
pub use flood::run;

use crate::{clock, process};

/// A phase that a thread has open.
#[derive(Default)]
struct Level {
    name: String,
    /// The last moment in it that was marked.
    mark: Option<String>,
}

thread_local! {
    /// Those of this thread; the first stands for what is outside of all.
    static OPEN: RefCell<Vec<Level>> = RefCell::new(vec![Level::default()]);
}

/// Where it is written which thread is in which phase: a file, or nowhere.
#[derive(Debug)]
pub struct Log(Option<File>);

/// From this time on the thread is in this phase: as a tracer tells it.
#[derive(Serialize)]
struct Line {
    time_ns: u64,
    pid: u32,
    tid: u32,
    phase: String,
}

impl Log {
    /// Begins a file, or none.
    pub fn create(path: Option<&Path>) -> Result<Self> {
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("cannot write {}", path.display()))
        };
        path.map(create).transpose().map(Self)
    }

    /// This thread opens a phase.
    pub fn push(&self, library: &Library, name: &CStr) -> Result<()> {
        (library.push)(name.as_ptr());
        let name = name.to_string_lossy().into_owned();
        OPEN.with_borrow_mut(|open| open.push(Level { name, mark: None }));
        self.note()
    }

    /// It closes the innermost, whether or not there is any.
    pub fn pop(&self, library: &Library) -> Result<()> {
        (library.pop)();
        OPEN.with_borrow_mut(|open| open.truncate((open.len() - 1).max(1)));
        self.note()
    }

    /// It marks the moment.
    pub fn mark(&self, library: &Library, name: &CStr) -> Result<()> {
        (library.mark)(name.as_ptr());
        let name = format!("@{}", name.to_string_lossy());
        OPEN.with_borrow_mut(|open| {
            if let Some(level) = open.last_mut() {
                level.mark = Some(name);
            }
        });
        self.note()
    }

    /// It is about to end.
    pub fn end(&self) -> Result<()> {
        OPEN.with_borrow_mut(|open| *open = vec![Level::default()]);
        self.note()
    }

    fn note(&self) -> Result<()> {
        let Some(mut file) = self.0.as_ref() else {
            return Ok(());
        };
        let mut line = serde_json::to_vec(&Line {
            time_ns: clock::now(),
            pid: std::process::id(),
            tid: process::thread(),
            phase: path(),
        })?;
        line.push(b'\n');
        // Whole, as other threads write, too.
        file.write_all(&line).context("cannot write phases")
    }
}

/// Where this thread is: names with `/` between them.
fn path() -> String {
    OPEN.with_borrow(|open| {
        let names = open.iter().flat_map(|level| {
            let name = (!level.name.is_empty()).then_some(&level.name);
            name.into_iter().chain(&level.mark)
        });
        names.cloned().collect::<Vec<_>>().join("/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_where_it_says() {
        let log = Log::create(None).unwrap();
        log.push(&ROCTX, c"train").unwrap();
        log.mark(&ROCTX, c"epoch").unwrap();
        log.push(&NVTX, c"forward").unwrap();
        assert_eq!(path(), "train/@epoch/forward");
        log.pop(&NVTX).unwrap();
        log.mark(&ROCTX, c"next").unwrap();
        assert_eq!(path(), "train/@next");
        for _ in 0..3 {
            log.pop(&ROCTX).unwrap();
        }
        assert_eq!(path(), "");
    }
}
