//! What the kubelet and containerd ask a runtime for where a pod has one container: the runtime's
//! configuration, by the pod's manifest and the image's.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::image::Unpacked;

/// The node that the pod is on.
pub(super) const NODE: &str = "gpu1";
/// What containerd hides in `/proc` and `/sys` unless a pod is privileged, and what it lets nobody
/// write.
const MASKED: [&str; 11] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];
const CGROUPS: &str = "/sys/fs/cgroup";

/// The configuration; `seccomp` makes the filter that goes with some capabilities.
pub(super) fn spec(
    pod: &Value,
    image: &Value,
    seccomp: impl Fn(&[String]) -> Result<Value>,
) -> Result<Value> {
    let container = &pod["containers"][0];
    let security = &container["securityContext"];
    ensure!(security["privileged"] == false, "it is privileged");
    let profile = &pod["securityContext"]["seccompProfile"]["type"];
    ensure!(
        profile == "RuntimeDefault",
        "its system calls are {profile}"
    );
    let capabilities = capabilities(security)?;
    let sets = json!({
        "bounding": capabilities, "effective": capabilities, "permitted": capabilities,
    });
    Ok(json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {
                "uid": pod["securityContext"]["runAsUser"],
                "gid": pod["securityContext"]["runAsGroup"],
            },
            "args": arguments(container, image)?,
            "env": ["PATH=/usr/bin"],
            "cwd": "/",
            "capabilities": sets,
            "noNewPrivileges": security["allowPrivilegeEscalation"] == false,
        },
        "root": {
            "path": format!("/{}", Unpacked::ROOT),
            "readonly": security["readOnlyRootFilesystem"],
        },
        "mounts": mounts(pod)?,
        "linux": {
            "namespaces": namespaces(pod),
            "cgroupsPath": "/kubepods.slice/migscope",
            "resources": {"memory": {"limit": memory(container)?}},
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
            "seccomp": seccomp(&capabilities)?,
        },
    }))
}

fn capabilities(security: &Value) -> Result<Vec<String>> {
    let capabilities = &security["capabilities"];
    ensure!(
        capabilities["drop"] == json!(["ALL"]),
        "it keeps capabilities"
    );
    let added = capabilities["add"].as_array().context("it adds none")?;
    let named = added.iter().filter_map(Value::as_str);
    Ok(named.map(|name| format!("CAP_{name}")).collect())
}

/// The image's program, and the manifest's arguments with the node's name in them.
fn arguments(container: &Value, image: &Value) -> Result<Vec<String>> {
    let node = &container["env"][0];
    ensure!(
        node["valueFrom"]["fieldRef"]["fieldPath"] == "spec.nodeName",
        "the variable is {node}"
    );
    let variable = node["name"].as_str().context("it has no name")?;
    let lists = [&image["config"]["Entrypoint"], &container["args"]];
    let words = lists.into_iter().filter_map(Value::as_array).flatten();
    let words = words.filter_map(Value::as_str);
    Ok(words
        .map(|word| word.replace(&format!("$({variable})"), NODE))
        .collect())
}

/// Every namespace is the pod's own that the manifest does not share.
fn namespaces(pod: &Value) -> Value {
    let shared = |field: &str| pod[field] == true;
    let own = [
        ("mount", false),
        ("uts", false),
        ("cgroup", false),
        ("pid", shared("hostPID")),
        ("ipc", shared("hostIPC")),
        ("network", shared("hostNetwork")),
    ];
    let own = own.into_iter().filter(|(_, shared)| !shared);
    own.map(|(kind, _)| json!({"type": kind})).collect()
}

/// What every container has, and the node's folders, which come in place of one at the same path.
fn mounts(pod: &Value) -> Result<Vec<Value>> {
    let standard = [
        ("/proc", "proc", &["nosuid", "noexec", "nodev"][..]),
        ("/dev", "tmpfs", &["nosuid", "mode=755"]),
        ("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        (CGROUPS, "cgroup", &["nosuid", "noexec", "nodev", "ro"]),
    ];
    let mut mounts: Vec<_> = standard
        .into_iter()
        .map(|(path, kind, options)| {
            json!({"destination": path, "type": kind, "source": kind, "options": options})
        })
        .collect();
    let asked = pod["containers"][0]["volumeMounts"].as_array();
    for mount in asked.into_iter().flatten() {
        let volumes = pod["volumes"].as_array().context("there are no volumes")?;
        let mut volumes = volumes.iter();
        let volume = volumes.find(|volume| volume["name"] == mount["name"]);
        let source = &volume.context("a volume is missing")?["hostPath"]["path"];
        ensure!(mount["readOnly"] == true, "{mount} may be written");
        mounts.retain(|other| other["destination"] != mount["mountPath"]);
        mounts.push(json!({
            "destination": mount["mountPath"],
            "type": "bind",
            "source": source,
            "options": ["rbind", "ro"],
        }));
    }
    Ok(mounts)
}

/// The limit, bytes.
fn memory(container: &Value) -> Result<u64> {
    let limit = container["resources"]["limits"]["memory"].as_str();
    let mib = limit.and_then(|limit| limit.strip_suffix("Mi"));
    let mib: u64 = mib.context("there is no limit of memory")?.parse()?;
    Ok(mib << 20)
}
