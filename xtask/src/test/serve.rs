//! `migscope serve`: a real Prometheus server reads it, and finds what the report and the driver say.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Context;
use super::compare::sum;
use super::prometheus::{Prometheus, Series, free_port, get, programs, promtool};
use super::trace::{ROWS, STEPS, driver_truth, new_recording, recorder, tell};
use crate::commands::run::ATTACHED_FUNCTIONS;
use crate::driver;
use crate::process::{end, output, spawn, tie_group};
use crate::progress::Step;
use crate::sections::Sections;
use crate::setup::stock::StockKernel;
use crate::vm::builder::Task;
use crate::vm::{Accelerator, Captured, Machine};

/// How far a quantile may be from the report's, of the report's.
const SHARE: f64 = 0.02;
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50_ns"), (0.9, "p90_ns"), (0.99, "p99_ns")];
const WORKLOAD: &str = "workload";

/// A recording that comes out of the VM, live: into a file, and to a server that Prometheus scrapes.
pub(super) fn prometheus_reads_what_the_report_says(context: &Context<'_>) -> Result<()> {
    let programs = programs(context)?;
    let mut served = Served::start(&context.lab.programs.migscope)?;
    let mut native = Prometheus::start(context, &programs, served.port, true)?;
    let mut classic = Prometheus::start(context, &programs, served.port, false)?;

    let (path, file) = new_recording(context, "serve")?;
    let truth = Captured::default();
    let argv = [
        "workload",
        "run",
        "mixed",
        "--calls",
        "4000",
        "--seed",
        "9",
        "--truth",
        "/dev/virtio-ports/truth",
    ];
    let outcome = driver::load(context.lab.vm("serve"))
        .limit(Duration::from_secs(600))
        .task(recorder(&[], Box::new(Both(file, served.stdin()?))))
        .port("truth", Box::new(truth.clone()))
        .task(Task::new(WORKLOAD, argv))
        .run()?;
    outcome.expect_success(WORKLOAD)?;
    outcome.expect_success("recorder")?;

    // The recording has ended, and each server has read what it came to.
    native.wait_for("migscope_source_up", 0.0)?;
    classic.wait_for("migscope_source_up", 0.0)?;
    let report = output(
        Command::new(&context.lab.programs.migscope)
            .args(["report", "--json"])
            .arg(&path),
    )?;
    let report: Value = serde_json::from_str(&report).context("the report's JSON")?;
    let by_step = "by (step) (migscope_step_duration_seconds)";
    let off = [
        quantiles_agree(&native, by_step, &report).context("native histograms")?,
        quantiles_agree(
            &classic,
            "by (step, le) (migscope_step_duration_seconds_bucket)",
            &report,
        )
        .context("classic histograms")?,
    ];
    ensure!(
        native
            .query("migscope_step_duration_seconds_bucket")?
            .is_empty(),
        "the server did not take native histograms"
    );
    pages_are_the_drivers(&native, &truth)?;
    let metrics = get(served.port, "/metrics")?;
    promtool(&programs, &["check", "metrics"], &metrics)?;
    served.ends()?;
    tell(
        context,
        "serve",
        &format!(
            "  quantiles of native histograms at most {:.2}% off, of classic ones {:.2}%",
            off[0] * 100.0,
            off[1] * 100.0
        ),
    )
}

/// What a dashboard would ask: each quantile of each step. How far the farthest is off.
fn quantiles_agree(prometheus: &Prometheus, by: &str, report: &Value) -> Result<f64> {
    let mut farthest = 0.0_f64;
    for (quantile, name) in QUANTILES {
        let answer = prometheus.query(&format!("histogram_quantile({quantile}, sum {by})"))?;
        for step in STEPS {
            let reported = &report["steps"]["both"][step][name];
            let reported = reported
                .as_f64()
                .with_context(|| format!("{name} of {step} is {reported}"))?
                / 1e9;
            let found: Option<&Series> = answer.iter().find(|series| series.label("step") == step);
            let found = found
                .with_context(|| format!("there is no {step} in {answer:?}"))?
                .value;
            let off = (found - reported).abs() / reported;
            ensure!(
                off <= SHARE,
                "{name} of {step}: {found} s instead of {reported} s"
            );
            farthest = farthest.max(off);
        }
    }
    Ok(farthest)
}

