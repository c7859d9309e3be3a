//! The image under a runtime of containers, on one of Debian's kernels, with what the DaemonSet's
//! manifest gives it: all of it, and then with each part taken away.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use vm_init::verdict::End;

use super::image::Unpacked;
use super::manifests::pod;
use super::runtime::{NODE, spec};
use super::seccomp::Profile;
use crate::sections::Sections;
use crate::setup::programs::{CONTAINERS, Programs};
use crate::setup::stock::of_this_machine;
use crate::test::Context;
use crate::test::dist::built;
use crate::test::stock::{MODULE, Stock, lines};
use crate::test::trace::{ROWS, tell};
use crate::vm::builder::{Builder, Task};

const TASK: &str = "container";
const UID: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const ID: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const ROOT: &str = "Uid: 0 0 0 0";
const NOBODY: &str = "Uid: 65534 65534 65534 65534";
/// The program's own exit status where it cannot do what it is asked for.
const CANNOT: &str = "2";

/// A way to start it: its name, and the capabilities and folders of the node that it does without.
struct Way {
    name: &'static str,
    capabilities: &'static [&'static str],
    folders: bool,
}

const WHOLE: Way = way("whole", &[]);
/// These serve all the same, and lack something each.
const NAMELESS: Way = Way {
    folders: false,
    ..way("nameless", &["SYSLOG", "SETUID"])
};
const GROUPS: Way = way("groups", &["SETGID"]);
/// These do not serve.
const REFUSED: [Way; 2] = [
    way("without-bpf", &["BPF"]),
    way("without-perfmon", &["PERFMON"]),
];

