//! `migscope stat --per-phase`: each run by phase, as the driver and the program itself count.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::waits::served;
use super::{Account, LIBRARY};
use crate::driver;
use crate::sections::Sections;
use crate::test::Context;
use crate::test::account::number;
use crate::test::trace::{Line, ROWS, driver_truth, tell};
use crate::vm::builder::Task;

const RUNS: usize = 2;

/// Two runs, each of which writes what it says itself to the next files that are not there; the
/// same as a page; and one whose records have no room.
const SCRIPT: &str = "
    again=\"n=0; while test -e /tmp/truth-\\$n; do n=\\$((n + 1)); done
        exec workload run phases --calls 120 --seed 3 --truth /tmp/truth-\\$n --phases /tmp/phases-\\$n \\
        --waits /tmp/waits-\\$n >/dev/null\"
    migscope stat LIBRARY --json -r 2 -o /tmp/stat.json -- sh -c \"$again\" || exit 1
    echo == stat; cat /tmp/stat.json
    for n in 0 1; do
        for of in truth phases waits; do echo == $of-$n; cat /tmp/$of-$n; done
    done
    echo == page; migscope stat LIBRARY -r 2 -o - -- sh -c \"$again\" || exit 1
    load='exec workload run mixed --calls 3000 --seed 5 --threads 2 --truth /tmp/truth-lost'
    migscope stat LIBRARY --ring-size 4K --json -o /tmp/lost.json -- sh -c \"$load >/dev/null\" || exit 1
    echo == lost; cat /tmp/lost.json
    echo == truth-lost; cat /tmp/truth-lost";

pub(in crate::test) fn are_counted_run_by_run(context: &Context<'_>) -> Result<()> {
    let script = SCRIPT.replace("LIBRARY", &LIBRARY.replace("--phases", "--per-phase"));
    let outcome = driver::load(context.lab.vm("stat-phases"))
        .limit(Duration::from_secs(600))
        .task(Task::shell("stat", &script))
        .run()?;
    outcome.expect_success("stat")?;
    let sections = Sections::of(&outcome.stdout("stat"));
    let stat = json(&sections, "stat")?;
    for nth in 0..RUNS {
        run_is_equal(&sections, &stat, nth).with_context(|| format!("run {nth}"))?;
    }
    what_is_lost_is_unknown(&sections)?;
    let page = sections.get("page")?;
    for said in ["Phases ", "train/forward", "no phase", "unknown", "±"] {
        ensure!(page.contains(said), "no {said:?} in {page}");
    }
    tell(context, "stat-phases", page)
}

fn json(sections: &Sections, name: &str) -> Result<Value> {
    serde_json::from_str(sections.get(name)?).with_context(|| format!("{name} is no JSON"))
}

fn truth(sections: &Sections, name: &str) -> Result<Vec<Line>> {
    driver_truth(sections.get(name)?.as_bytes()).with_context(|| name.to_owned())
}

/// A phase: empty for none, `None` where nobody can tell.
type Phase = Option<String>;

/// A figure of each phase, in one run.
fn by_phase(stat: &Value, unit: &str, name: &str, nth: usize) -> Result<BTreeMap<Phase, u64>> {
    let phases = stat["phases"].as_array().context("no phases")?;
    let each = phases.iter().map(|phase| {
        let figures = phase["figures"].as_array().context("no figures")?;
        let figure = figures
            .iter()
            .find(|it| it["unit"] == unit && it["name"] == name);
        let figure = figure.with_context(|| format!("no {name} in {unit}"))?;
        let path = phase["phase"].as_str().map(str::to_owned);
        Ok((path, number(&figure["values"][nth])?))
    });
    let all: BTreeMap<_, _> = each.collect::<Result<_>>()?;
    ensure!(
        all.len() == phases.len(),
        "a phase is there twice: {phases:?}"
    );
    Ok(all)
}

