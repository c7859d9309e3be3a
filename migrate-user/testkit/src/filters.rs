//! Filters, and which migrations each lets through, in words that no part of the program shares.
//! The program's own tests ask them of recordings, and those in the VM ask the probes.

use serde_json::Value;

/// A migration by the names of `export --format json`, which the test driver's truth has too.
pub type Line<'a> = &'a dyn Fn(&str) -> Value;

/// One filter.
pub struct Case {
    /// As the dashboard's `/` takes it; each word is an option, too.
    pub words: &'static str,
    /// Which migrations it lets through.
    pub takes: fn(Line<'_>) -> bool,
    /// Can the probes ask it, and does the driver's truth tell what it asks?
    pub by_probes: bool,
}

const fn probes(words: &'static str, takes: fn(Line<'_>) -> bool) -> Case {
    Case {
        words,
        takes,
        by_probes: true,
    }
}

const fn host(words: &'static str, takes: fn(Line<'_>) -> bool) -> Case {
    Case {
        words,
        takes,
        by_probes: false,
    }
}

fn number(of: Line<'_>, name: &str) -> Option<u64> {
    of(name).as_u64()
}

fn total_ns(of: Line<'_>) -> u64 {
    let steps = [
        "setup",
        "alloc_and_copy",
        "pages",
        "finalize_and_map",
        "finalize",
    ];
    let ns = steps.map(|step| number(of, &format!("{step}_ns")).unwrap_or(0));
    ns.iter().sum()
}

/// Is a byte of this range asked for? Pages have 4,096.
fn overlaps(of: Line<'_>, from: u64, to: u64) -> bool {
    let pages = number(of, "requested").unwrap_or(0).max(1);
    number(of, "address").is_some_and(|address| address < to && from < address + pages * 4096)
}

/// All cases. The values are those of synthetic migrations or of the test driver's workload.
pub const CASES: &[Case] = &[
    probes("direction=to_system", |of| of("direction") == "to_system"),
    host("direction=to_device", |of| of("direction") == "to_device"),
    host("cause=eviction", |of| of("cause") == "eviction"),
    probes("direction=to_system cause=cpu_fault", |of| {
        of("cause") == "cpu_fault" && of("direction") == "to_system"
    }),
    probes("outcome=rolled_back", |of| of("outcome") == "rolled_back"),
    probes("outcome=rejected min-pages=2", |of| {
        of("outcome") == "rejected" && number(of, "requested") >= Some(2)
    }),
    probes("min-pages=64", |of| number(of, "requested") >= Some(64)),
    probes("comm=workload driver=migrate_test", |of| {
        of("comm") == "workload" && of("driver") == "migrate_test"
    }),
    probes("comm=nobody", |of| of("comm") == "nobody"),
    probes("pid=1", |of| number(of, "pid") == Some(1)),
    host("pid=1201", |of| number(of, "pid") == Some(1201)),
    host("pid=1200,1202", |of| {
        matches!(number(of, "pid"), Some(1200 | 1202))
    }),
    // The caller, whether it is one of the owner's threads or another.
    host("tid=1201,41", |of| {
        let tid = number(of, "tid").or(number(of, "worker_tid"));
        matches!(tid, Some(1201 | 41))
    }),
    host("comm=trainer,solver", |of| {
        of("comm") == "trainer" || of("comm") == "solver"
    }),
    host("trainer", |of| of("comm") == "trainer"),
    // The kernel keeps 15 bytes.
    host("comm=a-name-of-over-15-bytes", |of| {
        of("comm") == "a-name-of-over-"
    }),
    host("comm='with, comma'", |of| {
        of("comm") == "with" || of("comm") == " comma"
    }),
    host("comm='with\\, comma'", |of| of("comm") == "with, comma"),
    host("worker=kworker/u8:1", |of| {
        of("worker_comm") == "kworker/u8:1"
    }),
    host("cgroup=/user.slice/job", |of| {
        of("cgroup") == "/user.slice/job"
    }),
    host("cgroup=/user.slice/job/", |of| {
        of("cgroup") == "/user.slice/job"
    }),
    host("driver=migrate_test", |of| of("driver") == "migrate_test"),
    host("direction=to_device,to_system", |of| {
        of("direction") == "to_device" || of("direction") == "to_system"
    }),
    // What the kernel could not tell is null in an export.
    host("direction=unknown", |of| of("direction").is_null()),
    host("errno=22", |of| number(of, "errno") == Some(22)),
    host("slower-than=100us", |of| total_ns(of) >= 100_000),
    host("address=0x7f0000001000", |of| {
        overlaps(of, 0x7f00_0000_1000, 0x7f00_0000_1001)
    }),
    host("address=0x7f0000000000..0x7f0040000000", |of| {
        overlaps(of, 0x7f00_0000_0000, 0x7f00_4000_0000)
    }),
    host("mapping=weights,[heap]", |of| {
        of("mapping") == "[anon:weights]" || of("mapping") == "[heap]"
    }),
    host("pid=1201 outcome=completed slower-than=50us", |of| {
        number(of, "pid") == Some(1201) && of("outcome") == "completed" && total_ns(of) >= 50_000
    }),
];
