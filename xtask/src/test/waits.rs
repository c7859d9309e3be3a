//! What the driver says of those who wait: it adds up, and it is what the scenarios promise.

mod told;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::Context;
use super::trace::tell;
use crate::driver;
use crate::sections::Sections;
use crate::vm::builder::Task;

pub(super) use told::are_those_of_the_driver;

/// Rounds of `convoy`, and faults in each.
const ROUNDS: usize = 3;
const CONVOY: usize = 32;
/// How long each of its faults has the lock at least, nanoseconds.
const HELD_NS: u64 = 1_000_000;
/// Pages that a `crowd` of so many touches.
const PAGES: usize = 32;
const CROWD: usize = 8;
/// How long a fault of theirs takes at least, nanoseconds.
const FAULT_NS: u64 = 3_000_000;

/// How far the driver's clock, which is read without a lock, may be off.
const OFF: u64 = 100_000;

const SCRIPT: &str = "run() {
        workload run $1 --calls $2 --waits /tmp/waits >&2 || exit 1
        echo == $1; cat /tmp/waits
    }
    run convoy 3; run crowd 1; run retries 40; run exclusive 8";

/// A call of which somebody says how long it took.
#[derive(Clone, Debug, Deserialize)]
struct Wait {
    what: String,
    result: String,
    tid: u32,
    address: u64,
    pages: u64,
    began_ns: u64,
    total_ns: u64,
    lock_wait_ns: Option<u64>,
    locked_ns: Option<u64>,
    holder: Option<u32>,
    setup_ns: Option<u64>,
}

impl Wait {
    fn is(&self, what: &str, result: &str) -> bool {
        self.what == what && self.result == result
    }

    fn ended_ns(&self) -> u64 {
        self.began_ns + self.total_ns
    }

    /// Whether another call was made in the middle of this one.
    fn holds(&self, other: &Wait) -> bool {
        self.tid == other.tid
            && self.began_ns <= other.began_ns + OFF
            && other.ended_ns() <= self.ended_ns() + OFF
    }
}

/// What the file of a run says.
struct Waits(Vec<Wait>);

impl Waits {
    /// Its lines, whose sums are those that it ends with.
    fn read(text: &str) -> Result<Self> {
        let mut lines: Vec<_> = text.lines().collect();
        let last = lines.pop().context("nothing was written")?;
        let last: Value = serde_json::from_str(last).context("the last line is no JSON")?;
        let waits = lines.into_iter().map(|line| {
            serde_json::from_str(line).with_context(|| format!("this is no wait: {line}"))
        });
        let waits = Self(waits.collect::<Result<_>>()?);
        let totals = &last["totals"];
        ensure!(
            totals["calls"] == waits.0.len() && totals["lost"] == 0,
            "there are {} lines, and their totals are {totals}",
            waits.0.len()
        );
        let mut sums = BTreeMap::<_, [u64; 4]>::new();
        for wait in &waits.0 {
            let sum = sums.entry((&*wait.what, &*wait.result)).or_default();
            let lock = wait.lock_wait_ns.unwrap_or(0);
            for (sum, more) in sum.iter_mut().zip([1, wait.pages, wait.total_ns, lock]) {
                *sum += more;
            }
        }
        let kinds = totals["by_kind"].as_array().context("no kinds")?;
        ensure!(kinds.len() == sums.len(), "{sums:?} and {totals}");
        for ((what, result), [calls, pages, total_ns, lock_wait_ns]) in sums {
            let kind = serde_json::json!({
                "what": what, "result": result, "calls": calls, "pages": pages,
                "total_ns": total_ns, "lock_wait_ns": lock_wait_ns,
            });
            ensure!(kinds.contains(&kind), "{kind} is not in {totals}");
        }
        Ok(waits)
    }

    fn of(&self, what: &str, result: &str) -> Vec<&Wait> {
        let these = self.0.iter().filter(|wait| wait.is(what, result));
        these.collect()
    }
}

/// Says what it has found, or what is wrong.
type Check = fn(&Waits) -> Result<String>;

pub(super) fn are_what_the_scenarios_promise(context: &Context<'_>) -> Result<()> {
    let outcome = driver::load(context.lab.vm("waits"))
        .limit(Duration::from_secs(300))
        .task(Task::shell("waits", SCRIPT))
        .task(driver::unload())
        .run()?;
    outcome.expect_success("waits")?;
    driver::left_nothing_behind(&outcome)?;
    let sections = Sections::of(&outcome.stdout("waits"));
    let mut told = Vec::new();
    let scenarios: [(&str, Check); 4] = [
        ("convoy", one_goes_after_the_other),
        ("crowd", one_moves_it_and_the_others_wait),
        ("retries", what_changes_is_read_again),
        ("exclusive", every_page_is_the_devices_until_touched),
    ];
    for (name, check) in scenarios {
        let text = sections.get(name)?;
        let said = Waits::read(text).and_then(|waits| check(&waits));
        told.push(format!("  {name}: {}", said.context(name)?));
    }
    tell(context, "waits", &told.join("\n"))
}

