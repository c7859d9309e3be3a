//! The files by which others run migscope: held against schemas, and read by the programs that they
//! are for, as far as Debian has those.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::output;
use crate::scratch;
use crate::setup::programs::{COMPOSE, Programs};
use crate::test::Context;
use crate::test::serve::prometheus::{programs, promtool};
use crate::workspace::Workspace;

const SCRIPT: &str = "xtask/src/test/install/manifests.py";
const MONITORING: &str = "docs/monitoring";
const IMAGE: &str = concat!("migscope:", env!("CARGO_PKG_VERSION"));
/// 256 MiB, as Compose tells it.
const MEMORY: &str = "268435456";
/// Debian's Prometheus is older than 3.8, and does not know this line.
const NEWER: &str = "    scrape_native_histograms: true\n";

pub(in crate::test) fn manifests_are_what_their_readers_want(context: &Context<'_>) -> Result<()> {
    let pod = pod(context)?;
    let compose = compose(context)?;
    same_privileges(&pod["containers"][0], &compose["services"]["migscope"])?;
    let stage = Stage(scratch::path(&context.lab.setup.workspace, "manifests"));
    files_are_there(&compose, &stage).context("what Compose mounts")?;
    prometheus_reads_its_configurations(context, &stage)?;
    grafana_finds_both(context, &stage, &compose)
}

/// What the DaemonSet has the kubelet start; its manifest is as the schemas want it.
pub(super) fn pod(context: &Context<'_>) -> Result<Value> {
    let files = [context
        .lab
        .setup
        .workspace
        .file(&format!("{MONITORING}/daemonset.yml"))?];
    let read = read(context, &files)?;
    let documents = read["daemonset.yml"].as_array();
    let mut documents = documents.context("there are no documents")?.iter();
    let daemonset = documents.find(|document| document["kind"] == "DaemonSet");
    let daemonset = daemonset.context("there is no DaemonSet")?;
    Ok(daemonset["spec"]["template"]["spec"].clone())
}

fn read(context: &Context<'_>, files: &[PathBuf]) -> Result<Value> {
    let setup = &context.lab.setup;
    let python = setup.schemas.ready()?;
    let script = setup.workspace.file(SCRIPT)?;
    let said = output(Command::new(python).arg(script).args(files))?;
    serde_json::from_str(&said).context("the script's JSON")
}

/// The Compose file as Compose itself understands it.
fn compose(context: &Context<'_>) -> Result<Value> {
    let setup = &context.lab.setup;
    let programs = Programs::fetched(&setup.cache, COMPOSE)?;
    let file = setup.workspace.file(&format!("{MONITORING}/compose.yml"))?;
    let mut compose = programs.command("usr/libexec/docker/cli-plugins/docker-compose");
    compose.arg("--file").arg(file);
    let said = output(compose.args(["config", "--format", "json"]))?;
    serde_json::from_str(&said).context("the JSON of Compose")
}

