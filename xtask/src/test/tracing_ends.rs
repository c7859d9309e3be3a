//! Whatever ends tracing: what came, what is lost and what is left out are all calls that the
//! driver made until then.
//!
//! All scenarios run in turn, over and over, while one recorder after the other is ended. Which
//! call was the last of them the driver does not know; but each of its threads makes one call after
//! the other, so that of each thread a recorder has all calls from one on to another. What lies
//! between is made by the driver's own count; what lies around it must have begun too early, or too
//! late.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::account::{adds_up, loss, number};
use super::headless::{BEGIN_NS, Headless, end_of};
use super::runs::made_by;
use super::trace::{Line, by_thread, lines, tell, told};
use crate::vm::Machine;
use crate::vm::builder::Builder;

const FOLDER: &str = "/tmp/ends";

/// How a recorder is ended: what it is called, and the script that does it. It writes to `$out`;
/// `ended` waits until it has. Each is there for longer than two scenarios take: in one of them
/// nothing happens.
const WAYS: [(&str, &str); 6] = [
    (
        "interrupt",
        "migscope record -o $out & ended INT",
    ),
    ("duration", "migscope record --duration 6 -o $out"),
    ("command", "migscope record -o $out -- sleep 6"),
    (
        "full",
        "mkdir /small && mount -t tmpfs -o size=64k none /small
        migscope record --write-every 100ms -o /small/run.arrow
        test $? = 2 && cp /small/run.arrow $out",
    ),
    (
        "pipe",
        "{ migscope record --write-every 100ms -o -; echo $? > /tmp/status; } | head -c 80000 > $out
        until test -s /tmp/status; do sleep 0.1; done; grep -q 2 /tmp/status",
    ),
    (
        "kill",
        "migscope record --write-every 100ms -o $out & ended KILL; true",
    ),
];

/// Before the last word of a recorder: for so long it may not have followed new calls any more, or
/// have waited whether more comes of those that collected nothing.
const END_NS: u64 = 3_000_000_000;

pub(super) fn by_whatever_all_is_told(context: &Context<'_>) -> Result<()> {
    let folder = record(context)?;
    let truth = truths(&folder)?;
    let truth = by_thread(&truth);
    let mut told = Vec::new();
    for (way, _) in WAYS {
        let recording = folder.join(format!("{way}.arrow"));
        told.push(
            all_is_told(context, &recording, &truth)
                .with_context(|| format!("a recorder that was ended by: {way}"))
                .map(|account| format!("  {way}: {account}"))?,
        );
    }
    tell(context, "tracing-ends", &told.join("\n"))
}

/// Records under load, in one boot. The folder with the recordings, and what the driver says.
fn record(context: &Context<'_>) -> Result<PathBuf> {
    // On two emulated processors, to patch the kernel's code under load trips over the emulation.
    let one = |machine| Machine {
        processors: 1,
        ..machine
    };
    let prepare = |vm: Builder| vm.machine(one).limit(Duration::from_secs(600));
    made_by(context, "tracing-ends", FOLDER, &script(), prepare)
}

/// The load, one recorder after the other, and the end of the load. Two seconds for each scenario.
fn script() -> String {
    let recorders: String = WAYS
        .iter()
        .map(|(way, script)| {
            format!("out={FOLDER}/{way}.arrow\n{script} || {{ echo {way} failed >&2; exit 1; }}\n")
        })
        .collect();
    format!(
        "mkdir {FOLDER}
        ended() {{
            until test -s $out; do sleep 0.1; done
            sleep 6; kill -$1 $!; wait $!
        }}
        load() {{
            for seed in $(seq 100); do
                test ! -e /tmp/stop || exit 0
                workload run all --duration 54 --rate 150 --seed $seed --truth {FOLDER}/truth.$seed &
                echo $! > /tmp/load; wait $! || exit 1
            done
        }}
        load & load=$!
        sleep 1
        {recorders}
        touch /tmp/stop
        kill -INT $(cat /tmp/load)
        wait $load"
    )
}

/// All that the driver says.
fn truths(folder: &Path) -> Result<Vec<Line>> {
    let mut all = Vec::new();
    for seed in 1.. {
        let path = folder.join(format!("truth.{seed}"));
        if !path.exists() {
            break;
        }
        let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        all.extend(super::trace::driver_truth(&text)?);
    }
    Ok(all)
}

