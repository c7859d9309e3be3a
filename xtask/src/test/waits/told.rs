//! What migscope tells of those who wait, held against what the driver and the threads say.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::{CROWD, FAULT_NS, OFF, PAGES, Wait, Waits};
use crate::driver;
use crate::sections::Sections;
use crate::test::Context;
use crate::test::steps::median;
use crate::test::trace::tell;
use crate::vm::builder::Task;

/// Each scenario by itself, recorded, and once more with the kernel's totals alone.
const SCRIPT: &str = "run() {
        options=$3
        migscope record $options --device-side -o /tmp/recording.arrow --force -- \\
            workload run $1 --calls $2 --waits /tmp/waits >&2 || exit 1
        echo == $1$4.truth; cat /tmp/waits
        echo == $1$4.report; migscope report --json /tmp/recording.arrow
        echo == $1$4.waits; migscope export --event wait --format json -o - /tmp/recording.arrow
    }
    run convoy 3 --sub-steps; run crowd 1 --sub-steps; run retries 40; run exclusive 8
    run convoy 1 --totals-only .totals; run crowd 1 --totals-only .totals
    run retries 40 --totals-only .totals
    run huge 40; run fork 20; run uvm 20";

/// A wait, as an export has it.
#[derive(Clone, Debug, Deserialize)]
struct Told {
    time_ns: u64,
    tid: Option<u32>,
    worker_tid: Option<u32>,
    wait: String,
    result: String,
    address: Option<u64>,
    wait_pages: Option<u64>,
    wait_ns: u64,
    before_setup_ns: Option<u64>,
    in_migration_ns: Option<u64>,
    page_lock_ns: u64,
    migration: Option<u64>,
    lock_ns: Option<u64>,
    holder_tid: Option<u32>,
    holder_stack: Option<String>,
}

impl Told {
    fn ended_ns(&self) -> u64 {
        self.time_ns + self.wait_ns
    }

    /// Is it what this call of the driver's is in the middle of?
    fn is_around(&self, call: &Wait) -> bool {
        self.tid.or(self.worker_tid) == Some(call.tid)
            && self.time_ns <= call.began_ns + OFF
            && call.ended_ns() <= self.ended_ns() + OFF
    }

    /// Is it a part of this touch of a page?
    fn is_of(&self, touch: &Wait) -> bool {
        self.tid == Some(touch.tid)
            && touch.began_ns <= self.time_ns + OFF
            && self.ended_ns() <= touch.ended_ns() + OFF
    }
}

/// Both sides of one scenario.
struct Sides {
    truth: Waits,
    told: Vec<Told>,
    report: Value,
}

impl Sides {
    fn read(sections: &Sections, name: &str) -> Result<Self> {
        let section = |what: &str| sections.get(&format!("{name}.{what}"));
        let told = section("waits")?.lines().map(|line| {
            serde_json::from_str(line).with_context(|| format!("this is no wait: {line}"))
        });
        Ok(Self {
            truth: Waits::read(section("truth")?)?,
            told: told.collect::<Result<_>>()?,
            report: serde_json::from_str(section("report")?).context("the report is no JSON")?,
        })
    }

    fn told(&self, kind: &str, result: &str) -> Vec<&Told> {
        let these = self.told.iter();
        these
            .filter(|told| told.wait == kind && told.result == result)
            .collect()
    }

    /// A sum over the waits of a kind that came to this, such as `waits`, by the report, which has
    /// the kernel's totals.
    fn reported(&self, kind: &str, result: &str, sum: &str) -> Result<u64> {
        let totals = self.report["waits"]["counts"]
            .as_array()
            .with_context(|| format!("no counts of waits in {}", self.report["waits"]))?;
        let one = totals
            .iter()
            .find(|one| one["kind"] == kind && one["result"] == result);
        Ok(one.and_then(|one| one[sum].as_u64()).unwrap_or(0))
    }

