//! What the guest's console tells: the verdict, and signs that the kernel is in trouble.

use vm_init::verdict::Verdict;

use super::kernel_log::{Reader, Sign};

/// Reads a console line by line.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    reader: Reader,
    verdicts: Vec<Result<Verdict, String>>,
    fatal: Option<String>,
    warnings: Vec<String>,
    lines: usize,
}

impl Watcher {
    /// Takes the next line.
    pub(crate) fn line(&mut self, line: &str) {
        self.lines += 1;
        if let Some(verdict) = Verdict::parse(line) {
            self.verdicts.push(verdict);
            return;
        }
        match self.reader.line(line) {
            Some(Sign::Fatal) if self.fatal.is_none() => {
                self.fatal = Some(line.trim_end().to_owned());
            }
            Some(_) => self.warnings.push(line.trim_end().to_owned()),
            None => {}
        }
    }

    /// The line that says that the kernel cannot go on.
    pub(crate) fn fatal(&self) -> Option<&str> {
        self.fatal.as_deref()
    }

    /// Lines that say that something is wrong, though the kernel goes on.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The one verdict, now that the machine has ended; anything else is a failure, which the error
    /// tells.
    pub(crate) fn verdict(&self) -> Result<&Verdict, String> {
        if let Some(line) = &self.fatal {
            return Err(format!("the kernel failed: {line}"));
        }
        match self.verdicts.as_slice() {
            [Ok(verdict)] => Ok(verdict),
            [Err(line)] => Err(format!("the verdict is broken: {line}")),
            [] if self.lines == 0 => Err("the machine ended without a word on its console".into()),
            [] => Err("the machine ended without a verdict".into()),
            several => Err(format!(
                "{} verdicts where there must be one",
                several.len()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use vm_init::verdict::End;

    use super::*;

    fn watch(lines: &[&str]) -> Watcher {
        let mut watcher = Watcher::default();
        lines.iter().for_each(|line| watcher.line(line));
        watcher
    }

    const GOOD: &str = "[    2.1] vm-init verdict: ran exit=0\r";

    #[test]
    fn one_verdict_is_believed() {
        let watcher = watch(&["[    0.0] Linux version 7.2.13", GOOD]);
        assert_eq!(watcher.verdict(), Ok(&Verdict::Ran(vec![End::Exited(0)])));
    }

    #[test]
    fn none_two_or_broken_is_failure() {
        for (lines, word) in [
            (&[][..], "without a word"),
            (&["[    0.0] Linux version"], "without a verdict"),
            (&[GOOD, GOOD], "2 verdicts"),
            (&["vm-init verdict: ran ex"], "broken"),
            (&[GOOD, "vm-init verdict: "], "2 verdicts"),
        ] {
            let error = watch(lines).verdict().map(drop).unwrap_err();
            assert!(error.contains(word), "{lines:?}: {error}");
        }
    }

    #[test]
    fn trouble_outweighs_a_verdict() {
        for line in [
            "[    1.0] Kernel panic - not syncing: Attempted to kill init!",
            "[    1.0] BUG: unable to handle page fault for address: ffff",
            "[    1.0] Oops: 0002 [#1] SMP",
            "[   30.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
            "[   60.0] rcu: INFO: rcu_sched self-detected stall on CPU",
            "[  120.0] INFO: task migscope:12 blocked for more than 120 seconds.",
        ] {
            let watcher = watch(&[line, GOOD]);
            assert_eq!(watcher.fatal(), Some(line));
            assert!(watcher.verdict().is_err(), "{line}");
        }
    }

    #[test]
    fn warnings_are_kept_and_do_not_end_it() {
        let line = "[    1.0] WARNING: CPU: 0 PID: 1 at mm/migrate_device.c:77";
        let watcher = watch(&[line, GOOD]);
        assert_eq!(watcher.warnings(), [line]);
        assert!(watcher.verdict().is_ok());
    }
}
