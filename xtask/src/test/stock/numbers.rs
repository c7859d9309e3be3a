//! On Debian's own kernel every number is right, too: the module in C drives the API there and
//! counts for itself, by trampolines and by kprobes.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::{WITH_16_KIB_PAGES, boot, run};
use crate::arch::StockFlavour;
use crate::build::{StockModule, stock_module};
use crate::progress::Step;
use crate::sections::Sections;
use crate::setup::stock::StockKernel;
use crate::test::Context;
use crate::test::trace::{ROWS, tell};
use crate::vm::builder::Builder;

pub(in crate::test) const MODULE: &str = "migrate_stock";
/// What is asked for, and what is attached then: on this kernel kprobes are by fprobe.
const WAYS: [(&str, &str); 2] = [("fentry", "fentry"), ("kprobe", "fprobe")];
/// What both must say in the same words, besides the ledger.
const FIELDS: [&str; 23] = [
    "pid",
    "comm",
    "tid",
    "worker_tid",
    "worker_comm",
    "direction",
    "cause",
    "outcome",
    "errno",
    "address",
    "mapping_start",
    "mapping_end",
    "from",
    "from_place",
    "to",
    "to_place",
    "from_system_pages",
    "from_private_pages",
    "from_coherent_pages",
    "to_system_pages",
    "to_private_pages",
    "to_coherent_pages",
    "declined_holes",
];
/// Fewer calls than this would be a part of what the program does.
const LEAST_CALLS: usize = 150;
/// So many evictions by range there are.
const LEAST_KNOWN: usize = 8;

pub(in crate::test) fn migrations_of_linux_7_2_are_counted(context: &Context<'_>) -> Result<()> {
    are_counted(context, flavour(context, "")?, "7.2")
}

pub(in crate::test) fn migrations_of_linux_7_3_are_counted(context: &Context<'_>) -> Result<()> {
    are_counted(context, flavour(context, "")?, "7.3")
}

/// Its locks are mutexes, and nearly everything in it can be preempted.
pub(in crate::test) fn migrations_of_a_real_time_kernel_are_counted(
    context: &Context<'_>,
) -> Result<()> {
    are_counted(context, flavour(context, "rt-")?, "7.3")
}

pub(in crate::test) fn migrations_of_a_cloud_kernel_are_counted(
    context: &Context<'_>,
) -> Result<()> {
    are_counted(context, flavour(context, "cloud-")?, "7.3")
}

pub(in crate::test) fn migrations_with_16_kib_pages_are_counted(
    context: &Context<'_>,
) -> Result<()> {
    are_counted(context, WITH_16_KIB_PAGES, "7.3")
}

/// One of Debian's kernels, and the module for it.
pub(in crate::test) struct Stock {
    kernel: StockKernel,
    built: StockModule,
}

impl Stock {
    pub(in crate::test) fn build(
        context: &Context<'_>,
        flavour: StockFlavour,
        series: &str,
    ) -> Result<Self> {
        let step = Step::begin(format!("Debian's Linux {series}, and a module for it"));
        let setup = &context.lab.setup;
        let (kernel, headers) = StockKernel::with_headers(flavour, series, &setup.cache, &step)?;
        let built = stock_module(&setup.workspace, &headers, MODULE, &step)
            .with_context(|| format!("build the module for {}", kernel.release))?;
        step.done();
        Ok(Self { kernel, built })
    }

    /// A machine with both, in which `drive` has the module make its calls.
    pub(in crate::test) fn boot(&self, context: &Context<'_>, name: &str) -> Builder {
        let path = format!("lib/modules/{MODULE}.ko");
        boot(context, name, &self.kernel)
            .file(&path, self.built.module.clone())
            .module(&format!("/{path}"), |_| String::new())
            .file("bin/drive", self.built.drive.clone())
    }
}

/// Debian's kernel for the VM's machine whose name begins so.
pub(super) fn flavour(context: &Context<'_>, begin: &str) -> Result<StockFlavour> {
    let mut all = context.lab.setup.arch.stock_flavours().iter();
    let found = all.find(|flavour| flavour.end.starts_with(begin));
    found
        .copied()
        .with_context(|| format!("Debian has no kernel {begin}"))
}

fn are_counted(context: &Context<'_>, flavour: StockFlavour, series: &str) -> Result<()> {
    let stock = Stock::build(context, flavour, series)?;
    let name = format!("stock-numbers-{series}-{}", flavour.end);
    let sections = run(stock.boot(context, &name), &script())?;
    let mut asked = Vec::new();
    for (way, attached) in WAYS {
        let calls = calls_are_equal(&sections, way, attached).with_context(|| way.to_owned())?;
        asked.push(calls.iter().map(requested).collect::<Result<Vec<_>>>()?);
    }
    // What comes of it can differ: the kernel leaves a page that somebody holds just then. In each
    // way it is what the module counted.
    ensure!(
        asked[0] == asked[1],
        "the calls differ from one way to the other"
    );
    let line = format!(
        "  {:<24}{} calls of a module in C, equal in every count ({})",
        stock.kernel.release,
        asked[0].len(),
        WAYS.map(|(_, attached)| attached).join(", ")
    );
    tell(context, &name, &line)
}

/// Traces the program, which always does the same, once in each way.
fn script() -> String {
    let mut script = String::from(
        "count() {
            migscope record --attach $1 -o /tmp/$1.arrow 2> /tmp/said &
            recorder=$!
            until test -s /tmp/$1.arrow || ! test -d /proc/$recorder; do sleep 0.1; done
            drive || exit 1
            kill -INT $recorder
            wait $recorder || { cat /tmp/said >&2; exit 1; }
            echo \"== $1 driver\"; cat /sys/kernel/debug/migrate_stock/calls
            echo \"== $1 tracer\"; migscope export --format json /tmp/$1.arrow
            echo \"== $1 waits\"; migscope export --event wait --format json /tmp/$1.arrow
            echo \"== $1 report\"; migscope report --json /tmp/$1.arrow
        }
",
    );
    for (way, _) in WAYS {
        script += &format!("count {way}\n");
    }
    script + &format!("rmmod {MODULE}\n")
}

