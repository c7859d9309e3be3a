//! On Debian's own kernels: every program loads, and every function that is there is hooked.
//!
//! What is there is what the kernel's list of symbols says, and what is hooked what its tracing
//! says, not migscope.

mod numbers;
mod one_owner;
mod suspend;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use vm_init::verdict::End;

pub(super) use numbers::{
    MODULE, Stock, lines, migrations_of_a_cloud_kernel_are_counted,
    migrations_of_a_real_time_kernel_are_counted, migrations_of_linux_7_2_are_counted,
    migrations_of_linux_7_3_are_counted, migrations_with_16_kib_pages_are_counted,
};
pub(super) use one_owner::drivers_with_one_owner_are_told_apart;
pub(super) use suspend::a_suspended_machine_is_counted;

use super::Context;
use super::trace::tell;
use crate::arch::{Arch, StockFlavour};
use crate::progress::Step;
use crate::sections::Sections;
use crate::setup::stock::{StockKernel, of_this_machine};
use crate::tracer::ATTACHED_FUNCTIONS;
use crate::vm::Machine;
use crate::vm::builder::{Builder, Task};

/// The functions that can be hooked. A kernel has them all, or lacks some of the later ones.
const FUNCTIONS: [&str; 8] = [
    "migrate_vma_setup",
    "migrate_vma_pages",
    "migrate_vma_finalize",
    "migrate_device_unmap",
    "migrate_device_range",
    "migrate_device_pages",
    "migrate_device_finalize",
    "migrate_device_pfns",
];

/// Debian's kernel for 64-bit ARM with larger pages than its ordinary one, which has 4 KiB.
const WITH_16_KIB_PAGES: StockFlavour = Arch::Aarch64.stock_flavours()[1];

/// A way to trace, and its options.
const WAYS: [(&str, &[&str]); 5] = [
    ("plain", &[]),
    ("totals-only", &["--totals-only"]),
    ("kprobe", &["--attach", "kprobe"]),
    (
        "sub-steps",
        &["--sub-steps", "--off-cpu", "--kernel-stacks"],
    ),
    ("device-side", &["--device-side"]),
];

/// A stock kernel needs 8 s to boot where nothing else runs, and its verifier is emulated, too.
const LIMIT: Duration = Duration::from_secs(900);
const TASK: &str = "stock";

pub(super) fn linux_6_1_is_traced(context: &Context<'_>) -> Result<()> {
    is_traced(context, of_this_machine(), "6.1")
}

pub(super) fn linux_6_12_is_traced(context: &Context<'_>) -> Result<()> {
    is_traced(context, of_this_machine(), "6.12")
}

pub(super) fn linux_6_19_is_traced(context: &Context<'_>) -> Result<()> {
    is_traced(context, of_this_machine(), "6.19")
}

pub(super) fn linux_7_2_is_traced(context: &Context<'_>) -> Result<()> {
    is_traced(context, of_this_machine(), "7.2")
}

pub(super) fn linux_7_3_is_traced(context: &Context<'_>) -> Result<()> {
    is_traced(context, of_this_machine(), "7.3")
}

pub(super) fn linux_7_3_with_16_kib_pages_is_traced(context: &Context<'_>) -> Result<()> {
    is_traced(context, WITH_16_KIB_PAGES, "7.3")
}

fn is_traced(context: &Context<'_>, flavour: StockFlavour, series: &str) -> Result<()> {
    let step = Step::begin(format!("Debian's Linux {series}"));
    let kernel = StockKernel::of(flavour, series, &context.lab.setup.cache, &step)?;
    step.done();
    let name = format!("stock-{series}");
    let sections = run(boot(context, &name, &kernel), &script())?;
    let there = there(sections.get("symbols")?);
    doctor_is_content(sections.get("doctor")?)?;
    let failures: Vec<_> = WAYS
        .into_iter()
        .filter_map(|(way, _)| {
            Some(format!(
                "{way}: {:#}",
                recorded(&sections, way, &there, series).err()?
            ))
        })
        .collect();
    ensure!(
        failures.is_empty(),
        "{} of {} ways to record failed on {}:\n{}",
        failures.len(),
        WAYS.len(),
        kernel.release,
        failures.join("\n")
    );
    tell(
        context,
        &format!("stock-{series}"),
        &line(&kernel.release, &there),
    )
}