const fn way(name: &'static str, capabilities: &'static [&'static str]) -> Way {
    Way {
        name,
        capabilities,
        folders: true,
    }
}

impl Way {
    /// The manifest's pod without what this does without.
    fn of(&self, pod: &Value) -> Result<Value> {
        let mut pod = pod.clone();
        let container = &mut pod["containers"][0];
        let added = container["securityContext"]["capabilities"]["add"]
            .as_array_mut()
            .context("it adds no capabilities")?;
        let before = added.len();
        added.retain(|name| !self.capabilities.iter().any(|without| name == without));
        ensure!(
            before - added.len() == self.capabilities.len(),
            "it does not have all of {:?}",
            self.capabilities
        );
        if !self.folders {
            let folders = container["volumeMounts"].take();
            let count = folders.as_array().map_or(0, Vec::len);
            ensure!(count == 1, "it has {count} folders");
        }
        Ok(pod)
    }
}

pub(in crate::test) fn the_image_serves_with_what_it_is_given(context: &Context<'_>) -> Result<()> {
    let unpacked = Unpacked::of(context, built(context)?, "oci-archive")?;
    let stock = Stock::build(context, of_this_machine(), "7.3")?;
    let vm = equipped(context, stock.boot(context, "container"), &unpacked)?
        .limit(Duration::from_secs(900))
        .task(Task::shell(TASK, &script()));
    let outcome = vm.run()?;
    let end = outcome.end(TASK)?;
    let sections = Sections::of(&outcome.stdout(TASK));
    ensure!(
        end == End::Exited(0),
        "the script ended with {end}: {}",
        String::from_utf8_lossy(&outcome.stderr(TASK))
    );
    whole(&sections).context("with all of it")?;
    nameless(&sections).context("without names")?;
    held(&sections, &GROUPS, ROOT).context("without CAP_SETGID")?;
    for way in REFUSED {
        refused(&sections, &way)?;
    }
    tell(
        context,
        "container",
        "  the image serves the driver's pages under crun, with five capabilities and one folder",
    )
}

/// A node with the runtime and a configuration for each way.
fn equipped(context: &Context<'_>, vm: Builder, unpacked: &Unpacked) -> Result<Builder> {
    let cache = &context.lab.setup.cache;
    let programs = Programs::fetched(cache, CONTAINERS)?;
    let profile = Profile::fetched(cache)?;
    let pod = pod(context)?;
    each_is_taken_away(&pod)?;
    let mut vm = vm
        .files(programs.files("usr/bin/crun")?)
        .tree(&unpacked.folder, Unpacked::ROOT)?;
    for way in [WHOLE, NAMELESS, GROUPS].iter().chain(&REFUSED) {
        let filter = |capabilities: &[String]| profile.with(capabilities);
        let spec = spec(&way.of(&pod)?, &unpacked.config, filter)?;
        vm = vm.text(
            &format!("bundles/{}/config.json", way.name),
            &spec.to_string(),
        );
    }
    Ok(vm)
}

/// There is no capability of which no way shows what it is for.
fn each_is_taken_away(pod: &Value) -> Result<()> {
    let added = &pod["containers"][0]["securityContext"]["capabilities"]["add"];
    let added = added.as_array().context("it adds no capabilities")?;
    let ways = [NAMELESS, GROUPS].into_iter().chain(REFUSED);
    let taken: Vec<_> = ways.flat_map(|way| way.capabilities).collect();
    let idle: Vec<_> = added
        .iter()
        .filter(|name| !taken.iter().any(|taken| *name == **taken))
        .collect();
    ensure!(idle.is_empty(), "nothing shows what {idle:?} are for");
    Ok(())
}

/// The driver's calls are those of a process in another pod. Its cgroup is called as the kubelet
/// and containerd would call it.
fn script() -> String {
    let (whole, nameless, groups) = (WHOLE.name, NAMELESS.name, GROUPS.name);
    let mut script = format!(
        "top=/sys/fs/cgroup
        pod=kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice
        cgroup=$top/$pod/cri-containerd-{ID}.scope
        mkdir -p $cgroup
        for folder in $top $top/kubepods.slice $top/kubepods.slice/kubepods-burstable.slice $top/$pod; do
            echo +memory > $folder/cgroup.subtree_control || exit 1
        done
        inside() {{ nsenter -t $(cat /tmp/pid) -n \"$@\"; }}
        served() {{ inside wget -q -O /tmp/metrics http://127.0.0.1:10469/$1 2> /tmp/wget; }}
        begin() {{
            rm -f /tmp/pid
            /usr/bin/crun run --no-pivot --bundle /bundles/$1 --pid-file /tmp/pid $1 > /tmp/said 2>&1 &
            runner=$!
            until test -s /tmp/pid && served -/ready; do
                test -d /proc/$runner || {{ cat /tmp/said /tmp/wget >&2; exit 1; }}
                sleep 0.2
            done
            echo \"== $1 held\"
            cat /proc/$(cat /tmp/pid)/task/*/status | grep -E '^(Uid|CapPrm|CapEff|NoNewPrivs|Seccomp):' |
                tr -s '\\t ' ' ' | sort -u
        }}
        count() {{
            sh -c \"echo 0 > $cgroup/cgroup.procs; exec drive\" || exit 1
            cat /sys/kernel/debug/{MODULE}/calls > /tmp/calls
            made=$(wc -l < /tmp/calls)
            for try in $(seq 60); do
                served metrics || exit 1
                counted=$(awk '/^migscope_process_migrations_total/ {{ sum += $NF }} END {{ print sum + 0 }}' /tmp/metrics)
                test $counted -ge $made && break
                sleep 1
            done
            echo \"== $1 driver\"; cat /tmp/calls
            echo \"== $1 metrics\"; cat /tmp/metrics
        }}
        finish() {{
            echo \"== $1 mounts\"; cat /proc/$(cat /tmp/pid)/mountinfo
            /usr/bin/crun kill $1 TERM
            wait $runner; status=$?
            echo \"== $1 status\"; echo $status
            echo \"== $1 said\"; cat /tmp/said
        }}
        refused() {{
            echo \"== $1 said\"; /usr/bin/crun run --no-pivot --bundle /bundles/$1 $1 2>&1; status=$?
            echo \"== $1 status\"; echo $status
        }}
        for way in {whole} {nameless}; do begin $way; count $way; finish $way; done
        begin {groups}; finish {groups}
",
        uid = UID.replace('-', "_"),
    );
    for way in REFUSED {
        script += &format!("refused {}\n", way.name);
    }
    script
}

fn whole(sections: &Sections) -> Result<()> {
    held(sections, &WHOLE, NOBODY)?;
    let mounts = sections.get("whole mounts")?;
    let writable = mounts.lines().filter(|line| {
        let fields: Vec<_> = line.split(' ').collect();
        let options = fields.get(5).copied().unwrap_or_default();
        // Of /proc, which no user may write but where the runtime lets nobody, there is more below.
        options.split(',').any(|option| option == "rw") && !matches!(fields[4], "/proc" | "/dev")
    });
    ensure!(
        writable.clone().next().is_none(),
        "it can write to {:?}",
        writable.collect::<Vec<_>>()
    );
    let served = Served::of(sections, &WHOLE)?;
    for (row, counted) in served.counted()? {
        let driver = served.pages("driver", &[("driver", MODULE), ("ledger", row)]);
        let process = served.pages("process", &[("ledger", row)]);
        ensure!(
            driver == counted && process == counted,
            "{row}: {driver} pages of the driver and {process} of processes are served, the driver counts {counted}"
        );
    }
    let all = served.pages("process", &[("comm", "drive")]);
    let of_pod = [("comm", "drive"), ("pod_uid", UID), ("container_id", ID)];
    let of_pod = served.pages("process", &of_pod);
    ensure!(all == of_pod && all > 0, "{of_pod} of {all} have a pod");
    let mut series = served.metrics.lines().filter(|line| !line.starts_with('#'));
    let node = format!("node=\"{NODE}\"");
    if let Some(line) = series.find(|line| !line.contains(&node)) {
        bail!("without the node: {line}");
    }
    Ok(())
}

/// It counts, and does not know of whom.
fn nameless(sections: &Sections) -> Result<()> {
    held(sections, &NAMELESS, ROOT)?;
    let said = sections.get("nameless said")?;
    ensure!(said.contains("CAP_SETUID"), "it says: {said}");
    let served = Served::of(sections, &NAMELESS)?;
    for (row, counted) in served.counted()? {
        let pages = served.pages("driver", &[("driver", "unknown"), ("ledger", row)]);
        ensure!(
            pages == counted,
            "{row}: {pages} of an unknown driver, {counted} by the driver"
        );
    }
    let without = served.pages("process", &[("comm", "drive"), ("pod_uid", "")]);
    let all = served.pages("process", &[("comm", "drive")]);
    ensure!(without == all && all > 0, "{without} of {all} have no pod");
    Ok(())
}

/// It has served, without a capability, and ended when it was asked to.
fn held(sections: &Sections, way: &Way, user: &str) -> Result<()> {
    let get = |what: &str| sections.get(&format!("{} {what}", way.name));
    let held: Vec<_> = get("held")?.lines().collect();
    const NONE: &str = "0000000000000000";
    let expected = [
        &format!("CapEff: {NONE}"),
        &format!("CapPrm: {NONE}"),
        "NoNewPrivs: 1",
        "Seccomp: 2",
        user,
    ];
    ensure!(held == expected, "it has {held:?}, not {expected:?}");
    let status = get("status")?.trim();
    ensure!(status == "0", "it ended with {status}: {}", get("said")?);
    Ok(())
}

fn refused(sections: &Sections, way: &Way) -> Result<()> {
    let get = |what: &str| sections.get(&format!("{} {what}", way.name));
    let (status, said) = (get("status")?.trim(), get("said")?);
    ensure!(
        status == CANNOT && said.contains("CAP_BPF and CAP_PERFMON"),
        "{}: it ended with {status}: {said}",
        way.name
    );
    Ok(())
}

/// What was served, and what the driver says of the same calls.
struct Served<'a> {
    metrics: &'a str,
    calls: Vec<Value>,
}

impl<'a> Served<'a> {
    fn of(sections: &'a Sections, way: &Way) -> Result<Self> {
        Ok(Self {
            metrics: sections.get(&format!("{} metrics", way.name))?,
            calls: lines(sections.get(&format!("{} driver", way.name))?)?,
        })
    }

    /// Pages by row of the ledger, by the driver.
    fn counted(&self) -> Result<Vec<(&'static str, u64)>> {
        ensure!(!self.calls.is_empty(), "the driver made no call");
        let sum = |row| {
            self.calls
                .iter()
                .filter_map(|call| call[row].as_u64())
                .sum()
        };
        Ok(ROWS.into_iter().map(|row| (row, sum(row))).collect())
    }

    /// Pages served of those that have these labels.
    fn pages(&self, of: &str, labels: &[(&str, &str)]) -> u64 {
        let begin = format!("migscope_{of}_pages_total{{");
        let labels = labels.iter();
        let labels: Vec<_> = labels
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        let lines = self.metrics.lines();
        lines
            .filter(|line| line.starts_with(&begin))
            .filter(|line| labels.iter().all(|label| line.contains(label)))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    }
}