/// Each call as the tracer tells it, after it has been held against what the module tells.
pub(super) fn calls_are_equal(
    sections: &Sections,
    way: &str,
    attached: &str,
) -> Result<Vec<Value>> {
    let mut traced = lines(sections.get(&format!("{way} tracer"))?)?;
    let truth = lines(sections.get(&format!("{way} driver"))?)?;
    traced.sort_by_key(|call| call["time_ns"].as_u64());
    let report = sections.get(&format!("{way} report"))?;
    let report: Value = serde_json::from_str(report).context("the report is no JSON")?;
    ensure!(
        report["attached"] == attached,
        "attached: {}",
        report["attached"]
    );
    let stacks = &report["losses"]["stack_lost"];
    ensure!(stacks == 0, "{stacks} stacks were lost");
    for name in ["lost", "unbalanced"] {
        ensure!(report[name] == 0, "{name}: {}", report[name]);
    }
    ensure!(
        traced.len() == truth.len() && truth.len() >= LEAST_CALLS,
        "the module made {} calls, {} were traced",
        truth.len(),
        traced.len()
    );
    for (index, (traced, truth)) in traced.iter().zip(&truth).enumerate() {
        equal(traced, truth, MODULE)
            .with_context(|| format!("call {index}\ntraced: {traced}\nmodule: {truth}"))?;
    }
    let of_known = |call: &&Value| call["cause"] == "eviction" && !call["free"].is_null();
    let known = traced.iter().filter(of_known).count();
    ensure!(
        known >= LEAST_KNOWN,
        "of {known} evictions is known whether anybody used what they left"
    );
    faults_are_told(&traced, &lines(sections.get(&format!("{way} waits"))?)?)?;
    Ok(traced)
}

/// Each migration of a CPU's fault is in the middle of one, and each fault is about one of them.
fn faults_are_told(migrations: &[Value], waits: &[Value]) -> Result<()> {
    let is_fault = |wait: &&Value| wait["wait"] == "fault";
    let waits: Vec<_> = waits.iter().filter(is_fault).collect();
    let of_faults = migrations.iter().filter(|it| it["cause"] == "cpu_fault");
    let mut found = 0;
    for migration in of_faults {
        let its: Vec<_> = waits
            .iter()
            .filter(|wait| wait["migration"] == migration["sequence"])
            .collect();
        let [wait] = its.as_slice() else {
            bail!("{} faults made {migration}", its.len());
        };
        let number = |of: &Value, name: &str| {
            of[name]
                .as_u64()
                .with_context(|| format!("no {name} in {of}"))
        };
        let began = number(wait, "time_ns")? + number(wait, "before_setup_ns")?;
        let moved = number(migration, "moved")? > 0;
        ensure!(
            began == number(migration, "time_ns")?
                && wait["tid"] == migration["tid"]
                && wait["pid"] == migration["pid"]
                && (wait["result"] == "moved") == moved,
            "{wait} is said of {migration}"
        );
        found += 1;
    }
    ensure!(
        found == waits.len() && found > 10,
        "{found} of {} faults made a migration",
        waits.len()
    );
    Ok(())
}

/// Two accounts of one call by that driver.
pub(super) fn equal(traced: &Value, truth: &Value, driver: &str) -> Result<()> {
    let rows = ["requested"].into_iter().chain(ROWS);
    for name in FIELDS.into_iter().chain(rows) {
        let (traced, truth) = (traced.get(name), truth.get(name));
        ensure!(
            traced.is_some() && traced == truth,
            "{name}: {traced:?} traced, {truth:?} by the module"
        );
    }
    // Of an eviction by frames the tracer does not know it, and of others the module does not ask.
    let unknown = traced["free"].is_null() || truth["free"].is_null();
    ensure!(
        unknown || traced["free"] == truth["free"],
        "free: {} traced, {} by the module",
        traced["free"],
        truth["free"]
    );
    ensure!(traced["anomalies"] == 0, "the tracer does not trust it");
    ensure!(
        traced["driver"] == driver,
        "its driver is {}",
        traced["driver"]
    );
    Ok(())
}

/// How many pages it asked for.
fn requested(call: &Value) -> Result<u64> {
    let requested = call["requested"].as_u64();
    requested.with_context(|| format!("no pages are requested by {call}"))
}

pub(in crate::test) fn lines(text: &str) -> Result<Vec<Value>> {
    let line = |line: &str| serde_json::from_str(line).with_context(|| format!("no JSON: {line}"));
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(moved: u64, driver: &str) -> Value {
        let mut call = serde_json::json!({
            "requested": moved, "anomalies": 0, "driver": driver,
        });
        for name in FIELDS {
            call[name] = Value::Null;
        }
        for row in ROWS {
            call[row] = 0.into();
        }
        call["moved"] = moved.into();
        call
    }

    #[test]
    fn one_page_more_is_told_apart_and_so_is_another_driver() {
        let truth = call(8, MODULE);
        equal(&call(8, MODULE), &truth, MODULE).unwrap();
        assert!(equal(&call(9, MODULE), &truth, MODULE).is_err());
        assert!(equal(&call(8, "drm"), &truth, MODULE).is_err());
        let mut without = call(8, MODULE);
        without.as_object_mut().unwrap().remove("errno");
        assert!(equal(&without, &without, MODULE).is_err());
    }
}
