//! One driver's migration that is made within another driver's code.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Context;
use super::reloads::{OTHER, by_driver};
use crate::build::hmm_tests;
use crate::driver;
use crate::progress::Step;
use crate::sections::Sections;
use crate::vm::builder::Task;

/// How often the other driver reads a page that is on the device.
const TIMES: u64 = 20;

/// The kernel's own test driver copies from a page that is on the device. Its functions are on the
/// stack of the fault, and the migration is none of its own.
pub(super) fn a_fault_in_anothers_code_is_not_the_others(context: &Context<'_>) -> Result<()> {
    let step = Step::begin("another driver".into());
    let built = hmm_tests(&context.lab.setup, &step)?;
    step.done();
    let script = format!(
        "insmod /{OTHER} || exit 1
        migscope record -o /tmp/all.arrow & all=$!
        migscope record --driver test_hmm -o /tmp/other.arrow & other=$!
        migscope record --driver migrate_test -o /tmp/own.arrow & own=$!
        for name in all other own; do until test -s /tmp/$name.arrow; do sleep 0.1; done; done
        workload reach {TIMES} || exit 1
        sleep 1
        kill -INT $all $other $own; wait $all && wait $other && wait $own || exit 1
        for name in all other own; do echo == $name; migscope export --format json /tmp/$name.arrow; done"
    );
    let outcome = driver::load(context.lab.vm("within"))
        .limit(Duration::from_secs(300))
        .file(OTHER, built.driver)
        .task(Task::shell("record", &script))
        .run()?;
    outcome.expect_success("record")?;
    let sections = Sections::of(&outcome.stdout("record"));
    // A page goes to the device, and a fault brings it home.
    let made = 2 * TIMES;
    for name in ["all", "own"] {
        let found = by_driver(sections.get(name)?)?;
        ensure!(
            found.len() == 1 && found.get("migrate_test") == Some(&made),
            "{made} migrations were migrate_test's; in {name}: {found:?}"
        );
    }
    let others = by_driver(sections.get("other")?)?;
    ensure!(others.is_empty(), "test_hmm made none, and has {others:?}");
    let faults = sections.get("all")?.matches("\"kernel_access\"").count() as u64;
    ensure!(
        faults == TIMES,
        "{faults} of {TIMES} faults were the kernel's"
    );
    Ok(())
}