fn one_goes_after_the_other(waits: &Waits) -> Result<String> {
    let mut faults = waits.of("fault", "done");
    ensure!(
        faults.len() == ROUNDS * CONVOY,
        "{} faults moved something",
        faults.len()
    );
    every_fault_is_touched(waits, &faults)?;
    faults.sort_by_key(|fault| fault.locked_ns);
    let mut free = 0;
    for fault in &faults {
        let known = fault.locked_ns.zip(fault.lock_wait_ns).zip(fault.setup_ns);
        let ((locked, waited), setup) =
            known.with_context(|| format!("it had no lock: {fault:?}"))?;
        ensure!(
            fault.began_ns + waited <= locked
                && locked <= setup
                && setup + HELD_NS <= fault.ended_ns()
                && locked >= free,
            "the lock was free at {free}: {fault:?}"
        );
        free = setup + HELD_NS;
    }
    let waited = |fault: &&&Wait| fault.lock_wait_ns.is_some_and(|ns| ns > HELD_NS);
    let behind: Vec<_> = faults.iter().filter(waited).collect();
    let known = behind.iter().filter(|fault| fault.holder.is_some()).count();
    let longest = faults.iter().filter_map(|fault| fault.lock_wait_ns).max();
    let longest = longest.context("no fault")?;
    // How many come before the first is done is for the machine to say.
    ensure!(
        behind.len() > faults.len() / 2 && known > behind.len() / 2 && longest > 10 * HELD_NS,
        "{} waited, {known} knew for whom, the longest for {longest} ns",
        behind.len()
    );
    Ok(format!(
        "{} faults, {} waited, {known} knew for whom, the longest for {} us",
        faults.len(),
        behind.len(),
        longest / 1000
    ))
}

/// Each fault is in the middle of a touch of its page.
fn every_fault_is_touched(waits: &Waits, faults: &[&Wait]) -> Result<()> {
    let touches = waits.of("touch", "done");
    for fault in faults {
        let is_it = |touch: &&&Wait| touch.holds(fault) && touch.address == fault.address;
        ensure!(
            touches.iter().find(is_it).is_some(),
            "nobody touched what this is about: {fault:?}"
        );
    }
    Ok(())
}

fn one_moves_it_and_the_others_wait(waits: &Waits) -> Result<String> {
    let faults = waits.of("fault", "done");
    let touches = waits.of("touch", "done");
    ensure!(
        faults.len() == PAGES && touches.len() == PAGES * CROWD,
        "{} faults and {} touches",
        faults.len(),
        touches.len()
    );
    every_fault_is_touched(waits, &faults)?;
    let mut waiting = 0;
    for fault in &faults {
        ensure!(
            fault.total_ns >= FAULT_NS && fault.lock_wait_ns.is_none(),
            "{fault:?}"
        );
        let waits = touches.iter().filter(|touch| {
            touch.address == fault.address
                && touch.tid != fault.tid
                && touch.began_ns < fault.ended_ns()
                && touch.total_ns > FAULT_NS / 3
        });
        waiting += waits.count();
    }
    ensure!(
        waiting >= 3 * PAGES,
        "only {waiting} waited for {PAGES} pages"
    );
    Ok(format!("{PAGES} pages came home, {waiting} threads waited"))
}

fn what_changes_is_read_again(waits: &Waits) -> Result<String> {
    let count = |result: &str| waits.of("range_fault", result).len();
    let (done, busy, retry) = (count("done"), count("busy"), count("retry"));
    let begun = waits.of("read_begin", "done").len();
    ensure!(
        count("failed") == 0 && begun == done + busy + retry && done > 0 && retry > 0,
        "{begun} attempts: {done} could be used, {busy} said EBUSY, {retry} came too late"
    );
    Ok(format!(
        "{begun} attempts, {done} could be used, {busy} said EBUSY, {retry} came too late"
    ))
}

fn every_page_is_the_devices_until_touched(waits: &Waits) -> Result<String> {
    let made = waits.of("exclusive", "done");
    let faults = waits.of("fault", "done");
    let touches = waits.of("touch", "done");
    ensure!(
        !made.is_empty()
            && waits.of("exclusive", "failed").is_empty()
            && touches.len() == made.len()
            && faults.len() == made.len() / 2,
        "{} pages, {} faults, {} touches",
        made.len(),
        faults.len(),
        touches.len()
    );
    for fault in &faults {
        ensure!(
            made.iter().any(|made| made.holds(fault)),
            "no page was made exclusive by this: {fault:?}"
        );
    }
    Ok(format!(
        "{} pages were the device's, {} of them came home for it",
        made.len(),
        faults.len()
    ))
}