    /// As many as the driver counted, by records and by totals; what the driver calls `names`.
    fn counts_are(&self, kind: &str, result: &str, what: &str, names: &[&str]) -> Result<usize> {
        let truth: usize = names
            .iter()
            .map(|name| self.truth.of(what, name).len())
            .sum();
        let told = self.told(kind, result).len();
        let reported = self.reported(kind, result, "waits")?;
        ensure!(
            reported == truth as u64 && (self.told.is_empty() || told == truth),
            "{kind} {result}: {told} records, {reported} counted, and the driver says {truth}"
        );
        Ok(truth)
    }
}

/// Says what it has found, or what is wrong.
type Check = fn(&Sides) -> Result<String>;

/// Are these sums the same, within 3% or 20 us each?
fn is_near(told: u64, truth: u64, each: usize) -> bool {
    told.abs_diff(truth) <= (truth * 3 / 100).max(each as u64 * 20_000)
}

pub(in super::super) fn are_those_of_the_driver(context: &Context<'_>) -> Result<()> {
    let outcome = driver::load(context.lab.vm("waits-told"))
        .limit(std::time::Duration::from_secs(420))
        .task(Task::shell("waits", SCRIPT))
        .task(driver::unload())
        .run()?;
    outcome.expect_success("waits")?;
    driver::left_nothing_behind(&outcome)?;
    let sections = Sections::of(&outcome.stdout("waits"));
    let mut said = Vec::new();
    let scenarios: [(&str, Check); 10] = [
        ("convoy", one_lock),
        ("crowd", one_page),
        ("retries", a_range_that_changes),
        ("exclusive", pages_for_one),
        ("convoy.totals", faults_are_counted),
        ("crowd.totals", faults_are_counted),
        ("retries.totals", a_range_that_changes),
        ("huge", faults_are_counted),
        ("fork", faults_are_counted),
        ("uvm", faults_are_counted),
    ];
    for (name, check) in scenarios {
        let sides = Sides::read(&sections, name)?;
        let found = none_is_lost(&sides).and_then(|()| check(&sides));
        said.push(format!("  {name}: {}", found.context(name)?));
    }
    tell(context, "waits-told", &said.join("\n"))
}

fn none_is_lost(sides: &Sides) -> Result<()> {
    for loss in ["lost", "missed"] {
        let lost = &sides.report["waits"][loss];
        ensure!(*lost == 0, "{loss} is {lost}");
    }
    // No thread is in two waits of one side at once.
    let is_cpus = |told: &&Told| told.wait == "fault" || told.wait == "migrating";
    let mut ended = std::collections::BTreeMap::new();
    let mut of_cpus: Vec<_> = sides.told.iter().filter(is_cpus).collect();
    of_cpus.sort_by_key(|told| told.time_ns);
    for told in of_cpus {
        let before = ended.insert(told.tid.or(told.worker_tid), told.ended_ns());
        ensure!(
            before.is_none_or(|before| before <= told.time_ns),
            "it waits twice: {told:?}"
        );
    }
    Ok(())
}

/// Every call of `migrate_to_ram` is a fault, and nothing else is. A fault on a huge page brings
/// all of it.
fn faults_are_counted(sides: &Sides) -> Result<String> {
    let moved = sides.counts_are("fault", "moved", "fault", &["done"])?;
    let of_truth = sides.truth.of("fault", "done");
    let pages: u64 = of_truth.iter().map(|fault| fault.pages).sum();
    let told = sides.reported("fault", "moved", "pages")?;
    ensure!(
        told == pages && pages >= moved as u64,
        "faults for {told} pages, and the driver brought {pages}"
    );
    let nothing = sides.counts_are("fault", "nothing", "fault", &["nothing"])?;
    let failed = sides.counts_are("fault", "failed", "fault", &["failed"])?;
    Ok(format!(
        "{moved} faults moved {pages} pages, {nothing} nothing, {failed} failed"
    ))
}

