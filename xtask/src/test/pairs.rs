//! How often `migscope diff` errs: of a hundred pairs of equal runs, few may be called worse or
//! better, and of a hundred in which the driver has become slower, most must be called worse.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::diff::diff;
use super::runs::{made_by, report};
use super::trace::tell;
use crate::vm::Machine;
use crate::vm::builder::Builder;

/// How many pairs of each kind there are.
const PAIRS: usize = 100;
/// Of equal runs, so many at most may be called worse, and so many better.
const MOST_WRONG: usize = 5;
/// Of runs with a slower driver, so many at least must be called worse.
const LEAST_FOUND: usize = 90;
/// How much slower a page becomes, percent.
const SLOWER_BY: u64 = 30;
/// How long each recording is, seconds.
const SECONDS: u64 = 10;
const FOLDER: &str = "/tmp/recordings";
/// What the recordings are called.
const NAME: &str = "run";

/// Verdicts of a kind of pairs.
#[derive(Debug, Default)]
struct Verdicts {
    worse: usize,
    better: usize,
    unsure: usize,
    inconclusive: usize,
    same: usize,
}

impl Verdicts {
    fn count(&mut self, page: &Value) -> Result<()> {
        let verdict = page["verdict"].as_str().context("no verdict")?;
        *match verdict {
            "worse" => &mut self.worse,
            "better" => &mut self.better,
            "unsure" => &mut self.unsure,
            "inconclusive" => &mut self.inconclusive,
            "same" => &mut self.same,
            other => anyhow::bail!("a verdict of {other:?}"),
        } += 1;
        Ok(())
    }
}

pub(super) fn are_told_rightly(context: &Context<'_>) -> Result<()> {
    let delay_ns = page_ns(context)? * SLOWER_BY / 100;
    // As it is, slower, as it is, slower, ..., as it is.
    let folder = recorded(context, "pairs", 2 * PAIRS + 1, delay_ns)?;
    let (mut equal, mut slower) = (Verdicts::default(), Verdicts::default());
    for base in (1..=2 * PAIRS).step_by(2) {
        let file = |nth| folder.join(recording(nth));
        equal.count(&diff(context, &file(base), &file(base + 2))?.0)?;
        slower.count(&diff(context, &file(base), &file(base + 1))?.0)?;
    }
    let line = format!("  equal: {equal:?}; each page {delay_ns} ns slower: {slower:?}");
    tell(context, "pairs", &line)?;
    ensure!(
        equal.worse <= MOST_WRONG && equal.better <= MOST_WRONG,
        "of {PAIRS} pairs of equal runs: {equal:?}"
    );
    ensure!(
        slower.worse >= LEAST_FOUND,
        "of {PAIRS} pairs with a driver that is {SLOWER_BY}% slower: {slower:?}"
    );
    Ok(())
}

/// What a page takes without a delay, nanoseconds.
fn page_ns(context: &Context<'_>) -> Result<u64> {
    let folder = recorded(context, "pairs-before", 1, 0)?;
    let page = report(context, &folder.join(recording(1)))?;
    let number = |pointer: &str| {
        let number = page.pointer(pointer).and_then(Value::as_u64);
        number.with_context(|| format!("no {pointer} in {page:#}"))
    };
    let arrived = number("/ledger/moved")?;
    let total_ns = number("/migration_time/total_ns")?;
    ensure!(arrived > 0, "nothing moved: {page:#}");
    Ok(total_ns / arrived)
}

/// The n-th file of the recorder's.
fn recording(nth: usize) -> String {
    match nth {
        1 => format!("{NAME}.arrow"),
        nth => format!("{NAME}-{nth}.arrow"),
    }
}

/// One recorder begins a file every ten seconds, and with each a program begins anew; with every
/// second one the driver is slower.
fn recorded(context: &Context<'_>, name: &str, files: usize, delay_ns: u64) -> Result<PathBuf> {
    let script = format!(
        "mkdir {FOLDER}
        migscope record --rotate {SECONDS}s -o {FOLDER}/{NAME}.arrow & recorder=$!
        nth=1
        file={FOLDER}/{NAME}.arrow
        while true; do
            until test -s $file; do sleep 0.05; done
            test -z \"$program\" || {{ kill $program; wait $program; }}
            test $nth -le {files} || break
            test $((nth % 2)) = 1 && delay=0 || delay={delay_ns}
            workload round-trips 1000000000 --pages 64 --rate 50 --delay $delay & program=$!
            nth=$((nth + 1))
            file={FOLDER}/{NAME}-$nth.arrow
        done
        kill -INT $recorder && wait $recorder"
    );
    let limit = Duration::from_secs(2 * SECONDS) * files as u32 + Duration::from_secs(120);
    // Whatever else this machine does meanwhile, time passes by instructions: equal runs are equal.
    made_by(context, name, FOLDER, &script, |vm: Builder| {
        vm.limit(limit).machine(Machine::counting_instructions)
    })
}
