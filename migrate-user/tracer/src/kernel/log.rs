//! What the probes say of themselves in words, when they come upon something that should not be.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aya::Ebpf;
use aya_log::EbpfLogger;

use super::TracerError;

/// What is told of one run. The losses count the others.
const KEPT: usize = 20;

/// The first of what was said, and how many more there were.
#[derive(Default)]
struct Said {
    lines: Vec<String>,
    more: u64,
}

/// Where what is said ends up.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Said>>);

/// Keeps what the probes say, and tells it when tracing is over: a dashboard may have the terminal
/// until then.
pub(super) struct Log {
    reader: EbpfLogger<Lines>,
    said: Lines,
    tell: fn(&str),
}

impl Log {
    pub(super) fn open(tracer: &mut Ebpf, tell: fn(&str)) -> Result<Self, TracerError> {
        let said = Lines::default();
        EbpfLogger::init_with_logger(tracer, said.clone())
            .map(|reader| Self { reader, said, tell })
            .map_err(|_| TracerError::Object("AYA_LOGS"))
    }

    /// Reads what was said.
    pub(super) fn read(&mut self) {
        self.reader.flush();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.read();
        let said = self.said.0.lock().unwrap_or_else(PoisonError::into_inner);
        for line in &said.lines {
            (self.tell)(&format!("{line}. Please report it."));
        }
        if said.more > 0 {
            (self.tell)(&format!("... and {} more.", said.more));
        }
    }
}

impl Lines {
    fn add(&self, line: fmt::Arguments<'_>) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.lines.len() < KEPT {
            said.lines.push(line.to_string());
        } else {
            said.more += 1;
        }
    }
}

impl log::Log for Lines {
    fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.add(*record.args());
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_rest_is_counted() {
        let lines = Lines::default();
        for number in 0..100 {
            lines.add(format_args!("line {number}"));
        }
        let said = lines.0.lock().unwrap();
        assert_eq!(said.lines.len(), KEPT);
        assert_eq!(said.lines[0], "line 0");
        assert_eq!(said.more, 80);
    }
}
