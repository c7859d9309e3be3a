//! `migscope serve`: a real Prometheus server reads it, and finds what the report and the driver
//! say.

mod kernel;
pub(super) mod prometheus;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Context;
use super::compare::sum;
use super::trace::{Line, ROWS, STEPS, driver_truth, new_recording, recorder, tell};
use crate::driver;
use crate::process::{POLL, end, output, spawn, tie_group};
use crate::vm::Captured;
use crate::vm::builder::Task;
pub(super) use kernel::{a_kernel_is_served_until_ctrl_c, totals_that_are_served_are_the_drivers};
use prometheus::{PATIENCE, Prometheus, Series, Way, free_port, get, programs, promtool};

/// How far a quantile may be from the report's, of the report's.
const SHARE: f64 = 0.02;
const QUANTILES: [(f64, &str); 3] = [(0.5, "p50_ns"), (0.9, "p90_ns"), (0.99, "p99_ns")];
const WORKLOAD: &str = "workload";
/// How a query sums up the histograms of a step.
const NATIVE: &str = "by (step) (migscope_step_duration_seconds)";
const CLASSIC: &str = "by (step, le) (migscope_step_duration_seconds_bucket)";

/// A recording that comes out of the VM, live: into a file, and to a server that Prometheus
/// scrapes.
pub(super) fn prometheus_reads_what_the_report_says(context: &Context<'_>) -> Result<()> {
    let programs = programs(context)?;
    let port = free_port()?;
    let start = |way| Prometheus::start(context, &programs, way, port);
    let mut native = start(Way::Native)?;
    let mut classic = start(Way::Classic)?;
    let mut served = Served::start(&context.lab.programs.migscope, port)?;

    let (path, truth) = record(context, served.stdin()?)?;
    let truth = driver_truth(&truth.bytes())?;
    let migscope = &context.lab.programs.migscope;
    let report = output(Command::new(migscope).args(["report", "--json"]).arg(&path))?;
    let report = serde_json::from_str(&report).context("the report's JSON")?;
    let mut told = Vec::new();
    for (prometheus, by) in [(&mut native, NATIVE), (&mut classic, CLASSIC)] {
        // The recording has ended, and it has read what that came to.
        prometheus.wait_for("migscope_source_up", 0.0)?;
        let off = quantiles_agree(prometheus, by, &report)
            .and_then(|off| pages_are_the_drivers(prometheus, &truth).map(|()| off))
            .with_context(|| prometheus.way.name())?;
        told.push(format!("{:.2}% ({})", off * 100.0, prometheus.way.name()));
    }
    ensure!(
        native
            .query("migscope_step_duration_seconds_bucket")?
            .is_empty(),
        "the server did not take native histograms"
    );
    dashboard_has_data(context, &native)?;
    promtool(
        &programs,
        &["check", "metrics"],
        &get(served.port, "/metrics")?,
    )?;
    served.ends()?;
    let told = told.join(", ");
    tell(
        context,
        "serve",
        &format!("  quantiles are off by at most {told}"),
    )
}

/// Runs a workload in the VM, its recording into a file and a pipe. Where the file is, and what the
/// driver says.
fn record(context: &Context<'_>, pipe: ChildStdin) -> Result<(PathBuf, Captured)> {
    let (path, file) = new_recording(context, "serve")?;
    let truth = Captured::default();
    let argv = ["workload", "run", "mixed", "--calls", "4000", "--seed", "9"];
    let argv = argv
        .into_iter()
        .chain(["--truth", "/dev/virtio-ports/truth"]);
    let outcome = driver::load(context.lab.vm("serve"))
        .limit(Duration::from_secs(600))
        .task(recorder(&[], Box::new(Both(file, pipe))))
        // What is hooked is told before the last processor runs into it.
        .task(Task::shell("settle", "sleep 1"))
        .port("truth", Box::new(truth.clone()))
        .task(Task::new(WORKLOAD, argv))
        .run()?;
    outcome.expect_success(WORKLOAD)?;
    outcome.expect_success("recorder")?;
    Ok((path, truth))
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
fn pages_are_the_drivers(prometheus: &Prometheus, truth: &[Line]) -> Result<()> {
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
        let expected = sum(truth, row)? as f64;
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
    let rules = queries(context)?.into_iter().enumerate();
    let rules: Vec<_> = rules
        .map(|(at, query)| serde_json::json!({"record": format!("panel:{at}"), "expr": query}))
        .collect();
    // That is what promtool checks queries in.
    let rules = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    promtool(&programs, &["check", "rules"], rules.to_string().as_bytes())
}

/// Every panel shows something, but for that of losses, of which there were none. What changes per
/// second takes two scrapes.
fn dashboard_has_data(context: &Context<'_>, prometheus: &Prometheus) -> Result<()> {
    let (of_losses, others): (Vec<_>, Vec<_>) = queries(context)?
        .into_iter()
        .partition(|query| query.ends_with("> 0"));
    let begun = Instant::now();
    for query in others {
        while prometheus.query(&query)?.is_empty() {
            ensure!(begun.elapsed() < PATIENCE, "{query} has no answer");
            std::thread::sleep(POLL);
        }
    }
    for query in of_losses {
        let answer = prometheus.query(&query)?;
        ensure!(answer.is_empty(), "{query}: {answer:?}");
    }
    Ok(())
}

/// The dashboard's queries, as Grafana would ask them about every machine.
fn queries(context: &Context<'_>) -> Result<Vec<String>> {
    let path = context
        .lab
        .setup
        .workspace
        .file("docs/monitoring/grafana.json")?;
    let text = fs::read(path).context("read the dashboard")?;
    let dashboard: Value = serde_json::from_slice(&text).context("the dashboard's JSON")?;
    let panels = dashboard["panels"]
        .as_array()
        .context("there are no panels")?;
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array())
        .flatten();
    let queries: Vec<_> = targets
        .filter_map(|target| target["expr"].as_str())
        .map(|query| {
            query
                .replace("$__rate_interval", "5m")
                .replace("$__range", "1h")
                .replace("$instance", ".*")
        })
        .collect();
    ensure!(
        queries.len() > 10,
        "the dashboard has {} queries",
        queries.len()
    );
    Ok(queries)
}

/// `migscope serve -` on this machine.
struct Served {
    child: Child,
    port: u16,
}

impl Served {
    fn start(migscope: &Path, port: u16) -> Result<Self> {
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
