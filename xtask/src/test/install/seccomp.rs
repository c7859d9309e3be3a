//! The system calls that Docker lets a container make unless told otherwise. containerd's list,
//! which is `RuntimeDefault`, has the same of those that tracing takes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cache::{Cache, Key};
use crate::progress::Step;
use crate::setup::apt::{ALL, Apt};

/// Docker's own source, as Debian 13 has it; in newer ones the profile is elsewhere.
const PACKAGE: &str = "golang-github-docker-docker-dev";
const VERSION: &str = "26.";
const FILE: &str = "usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json";
/// As Go calls the processors that the test is for.
const ARCH: &str = "amd64";

/// Docker's rules.
pub(super) struct Profile(Value);

impl Profile {
    pub(super) fn fetched(cache: &Cache) -> Result<Self> {
        let text = fs::read(Self::file(cache)?).context("read Docker's profile")?;
        Ok(Self(
            serde_json::from_slice(&text).context("the profile's JSON")?,
        ))
    }

    fn file(cache: &Cache) -> Result<PathBuf> {
        let entry = cache.entry("docker-source", &Key::new().with(VERSION));
        let step = Step::begin("Docker's seccomp profile (once)".into());
        let _lock = cache.lock("apt", &step)?;
        if !entry.is_finished() {
            let apt = Apt::update(cache, ALL, &step)?;
            let found = apt.newest(PACKAGE, VERSION)?;
            let found = found.with_context(|| format!("Debian has no {PACKAGE} {VERSION}"))?;
            apt.unpack(&found, entry.folder(), &step)?;
            entry.finish()?;
        }
        step.done();
        Ok(entry.path(FILE))
    }

    /// What a runtime is told where a container has these capabilities.
    pub(super) fn with(&self, capabilities: &[String]) -> Result<Value> {
        let rules = self.0["syscalls"].as_array().context("it has no rules")?;
        let rules = rules.iter().filter(|rule| holds(rule, capabilities));
        let rules: Vec<_> = rules.map(as_runtimes_know_it).collect();
        Ok(json!({
            "defaultAction": self.0["defaultAction"],
            "defaultErrnoRet": self.0["defaultErrnoRet"],
            "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": rules,
        }))
    }
}

/// Is it for this processor, and for who has these capabilities? The kernel is new enough for all.
fn holds(rule: &Value, capabilities: &[String]) -> bool {
    let list = |part: &str, field: &str| {
        let list = rule[part][field].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned)
    };
    let arches: Vec<_> = list("includes", "arches").collect();
    (arches.is_empty() || arches.iter().any(|arch| arch == ARCH))
        && list("includes", "caps").all(|name| capabilities.contains(&name))
        && list("excludes", "arches").all(|arch| arch != ARCH)
        && list("excludes", "caps").all(|name| !capabilities.contains(&name))
}

fn as_runtimes_know_it(rule: &Value) -> Value {
    let fields = ["names", "action", "errnoRet", "args"].into_iter();
    let fields = fields.filter(|field| !rule[field].is_null());
    fields
        .map(|field| (field.to_owned(), rule[field].clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_for_capabilities_and_processors() {
        let profile = Profile(json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "syscalls": [
                {"names": ["read"], "action": "SCMP_ACT_ALLOW", "comment": "always"},
                {"names": ["bpf"], "includes": {"caps": ["CAP_BPF"]}},
                {"names": ["clone3"], "errnoRet": 38, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
                {"names": ["ptrace"], "includes": {"minKernel": "4.8"}},
                {"names": ["arch_prctl"], "includes": {"arches": ["amd64", "x32"]}},
                {"names": ["s390_runtime_instr"], "includes": {"arches": ["s390x"]}},
                {"names": ["other"], "excludes": {"arches": ["amd64"]}},
            ],
        }));
        let names = |capabilities: &[&str]| {
            let capabilities: Vec<_> = capabilities.iter().map(|&name| name.to_owned()).collect();
            let filter = profile.with(&capabilities).unwrap();
            let rules = filter["syscalls"].as_array().unwrap().iter();
            rules
                .map(|rule| rule["names"][0].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["read", "clone3", "ptrace", "arch_prctl"]);
        assert_eq!(
            names(&["CAP_BPF", "CAP_SYS_ADMIN"]),
            ["read", "bpf", "ptrace", "arch_prctl"]
        );
        let rule = &profile.with(&[]).unwrap()["syscalls"][0];
        assert_eq!(
            *rule,
            json!({"names": ["read"], "action": "SCMP_ACT_ALLOW"})
        );
    }
}