/// A machine with this kernel. Streams are serial lines, of whose interrupts a real-time kernel
/// says that nobody cares: it looks at them later.
fn boot(context: &Context<'_>, name: &str, kernel: &StockKernel) -> Builder {
    let vm = context.lab.vm_of(name, kernel.image.clone());
    vm.limit(LIMIT).machine(|machine| Machine {
        arguments: "noirqdebug",
        ..machine
    })
}

/// Runs a script in it to its end; what it printed.
fn run(vm: Builder, script: &str) -> Result<Sections> {
    let script = format!("trap \"echo '== log'; dmesg\" EXIT\n{script}");
    let outcome = vm.task(Task::shell(TASK, &script)).run()?;
    let end = outcome.end(TASK)?;
    let said = String::from_utf8_lossy(&outcome.stderr(TASK)).into_owned();
    ensure!(end == End::Exited(0), "the script ended with {end}: {said}");
    let sections = Sections::of(&outcome.stdout(TASK));
    if let Some(warning) = outcome.warnings.first() {
        bail!(
            "the kernel warns: {}",
            around(sections.get("log")?, warning)
        );
    }
    Ok(sections)
}

/// What a log says before and after this line of the console.
fn around(log: &str, line: &str) -> String {
    const BEFORE: usize = 12;
    const LINES: usize = 50;
    let text = line.split_once("] ").map_or(line, |(_, text)| text);
    let at = log.lines().position(|line| line.contains(text));
    let first = at.unwrap_or_default().saturating_sub(BEFORE);
    let lines: Vec<_> = log.lines().skip(first).take(LINES).collect();
    lines.join("\n")
}

/// Looks at the kernel, lets the doctor look at it, and records a second in each way.
fn script() -> String {
    let mut script = format!(
        "echo '== symbols'; grep -E ' [tT] (migrate_(vma|device)_[a-z]+|{})$' /proc/kallsyms
        echo '== doctor'; migscope doctor --json
        record() {{
            way=$1; shift
            migscope record --duration 1 -o /tmp/$way.arrow \"$@\" 2> /tmp/said &
            recorder=$!
            until test -s /tmp/$way.arrow || ! test -d /proc/$recorder; do sleep 0.1; done
            echo \"== $way hooked\"; cat {ATTACHED_FUNCTIONS}
            echo \"== $way status\"; wait $recorder; echo $?
            echo \"== $way said\"; cat /tmp/said
            echo \"== $way report\"; migscope report --json /tmp/$way.arrow || true
        }}
",
        DETAILS.join("|")
    );
    for (way, options) in WAYS {
        script += &format!("record {way} {}\n", options.join(" "));
    }
    script
}

/// The functions that a list of symbols has.
fn there(symbols: &str) -> BTreeSet<&'static str> {
    let names: BTreeSet<_> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    let known = FUNCTIONS.into_iter().chain(DETAILS);
    known.filter(|function| names.contains(function)).collect()
}

/// Functions that parts of steps and waits are told by, under the names that tracers say they did
/// not hook.
const DETAILS: [&str; 17] = [
    "lru_add_drain_all",
    "__mmu_notifier_invalidate_range_start",
    "__mmu_notifier_invalidate_range_end",
    "try_to_migrate",
    "__folio_split",
    "folio_split_unmapped",
    "__alloc_frozen_pages_noprof",
    "dma_map_phys",
    "do_swap_page",
    "do_huge_pmd_device_private",
    "migration_entry_wait",
    "pmd_migration_entry_wait",
    "softleaf_entry_wait_on_locked",
    "hmm_range_fault",
    "mmu_interval_read_begin",
    "make_device_exclusive",
    "make_device_exclusive_range",
];

/// A function that is there, and of which migscope does not know what it is given.
const NOT_UNDERSTOOD: &str = "do_swap_page";
/// The only series of these that it does not.
const WITHOUT_MARKERS: &str = "6.1";

/// Nothing is missing, and the trial loaded and attached everything.
fn doctor_is_content(json: &str) -> Result<()> {
    let examination: Value = serde_json::from_str(json).context("the doctor's JSON")?;
    let verdict = examination["verdict"].as_str().unwrap_or("no verdict");
    let checks = examination["checks"].as_array().context("no checks")?;
    let bad: Vec<_> = checks
        .iter()
        .filter(|check| check["state"] == "missing")
        .map(|check| format!("{}: {}", check["name"], check["found"]))
        .collect();
    ensure!(
        matches!(verdict, "good" | "limited"),
        "the doctor says {verdict}: {}",
        bad.join("; ")
    );
    let mut trials = checks.iter().filter(|check| check["group"] == "tracer");
    ensure!(
        trials.any(|check| check["state"] == "good"),
        "the doctor did not try the tracer"
    );
    Ok(())
}

