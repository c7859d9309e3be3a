//! A real Prometheus server, and its tool.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use serde_json::Value;

use crate::process::{POLL, end, spawn, tail, tie_group};
use crate::scratch;
use crate::setup::programs::{PROMETHEUS, Programs};
use crate::test::Context;

/// How long an answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const LOG_TAIL: usize = 20;

/// The programs.
pub(in crate::test) fn programs(context: &Context<'_>) -> Result<Programs> {
    Programs::fetched(&context.lab.setup.cache, PROMETHEUS)
}

/// Runs `promtool` with something on its standard input; what it says is an error if it is not
/// content.
pub(in crate::test) fn promtool(
    programs: &Programs,
    arguments: &[&str],
    input: &[u8],
) -> Result<()> {
    let mut command = programs.command("usr/bin/promtool");
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start promtool")?;
    child
        .stdin
        .take()
        .context("promtool's standard input")?
        .write_all(input)
        .context("write to promtool")?;
    let finished = child.wait_with_output().context("wait for promtool")?;
    let said = [finished.stdout, finished.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(
        finished.status.success(),
        "promtool {} ended with {}: {said}",
        arguments.join(" "),
        finished.status
    );
    Ok(())
}

/// A server that scrapes one target every second.
pub(super) struct Prometheus {
    pub(super) way: Way,
    child: Child,
    port: u16,
    log: PathBuf,
    folder: PathBuf,
}

/// How figures get into a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It asks for native histograms, and keeps no classic ones.
    Native,
    /// It asks for classic histograms.
    Classic,
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Classic => "classic",
        }
    }

    /// What the server must be told to be able to do.
    fn feature(self) -> Option<&'static str> {
        match self {
            Self::Native => Some("--enable-feature=native-histograms"),
            Self::Classic => None,
        }
    }
}

impl Prometheus {
    /// Starts it. `target` is the port that is scraped.
    pub(super) fn start(
        context: &Context<'_>,
        programs: &Programs,
        way: Way,
        target: u16,
    ) -> Result<Self> {
        let name = format!("prometheus-{}", way.name());
        let folder = scratch::path(&context.lab.setup.workspace, &name);
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let (config, log) = (folder.join("prometheus.yml"), folder.join("log"));
        let text = format!(
            "global: {{scrape_interval: 1s}}\n\
             scrape_configs: [{{job_name: test, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
        );
        fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        let port = free_port()?;
        let mut command = programs.command("usr/bin/prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(way.feature())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).with_context(|| format!("create {}", log.display()))?);
        tie_group(&mut command, Signal::KILL, vec![]);
        let child = spawn(&mut command)?;
        Ok(Self {
            way,
            child,
            port,
            log,
            folder,
        })
    }

    /// Waits until a query has an answer, and this one.
    pub(super) fn wait_for(&mut self, query: &str, value: f64) -> Result<()> {
        let begun = Instant::now();
        loop {
            let answer = self.query(query);
            let came = answer
                .as_ref()
                .is_ok_and(|series| series.iter().any(|series| series.value == value));
            if came {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().context("wait for Prometheus")? {
                bail!(
                    "Prometheus ended with {status}:\n{}",
                    tail(&self.log, LOG_TAIL)
                );
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "{query} did not become {value}: {answer:?}\n{}",
                tail(&self.log, LOG_TAIL)
            );
            std::thread::sleep(POLL);
        }
    }

    /// What a query answers now.
    pub(super) fn query(&self, query: &str) -> Result<Vec<Series>> {
        let path = format!("/api/v1/query?query={}", percent_encoded(query));
        let answer = get(self.port, &path)?;
        let answer: Value = serde_json::from_slice(&answer).context("the answer's JSON")?;
        ensure!(answer["status"] == "success", "{query}: {answer}");
        let series = answer["data"]["result"].as_array();
        series
            .with_context(|| format!("{query}: no result in {answer}"))?
            .iter()
            .map(|series| Series::parse(series).with_context(|| format!("{query}: no value")))
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        end(&mut self.child);
        // What cannot be removed does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A value and its labels.
#[derive(Debug)]
pub(super) struct Series {
    labels: Value,
    /// NaN for a histogram.
    pub(super) value: f64,
}

impl Series {
    fn parse(series: &Value) -> Option<Self> {
        let value = match &series["value"] {
            Value::Null => series.get("histogram").map(|_| f64::NAN),
            value => value[1].as_str()?.parse().ok(),
        };
        Some(Self {
            labels: series["metric"].clone(),
            value: value?,
        })
    }

    /// A label's value.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels[name].as_str().unwrap_or_default()
    }
}

/// A port that nobody listens on.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("find a free port")?;
    Ok(listener.local_addr().context("find a free port")?.port())
}

/// The body of an answer of 200.
pub(super) fn get(port: u16, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).context("connect")?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .context("a socket")?;
    // In this version an answer has no chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").context("ask")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("read the answer")?;
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n");
    let end = end.with_context(|| format!("{path}: no answer"))?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    ensure!(head.contains(" 200 "), "{path}: {head}");
    Ok(answer.split_off(end + 4))
}

fn percent_encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_survive_the_way() {
        assert_eq!(percent_encoded("a{b=\"c\"}"), "a%7Bb%3D%22c%22%7D");
    }

    #[test]
    fn values_are_texts_in_the_answer() {
        let answer = serde_json::json!({"metric": {"step": "setup"}, "value": [1.5, "0.25"]});
        let series = Series::parse(&answer).unwrap();
        assert_eq!((series.label("step"), series.value), ("setup", 0.25));
        let histogram = serde_json::json!({"metric": {}, "histogram": [1.5, {"buckets": []}]});
        assert!(Series::parse(&histogram).unwrap().value.is_nan());
        assert!(Series::parse(&serde_json::json!({"metric": {}})).is_none());
    }
}
