//! Are the functions there that the probes hang on, and the fields that they read?

use super::{Btf, Check, Root, State, Symbols, unhooked};
use crate::kernel::{
    ASKS, DEVICE_SIDE, DRIVER_PARTS, HOOKS, Hook, MEMORY, Need, PARTS, Types, WAITS,
};

/// Where the kernel offers kprobes to perf_event_open, by which they are attached.
const KPROBES: &str = "/sys/bus/event_source/devices/kprobe";

/// How bad it is when a function is missing, and what is missing without it.
fn without(hook: &Hook) -> (State, &'static str) {
    match hook.need {
        Need::Needed => (
            State::Missing,
            "Nothing can be traced without it: use a kernel with CONFIG_DEVICE_MIGRATION=y",
        ),
        Need::IfThere => (
            State::Limited,
            "Migrations that go through it (evictions, pages that are pinned for long) are not seen, if there are any",
        ),
        Need::Detail => (
            State::Limited,
            "Why pages were skipped (not collected, or not unmapped) stays unknown",
        ),
    }
}

/// A field of a structure, and what is missing without it.
struct Field(&'static str, &'static str, State, &'static str);

const UNREADABLE: &str = "Nothing can be traced without it: look for a newer version of migscope";

const FIELDS: &[Field] = &[
    Field("migrate_vma", "src", State::Missing, UNREADABLE),
    Field("migrate_vma", "dst", State::Missing, UNREADABLE),
    Field("migrate_vma", "npages", State::Missing, UNREADABLE),
    Field("migrate_vma", "cpages", State::Missing, UNREADABLE),
    Field("migrate_vma", "start", State::Missing, UNREADABLE),
    Field("migrate_vma", "end", State::Missing, UNREADABLE),
    Field("migrate_vma", "vma", State::Missing, UNREADABLE),
    Field(
        "migrate_vma",
        "flags",
        State::Limited,
        "Where nothing arrived, nobody knows where it was to go (Linux 5.9 has it)",
    ),
    Field(
        "migrate_vma",
        "fault_page",
        State::Limited,
        "Where nothing arrived, it is less sure where it was to go (Linux 6.1 has it)",
    ),
    Field(
        "migrate_vma",
        "pgmap_owner",
        State::Limited,
        "The owner of pages that a driver names stays unknown (Linux 5.9 has it)",
    ),
    Field("vm_area_struct", "vm_mm", State::Missing, UNREADABLE),
    Field("task_struct", "comm", State::Missing, UNREADABLE),
    Field("task_struct", "mm", State::Missing, UNREADABLE),
    Field("task_struct", "tgid", State::Missing, UNREADABLE),
    Field("task_struct", "group_leader", State::Missing, UNREADABLE),
    Field(
        "mm_struct",
        "owner",
        State::Limited,
        "Whose memory it is, is known only of processes that work for themselves (CONFIG_MEMCG=y has it)",
    ),
    device("dev_pagemap", "type"),
    device("dev_pagemap", "nr_range"),
    Field(
        "page",
        "_refcount",
        State::Limited,
        "Free pages of evicted chunks are not told from those that somebody holds",
    ),
    payer("task_struct", "cgroups"),
    payer("css_set", "subsys"),
    payer("cgroup_subsys_state", "cgroup"),
    payer("cgroup", "kn"),
    payer("kernfs_node", "id"),
];

/// A field on the way from a thread to the memory cgroup that pays.
const fn payer(structure: &'static str, name: &'static str) -> Field {
    Field(
        structure,
        name,
        State::Limited,
        "Who pays for the memory is unknown: the cgroup is left out (CONFIG_MEMCG=y has it)",
    )
}

/// A field that tells what memory of a device is.
const fn device(structure: &'static str, name: &'static str) -> Field {
    Field(
        structure,
        name,
        State::Limited,
        "Memory of devices is not known: where pages come from and go to stays unknown",
    )
}

pub(super) fn checks(root: &Root, btf: &Btf, symbols: Option<&Symbols>) -> Vec<Check> {
    let mut checks = vec![btf.check()];
    let Some(types) = btf.types() else {
        return checks;
    };
    let seen: Vec<_> = HOOKS
        .iter()
        .map(|hook| (hook, Seen::of_any(hook, types, symbols)))
        .collect();
    checks.extend(ways(root, &seen));
    checks.extend(
        seen.iter()
            .map(|(hook, (name, seen))| check(hook, name, seen)),
    );
    checks.extend(MEMORY.iter().map(|hook| memory(hook, types, symbols)));
    checks.push(thread_end(types));
    checks.extend(asked_for(types, symbols));
    checks.extend(unhooked::checks(types, symbols));
    checks.extend(FIELDS.iter().map(|wanted| field(wanted, types)));
    checks
}

/// What there is of a function.
enum Seen {
    /// All that fentry needs.
    Described,
    /// A symbol, which is all that kprobes need.
    Symbol,
    /// A variant that the compiler made, whose arguments nobody knows.
    Changed(String),
    /// Nothing: it was put into its callers, or never was.
    Nothing,
    /// No description, and no list of symbols that could say why.
    NoList,
}

impl Seen {
    /// The name that a hook's function has in this kernel, and what there is of it.
    fn of_any(hook: &Hook, types: &Types, symbols: Option<&Symbols>) -> (&'static str, Self) {
        let mut all = hook
            .functions
            .iter()
            .map(|function| (*function, Self::of(function, types, symbols)));
        let newest = (
            hook.functions[0],
            Self::of(hook.functions[0], types, symbols),
        );
        all.find(|(_, seen)| matches!(seen, Self::Described | Self::Symbol))
            .unwrap_or(newest)
    }

    fn of(function: &str, types: &Types, symbols: Option<&Symbols>) -> Self {
        let described = types.has(function);
        let Some(symbols) = symbols else {
            return if described {
                Self::Described
            } else {
                Self::NoList
            };
        };
        match symbols.like(function) {
            // BTF can describe a function that was put into its callers.
            None => Self::Nothing,
            Some(symbol) if symbol != function => Self::Changed(symbol.to_owned()),
            Some(_) if described => Self::Described,
            Some(_) => Self::Symbol,
        }
    }
}

/// The two ways to hang on to a function: BPF trampolines, and kprobes where those cannot be had.
fn ways(root: &Root, seen: &[(&Hook, (&'static str, Seen))]) -> [Check; 2] {
    let kprobes = root.has(KPROBES);
    let trampolines = |found: &str| Check::new("hooks", "BPF trampolines", found);
    let trampolines = match why_no_trampolines(root, seen) {
        None => trampolines("possible"),
        Some(why) if kprobes => trampolines(&why).judged(
            State::Limited,
            "Trace with kprobes, which take longer: --attach kprobe",
        ),
        Some(why) => trampolines(&why).judged(
            State::Missing,
            "Use a kernel with CONFIG_FUNCTION_TRACER=y, or with CONFIG_KPROBE_EVENTS=y for --attach kprobe",
        ),
    };
    // Where trampolines are possible nobody misses them.
    let kprobes = if kprobes {
        "possible"
    } else {
        "not in this kernel"
    };
    [trampolines, Check::new("hooks", "kprobes", kprobes)]
}

/// What keeps trampolines from a function without which nothing can be traced.
fn why_no_trampolines(root: &Root, seen: &[(&Hook, (&'static str, Seen))]) -> Option<String> {
    if !root.has("/proc/sys/kernel/ftrace_enabled") {
        return Some("impossible without the function tracer".to_owned());
    }
    let names: Vec<_> = seen
        .iter()
        .filter(|(hook, (_, seen))| hook.need == Need::Needed && matches!(seen, Seen::Symbol))
        .map(|(_, (name, _))| *name)
        .collect();
    (!names.is_empty()).then(|| format!("BTF does not describe {}", names.join(", ")))
}

fn check(hook: &Hook, name: &'static str, seen: &Seen) -> Check {
    let (state, without) = without(hook);
    let check = |found: String| Check::new("hooks", name, found);
    match seen {
        Seen::Described => {
            check("described by BTF, so that fentry and fexit can hang on it".to_owned())
        }
        Seen::Symbol => check("it is there, but BTF does not describe it".to_owned()).judged(
            State::Limited,
            "Only kprobes can hang on it: --attach kprobe",
        ),
        Seen::Changed(symbol) => {
            check(format!("the compiler changed it, and calls it {symbol}")).judged(state, without)
        }
        Seen::Nothing => check(
            "not there: the compiler put it into its callers, or this kernel never had it"
                .to_owned(),
        )
        .judged(state, without),
        Seen::NoList => check("BTF does not describe it".to_owned()).judged(state, without),
    }
}

/// What tells that memory of a device comes or goes.
fn memory(hook: &Hook, types: &Types, symbols: Option<&Symbols>) -> Check {
    let (name, seen) = Seen::of_any(hook, types, symbols);
    let check = |found: &str| Check::new("hooks", name, found);
    match seen {
        Seen::Described | Seen::Symbol => check("there, to notice memory of devices that comes or goes"),
        _ => check("not there").judged(
            State::Limited,
            "Memory that a device registers while it is traced is noticed late, and until then not known",
        ),
    }
}

/// A tracepoint, which every kernel has. BTF knows it by a type of its own.
fn thread_end(types: &Types) -> Check {
    let check = |found: &str| Check::new("hooks", "sched_process_exit", found);
    if types.has("btf_trace_sched_process_exit") {
        return check("a tracepoint");
    }
    check("not described by BTF").judged(
        State::Missing,
        "Calls of threads that die could not be ended: use a kernel with CONFIG_TRACEPOINTS=y",
    )
}

fn field(&Field(structure, name, state, without): &Field, types: &Types) -> Check {
    let check = |found: String| Check::new("fields", format!("{structure}.{name}"), found);
    match types.offset(structure, name) {
        Some(offset) => check(format!("at byte {offset}")),
        None => check("not there".to_owned()).judged(state, without),
    }
}

/// What is hooked only when it is asked for, or for waits. Migrations do not miss it.
fn asked_for(types: &Types, symbols: Option<&Symbols>) -> Vec<Check> {
    let groups: [(&[Hook], _, _); 5] = [
        (
            &ASKS,
            "there, for --user-stacks",
            "not there: with --user-stacks nobody is told for whom the kernel's threads migrate",
        ),
        (
            &PARTS,
            "there, for --sub-steps",
            "not there: with --sub-steps its time is not told apart",
        ),
        (
            &DRIVER_PARTS,
            "there, for --sub-steps",
            "not there: with --sub-steps its time is not told apart",
        ),
        (
            &WAITS,
            "there, for waits",
            "not there: waits in it are not seen, if there are any",
        ),
        (
            &DEVICE_SIDE,
            "there, for --device-side",
            "not there: with --device-side it is not seen, if this kernel has it at all",
        ),
    ];
    let functions = groups.into_iter().flat_map(|(hooks, there, missing)| {
        hooks.iter().map(move |hook| {
            let (name, seen) = Seen::of_any(hook, types, symbols);
            let found = match seen {
                Seen::Described | Seen::Symbol => there,
                _ => missing,
            };
            Check::new("hooks", name, found)
        })
    });
    let tracepoints = [
        ("sched_switch", "--off-cpu"),
        ("contention_begin", "locks, with --sub-steps"),
        ("dma_fence_wait_start", "fences, with --sub-steps"),
    ];
    let tracepoints = tracepoints.map(|(name, what)| {
        let found = if types.has(&format!("btf_trace_{name}")) {
            format!("a tracepoint, for {what}")
        } else {
            format!("not described by BTF: {what} may be impossible")
        };
        Check::new("hooks", name, found)
    });
    functions.chain(tracepoints).collect()
}