fn one_lock(sides: &Sides) -> Result<String> {
    let counted = faults_are_counted(sides)?;
    let faults = sides.truth.of("fault", "done");
    let [mut told_ns, mut total_ns, mut before_ns, mut until_setup_ns] = [0; 4];
    let [mut lock_ns, mut lock_wait_ns, mut holders, mut right] = [0; 4];
    let [mut stacks, mut in_driver, mut asleep] = [0; 3];
    for fault in &faults {
        let mut around = sides.told.iter().filter(|told| told.is_around(fault));
        let told = around
            .next()
            .with_context(|| format!("nobody tells of {fault:?}"))?;
        ensure!(around.next().is_none(), "it is told twice: {fault:?}");
        let before = told.before_setup_ns.context("no time before setup")?;
        let migrating = told.in_migration_ns.context("no time in its migration")?;
        ensure!(
            told.address == Some(fault.address)
                && told.migration.is_some()
                && before + migrating <= told.wait_ns
                && told.lock_ns.unwrap_or(0) <= told.wait_ns,
            "{told:?} is told of {fault:?}"
        );
        told_ns += told.wait_ns;
        total_ns += fault.total_ns;
        before_ns += before;
        until_setup_ns += fault.setup_ns.context("no setup")? - fault.began_ns;
        lock_ns += told.lock_ns.unwrap_or(0);
        lock_wait_ns += fault.lock_wait_ns.context("no lock")?;
        if let (Some(truth), Some(told)) = (fault.holder, told.holder_tid) {
            holders += 1;
            right += u64::from(truth == told);
        }
        if let Some(stack) = &told.holder_stack {
            ensure!(told.holder_tid.is_some(), "a stack of nobody: {told:?}");
            stacks += 1;
            in_driver += u64::from(stack.contains("migrate_to_ram"));
            asleep += u64::from(stack.contains("spend"));
        }
    }
    for (what, told, truth) in [
        ("all together", told_ns, total_ns),
        ("before setup", before_ns, until_setup_ns),
        ("for the lock", lock_ns, lock_wait_ns),
    ] {
        ensure!(
            is_near(told, truth, faults.len()),
            "{what}: {told} ns, and the driver says {truth} ns"
        );
    }
    // Between two readings it can change hands.
    ensure!(
        holders > faults.len() as u64 / 4 && right * 10 >= holders * 9,
        "of {holders} holders {right} are right"
    );
    // Who has just been given the lock waits for a CPU; the others sleep with it.
    ensure!(
        stacks * 2 > holders && in_driver * 10 >= stacks * 9 && asleep * 5 > stacks,
        "of {holders} holders {stacks} have a stack, {in_driver} of them in the driver's fault, {asleep} asleep there"
    );
    Ok(format!(
        "{counted}; before setup {} of {} us; {right} of {holders} holders, {stacks} with a stack, {asleep} asleep",
        before_ns / 1000,
        until_setup_ns / 1000
    ))
}

fn one_page(sides: &Sides) -> Result<String> {
    let counted = faults_are_counted(sides)?;
    let faults = sides.truth.of("fault", "done");
    let touches = sides.truth.of("touch", "done");
    let (mut waited, mut told, mut shares) = (0, 0, Vec::new());
    for touch in &touches {
        let of_it: Vec<_> = sides.told.iter().filter(|told| told.is_of(touch)).collect();
        let sum: u64 = of_it.iter().map(|told| told.wait_ns).sum();
        ensure!(
            sum <= touch.total_ns + OFF,
            "{of_it:?} are more than {touch:?}"
        );
        let makes_it = faults.iter().any(|fault| touch.holds(fault));
        let others = of_it.iter().filter(|told| told.wait == "migrating");
        let on_page: u64 = others.clone().map(|told| told.wait_ns).sum();
        ensure!(
            of_it.iter().all(|told| told.page_lock_ns <= told.wait_ns),
            "{of_it:?}"
        );
        if !makes_it && touch.total_ns > FAULT_NS / 3 {
            waited += 1;
            told += usize::from(others.count() > 0);
            shares.push(on_page as f64 / touch.total_ns as f64);
        }
    }
    ensure!(
        faults.len() == PAGES && touches.len() == PAGES * CROWD && waited >= 3 * PAGES,
        "{waited} waited"
    );
    // The rest of a touch is the way into the kernel and out, on processors that others want: a
    // thread can come too late to wait, or have to wait for a processor once it may go on.
    let share = median(shares.into_iter());
    ensure!(
        told * 10 >= waited * 9 && share > 0.8,
        "{told} of {waited} are told to wait, half of them for at most {share} of their time"
    );
    Ok(format!(
        "{counted}; {told} of {waited} threads waited for them, half for more than {:.0}% of a touch",
        share * 100.0
    ))
}