/// Both give it the same: what is needed is the same, and the container's test is of one of them.
fn same_privileges(container: &Value, service: &Value) -> Result<()> {
    let security = &container["securityContext"];
    let names = |names: &Value| -> BTreeSet<String> {
        let names = names.as_array().into_iter().flatten();
        names.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let added = names(&security["capabilities"]["add"]);
    ensure!(
        added == names(&service["cap_add"]) && !added.is_empty(),
        "not the same capabilities: {added:?}"
    );
    for (what, agree) in [
        (
            "image",
            container["image"] == IMAGE && service["image"] == IMAGE,
        ),
        (
            "drop",
            names(&security["capabilities"]["drop"]) == names(&service["cap_drop"]),
        ),
        (
            "read-only",
            security["readOnlyRootFilesystem"] == service["read_only"],
        ),
        (
            "no new privileges",
            security["allowPrivilegeEscalation"] == false
                && names(&service["security_opt"]).contains("no-new-privileges"),
        ),
        (
            "memory",
            container["resources"]["limits"]["memory"] == "256Mi" && service["mem_limit"] == MEMORY,
        ),
    ] {
        ensure!(agree, "{what}: {container} and {service}");
    }
    Ok(())
}

/// A folder that stands for the services' root.
struct Stage(PathBuf);

impl Stage {
    /// What a service finds at a path.
    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// Puts a file there. What Prometheus of Debian's does not know is left out.
    fn put(&self, from: &Path, to: &str) -> Result<()> {
        let text = fs::read_to_string(from).with_context(|| format!("read {}", from.display()))?;
        let to = self.at(to);
        fs::create_dir_all(to.parent().unwrap_or(&self.0)).context("create a folder")?;
        fs::write(&to, text.replace(NEWER, "")).with_context(|| format!("write {}", to.display()))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Puts every file that a service mounts where the service finds it.
fn files_are_there(compose: &Value, stage: &Stage) -> Result<()> {
    for service in ["prometheus", "grafana"] {
        let volumes = compose["services"][service]["volumes"].as_array();
        let volumes = volumes.with_context(|| format!("{service} has no volumes"))?;
        for volume in volumes.iter().filter(|volume| volume["type"] == "bind") {
            let path = |end: &str| volume[end].as_str().with_context(|| format!("{volume}"));
            stage.put(Path::new(path("source")?), path("target")?)?;
        }
    }
    Ok(())
}

fn prometheus_reads_its_configurations(context: &Context<'_>, stage: &Stage) -> Result<()> {
    let workspace = &context.lab.setup.workspace;
    let cluster = "/cluster/prometheus.yml";
    stage.put(&file(workspace, "prometheus-kubernetes.yml")?, cluster)?;
    for rules in ["alerts.yml", "pods.yml"] {
        stage.put(&file(workspace, rules)?, &format!("/cluster/{rules}"))?;
    }
    let programs = programs(context)?;
    for config in ["compose/prometheus.yml", "prometheus-kubernetes.yml"] {
        let text = fs::read_to_string(file(workspace, config)?).context("read it")?;
        ensure!(
            text.matches(NEWER).count() == 1,
            "{config} does not ask for native histograms"
        );
    }
    for config in ["/etc/prometheus/prometheus.yml", cluster] {
        let path = stage.at(config).display().to_string();
        promtool(&programs, &["check", "config", &path], b"").context(config)?;
    }
    let tests = file(workspace, "pods_test.yml")?.display().to_string();
    promtool(&programs, &["test", "rules", &tests], b"")
}

/// The data source is the service, and the dashboard lies where Grafana looks for it.
fn grafana_finds_both(context: &Context<'_>, stage: &Stage, compose: &Value) -> Result<()> {
    let provisioning = stage.at("/etc/grafana/provisioning");
    let files = ["datasources", "dashboards"].map(|kind| provisioning.join(kind));
    let source = files[0].join("migscope.yml");
    let source = &read(context, &[source])?["migscope.yml"][0]["datasources"][0];
    let url = source["url"].as_str().unwrap_or_default();
    let (service, port) = url
        .trim_start_matches("http://")
        .split_once(':')
        .with_context(|| format!("{url} has no port"))?;
    let port: u64 = port.parse().with_context(|| format!("the port in {url}"))?;
    let published = &compose["services"][service]["ports"][0]["target"];
    ensure!(
        source["type"] == "prometheus" && *published == port,
        "the data source is {source}"
    );
    let dashboards = files[1].join("migscope.yml");
    let provider = &read(context, &[dashboards])?["migscope.yml"][0]["providers"][0];
    let folder = provider["options"]["path"].as_str().unwrap_or_default();
    let variables = &compose["services"]["grafana"]["environment"];
    let home = variables["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str();
    let home = home.context("there is no first dashboard")?;
    ensure!(home.starts_with(folder), "{home} is not in {folder}");
    let dashboard = fs::read_to_string(stage.at(home)).context("the dashboard")?;
    let dashboard: Value = serde_json::from_str(&dashboard).context("the dashboard's JSON")?;
    ensure!(dashboard["uid"] == "migscope", "it is another dashboard");
    Ok(())
}

fn file(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    workspace.file(&format!("{MONITORING}/{name}"))
}
