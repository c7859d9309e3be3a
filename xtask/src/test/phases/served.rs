//! `migscope serve --phases`: a monitoring system sees as many migrations in each phase as there
//! were.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Account, LIBRARY};
use crate::driver;
use crate::sections::Sections;
use crate::setup::programs::{CURL, Programs};
use crate::test::Context;
use crate::test::compare::sum;
use crate::test::trace::driver_truth;
use crate::tracer::{ATTACHED_FUNCTIONS, TRACED};
use crate::vm::builder::Task;

/// Until all migrations are there; records come sooner than that.
const SCRIPT: &str = "
    curl='curl --silent --fail --unix-socket /tmp/socket http://localhost'
    until $curl/-/ready > /dev/null; do sleep 0.1; done
    workload run phases --calls 120 --seed 3 --truth /tmp/truth --phases /tmp/phases >/dev/null || exit 1
    made=$(grep -vc totals /tmp/truth)
    for try in $(seq 60); do
        $curl/metrics > /tmp/metrics || exit 1
        served=$(awk '/^migscope_phase_migrations_total/ { sum += $NF } END { print sum + 0 }' /tmp/metrics)
        test $served -ge $made && break
        sleep 1
    done
    echo == metrics; cat /tmp/metrics
    echo == truth; cat /tmp/truth
    echo == phases; cat /tmp/phases";

pub(in crate::test) fn are_served(context: &Context<'_>) -> Result<()> {
    let programs = Programs::fetched(&context.lab.setup.cache, CURL)?;
    let server = ["migscope", "serve", "--listen", "unix:/tmp/socket", LIBRARY];
    let server = server.into_iter().chain(["--top-mappings", "5"]);
    let server = Task::new("server", server)
        .background()
        .ready_when(ATTACHED_FUNCTIONS, TRACED);
    let outcome = driver::load(context.lab.vm("serve-phases"))
        .files(programs.files("usr/bin/curl")?)
        .limit(Duration::from_secs(600))
        .task(server)
        .task(Task::shell("scrape", SCRIPT))
        .run()?;
    for task in ["scrape", "server"] {
        outcome.expect_success(task)?;
    }
    let sections = Sections::of(&outcome.stdout("scrape"));
    let truth = driver_truth(sections.get("truth")?.as_bytes())?;
    let account = Account::read(sections.get("phases")?.as_bytes())?;
    let mut expected = BTreeMap::new();
    for line in &truth {
        *expected.entry(label(account.expected(line))).or_default() += 1;
    }
    let metrics = sections.get("metrics")?;
    let mut told = series(metrics, "migscope_phase_migrations_total{");
    ensure!(
        told.remove(&("".to_owned(), "other".to_owned())) == Some(0),
        "some phases have no series of their own: {told:?}"
    );
    ensure!(
        told == expected,
        "it serves {told:?}, and must {expected:?}"
    );
    let by_mapping = series(metrics, "migscope_mapping_pages_total{").into_values();
    let by_mapping: u64 = by_mapping.sum();
    let requested = sum(&truth, "requested")?;
    ensure!(
        by_mapping == requested,
        "{by_mapping} pages by mapping are served, the driver was asked for {requested}"
    );
    Ok(())
}

/// How a phase is told: its name, and what kind of series it is.
fn label(phase: Option<String>) -> (String, String) {
    match phase.as_deref() {
        None => (String::new(), "unknown".to_owned()),
        Some("") => (String::new(), "none".to_owned()),
        Some(name) => (name.to_owned(), "named".to_owned()),
    }
}

/// The sums of a metric by its labels `phase` and `which`.
fn series(metrics: &str, name: &str) -> BTreeMap<(String, String), u64> {
    let mut series = BTreeMap::new();
    for line in metrics.lines().filter(|line| line.starts_with(name)) {
        let label = |name: &str| {
            let (_, rest) = line.split_once(&format!("{name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let key = (
            label("phase").unwrap_or_default(),
            label("which").unwrap_or_default(),
        );
        let value = line.rsplit(' ').next().and_then(|value| value.parse().ok());
        *series.entry(key).or_default() += value.unwrap_or(0);
    }
    series
}