/// The sums of what the driver says of each phase, where there is anything.
fn expected(
    truth: &[Line],
    account: &Account,
    of: impl Fn(&Line) -> Result<u64>,
) -> Result<BTreeMap<Phase, u64>> {
    let mut sums = BTreeMap::new();
    for line in truth {
        *sums.entry(account.expected(line)).or_default() += of(line)?;
    }
    sums.retain(|_, sum| *sum > 0);
    Ok(sums)
}

fn run_is_equal(sections: &Sections, stat: &Value, nth: usize) -> Result<()> {
    let of = |what: &str| format!("{what}-{nth}");
    let truth = truth(sections, &of("truth"))?;
    let account = Account::read(sections.get(&of("phases"))?.as_bytes())?;
    let is = |unit: &str, name: &str, expected: BTreeMap<Phase, u64>| {
        let mut told = by_phase(stat, unit, name, nth)?;
        told.retain(|_, sum| *sum > 0);
        ensure!(
            told == expected,
            "{name} by phase: it says {told:?}, the driver {expected:?}"
        );
        Ok(())
    };
    let migrations = expected(&truth, &account, |_| Ok(1))?;
    for phase in ["", "train", "train/forward", "load"] {
        let found = migrations.contains_key(&Some(phase.to_owned()));
        ensure!(found, "nothing is in {phase:?}, of {migrations:?}");
    }
    ensure!(migrations.contains_key(&None), "nothing is unknown");
    is("migrations", "migrations", migrations)?;
    for row in ["requested"].iter().chain(&ROWS) {
        is(
            "pages",
            row,
            expected(&truth, &account, |line| line.pages(row))?,
        )?;
    }
    let faults = served(sections.get(&of("waits"))?.as_bytes(), &account)?;
    let faults = faults
        .into_iter()
        .map(|(phase, number)| (Some(phase), number));
    is("waits", "fault", faults.collect())?;
    adds_up(stat, nth)?;
    let run = &stat["runs"][nth];
    let opened = account.opened();
    ensure!(
        run["unrecorded"] == 0 && run["losses"]["phase_lost"] == 0,
        "something is lost: {run}"
    );
    ensure!(
        run["phases_opened"] == opened,
        "{} phases were opened, the program says {opened}",
        run["phases_opened"]
    );
    Ok(())
}

/// All phases together are the totals, in every figure that both have.
fn adds_up(stat: &Value, nth: usize) -> Result<()> {
    let mut compared = 0;
    for group in ["migrations", "pages", "steps", "waits"] {
        for figure in stat[group].as_array().context("no such group")? {
            let text = |name: &str| figure[name].as_str().unwrap_or_default();
            let Ok(phases) = by_phase(stat, text("unit"), text("name"), nth) else {
                continue;
            };
            let sum: u64 = phases.values().sum();
            let all = number(&figure["values"][nth])?;
            ensure!(
                sum == all,
                "{} in {}: {sum} in phases, {all} in all",
                text("name"),
                text("unit")
            );
            compared += 1;
        }
    }
    ensure!(compared > 15, "only {compared} figures are by phase");
    Ok(())
}

/// Records that had no room are in the row of what is unknown, and told.
fn what_is_lost_is_unknown(sections: &Sections) -> Result<()> {
    let stat = json(sections, "lost")?;
    let truth = truth(sections, "truth-lost")?;
    let run = &stat["runs"][0];
    let lost = number(&run["losses"]["ring_full"])?;
    ensure!(
        lost > 0 && run["unrecorded"] == lost && run["migrations"] == truth.len(),
        "{lost} lost, {} unrecorded, {} of {}",
        run["unrecorded"],
        run["migrations"],
        truth.len()
    );
    let phases = by_phase(&stat, "migrations", "migrations", 0)?;
    let none = truth.len() as u64 - lost;
    let expected = [(Some(String::new()), none), (None, lost)];
    ensure!(
        phases == expected.clone().into(),
        "it says {phases:?}, and must say {expected:?}"
    );
    let notes = stat["notes"].to_string();
    ensure!(
        notes.contains("left no record"),
        "it does not say so: {notes}"
    );
    adds_up(&stat, 0)
}
