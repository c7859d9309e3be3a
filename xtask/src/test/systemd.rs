//! The unit as it is shipped, under a systemd that is process 1, on one of Debian's kernels.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::stock::{MODULE, Stock, lines};
use super::trace::{ROWS, tell};
use crate::sections::Sections;
use crate::setup::programs::{Programs, SYSTEMD};
use crate::setup::stock::of_this_machine;
use crate::vm::builder::{Builder, Task};

const UNIT: &str = "docs/monitoring/migscope.service";
/// Where vm-init is when another is process 1.
const INIT: &str = "usr/sbin/vm-init";
/// What systemd gets ready, in place of a machine for people: without terminals.
const TARGET: &str = "[Unit]
Description=a test
Requires=basic.target job.service
";
const JOB: &str = "[Unit]
Description=what the test does
After=basic.target
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/usr/sbin/vm-init
Environment=VM_INIT_AS_SERVICE=1
";
/// Services of systemd's that take long where processors are emulated, and do nothing here.
const NOT_NEEDED: [&str; 4] = [
    "systemd-hwdb-update.service",
    "systemd-sysusers.service",
    "systemd-tmpfiles-setup.service",
    "systemd-tmpfiles-setup-dev.service",
];
const TASK: &str = "systemd";
/// The more is open to a service, the higher, of 10. What systemd calls "MEDIUM" begins at 5.
const MOST_EXPOSED: f64 = 2.5;

pub(super) fn runs_the_unit(context: &Context<'_>) -> Result<()> {
    let stock = Stock::build(context, of_this_machine(), "7.3")?;
    let systemd = Programs::fetched(&context.lab.setup.cache, SYSTEMD)?;
    let vm = under_systemd(context, stock.boot(context, "systemd"), &systemd)?
        .limit(Duration::from_secs(900))
        .task(Task::shell(TASK, &script()));
    let outcome = vm.run()?;
    outcome.expect_success(TASK)?;
    let sections = Sections::of(&outcome.stdout(TASK));
    for time in ["first", "again"] {
        drivers_are_known(&sections, time).with_context(|| time.to_owned())?;
    }
    let (first, again) = (sections.get("first pid")?, sections.get("again pid")?);
    ensure!(first != again, "after SIGKILL it is process {first} still");
    let exposed = exposure(sections.get("security")?)?;
    ensure!(
        exposed <= MOST_EXPOSED,
        "exposed by {exposed}: {}",
        sections.get("security")?
    );
    let stopped = sections.get("stopped")?;
    ensure!(stopped.trim() == "success", "it was stopped: {stopped}");
    tell(
        context,
        "systemd",
        &format!("  exposure {exposed} of 10, drivers known, and again after SIGKILL"),
    )
}

/// A machine of which systemd is process 1, and the job a service.
fn under_systemd(context: &Context<'_>, vm: Builder, systemd: &Programs) -> Result<Builder> {
    let root = systemd.root();
    let mut vm = vm
        .file("init", root.join("usr/lib/systemd/systemd"))
        .file(INIT, context.lab.programs.init.clone())
        .file(
            "etc/systemd/system/migscope.service",
            context.lab.setup.workspace.file(UNIT)?,
        )
        .text("etc/systemd/system/job.service", JOB)
        .text("etc/default/migscope", "MIGSCOPE_SERVE=--records\n")
        .text("etc/machine-id", "")
        .text("etc/systemd/system/default.target", TARGET)
        .link("lib64", "usr/lib64")
        .link("usr/bin/migscope", "/bin/migscope");
    for unit in NOT_NEEDED {
        vm = vm.link(&format!("etc/systemd/system/{unit}"), "/dev/null");
    }
    for folder in [
        "usr/lib/systemd",
        "usr/lib/x86_64-linux-gnu",
        "usr/lib64",
        "usr/bin",
    ] {
        vm = vm.tree(root, folder)?;
    }
    Ok(vm)
}

/// Twice the driver's calls, the second time by a server that was killed and is there again.
fn script() -> String {
    format!(
        "pid() {{ systemctl show --property MainPID --value migscope; }}
        served() {{
            until wget -q -O /tmp/metrics http://127.0.0.1:10469/metrics; do
                systemctl is-failed --quiet migscope && {{ systemctl status --no-pager migscope >&2; exit 1; }}
                sleep 0.2
            done
        }}
        count() {{
            served
            echo \"== $1 pid\"; pid
            drive || exit 1
            sleep 3
            served
            echo \"== $1 driver\"; cat /sys/kernel/debug/{MODULE}/calls
            echo \"== $1 metrics\"; cat /tmp/metrics
        }}
        systemctl start migscope || exit 1
        count first
        kill -KILL $(pid)
        until test $(systemctl show --property NRestarts --value migscope) = 1; do sleep 0.2; done
        count again
        echo '== security'; systemd-analyze security --no-pager migscope
        systemctl stop migscope
        echo '== stopped'; systemctl show --property Result --value migscope"
    )
}

/// Every page of the driver's calls is served under its name.
fn drivers_are_known(sections: &Sections, time: &str) -> Result<()> {
    let calls = lines(sections.get(&format!("{time} driver"))?)?;
    let metrics = sections.get(&format!("{time} metrics"))?;
    for row in ROWS {
        let counted: u64 = calls.iter().filter_map(|call| call[row].as_u64()).sum();
        let sample =
            format!("migscope_driver_pages_total{{driver=\"{MODULE}\",ledger=\"{row}\"}} ");
        let served = metrics.lines().find_map(|line| line.strip_prefix(&sample));
        let served: u64 = served
            .with_context(|| format!("no {sample}in {metrics}"))?
            .parse()?;
        ensure!(
            served == counted,
            "{row}: {served} pages served, {counted} by the driver"
        );
    }
    Ok(())
}

/// The figure in `→ Overall exposure level for migscope.service: 1.8 OK`.
fn exposure(text: &str) -> Result<f64> {
    let found = text.lines().find_map(|line| {
        line.split_once("exposure level for ")?
            .1
            .split_whitespace()
            .nth(1)
    });
    found
        .with_context(|| format!("no figure: {text}"))?
        .parse()
        .with_context(|| format!("no figure: {text}"))
}
