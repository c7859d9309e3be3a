//! Two drivers whose device pages have the same owner: one driver frees the object whose address it
//! is, and the other's is allocated there. Only the code that calls tells them apart.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::numbers::{MODULE, equal, lines};
use super::{boot, run};
use crate::build::stock_module;
use crate::progress::Step;
use crate::sections::Sections;
use crate::setup::stock::{StockKernel, of_this_machine};
use crate::test::Context;
use crate::test::trace::tell;

/// The drivers; both are the same code.
const DRIVERS: [&str; 2] = [MODULE, "migrate_twin"];
/// Whose device pages they both say theirs are.
const OWNER: &str = "0x5eed000";

pub(in crate::test) fn drivers_with_one_owner_are_told_apart(context: &Context<'_>) -> Result<()> {
    let step = Step::begin("Debian's Linux 7.3, and two modules for it".into());
    let setup = &context.lab.setup;
    let (kernel, headers) =
        StockKernel::with_headers(of_this_machine(), "7.3", &setup.cache, &step)?;
    let mut vm = boot(context, "stock-one-owner", &kernel);
    for driver in DRIVERS {
        let built = stock_module(&setup.workspace, &headers, driver, &step)
            .with_context(|| format!("build {driver} for {}", kernel.release))?;
        let path = format!("lib/modules/{driver}.ko");
        vm = vm
            .file(&path, built.module)
            .module(&format!("/{path}"), |_| format!("owner={OWNER}"))
            .file(&format!("bin/drive-{driver}"), built.drive);
    }
    step.done();
    let sections = run(vm, &script())?;
    let all = exported(&sections, "all")?;
    for driver in DRIVERS {
        let truth = lines(sections.get(&format!("{driver} driver"))?)?;
        ensure!(!truth.is_empty(), "{driver} made no call");
        for recording in ["all", driver] {
            let traced = exported(&sections, recording)?;
            are_equal(&traced, &truth, driver)
                .with_context(|| format!("calls of {driver} in {recording}"))?;
        }
        let of_one = exported(&sections, driver)?;
        ensure!(
            of_one.iter().all(|call| call["driver"] == driver),
            "with --driver {driver} there are calls of another"
        );
    }
    let line = format!("  {} calls of two drivers with one owner", all.len());
    tell(context, "stock-one-owner", &line)
}

/// Each driver has its turn twice, so that either comes after the other. What a driver tells is of
/// its last turn.
fn script() -> String {
    let mut script = String::from("recorders=\n");
    let filters = [String::new()]
        .into_iter()
        .chain(DRIVERS.map(|driver| format!("--driver {driver}")));
    for (name, filter) in ["all"].into_iter().chain(DRIVERS).zip(filters) {
        script += &format!(
            "migscope record {filter} -o /tmp/{name}.arrow & recorders=\"$recorders $!\"
            until test -s /tmp/{name}.arrow; do sleep 0.1; done\n"
        );
    }
    for driver in DRIVERS.repeat(2) {
        script += &format!("drive-{driver} || exit 1\n");
    }
    script += "kill -INT $recorders; for one in $recorders; do wait $one || exit 1; done\n";
    for driver in DRIVERS {
        script += &format!("echo '== {driver} driver'; cat /sys/kernel/debug/{driver}/calls\n");
    }
    for name in ["all"].into_iter().chain(DRIVERS) {
        script += &format!("echo '== {name}'; migscope export --format json /tmp/{name}.arrow\n");
    }
    script
}

fn exported(sections: &Sections, name: &str) -> Result<Vec<Value>> {
    let mut calls = lines(sections.get(name)?)?;
    calls.sort_by_key(|call| call["time_ns"].as_u64());
    Ok(calls)
}

/// Every call of a driver is there under its name: those of its last turn as it counted them
/// itself, and as many of the turn before.
fn are_equal(traced: &[Value], truth: &[Value], driver: &str) -> Result<()> {
    let traced: Vec<_> = traced
        .iter()
        .filter(|call| call["driver"] == driver)
        .collect();
    ensure!(
        traced.len() == 2 * truth.len(),
        "{} calls in each of two turns, {} were traced",
        truth.len(),
        traced.len()
    );
    for (traced, truth) in traced[truth.len()..].iter().zip(truth) {
        equal(traced, truth, driver)
            .with_context(|| format!("traced: {traced}\nmodule: {truth}"))?;
    }
    Ok(())
}
