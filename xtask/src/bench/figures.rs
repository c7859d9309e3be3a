//! What the tracer is and needs besides the time of who is traced: its programs, its memory, its ring, its recorder.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::measure::{SETTLE, machine, with_program};
use super::tool::{end_and_report, recorder};
use crate::lab::Lab;
use crate::setup::programs::GuestPrograms;
use crate::vm::builder::{Outcome, Task};

const BPFTOOL: &str = "usr/sbin/bpftool";
/// What the recorder holds, a file descriptor a paragraph.
const HELD: &str = "for held in /proc/$(pidof migscope)/fdinfo/*; do cat $held; echo; done";
/// The time that the recorder has used. A second earlier it has taken what there is to take.
const USED: &str = "sleep 1; cat /proc/$(pidof migscope)/stat";
/// The kernel's unit of that time: USER_HZ, which no x86 kernel changes.
const TICKS_PER_SECOND: f64 = 100.0;
/// Migrations of a storm: many more than a ring has room for.
const STORM: u64 = 100_000;
/// Between two readings of the clock, in hundredths of a second.
const STORM_SCRIPT: &str = "cut -d' ' -f1 /proc/uptime
    workload run storm --threads 1 --calls 100000 || exit 1
    cut -d' ' -f1 /proc/uptime";

/// The figures.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) programs: Vec<Program>,
    pub(super) maps: Vec<Map>,
    /// Kernel memory of programs and maps, as the kernel accounts for it.
    pub(super) memory_bytes: u64,
    pub(super) storm: Storm,
    /// Records that the ring took while the recorder was stopped; `null`: it was never full.
    pub(super) records_until_ring_full: Option<u64>,
}

/// An eBPF program.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Program {
    pub(super) name: String,
    /// Instructions that the verifier looked at, over all paths.
    pub(super) verified_instructions: u64,
    /// Machine code.
    pub(super) jited_bytes: u64,
    pub(super) memory_bytes: u64,
}

/// A map.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Map {
    pub(super) name: String,
    pub(super) memory_bytes: u64,
}

/// Single pages as fast as one thread can, on the only processor, which the recorder needs too.
#[derive(Debug, Serialize)]
pub(super) struct Storm {
    pub(super) migrations: u64,
    pub(super) lost: u64,
    pub(super) records_per_second: f64,
    /// The recorder's, user and system, for a million records.
    pub(super) cpu_seconds_per_million_records: f64,
}

/// Measures them, all in one boot.
pub(super) fn figures(lab: &Lab, programs: &GuestPrograms) -> Result<Figures> {
    let (first, second) = ("/tmp/storm.arrow", "/tmp/stopped.arrow");
    let stopped =
        format!("kill -STOP $(pidof migscope); {STORM_SCRIPT}; kill -CONT $(pidof migscope)");
    let outcome = with_program(machine(lab, "bench-figures"), programs, BPFTOOL)?
        .task(recorder("recorder", &[], first))
        .task(Task::shell("settle", SETTLE))
        .task(Task::new("programs", ["bpftool", "--json", "prog", "show"]))
        .task(Task::new("maps", ["bpftool", "--json", "map", "show"]))
        .task(Task::shell("held", HELD))
        .task(Task::shell("before", USED))
        .task(Task::shell("storm", STORM_SCRIPT))
        .task(Task::shell("after", USED))
        .task(Task::shell("report", &end_and_report(first)))
        .task(recorder("recorder to stop", &[], second))
        .task(Task::shell("settle again", SETTLE))
        .task(Task::shell("stopped", &stopped))
        .task(Task::shell("second report", &end_and_report(second)))
        .run()?;
    for task in [
        "programs",
        "maps",
        "held",
        "storm",
        "report",
        "stopped",
        "second report",
    ] {
        outcome.expect_success(task)?;
    }
    let held = held(&text(&outcome, "held"));
    let (programs, maps) = (
        loaded_programs(&outcome, &held)?,
        loaded_maps(&outcome, &held)?,
    );
    let memory = programs.iter().map(|program| program.memory_bytes);
    let memory_bytes = memory.chain(maps.iter().map(|map| map.memory_bytes)).sum();
    let lost = report(&outcome, "second report")?.lost;
    Ok(Figures {
        programs,
        maps,
        memory_bytes,
        storm: storm(&outcome)?,
        records_until_ring_full: (lost > 0).then_some(STORM - lost),
    })
}

fn text(outcome: &Outcome, task: &str) -> String {
    String::from_utf8_lossy(&outcome.stdout(task)).into_owned()
}

