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
use crate::vm::builder::Builder;

/// How many pairs of each kind there are.
const PAIRS: usize = 100;
/// Of equal runs, so many at most may be called worse, and so many better.
const MOST_WRONG: usize = 5;
/// Of runs with a slower driver, so many at least must be called worse.
const LEAST_FOUND: usize = 90;
/// How long each recording is.
const SECONDS: u64 = 10;
/// How much slower a page becomes, percent.
const SLOWER_BY: u64 = 30;
const FOLDER: &str = "/tmp/recordings";

/// Verdicts of a kind of pairs.
#[derive(Debug, Default)]
struct Verdicts {
    worse: usize,
    better: usize,
    inconclusive: usize,
    same: usize,
}

impl Verdicts {
    fn count(&mut self, page: &Value) -> Result<()> {
        let verdict = page["verdict"].as_str().context("no verdict")?;
        *match verdict {
            "worse" => &mut self.worse,
            "better" => &mut self.better,
            "inconclusive" => &mut self.inconclusive,
            "same" => &mut self.same,
            other => anyhow::bail!("a verdict of {other:?}"),
        } += 1;
        Ok(())
    }
}

pub(super) fn are_told_rightly(context: &Context<'_>) -> Result<()> {
    let delay_ns = page_ns(context)? * SLOWER_BY / 100;
    let folder = recorded(context, "pairs", &script(delay_ns))?;
    let (mut equal, mut slower) = (Verdicts::default(), Verdicts::default());
    for pair in 1..=PAIRS {
        let named = |name: &str| folder.join(format!("{name}.arrow"));
        let base = named(&format!("base-{pair}"));
        let again = named(&format!("base-{}", pair + 1));
        equal.count(&diff(context, &base, &again)?.0)?;
        slower.count(&diff(context, &base, &named(&format!("slow-{pair}")))?.0)?;
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
    let folder = recorded(context, "pairs-before", &format!("{RUN}\nrun base-0 0"))?;
    let page = report(context, &folder.join("base-0.arrow"))?;
    let number = |pointer: &str| {
        let number = page.pointer(pointer).and_then(Value::as_u64);
        number.with_context(|| format!("no {pointer} in {page:#}"))
    };
    let arrived = number("/ledger/moved")?;
    let total_ns = number("/migration_time/total_ns")?;
    ensure!(arrived > 0, "nothing moved: {page:#}");
    Ok(total_ns / arrived)
}

/// Records a program that goes on for longer than the recording.
const RUN: &str = "run() {
    workload round-trips 1000000000 --pages 64 --delay $2 & program=$!
    migscope record --duration 10s -o /tmp/recordings/$1.arrow || exit 1
    kill $program; wait $program
    true
}
mkdir /tmp/recordings";

/// Equal runs, and after each a slower one.
fn script(delay_ns: u64) -> String {
    let pairs = PAIRS;
    format!(
        "{RUN}
        pair=1
        while test $pair -le {pairs}; do
            run base-$pair 0
            run slow-$pair {delay_ns}
            pair=$((pair + 1))
        done
        run base-$pair 0"
    )
}

fn recorded(context: &Context<'_>, name: &str, script: &str) -> Result<PathBuf> {
    let each = Duration::from_secs(SECONDS + 60);
    let limit = each * (2 * PAIRS as u32 + 2);
    made_by(context, name, FOLDER, script, |vm: Builder| vm.limit(limit))
}