/// A recording that ended well, with a hook in every function that is there.
fn recorded(sections: &Sections, way: &str, there: &BTreeSet<&str>, series: &str) -> Result<()> {
    let status = sections.get(&format!("{way} status"))?.trim_end();
    ensure!(
        status == "0",
        "migscope record ended with status {status}: {}",
        sections.get(&format!("{way} said"))?
    );
    let hooked = sections.get(&format!("{way} hooked"))?;
    let hooked: BTreeSet<_> = hooked
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let every = FUNCTIONS
        .iter()
        .filter(|function| there.contains(*function));
    let missed: Vec<_> = every
        .filter(|function| !hooked.contains(*function))
        .collect();
    ensure!(missed.is_empty(), "there, and not hooked: {missed:?}");
    let report = sections.get(&format!("{way} report"))?;
    let report: Value = serde_json::from_str(report).context("the report is no JSON")?;
    let not_hooked = report["not_hooked"]
        .as_array()
        .context("the report does not tell what is not hooked")?;
    let said: BTreeSet<_> = not_hooked.iter().filter_map(Value::as_str).collect();
    let details = DETAILS.into_iter().filter(|detail| said.contains(detail));
    let is_missed = |function: &&str| {
        let is_strange = *function == NOT_UNDERSTOOD && series == WITHOUT_MARKERS;
        is_strange || !there.contains(function)
    };
    let absent: BTreeSet<_> = FUNCTIONS
        .into_iter()
        .chain(details)
        .filter(is_missed)
        .collect();
    ensure!(
        said == absent,
        "migscope says that it did not hook {said:?}; the kernel lacks {absent:?}"
    );
    Ok(())
}

/// A line of the table of kernels.
fn line(release: &str, there: &BTreeSet<&str>) -> String {
    let absent: Vec<_> = FUNCTIONS
        .into_iter()
        .filter(|function| !there.contains(function))
        .collect();
    let hooked = FUNCTIONS.len() - absent.len();
    let absent = if absent.is_empty() {
        String::new()
    } else {
        format!("; it has no {}", absent.join(", "))
    };
    let ways = WAYS.map(|(way, _)| way);
    format!(
        "  {release:<24}{hooked} of {} functions, all hooked ({}){absent}",
        FUNCTIONS.len(),
        ways.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: &str = "0 T migrate_vma_setup\n0 T migrate_vma_pages\n0 T migrate_vma_finalize\n\
        0 t migrate_device_unmap\n0 T migrate_device_coherent_folio\n";

    fn sections(status: &str, hooked: &str, not_hooked: &str) -> Sections {
        let text = format!(
            "== plain status\n{status}\n== plain said\n== plain hooked\n{hooked}\n== plain report\n{{\"not_hooked\":{not_hooked}}}\n"
        );
        Sections::of(text.as_bytes())
    }

    #[test]
    fn what_is_there_must_be_hooked_and_only_that() {
        let there = there(SYMBOLS);
        assert_eq!(there.len(), 4);
        let all = "migrate_vma_setup (1) R\nmigrate_vma_pages (1) R\nmigrate_vma_finalize (1)\nmigrate_device_unmap (1)";
        let rest = r#"["migrate_device_range","migrate_device_pages","migrate_device_finalize","migrate_device_pfns"]"#;
        let recorded = |sections| recorded(&sections, "plain", &there, "7.2");
        recorded(sections("0", all, rest)).unwrap();
        assert!(recorded(sections("1", all, rest)).is_err());
        assert!(recorded(sections("0", all, "[]")).is_err());
        let fewer = all.replace("migrate_device_unmap (1)", "");
        assert!(recorded(sections("0", &fewer, rest)).is_err());
    }

    #[test]
    fn the_doctor_must_have_tried_it() {
        let json = |verdict, group| {
            format!(r#"{{"verdict":"{verdict}","checks":[{{"group":"{group}","state":"good"}}]}}"#)
        };
        doctor_is_content(&json("limited", "tracer")).unwrap();
        assert!(doctor_is_content(&json("missing", "tracer")).is_err());
        assert!(doctor_is_content(&json("good", "hooks")).is_err());
    }
}
