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
/// Stands for a driver that is not known.
const UNNAMED: &str = "none";

/// One driver goes, another comes to where it was, and the first comes again: each migration has
/// the name of its own, and who asks for one driver gets all of its migrations, and no other's. Who
/// could not look meanwhile has no name for what came and went, and the right ones for the rest.
pub(super) fn names_follow_the_drivers(context: &Context<'_>) -> Result<()> {
    let step = Step::begin("another driver, and its program".into());
    let built = hmm_tests(&context.lab.setup, &step)?;
    step.done();
    let script = format!(
        "record() {{
            name=$1; shift
            migscope record $* -o /tmp/$name.arrow & recorder=$!
            until test -s /tmp/$name.arrow; do sleep 0.1; done
        }}
        stop() {{ for one in $*; do kill -INT $one && wait $one || exit 1; done; }}
        round() {{
            workload run storm --calls 60 --seed $1 --truth /tmp/truth >&2 || exit 1
            grep -vc totals /tmp/truth
        }}
        another_comes_and_goes() {{
            rmmod migrate_test && insmod /{OTHER} || exit 1
            hmm-tests -t migrate -t migrate_fault >&2 || exit 1
            rmmod test_hmm && insmod {} devices=2 || exit 1
        }}
        record all; all=$recorder
        record one --driver migrate_test; one=$recorder
        echo == made
        round 1
        another_comes_and_goes
        round 2
        sleep 1
        stop $all $one
        record away
        echo == made away
        round 3
        kill -STOP $recorder
        another_comes_and_goes
        round 4
        kill -CONT $recorder
        sleep 1
        stop $recorder
        for name in all one away; do
            echo == $name; migscope export --format json /tmp/$name.arrow
        done",
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
    let by_driver = |name: &str| by_driver(sections.get(name)?);
    let (made, made_away) = (made(&sections, "made")?, made(&sections, "made away")?);
    let (all, one, away) = (by_driver("all")?, by_driver("one")?, by_driver("away")?);
    tell(
        context,
        "reloads",
        &format!(
            "  {all:?}; of one that was asked for: {one:?}; of one that could not look: {away:?}"
        ),
    )?;
    let are = |names: &BTreeMap<String, u64>, own: u64, other: &str| {
        names.len() == 2
            && names.get("migrate_test") == Some(&own)
            && names.get(other).is_some_and(|other| *other > 0)
    };
    ensure!(
        are(&all, made, "test_hmm"),
        "{made} migrations were the driver's; by driver: {all:?}"
    );
    ensure!(
        one.len() == 1 && one.get("migrate_test") == Some(&made),
        "{made} migrations were the driver's that was asked for: {one:?}"
    );
    ensure!(
        are(&away, made_away, UNNAMED),
        "{made_away} migrations were the driver's while nobody looked: {away:?}"
    );
    Ok(())
}

/// How many migrations the driver made in two rounds.
fn made(sections: &Sections, name: &str) -> Result<u64> {
    let rounds = sections.get(name)?.lines().map(str::parse);
    let rounds: Vec<u64> = rounds.collect::<Result<_, _>>()?;
    ensure!(rounds.len() == 2, "the rounds made {rounds:?}");
    Ok(rounds.iter().sum())
}

/// Migrations by the name of their driver, but for evictions: a driver that goes moves what is
/// left, which no program has asked for.
pub(super) fn by_driver(export: &str) -> Result<BTreeMap<String, u64>> {
    let mut by_driver = BTreeMap::new();
    for line in export.lines().filter(|line| line.starts_with('{')) {
        let call: Value = serde_json::from_str(line).context("the export is no JSON")?;
        if call["cause"] != "eviction" {
            let name = call["driver"].as_str().unwrap_or(UNNAMED).to_owned();
            *by_driver.entry(name).or_default() += 1;
        }
    }
    Ok(by_driver)
}
