//! Functions and fields, on kernels that have more or less of them.

use std::sync::LazyLock;

use super::*;
use crate::kernel::{HOOKS, MEMORY, Need};

/// What is hooked, by the newest names.
static FUNCTIONS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let hooks = HOOKS.iter().chain(&MEMORY);
    hooks.map(|hook| hook.functions[0]).collect()
});
const FIELDS: [&str; 10] = [
    "dst",
    "src",
    "cpages",
    "npages",
    "start",
    "end",
    "pgmap_owner",
    "flags",
    "fault_page",
    "vma",
];

/// The BTF of a kernel with everything but these.
pub(super) fn btf(without_functions: &[&str], without_fields: &[&str]) -> Vec<u8> {
    let but = |all: &[&'static str], without: &[&str]| -> Vec<&str> {
        let left = all.iter().filter(|name| !without.contains(name));
        left.copied().collect()
    };
    btf::vmlinux(
        &but(&FUNCTIONS, without_functions),
        &["sched_process_exit"],
        &but(&FIELDS, without_fields),
    )
}

/// The symbols of a kernel that has renamed some functions, or has none of them.
pub(super) fn kallsyms(renamed: &[(&str, Option<&str>)]) -> String {
    let symbol = |function: &&str| {
        let new = renamed.iter().find(|(old, _)| old == function);
        match new {
            Some((_, None)) => String::new(),
            Some((_, Some(new))) => format!("ffffffff81001000 t {new}\n"),
            None => format!("ffffffff81001000 T {function}\n"),
        }
    };
    let functions: String = FUNCTIONS.iter().map(symbol).collect();
    "ffffffff81000000 T _text\n".to_owned() + &functions
}

const BTF: &str = "sys/kernel/btf/vmlinux";
const UNMAP: &str = "migrate_device_unmap";

#[test]
fn damaged_btf_is_told_from_none() {
    let damaged = Machine::good().with(BTF, "nonsense").check("BTF");
    assert_eq!(damaged.state, State::Missing);
    assert!(damaged.found.contains("cannot be read"));
    let none = Machine::good().without(BTF).check("BTF");
    assert_eq!(none.state, State::Missing);
    assert!(none.found.contains("is missing"));
}

#[test]
fn a_field_is_where_btf_says() {
    for (index, field) in FIELDS.iter().enumerate() {
        let name = format!("migrate_vma.{field}");
        assert_eq!(
            Machine::good().check(&name).found,
            format!("at byte {}", 8 * index)
        );
        let state = Machine::good().bytes(BTF, &btf(&[], &[field])).state(&name);
        let optional = ["pgmap_owner", "flags", "fault_page"].contains(field);
        assert_eq!(
            state,
            if optional {
                State::Limited
            } else {
                State::Missing
            },
            "{field}"
        );
    }
}

#[test]
fn a_function_that_is_not_there_is_missed_as_much_as_it_is_needed() {
    for hook in HOOKS.iter().chain(&MEMORY) {
        let function = hook.functions[0];
        let machine = Machine::good()
            .bytes(BTF, &btf(&[function], &[]))
            .with("proc/kallsyms", &kallsyms(&[(function, None)]));
        assert_eq!(
            machine.state(function),
            if hook.need == Need::Needed {
                State::Missing
            } else {
                State::Limited
            },
            "{function}"
        );
        assert_eq!(machine.state("BPF trampolines"), State::Good, "{function}");
    }
}

#[test]
fn a_function_in_its_callers_is_not_there_whatever_btf_says() {
    let inlined = Machine::good().with("proc/kallsyms", &kallsyms(&[(UNMAP, None)]));
    assert_eq!(inlined.state(UNMAP), State::Limited);
    assert!(inlined.check(UNMAP).found.starts_with("not there"));
    let changed = kallsyms(&[(UNMAP, Some("migrate_device_unmap.isra.0"))]);
    let changed = Machine::good().with("proc/kallsyms", &changed).check(UNMAP);
    assert_eq!(changed.state, State::Limited);
    assert!(changed.found.contains("migrate_device_unmap.isra.0"));
}

