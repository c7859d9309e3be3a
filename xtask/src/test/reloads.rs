//! Names of drivers while drivers come and go.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::trace::tell;
use crate::build::hmm_tests;
use crate::driver;
use crate::progress::Step;
use crate::sections::Sections;
use crate::vm::builder::Task;

pub(super) const OTHER: &str = "lib/modules/test_hmm.ko";
const ROUNDS: u64 = 2;

/// One driver goes, another comes to where it was, and the first comes again: each migration has
/// the name of its own, and who asks for one driver gets all of its migrations, and no other's.
pub(super) fn names_follow_the_drivers(context: &Context<'_>) -> Result<()> {
    let step = Step::begin("another driver, and its program".into());
    let built = hmm_tests(&context.lab.setup, &step)?;
    step.done();
    let script = format!(
        "migscope record -o /tmp/all.arrow & all=$!
        migscope record --driver migrate_test -o /tmp/one.arrow & one=$!
        until test -s /tmp/all.arrow && test -s /tmp/one.arrow; do sleep 0.1; done
        echo == made
        round() {{
            workload run storm --calls 60 --seed $1 --truth /tmp/truth >&2 || exit 1
            grep -vc totals /tmp/truth
        }}
        round 1
        rmmod migrate_test && insmod /{OTHER} || exit 1
        hmm-tests -t migrate -t migrate_fault >&2 || exit 1
        rmmod test_hmm && insmod {} devices=2 || exit 1
        round {ROUNDS}
        sleep 1
        kill -INT $all $one; wait $all && wait $one || exit 1
        for name in all one; do echo == $name; migscope export --format json /tmp/$name.arrow; done",
        driver::MODULE
    );
    let outcome = driver::load(context.lab.vm("reloads"))
        .limit(Duration::from_secs(300))
        .file(OTHER, built.driver)
        .file("bin/hmm-tests", built.program)
        .task(Task::shell("record", &script))
        .run()?;
    outcome.expect_success("record")?;
    let sections = Sections::of(&outcome.stdout("record"));
    let made = sections.get("made")?.lines();
    let made: Vec<u64> = made.map(str::parse).collect::<Result<_, _>>()?;
    ensure!(made.len() as u64 == ROUNDS, "the rounds made {made:?}");
    let made = made.iter().sum::<u64>();
    let (all, one) = (
        by_driver(sections.get("all")?)?,
        by_driver(sections.get("one")?)?,
    );
    tell(
        context,
        "reloads",
        &format!("  {all:?}; of one that was asked for: {one:?}"),
    )?;
    let of = |driver: &str| all.get(driver).copied().unwrap_or(0);
    ensure!(
        of("migrate_test") == made && of("test_hmm") > 0 && all.len() == 2,
        "{made} migrations were the driver's; by driver: {all:?}"
    );
    ensure!(
        one.len() == 1 && one.get("migrate_test") == Some(&made),
        "{made} migrations were the driver's that was asked for: {one:?}"
    );
    Ok(())
}

/// Migrations by the name of their driver, but for evictions: a driver that goes moves what is
/// left, which no program has asked for.
pub(super) fn by_driver(export: &str) -> Result<BTreeMap<String, u64>> {
    let mut by_driver = BTreeMap::new();
    for line in export.lines().filter(|line| line.starts_with('{')) {
        let call: Value = serde_json::from_str(line).context("the export is no JSON")?;
        if call["cause"] != "eviction" {
            let name = call["driver"].as_str().unwrap_or("none").to_owned();
            *by_driver.entry(name).or_default() += 1;
        }
    }
    Ok(by_driver)
}
