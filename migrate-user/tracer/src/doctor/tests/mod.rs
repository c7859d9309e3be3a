mod btf;
mod drivers;
mod hooks;
mod trial;

use std::fs;

use tempfile::TempDir;

use super::*;

/// A machine to be made up, file by file.
struct Machine(TempDir);

impl Machine {
    /// With nothing on it.
    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// That can be traced, and has a driver.
    fn good() -> Self {
        let machine = Self::empty()
            .with("proc/sys/kernel/osrelease", "7.2.0-amd64\n")
            .with("proc/sys/kernel/ftrace_enabled", "1\n")
            .with("proc/sys/kernel/unprivileged_bpf_disabled", "2\n")
            .with("proc/sys/kernel/perf_event_paranoid", "3\n")
            .with("proc/sys/net/core/bpf_jit_enable", "1\n")
            .with("proc/sys/net/core/bpf_jit_harden", "0\n")
            .with("proc/self/status", &capabilities(ALL))
            .with("proc/self/uid_map", "         0          0 4294967295\n")
            .with("proc/self/cgroup", "0::/\n")
            .with(
                "proc/self/mountinfo",
                "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            )
            .with("sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n")
            .with(
                "sys/devices/system/clocksource/clocksource0/current_clocksource",
                "tsc\n",
            )
            .with(
                "sys/kernel/security/lockdown",
                "[none] integrity confidentiality\n",
            )
            .with("sys/bus/event_source/devices/kprobe/type", "8\n")
            .with_module("migrate_test")
            .with("proc/iomem", "f0000000-f00fffff : migrate_test\n")
            .with("proc/kallsyms", &hooks::kallsyms(&[]));
        machine.bytes("sys/kernel/btf/vmlinux", &hooks::btf(&[], &[]))
    }

    fn with(self, path: &str, text: &str) -> Self {
        self.bytes(path, text.as_bytes())
    }

    fn bytes(self, path: &str, bytes: &[u8]) -> Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn with_module(self, name: &str) -> Self {
        self.with(&format!("sys/module/{name}/initstate"), "live\n")
    }

    fn without(self, path: &str) -> Self {
        let path = self.0.path().join(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        self
    }

    fn examine(&self) -> Examination {
        Examination::of(&Root::at(self.0.path()))
    }

    fn check(&self, name: &str) -> Check {
        let checks = self.examine().checks;
        let found = checks.into_iter().find(|check| check.name == name);
        found.unwrap_or_else(|| panic!("no check {name}"))
    }

    /// The state of a check; whatever is not good comes with advice.
    fn state(&self, name: &str) -> State {
        let check = self.check(name);
        assert_eq!(
            check.advice.is_some(),
            check.state != State::Good,
            "{check:?}"
        );
        check.state
    }
}

const ALL: u64 = 0x1ff_ffff_ffff;
const SYS_PTRACE: u64 = 1 << 19;
const SYS_ADMIN: u64 = 1 << 21;
const PERFMON: u64 = 1 << 38;
const BPF: u64 = 1 << 39;

/// `/proc/self/status`.
fn capabilities(set: u64) -> String {
    format!("Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t{set:016x}\nSeccomp:\t0\n")
}

/// All but what nobody can make up: the architecture, and the clock of the machine that runs the
/// test.
fn made_up(examination: &Examination) -> impl Iterator<Item = &Check> {
    let real = ["architecture", "resolution", "smallest step"];
    let checks = examination.checks.iter();
    checks.filter(move |check| !real.contains(&check.name.as_str()))
}

#[test]
fn a_good_machine_has_nothing_to_complain_about() {
    let mut examination = Machine::good().examine();
    for check in made_up(&examination) {
        assert_eq!(
            (check.state, &check.advice),
            (State::Good, &None),
            "{check:?}"
        );
    }
    assert_eq!(examination.verdict, State::Unknown, "before it was tried");
    examination.add_trial(&trial::successful());
    assert_ne!(examination.verdict, State::Unknown);
    assert_ne!(examination.verdict, State::Missing);
}

#[test]
fn of_an_empty_machine_nothing_is_known_but_what_is_not_there() {
    let examination = Machine::empty().examine();
    for check in made_up(&examination) {
        let expected = match check.name.as_str() {
            "BTF" => State::Missing,
            "kernel symbols" => State::Limited,
            _ => State::Unknown,
        };
        assert_eq!(check.state, expected, "{check:?}");
        assert!(check.advice.is_some(), "{check:?}");
    }
}

#[test]
fn what_is_missing_is_the_verdict_tried_or_not() {
    let mut examination = Machine::good().without("sys/kernel/btf/vmlinux").examine();
    assert_eq!(examination.verdict, State::Missing);
    examination.add_trial(&Trial::default());
    assert_eq!(examination.verdict, State::Missing);
}

#[test]
fn the_version_is_told_and_does_not_count() {
    let version = |text| {
        Machine::good()
            .with("proc/sys/kernel/osrelease", text)
            .check("version")
    };
    for release in ["5.14.0-503.el9.x86_64", "7.2.0", "nonsense"] {
        assert_eq!(
            (version(release).state, &*version(release).found),
            (State::Good, release)
        );
    }
}

#[test]
fn what_the_probes_call_counts() {
    let without = |helpers: &[u32], maps: &[&str]| {
        let btf = btf::kernel(&[], &[], &[], helpers, maps);
        Machine::good().bytes("sys/kernel/btf/vmlinux", &btf)
    };
    let new = Machine::good();
    assert_eq!(new.state("BPF helpers"), State::Good);
    assert_eq!(new.state("BPF ring buffer"), State::Good);
    let old = without(&[btf::LOOP], &["BPF_MAP_TYPE_ARRAY"]);
    assert_eq!(old.state("BPF helpers"), State::Missing);
    assert_eq!(old.check("BPF helpers").found, "without bpf_loop");
    assert_eq!(old.state("BPF ring buffer"), State::Missing);
    let unknown = Machine::good().without("sys/kernel/btf/vmlinux");
    assert_eq!(unknown.state("BPF helpers"), State::Unknown);
    assert_eq!(unknown.state("BPF ring buffer"), State::Unknown);
}

#[test]
fn the_bpf_compiler_is_on() {
    let jit =
        |name: &str, text| Machine::good().with(&format!("proc/sys/net/core/bpf_jit_{name}"), text);
    assert_eq!(jit("enable", "0").state("BPF compiler"), State::Missing);
    assert_eq!(jit("enable", "2").state("BPF compiler"), State::Good);
    let hardened = jit("harden", "2").check("BPF compiler");
    assert_eq!(
        (hardened.state, &*hardened.found),
        (State::Good, "on, hardened")
    );
    assert!(hardened.advice.unwrap().contains("bpf_jit_harden"));
}

#[test]
fn hooks_that_are_never_called_are_no_hooks() {
    let off = Machine::good().with("proc/sys/kernel/ftrace_enabled", "0\n");
    assert_eq!(off.state("function tracer"), State::Missing);
    assert_eq!(off.examine().verdict, State::Missing);
}

#[test]
fn bpf_takes_two_capabilities_or_the_old_one() {
    let check = |set| {
        let machine = Machine::good().with("proc/self/status", &capabilities(set));
        machine.state("BPF programs");
        machine.check("BPF programs")
    };
    assert_eq!(check(0).found, "without CAP_BPF and CAP_PERFMON");
    assert_eq!(check(BPF).found, "without CAP_PERFMON");
    assert_eq!(check(0).state, State::Missing);
    for enough in [BPF | PERFMON, SYS_ADMIN, ALL] {
        assert_eq!(
            check(enough).found,
            "the capabilities are there, not limited by kernel.unprivileged_bpf_disabled=2 and kernel.perf_event_paranoid=3"
        );
    }
}

#[test]
fn symbols_of_the_kernel_can_be_hidden() {
    let hidden = || Machine::good().with("proc/kallsyms", "0000000000000000 T migrate_vma_setup\n");
    assert_eq!(hidden().state("kernel symbols"), State::Limited);
    let advice = |machine: Machine| machine.check("kernel symbols").advice.unwrap();
    let restricted = hidden().with("proc/sys/kernel/kptr_restrict", "2\n");
    assert!(advice(restricted).contains("sysctl kernel.kptr_restrict=1"));
    let ordinary = hidden()
        .with("proc/sys/kernel/kptr_restrict", "1\n")
        .with("proc/self/status", &capabilities(BPF | PERFMON));
    assert!(advice(ordinary).contains("CAP_SYSLOG"));
}

#[test]
fn symbols_of_processes_take_capabilities() {
    let state = |set| {
        Machine::good()
            .with("proc/self/status", &capabilities(set))
            .state("symbols of processes")
    };
    assert_eq!(state(0), State::Limited);
    assert_eq!(state(SYS_PTRACE), State::Limited);
    assert_eq!(state(SYS_PTRACE | SYS_ADMIN), State::Good);
}

#[test]
fn lockdown_can_forbid_reading() {
    const FILE: &str = "sys/kernel/security/lockdown";
    let with = |modes| Machine::good().with(FILE, modes).state("lockdown");
    assert_eq!(with("none [integrity] confidentiality"), State::Good);
    assert_eq!(with("none integrity [confidentiality]"), State::Missing);
    assert_eq!(with("nonsense"), State::Unknown);
    let without = || Machine::good().without(FILE);
    assert_eq!(without().state("lockdown"), State::Unknown, "not mounted");
    let mounted = without().with("sys/kernel/security/lsm", "capability");
    assert_eq!(mounted.state("lockdown"), State::Good, "not in this kernel");
}

#[test]
fn a_container_may_forbid_what_its_capabilities_permit() {
    let filtered = Machine::good().with(
        "proc/self/status",
        &capabilities(ALL).replace("Seccomp:\t0", "Seccomp:\t2"),
    );
    assert_eq!(filtered.state("seccomp"), State::Limited);
    assert!(
        filtered
            .check("seccomp")
            .advice
            .unwrap()
            .contains("--privileged")
    );
    let silent = Machine::good().with("proc/self/status", "Name:\tx\n");
    assert_eq!(silent.state("seccomp"), State::Unknown);
    let rootless = Machine::good().with("proc/self/uid_map", "0 1000 1\n1 100000 65536\n");
    assert_eq!(rootless.state("user namespace"), State::Missing);
    let silent = Machine::good().without("proc/self/uid_map");
    assert_eq!(silent.state("user namespace"), State::Unknown);
}

#[test]
fn a_coarse_clock_is_said() {
    let jiffies = Machine::good().with(
        "sys/devices/system/clocksource/clocksource0/current_clocksource",
        "refined-jiffies\n",
    );
    assert_eq!(jiffies.state("source"), State::Limited);
}

#[test]
fn the_memory_controller_is_found() {
    let memory = |machine: Machine| {
        machine.state("memory controller");
        let check = machine.check("memory controller");
        (check.state, check.found)
    };
    let is = |state, found: &str| (state, found.to_owned());
    assert_eq!(
        memory(Machine::good()),
        is(State::Good, "version 2, at /sys/fs/cgroup")
    );
    let off = Machine::good().with("sys/fs/cgroup/cgroup.controllers", "cpu pids\n");
    assert_eq!(
        memory(off),
        is(
            State::Limited,
            "not among the controllers at /sys/fs/cgroup"
        )
    );
    let legacy = || Machine::good().with("proc/self/cgroup", "4:memory:/\n0::/\n");
    assert_eq!(memory(legacy()), is(State::Limited, "not mounted"));
    let mounted = legacy().with(
        "proc/self/mountinfo",
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
    );
    assert_eq!(
        memory(mounted),
        is(State::Good, "version 1, at /sys/fs/cgroup/memory")
    );
    let none = Machine::good().with("proc/self/cgroup", "");
    assert_eq!(memory(none), is(State::Limited, "none"));
}
