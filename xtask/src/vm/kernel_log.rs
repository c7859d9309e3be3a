//! What in a kernel's log is a bad sign: the one place that says so.

/// Nothing good comes after a line with one of these.
const FATAL: &[&str] = &[
    "Kernel panic - not syncing",
    "kernel BUG at",
    " BUG: ",
    "Oops: ",
    "general protection fault",
    "soft lockup",
    "hard LOCKUP",
    "rcu: INFO: rcu_",
    "self-detected stall on CPU",
    "blocked for more than",
];
/// The kernel goes on, but something is wrong. Lockdep says `WARNING: possible circular ...`, or
/// `INFO:`.
const BAD: &[&str] = &[
    "WARNING: ",
    "INFO: possible",
    "INFO: suspicious",
    "INFO: lockdep is turned off",
    "INFO: trying to register non-static key",
    "refcount_t: ",
    "UBSAN: ",
    "page dumped because",
    "pagealloc: ",
    "list_add corruption",
    "list_del corruption",
    "memory leak",
    "leaked",
    "scheduling while atomic",
    TRACE,
];
/// The heading of a stack, which follows nearly everything that is wrong, and some things that are
/// not.
const TRACE: &str = "Call Trace:";
/// Memory that is short, by an experiment's will: what follows up to and with the stack is no bad
/// sign.
const EXPECTED: &[&str] = &[
    "invoked oom-killer",
    "page allocation failure",
    "FAULT_INJECTION: forcing a failure",
];

/// The same without a stack: nothing has leaked but an error code, and the fault is tried again.
const HARMLESS: &[&str] = &["Huh VM_FAULT_OOM leaked out to the #PF handler"];

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// The kernel cannot go on.
    Fatal,
    /// Something is wrong.
    Bad,
}

/// Reads a log line by line.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The next stack is one that is expected.
    expects_trace: bool,
}

impl Reader {
    /// The sign in the next line.
    pub(crate) fn line(&mut self, line: &str) -> Option<Sign> {
        let has = |signs: &[&str]| signs.iter().any(|sign| line.contains(sign));
        if has(FATAL) {
            return Some(Sign::Fatal);
        }
        if has(EXPECTED) {
            self.expects_trace = true;
            return None;
        }
        if line.contains(TRACE) && std::mem::take(&mut self.expects_trace) {
            return None;
        }
        // The line that repeats what is on the command line has our own words in it.
        let harmless = has(HARMLESS) || line.contains("ommand line: ");
        (has(BAD) && !harmless).then_some(Sign::Bad)
    }
}

/// The bad lines of a whole log.
pub(crate) fn bad_lines(log: &str) -> Vec<&str> {
    let mut reader = Reader::default();
    log.lines()
        .filter(|line| reader.line(line).is_some())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_that_looks_for_bugs_says_is_bad() {
        for line in [
            "[   10.1] BUG: KASAN: slab-use-after-free in migrate_test+0x1/0x2",
            "[   10.1] BUG: sleeping function called from invalid context at mm/util.c:1",
            "[   10.1] BUG: Bad page state in process workload  pfn:12345",
            "[   10.1] WARNING: possible circular locking dependency detected",
            "[   10.1] WARNING: suspicious RCU usage",
            "[   10.1] WARNING: CPU: 0 PID: 1 at mm/migrate_device.c:77",
            "[  130.1] INFO: task workload:12 blocked for more than 120 seconds.",
            "[   10.1] pagealloc: memory corruption",
            "[   10.1] list_del corruption, ffff->next is LIST_POISON1",
            "[   10.1] Call Trace:",
        ] {
            assert_eq!(bad_lines(line), [line]);
        }
    }

    #[test]
    fn short_memory_is_no_bad_sign_and_hides_none() {
        let log = "[1] workload invoked oom-killer: gfp_mask=0x1\n[1] Call Trace:\n[1]  dump_stack\n[2] Call Trace:\n";
        assert_eq!(bad_lines(log), ["[2] Call Trace:"]);
        let log =
            "[1] Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF\n[2] Call Trace:\n";
        assert_eq!(bad_lines(log), ["[2] Call Trace:"]);
        let log = "[0] Kernel command line: x=\"WARNING: \"\n[1] migrate_test: loading out-of-tree module taints kernel.";
        assert!(bad_lines(log).is_empty());
    }
}