#[test]
fn kprobes_stand_in_for_trampolines() {
    let undescribed = || Machine::good().bytes(BTF, &btf(&["migrate_vma_setup"], &[]));
    let no_tracer = || Machine::good().without("proc/sys/kernel/ftrace_enabled");
    for machine in [undescribed(), no_tracer()] {
        assert_eq!(machine.state("kprobes"), State::Good);
        assert_eq!(machine.state("BPF trampolines"), State::Limited);
        let advice = machine.check("BPF trampolines").advice.unwrap();
        assert!(advice.contains("--attach kprobe"), "{advice}");
        let neither = machine.without("sys/bus/event_source/devices/kprobe");
        assert_eq!(neither.state("BPF trampolines"), State::Missing);
    }
    let hook = undescribed().check("migrate_vma_setup");
    assert_eq!(hook.state, State::Limited);
    assert!(hook.advice.unwrap().contains("--attach kprobe"));
    // Where trampolines are possible nobody misses kprobes.
    let no_kprobes = Machine::good().without("sys/bus/event_source/devices/kprobe");
    assert_eq!(no_kprobes.state("kprobes"), State::Good);
    assert_eq!(no_kprobes.state("BPF trampolines"), State::Good);
}

#[test]
fn a_detail_alone_takes_no_kprobes() {
    let machine = Machine::good()
        .bytes(BTF, &btf(&[UNMAP], &[]))
        .without("sys/bus/event_source/devices/kprobe");
    assert_eq!(machine.state(UNMAP), State::Limited);
    assert_eq!(machine.state("BPF trampolines"), State::Good);
}

#[test]
fn without_symbols_btf_is_believed() {
    let machine = Machine::good().without("proc/kallsyms");
    assert_eq!(machine.state("migrate_vma_setup"), State::Good);
    let undescribed = machine.bytes(BTF, &btf(&["migrate_vma_setup"], &[]));
    assert_eq!(undescribed.state("migrate_vma_setup"), State::Missing);
}

#[test]
fn the_end_of_threads_is_a_tracepoint() {
    let name = "sched_process_exit";
    assert_eq!(Machine::good().state(name), State::Good);
    let without = Machine::good().bytes(BTF, &btf::vmlinux(&FUNCTIONS, &[], &FIELDS));
    assert_eq!(without.state(name), State::Missing);
}

#[test]
fn functions_that_nobody_hooks_are_named() {
    let with = |lines: &str| {
        let symbols = kallsyms(&[]) + lines;
        Machine::good().with("proc/kallsyms", &symbols)
    };
    // Static functions, functions of modules and ordinary migrations are none of our business.
    let others = "ffffffff81001000 t migrate_vma_collect_pmd\nffffffff81001000 T migrate_pages\n\
                  ffffffffa0001000 T migrate_vma_setup_locked\t[nvidia_uvm]\nffffffff81001000 d migrate_device_data\n";
    assert_eq!(with(others).state("not hooked"), State::Good);
    let new = "ffffffff81001000 T migrate_hmm_range_setup\nffffffff81001000 T migrate_device_new\n";
    let check = with(&(others.to_owned() + new)).check("not hooked");
    assert_eq!(check.state, State::Limited);
    assert_eq!(check.found, "migrate_device_new, migrate_hmm_range_setup");
    let unknown = Machine::good().without("proc/kallsyms");
    assert_eq!(unknown.state("not hooked"), State::Unknown);
}

#[test]
fn tracepoints_of_migrations_are_named() {
    assert!(
        Machine::good()
            .check("tracepoints")
            .found
            .starts_with("none")
    );
    let points = [
        "sched_process_exit",
        "migrate_device_skip",
        "mm_migrate_pages",
    ];
    let machine = Machine::good().bytes(BTF, &btf::vmlinux(&FUNCTIONS, &points, &FIELDS));
    let found = machine.check("tracepoints").found;
    assert!(found.starts_with("migrate_device_skip;"), "{found}");
    assert_eq!(machine.state("tracepoints"), State::Good);
}

#[test]
fn a_function_is_found_by_its_older_name() {
    let new = "migrate_device_coherent_folio";
    let old = "migrate_device_coherent_page";
    let machine = Machine::good()
        .with("proc/kallsyms", &kallsyms(&[(new, Some(old))]))
        .bytes(BTF, &btf::vmlinux(&[old], &["sched_process_exit"], &FIELDS));
    assert_eq!(machine.state(old), State::Good);
    assert!(
        machine
            .examine()
            .checks
            .iter()
            .all(|check| check.name != new)
    );
}
