//! A kernel served from its own totals.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::commands::run::ATTACHED_FUNCTIONS;
use crate::progress::Step;
use crate::sections::Sections;
use crate::setup::stock::StockKernel;
use crate::test::Context;
use crate::vm::builder::Task;
use crate::vm::{Accelerator, Machine};

/// On one of Debian's kernels, which have a network: from the kernel's own totals, over HTTP, until Ctrl-C.
pub(crate) fn a_kernel_is_served_until_ctrl_c(context: &Context<'_>) -> Result<()> {
    let step = Step::begin("Debian's Linux 7.3".into());
    let kernel = StockKernel::of("7.3", &context.lab.setup.cache, &step)?;
    step.done();
    let mut vm = context
        .lab
        .vm("serve-kernel")
        .foreign_kernel(kernel.image)
        .limit(Duration::from_secs(400))
        .task(Task::shell("serve", &script()));
    if context.accel.is_none() {
        // Whether KVM runs it has not been seen.
        vm = vm.machine(|machine| Machine {
            accelerator: Accelerator::Tcg,
            ..machine
        });
    }
    let outcome = vm.run()?;
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

fn script() -> String {
    format!(
        "ifconfig lo 127.0.0.1 up
        migscope serve 2> /tmp/said &
        server=$!
        until wget -q -O /dev/null http://127.0.0.1:10469/-/ready || ! test -d /proc/$server; do sleep 0.2; done
        sleep 2
        echo '== metrics'; wget -q -O - http://127.0.0.1:10469/metrics
        echo '== capabilities'; grep CapPrm /proc/$server/task/*/status
        echo '== hooked'; cat {ATTACHED_FUNCTIONS}
        kill -INT $server; wait $server; status=$?
        echo '== status'; echo $status
        echo '== said'; cat /tmp/said
        echo '== left'; cat {ATTACHED_FUNCTIONS}"
    )
}