fn a_range_that_changes(sides: &Sides) -> Result<String> {
    let done = sides.counts_are("range_fault", "done", "range_fault", &["done", "retry"])?;
    let busy = sides.counts_are("range_fault", "retry", "range_fault", &["busy"])?;
    let failed = sides.counts_are("range_fault", "failed", "range_fault", &["failed"])?;
    let begun = sides.counts_are("notifier", "done", "read_begin", &["done"])?;
    let ranges = |told: &&Told| told.wait == "range_fault";
    let told: Vec<_> = sides.told.iter().filter(ranges).collect();
    if !told.is_empty() {
        let truth = sides.truth.0.iter().filter(|it| it.what == "range_fault");
        let (pages, ns) = truth.fold((0, 0), |(pages, ns), it| {
            (pages + it.pages, ns + it.total_ns)
        });
        let told_pages: u64 = told.iter().filter_map(|told| told.wait_pages).sum();
        let told_ns: u64 = told.iter().map(|told| told.wait_ns).sum();
        ensure!(
            told_pages == pages && is_near(told_ns, ns, told.len()),
            "{told_pages} pages in {told_ns} ns, and the driver says {pages} in {ns} ns"
        );
    }
    let changes = changes_are_told(sides)?;
    Ok(format!(
        "{done} calls came to an end, {busy} said EBUSY, {failed} failed; {begun} began to read; {changes}"
    ))
}

/// From the first to the last change of memory that a mirror was told of, each is told, with its
/// reason, and nothing else is. (Before and after, nobody mirrors it, and the kernel asks in vain.)
fn changes_are_told(sides: &Sides) -> Result<String> {
    let is_change = |what: &str| what == "invalidation";
    let truth: Vec<_> = sides
        .truth
        .0
        .iter()
        .filter(|it| is_change(&it.what))
        .collect();
    let from = truth.iter().map(|change| change.began_ns).min();
    let until = truth.iter().map(|change| change.ended_ns()).max();
    let (from, until) = from.zip(until).context("memory never changed")?;
    let of_reason = |result: &str| truth.iter().filter(|it| it.result == result).count();
    let reasons = ["unmapped", "cleared", "protected"].map(of_reason);
    ensure!(
        reasons[1] > 0 && reasons[2] > 0,
        "unmapped, cleared, protected: {reasons:?} times"
    );
    let mut told: Vec<_> = sides.told.iter().filter(|it| is_change(&it.wait)).collect();
    if told.is_empty() {
        return Ok(format!("{} changes", truth.len()));
    }
    told.retain(|told| told.time_ns <= until && from <= told.ended_ns());
    for change in &truth {
        let is_it = |told: &&Told| {
            told.is_around(change)
                && told.address == Some(change.address)
                && told.wait_pages == Some(change.pages)
                && told.result == change.result
        };
        let found = told.iter().position(is_it);
        told.swap_remove(found.with_context(|| format!("nobody tells of {change:?}"))?);
    }
    ensure!(told.is_empty(), "the mirror knows nothing of {told:?}");
    Ok(format!(
        "{} changes, of them unmapped, cleared, protected: {reasons:?}",
        truth.len()
    ))
}

fn pages_for_one(sides: &Sides) -> Result<String> {
    let made = sides.counts_are("exclusive", "done", "exclusive", &["done"])?;
    sides.counts_are("exclusive", "failed", "exclusive", &["failed"])?;
    let faults = faults_are_counted(sides)?;
    Ok(format!("{made} pages; {faults}"))
}
