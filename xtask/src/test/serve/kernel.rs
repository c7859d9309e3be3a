//! A kernel served from its own totals.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::driver;
use crate::metrics;
use crate::progress::Step;
use crate::sections::Sections;
use crate::setup::programs::{CURL, Programs};
use crate::setup::stock::{StockKernel, of_this_machine};
use crate::test::Context;
use crate::test::compare::sum;
use crate::test::trace::{ROWS, driver_truth};
use crate::tracer::{ATTACHED_FUNCTIONS, TRACED};
use crate::vm::Captured;
use crate::vm::builder::Task;

/// On one of Debian's kernels, which have a network: from the kernel's own totals, over HTTP, until
/// Ctrl-C.
pub(crate) fn a_kernel_is_served_until_ctrl_c(context: &Context<'_>) -> Result<()> {
    let step = Step::begin("Debian's Linux 7.3".into());
    let kernel = StockKernel::of(of_this_machine(), "7.3", &context.lab.setup.cache, &step)?;
    step.done();
    let outcome = context
        .lab
        .vm_of("serve-kernel", kernel.image)
        .limit(Duration::from_secs(400))
        .task(Task::shell("serve", &script()))
        .run()?;
    outcome.expect_success("serve")?;
    let sections = Sections::of(&outcome.stdout("serve"));
    let metrics = sections.get("metrics")?;
    for line in ["migscope_source_up 1", "migscope_migrations_ended_total 0"] {
        ensure!(
            metrics.lines().any(|found| found == line),
            "{line} is not in\n{metrics}\n{}",
            sections.get("said")?
        );
    }
    ensure!(
        sections.get("hooked")?.contains("migrate_vma_setup"),
        "nothing was hooked"
    );
    // It has read maps for two seconds without any.
    let held = sections.get("capabilities")?;
    ensure!(
        !held.is_empty() && held.lines().all(|line| line.ends_with("0000000000000000")),
        "it has privileges: {held}"
    );
    let users = sections.get("users")?;
    ensure!(
        !users.is_empty() && users.lines().all(|line| line.trim_end().ends_with("65534")),
        "it is root: {users}"
    );
    ensure!(
        sections.get("status")?.trim() == "0",
        "it ended with {}: {}",
        sections.get("status")?,
        sections.get("said")?
    );
    ensure!(
        !sections.get("left")?.contains("migrate_vma_setup"),
        "hooks are left"
    );
    Ok(())
}

/// In the VM, from the kernel's own totals, without a record: the pages are those that the driver
/// counts.
pub(crate) fn totals_that_are_served_are_the_drivers(context: &Context<'_>) -> Result<()> {
    let programs = Programs::fetched(&context.lab.setup.cache, CURL)?;
    let vm = driver::load(context.lab.vm("serve-totals"));
    let truth = Captured::default();
    let server = Task::new(
        "server",
        ["migscope", "serve", "--listen", "unix:/tmp/socket"],
    )
    .background()
    .ready_when(ATTACHED_FUNCTIONS, TRACED);
    let curl = "curl --silent --fail --unix-socket /tmp/socket http://localhost";
    let ready = format!("until {curl}/-/ready > /dev/null; do sleep 0.1; done");
    // The totals are read every half second, and calls of which nothing more comes are over after
    // one; on a busy machine it takes longer.
    let scrape = format!(
        "workload run mixed --calls 2000 --seed 10 --truth /tmp/truth || exit 1
        made=$(grep -vc totals /tmp/truth)
        for try in $(seq 60); do
            {curl}/metrics > /tmp/metrics || exit 1
            served=$(awk '/^migscope_migrations_total/ {{ sum += $NF }} END {{ print sum + 0 }}' /tmp/metrics)
            test $served -ge $made && break
            sleep 1
        done
        cat /tmp/metrics
        cat /tmp/truth > /dev/virtio-ports/truth"
    );
    let outcome = vm
        .files(programs.files("usr/bin/curl")?)
        .limit(Duration::from_secs(600))
        .port("truth", Box::new(truth.clone()))
        .task(server)
        .task(Task::shell("ready", &ready))
        .task(Task::shell("scrape", &scrape))
        .run()?;
    for task in ["ready", "scrape", "server"] {
        outcome.expect_success(task)?;
    }
    let served = String::from_utf8_lossy(&outcome.stdout("scrape")).into_owned();
    let truth = driver_truth(&truth.bytes())?;
    let sum_of = |name, label: &str| metrics::sum(&served, name, label);
    let calls = sum_of("migscope_migrations_total{", "");
    ensure!(
        calls == truth.len() as f64,
        "{calls} migrations are served, the driver made {}",
        truth.len()
    );
    for row in ROWS {
        let pages = sum_of("migscope_pages_total{", &format!("ledger=\"{row}\""));
        let expected = sum(&truth, row)? as f64;
        ensure!(
            pages == expected,
            "{row}: {pages} pages are served, the driver counts {expected}"
        );
    }
    ensure!(
        sum_of("migscope_migration_duration_seconds_count{", "") == calls,
        "the histogram does not have all of them"
    );
    ensure!(
        !served.contains("migscope_driver_"),
        "there are records, which nobody asked for"
    );
    Ok(())
}

fn script() -> String {
    format!(
        "ifconfig lo 127.0.0.1 up
        migscope serve 2> /tmp/said &
        server=$!
        until wget -q -O /dev/null http://127.0.0.1:10469/-/ready || ! test -d /proc/$server; do sleep 0.2; done
        sleep 2
        echo '== metrics'; wget -q -O - http://127.0.0.1:10469/metrics
        echo '== capabilities'; grep CapPrm /proc/$server/task/*/status
        echo '== users'; grep -h -E '^[UG]id' /proc/$server/task/*/status
        echo '== hooked'; cat {ATTACHED_FUNCTIONS}
        kill -INT $server; wait $server; status=$?
        echo '== status'; echo $status
        echo '== said'; cat /tmp/said
        echo '== left'; cat {ATTACHED_FUNCTIONS}"
    )
}