type Threads<'a> = BTreeMap<Option<u32>, Vec<&'a Line>>;

/// Looks at one recording; what was found, for people.
fn all_is_told(context: &Context<'_>, recording: &Path, truth: &Threads<'_>) -> Result<String> {
    let rows = lines(&told(context, &["export", "--format", "json"], recording)?.stdout)?;
    let report: Value =
        serde_json::from_slice(&told(context, &["report", "--json"], recording)?.stdout)
            .context("the report is no JSON")?;
    ensure!(
        !rows.is_empty(),
        "nothing was recorded: this proves nothing"
    );
    ensure!(
        report["unaccounted"] == 0,
        "{} are unaccounted for",
        report["unaccounted"]
    );
    let began = number(&report["started_ns"])?;
    let window = Window {
        began,
        ended: began + number(&report["elapsed_ns"])?,
    };
    let made = Made::of(&by_thread(&rows), truth, window)?;
    let (headless, unfinished) = (loss(&report, "headless")?, loss(&report, "unfinished")?);
    made.headless.must_have(headless)?;
    ensure!(
        unfinished <= made.at_end,
        "{unfinished} are unfinished, and {} can have been under way when tracing ended",
        made.at_end
    );
    adds_up(
        &report,
        rows.len() as u64,
        made.whole + headless + unfinished,
    )?;
    Ok(format!(
        "{} calls whole, {} received, {headless} headless, {unfinished} unfinished, lost {}",
        made.whole,
        rows.len(),
        report["lost"]
    ))
}

/// From when to when a recorder has told, nanoseconds.
#[derive(Clone, Copy)]
struct Window {
    began: u64,
    ended: u64,
}

/// What the driver made while somebody recorded.
#[derive(Default)]
struct Made {
    /// Calls that began and ended while tracing went on.
    whole: u64,
    /// Calls that were under way when it began.
    headless: Headless,
    /// Calls that were perhaps under way when it ended, and of which no record came.
    at_end: u64,
}

impl Made {
    fn of(rows: &Threads<'_>, truth: &Threads<'_>, window: Window) -> Result<Self> {
        let mut made = Self::default();
        for thread in rows.keys() {
            ensure!(
                truth.contains_key(thread),
                "the driver knows of no thread {thread:?}"
            );
        }
        for (thread, calls) in truth {
            let came = match rows.get(thread) {
                Some(rows) => came(rows, calls, window.began)?,
                None => BTreeSet::new(),
            };
            made.whole += came.len() as u64;
            for nth in &came {
                made.headless.count_cut(calls[*nth], window.began);
            }
            for (nth, call) in calls.iter().enumerate() {
                if !came.contains(&nth) {
                    let is_between =
                        came.range(..nth).next().is_some() && came.range(nth..).next().is_some();
                    made.count_without(call, is_between, window)?;
                }
            }
        }
        Ok(made)
    }

    /// Counts a call of which nothing came; perhaps there are some before it and behind it of its
    /// thread's that did.
    fn count_without(&mut self, call: &Line, is_between: bool, window: Window) -> Result<()> {
        let (begin, end) = (call.time_ns, end_of(call)?);
        let (early, late) = (window.began + BEGIN_NS, window.ended.saturating_sub(END_NS));
        if begin < early {
            // One of the hooks at which calls begin comes last, when calls are followed already.
            self.headless.count(call, window.began)?;
        } else if is_between || end < late {
            self.whole += 1;
        } else if begin < window.ended {
            self.at_end += 1;
        }
        Ok(())
    }
}

/// Which of a thread's calls came. Each must be told as the driver tells it, and once. Of one with
/// many setups that was under way when tracing began, only those from then on can be told.
fn came(rows: &[&Line], calls: &[&Line], began: u64) -> Result<BTreeSet<usize>> {
    let mut came = BTreeSet::new();
    for row in rows {
        let begun = calls.partition_point(|call| call.time_ns <= row.time_ns);
        ensure!(begun > 0, "the driver made no such call: {row:?}");
        let call = calls[begun - 1];
        let same = row.outcome == call.outcome
            && row.address == call.address
            && row.pages("requested")? == call.pages("requested")?;
        let is_cut = call.time_ns < began && row.time_ns >= began;
        ensure!(
            (same || is_cut) && came.insert(begun - 1),
            "traced: {row:?}\ndriver: {call:?}"
        );
    }
    Ok(came)
}
