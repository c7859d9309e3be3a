//! A machine that is suspended and wakes up while it is traced.

use anyhow::{Result, ensure};

use super::numbers::{MODULE, Stock, calls_are_equal, flavour};
use super::run;
use crate::test::Context;
use crate::test::trace::tell;

/// The kernel's own test of it: all but the very last step, five seconds of sleep, and back. Calls
/// are made before it, while it begins, and afterwards.
const SCRIPT: &str = "migscope record --attach fentry -o /tmp/fentry.arrow 2> /tmp/said &
    recorder=$!
    until test -s /tmp/fentry.arrow || ! test -d /proc/$recorder; do sleep 0.1; done
    # The module keeps the calls of one run.
    keep() { cat /sys/kernel/debug/migrate_stock/calls >> /tmp/calls; }
    drive && keep || exit 1
    drive & driver=$!
    echo core > /sys/power/pm_test && echo mem > /sys/power/state || exit 1
    wait $driver && keep || exit 1
    drive && keep || exit 1
    kill -INT $recorder
    wait $recorder || { cat /tmp/said >&2; exit 1; }
    echo '== fentry driver'; cat /tmp/calls
    echo '== fentry tracer'; migscope export --format json /tmp/fentry.arrow
    echo '== fentry waits'; migscope export --event wait --format json /tmp/fentry.arrow
    echo '== fentry report'; migscope report --json /tmp/fentry.arrow
    echo '== kernel'; dmesg | grep PM:";

pub(in crate::test) fn a_suspended_machine_is_counted(context: &Context<'_>) -> Result<()> {
    let stock = Stock::build(context, flavour(context, "")?, "7.3")?;
    let script = format!("{SCRIPT}\nrmmod {MODULE}\n");
    let sections = run(stock.boot(context, "stock-suspend"), &script)?;
    let kernel = sections.get("kernel")?;
    ensure!(
        kernel.contains("suspend exit") && kernel.contains("Waiting for 5 second"),
        "it was not suspended: {kernel}"
    );
    let calls = calls_are_equal(&sections, "fentry", "fentry")?;
    let line = format!("  {} calls around a suspension, all equal", calls.len());
    tell(context, "stock-suspend", &line)
}
