//! What the tracer is and needs besides the time of who is traced: its programs, its memory, its
//! ring, its recorder.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::measure::{SETTLE, machine};
use super::tool::{RECORDING, end_and_report, recorded, recorder};
use crate::lab::Lab;
use crate::progress::Step;
use crate::sections::Sections;
use crate::setup::programs::{BPFTOOL_PROGRAM, Programs};
use crate::vm::builder::{Builder, Task};

/// Migrations of a storm: more than the ring has room for.
const STORM: u64 = 30_000;

/// What the recorder holds, a paragraph for each file descriptor, and what it needs for a storm:
/// the time that each of its threads has been on the processor before and a second after, and the
/// clock right before and after.
fn observe() -> String {
    format!(
        "recorder=/proc/$(pidof migscope)
        used() {{ grep sum_exec_runtime $recorder/task/*/sched; }}
        echo '== programs'; bpftool --json prog show || exit 1
        echo '== maps'; bpftool --json map show || exit 1
        echo '== held'; for held in $recorder/fdinfo/*; do cat $held; echo; done
        echo '== before'; used
        echo '== clock'; {}
        sleep 1; echo '== after'; used
        echo '== report'; {}",
        storm_script(),
        end_and_report(RECORDING)
    )
}

/// The same storm while the recorder is stopped, so that all that comes is what the ring has room
/// for.
fn overflow() -> String {
    format!(
        "kill -STOP $(pidof migscope)
        echo '== clock'; {}
        kill -CONT $(pidof migscope)
        echo '== report'; {}",
        storm_script(),
        end_and_report(RECORDING)
    )
}

/// A ring so small that a rate is found at which it is full before the recorder comes by. Each rate
/// lasts a second, and the next is a tenth higher.
const SMALL_RING: &str = "64K";
const SMALL_RING_BYTES: u64 = 64 << 10;

fn grow() -> String {
    format!(
        "rate=2000; lost=0
        while test $lost = 0 && test $rate -lt 50000; do
            rate=$((rate * 11 / 10))
            workload run storm --threads 1 --rate $rate --calls $rate || exit 1
            sleep 1
            lost=$(migscope report --json {RECORDING} | sed -n 's/^  \"lost\": \\([0-9]*\\).*/\\1/p')
        done
        echo '== rate'; echo $rate
        echo '== lost'; echo $lost"
    )
}

fn storm_script() -> String {
    format!(
        "cut -d' ' -f1 /proc/uptime
        workload run storm --threads 1 --calls {STORM} || exit 1
        cut -d' ' -f1 /proc/uptime"
    )
}

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
    /// With a small ring, the rate at which the first record was lost; `null`: none was.
    pub(super) first_loss: Option<FirstLoss>,
}

/// A storm that grows until the ring is full before the recorder comes by.
#[derive(Debug, Serialize)]
pub(super) struct FirstLoss {
    pub(super) ring_bytes: u64,
    pub(super) records_per_second: u64,
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

/// Measures them, each in a boot of its own.
pub(super) fn figures(lab: &Lab, programs: &Programs, step: &Step) -> Result<Figures> {
    step.detail("a storm");
    let vm = machine(lab, "bench-storm").files(programs.files(BPFTOOL_PROGRAM)?);
    let sections = watched(vm, &[], &observe())?;
    let held = held(sections.get("held")?);
    let programs = loaded_programs(sections.get("programs")?, &held)?;
    let maps = loaded_maps(sections.get("maps")?, &held)?;
    let memory = programs.iter().map(|program| program.memory_bytes);
    let memory_bytes = memory.chain(maps.iter().map(|map| map.memory_bytes)).sum();
    step.detail("a storm that overflows the ring");
    let overflow = watched(machine(lab, "bench-overflow"), &[], &overflow())?;
    let lost = lost(&overflow)?;
    step.detail("a storm that grows");
    let small = ["--ring-size", SMALL_RING];
    let grown = watched(machine(lab, "bench-growth"), &small, &grow())?;
    Ok(Figures {
        programs,
        maps,
        memory_bytes,
        storm: storm(&sections)?,
        records_until_ring_full: (lost > 0).then_some(STORM - lost),
        first_loss: first_loss(&grown)?,
    })
}

/// What a script says of a recorder that it has beside it.
fn watched(vm: Builder, options: &[&str], script: &str) -> Result<Sections> {
    let outcome = vm
        .task(recorder("recorder", options, RECORDING))
        .task(Task::shell("settle", SETTLE))
        .task(Task::shell("script", script))
        .run()?;
    outcome.expect_success("script")?;
    Ok(Sections::of(&outcome.stdout("script")))
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

/// The file descriptor of this program or map of the recorder's; `None`: it is somebody else's. A
/// link names its program, too, but has no memory.
fn of<'a>(held: &'a Held, kind: &str, id: u64) -> Option<&'a BTreeMap<String, u64>> {
    held.iter()
        .find(|numbers| numbers.get(kind) == Some(&id) && numbers.contains_key("memlock"))
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

fn read(listed: &str) -> Result<Vec<Listed>> {
    serde_json::from_str(listed).context("what bpftool lists")
}

fn loaded_programs(listed: &str, held: &Held) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for program in read(listed)? {
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

fn loaded_maps(listed: &str, held: &Held) -> Result<Vec<Map>> {
    let mut maps = Vec::new();
    for map in read(listed)? {
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

/// How many records of a storm were lost.
fn lost(sections: &Sections) -> Result<u64> {
    let seen = recorded(sections.get("report")?.as_bytes())?;
    ensure!(
        seen.migrations == STORM,
        "the tracer saw {} migrations instead of {STORM}",
        seen.migrations
    );
    Ok(seen.lost)
}

fn storm(sections: &Sections) -> Result<Storm> {
    let lost = lost(sections)?;
    let used = |when| used_ms(sections.get(when)?);
    let used = used("after")? - used("before")?;
    let clock = sections.get("clock")?;
    let seconds: Vec<f64> = clock.lines().filter_map(|line| line.parse().ok()).collect();
    let [begun, ended] = seconds[..] else {
        anyhow::bail!("the clock says {clock}")
    };
    let records = (STORM - lost) as f64;
    Ok(Storm {
        migrations: STORM,
        lost,
        records_per_second: records / (ended - begun),
        cpu_seconds_per_million_records: used / 1e3 / (records / 1e6),
    })
}

fn first_loss(sections: &Sections) -> Result<Option<FirstLoss>> {
    let number = |name| -> Result<u64> {
        let said = sections.get(name)?.trim();
        said.parse().with_context(|| format!("{name} is {said:?}"))
    };
    let (lost, records_per_second) = (number("lost")?, number("rate")?);
    Ok((lost > 0).then_some(FirstLoss {
        ring_bytes: SMALL_RING_BYTES,
        records_per_second,
    }))
}

/// Milliseconds on the processor, of all threads.
fn used_ms(threads: &str) -> Result<f64> {
    let mut sum = 0.0;
    for line in threads.lines() {
        let value = line
            .rsplit_once(':')
            .map(|(_, value)| value.trim().parse::<f64>());
        let Some(Ok(ms)) = value else {
            anyhow::bail!("a thread's time is {line:?}")
        };
        sum += ms;
    }
    ensure!(sum > 0.0, "the recorder has used no time");
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_read() {
        let map = "pos:\t0\nmap_type:\t27\nmemlock:\t4198744\nmap_id:\t3\n\n";
        let link = "pos:\t0\nlink_type:\ttracing\nlink_id:\t5\nprog_tag:\tab12cd\nprog_id:\t9\n\n";
        let program =
            "pos:\t0\nprog_tag:\tab12cd\nmemlock:\t8192\nprog_id:\t9\nverified_insns:\t812\n\n";
        let held = held(&[map, link, program].concat());
        assert_eq!(of(&held, "map_id", 3).unwrap()["memlock"], 4_198_744);
        assert_eq!(of(&held, "prog_id", 9).unwrap()["verified_insns"], 812);
        assert_eq!(of(&held, "prog_id", 3), None);
    }

    #[test]
    fn the_recorders_time_is_that_of_all_threads() {
        let threads = "/proc/7/task/7/sched:se.sum_exec_runtime   :   12.500000\n\
            /proc/7/task/9/sched:se.sum_exec_runtime   :   0.250000\n";
        assert_eq!(used_ms(threads).unwrap(), 12.75);
        assert!(used_ms("nonsense").is_err());
        assert!(used_ms("").is_err());
    }
}