/// Each row of the ledger is the driver's own sum.
fn pages_are_the_drivers(prometheus: &Prometheus, truth: &Captured) -> Result<()> {
    let truth = driver_truth(&truth.bytes())?;
    let calls = prometheus.query("sum(migscope_migrations_total)")?;
    ensure!(
        calls
            .first()
            .is_some_and(|calls| calls.value == truth.len() as f64),
        "{calls:?} instead of {} migrations",
        truth.len()
    );
    let pages = prometheus.query("sum by (ledger) (migscope_pages_total)")?;
    for row in ROWS {
        let expected = sum(&truth, row)? as f64;
        let found = pages.iter().find(|series| series.label("ledger") == row);
        ensure!(
            found.is_some_and(|found| found.value == expected),
            "{row}: {found:?} instead of {expected}"
        );
    }
    Ok(())
}

/// The rules and their test, the dashboard's queries, and the unit.
pub(super) fn alerts_do_what_their_test_says(context: &Context<'_>) -> Result<()> {
    let programs = programs(context)?;
    let workspace = &context.lab.setup.workspace;
    let path = |name: &str| -> Result<String> {
        let file = workspace.file(&format!("docs/monitoring/{name}"))?;
        Ok(file.display().to_string())
    };
    promtool(&programs, &["check", "rules", &path("alerts.yml")?], b"")?;
    promtool(
        &programs,
        &["test", "rules", &path("alerts_test.yml")?],
        b"",
    )?;
    let dashboard = fs::read(path("grafana.json")?).context("read the dashboard")?;
    let rules = rules_of(&serde_json::from_slice(&dashboard).context("the dashboard's JSON")?)?;
    promtool(&programs, &["check", "rules"], rules.to_string().as_bytes())
}

/// A rule for each query of a dashboard, because that is what promtool checks.
fn rules_of(dashboard: &Value) -> Result<Value> {
    let panels = dashboard["panels"]
        .as_array()
        .context("there are no panels")?;
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array())
        .flatten();
    let rules: Vec<_> = targets
        .enumerate()
        .map(|(at, target)| {
            let query = target["expr"].as_str().unwrap_or_default();
            let query = query
                .replace("$__rate_interval", "5m")
                .replace("$__range", "1h");
            serde_json::json!({"record": format!("panel:{at}"), "expr": query})
        })
        .collect();
    ensure!(
        rules.len() > 10,
        "the dashboard has {} queries",
        rules.len()
    );
    Ok(serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]}))
}

/// On one of Debian's kernels, which have a network: from the kernel's own totals, over HTTP, until Ctrl-C.
pub(super) fn a_kernel_is_served_until_ctrl_c(context: &Context<'_>) -> Result<()> {
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

/// `migscope serve -` on this machine.
struct Served {
    child: Child,
    port: u16,
}

impl Served {
    fn start(migscope: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(migscope);
        command
            .args(["serve", "-", "--buckets", "64", "--listen"])
            .arg(format!("127.0.0.1:{port}"))
            .stdin(Stdio::piped())
            .stderr(Stdio::null());
        tie_group(&mut command, Signal::KILL, vec![]);
        let child = spawn(&mut command)?;
        Ok(Self { child, port })
    }

    fn stdin(&mut self) -> Result<ChildStdin> {
        self.child
            .stdin
            .take()
            .context("the server's standard input")
    }

    /// As Ctrl-C would end it.
    fn ends(&mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::INT).context("end the server")?;
        let status = self.child.wait().context("wait for the server")?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Writes everything twice.
struct Both(File, ChildStdin);

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes)?;
        self.1.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}