/// What a paragraph of file descriptors says: numbers by name.
type Held = Vec<BTreeMap<String, u64>>;

fn held(paragraphs: &str) -> Held {
    let number = |line: &str| -> Option<(String, u64)> {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    };
    paragraphs
        .split("\n\n")
        .map(|paragraph| paragraph.lines().filter_map(number).collect())
        .collect()
}

/// The file descriptor of this program or map of the recorder's; `None`: it is somebody else's.
fn of<'a>(held: &'a Held, kind: &str, id: u64) -> Option<&'a BTreeMap<String, u64>> {
    held.iter().find(|numbers| numbers.get(kind) == Some(&id))
}

/// What bpftool says of a program or a map.
#[derive(Deserialize)]
struct Listed {
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    bytes_jited: u64,
}

fn listed(outcome: &Outcome, task: &str) -> Result<Vec<Listed>> {
    serde_json::from_slice(&outcome.stdout(task)).with_context(|| format!("bpftool's {task}"))
}

fn loaded_programs(outcome: &Outcome, held: &Held) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for program in listed(outcome, "programs")? {
        let Some(numbers) = of(held, "prog_id", program.id) else {
            continue;
        };
        let number = |name| {
            numbers
                .get(name)
                .copied()
                .with_context(|| format!("no {name}"))
        };
        programs.push(Program {
            name: program.name,
            verified_instructions: number("verified_insns")?,
            jited_bytes: program.bytes_jited,
            memory_bytes: number("memlock")?,
        });
    }
    ensure!(!programs.is_empty(), "the recorder holds no program");
    Ok(programs)
}

fn loaded_maps(outcome: &Outcome, held: &Held) -> Result<Vec<Map>> {
    let mut maps = Vec::new();
    for map in listed(outcome, "maps")? {
        if let Some(numbers) = of(held, "map_id", map.id) {
            maps.push(Map {
                name: map.name,
                memory_bytes: *numbers.get("memlock").context("no memlock")?,
            });
        }
    }
    ensure!(!maps.is_empty(), "the recorder holds no map");
    Ok(maps)
}

/// What a report counts.
#[derive(Debug, Deserialize)]
struct Counts {
    migrations: u64,
    lost: u64,
}

fn report(outcome: &Outcome, task: &str) -> Result<Counts> {
    let report: Value =
        serde_json::from_slice(&outcome.stdout(task)).context("the report is no JSON")?;
    let counts: Counts = serde_json::from_value(report).context("what the report counts")?;
    ensure!(
        counts.migrations + counts.lost == STORM,
        "of {STORM} migrations there are {counts:?}"
    );
    Ok(counts)
}

fn storm(outcome: &Outcome) -> Result<Storm> {
    let counts = report(outcome, "report")?;
    let used = used_ticks(&text(outcome, "after"))? - used_ticks(&text(outcome, "before"))?;
    let clock = text(outcome, "storm");
    let seconds: Vec<f64> = clock.lines().filter_map(|line| line.parse().ok()).collect();
    let [begun, ended] = seconds[..] else {
        anyhow::bail!("the clock says {clock}")
    };
    let migrations = counts.migrations;
    Ok(Storm {
        migrations,
        lost: counts.lost,
        records_per_second: migrations as f64 / (ended - begun),
        cpu_seconds_per_million_records: used / TICKS_PER_SECOND / (migrations as f64 / 1e6),
    })
}

/// Ticks of user and system time, from `/proc/PID/stat`. The name before them may hold anything.
fn used_ticks(stat: &str) -> Result<f64> {
    let used = || -> Option<f64> {
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let (user, system): (f64, f64) =
            (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(user + system)
    };
    used().with_context(|| format!("the recorder's time in {stat:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_read() {
        let paragraphs = "pos:\t0\nmap_type:\t27\nmemlock:\t4198744\nmap_id:\t3\n\npos:\t0\nprog_tag:\tab12cd\nprog_id:\t9\nverified_insns:\t812\n\n";
        let held = held(paragraphs);
        assert_eq!(of(&held, "map_id", 3).unwrap()["memlock"], 4_198_744);
        assert_eq!(of(&held, "prog_id", 9).unwrap()["verified_insns"], 812);
        assert_eq!(of(&held, "prog_id", 3), None);
    }

    #[test]
    fn the_recorders_time_is_user_and_system() {
        let stat = "71 (mig) scope) S 1 71 71 0 -1 4194560 900 0 0 0 31 12 0 0 20 0 3";
        assert_eq!(used_ticks(stat).unwrap(), 43.0);
        assert!(used_ticks("nonsense").is_err());
    }
}
