//! Loads the built-in object, and attaches its programs.

use std::os::fd::AsFd as _;

use aya::programs::{FEntry, FExit, Program, RawTracePoint, RawTracePointRunOptions, TestRun as _};
use aya::{Btf, Ebpf, EbpfLoader};
use migrate_bpf::link::Link;
use migrate_ebpf::wire::{Config, Filter, OFFSET_UNKNOWN, PHASES, SWEPT_ALL_IT_COULD, names};

use super::hooks::{
    ASKS, DEVICE_SIDE, DRIVER_PARTS, HOOKS, Hook, MEMORY, Method, PARTS, WAITS, programs,
};
use super::kprobes::{self, Fprobes};
use super::loading::{self, Wanted, refusal};
use super::options::{Attach, Options, to_wire};
use super::{Refusal, TracerError, modules, object, phases};
use crate::machine;

/// The program that ends calls of which nothing more comes. It is hooked to nothing, and run by
/// [`sweep`].
const SWEEP: &str = "sweep";
/// The program that notices threads that die, and its tracepoint.
const THREAD_EXIT: (&str, &str) = ("thread_exit", "sched_process_exit");
/// The program that notices threads that stop running, and its tracepoint.
const SCHED_SWITCH: (&str, &str) = ("sched_switch", "sched_switch");
/// The programs that notice threads that wait for a lock or a fence, and their tracepoints. Kernels
/// before 5.19 have none for locks, and those without drivers of devices none for fences.
const SLEEPS: [(&str, &str); 4] = [
    ("contention_end", "contention_end"),
    ("contention_begin", "contention_begin"),
    ("fence_wait_end", "dma_fence_wait_end"),
    ("fence_wait_start", "dma_fence_wait_start"),
];

/// The programs that notice code that comes and goes, and their tracepoints. A kernel without
/// modules has none.
const MODULES: [(&str, &str); 2] = [
    ("module_load", "module_load"),
    ("module_free", "module_free"),
];

/// The program that reads memory of the kernel's. As [`SWEEP`].
const PEEK: &str = "peek";

/// The program that looks for calls that are under way. As [`SWEEP`].
pub(super) const UNDER_WAY: &str = "under_way";

/// Stacks that fit where every migration has its own, and where none has: a map is never empty.
const MANY_STACKS: u32 = 16384;
const NO_STACKS: u32 = 1;

/// Processes of which it is noted who asks drivers: where more do, those that did so longest ago
/// are forgotten.
const ASKERS: u32 = 4096;

/// Threads, and processes, whose phases are followed at a time.
const PHASE_THREADS: u32 = 16384;

/// What was loaded and attached.
pub(super) struct Attached {
    pub(super) tracer: Ebpf,
    pub(super) held: Held,
    pub(super) method: Method,
    /// Functions that this kernel does not have, or not as functions of their own.
    pub(super) not_hooked: Vec<String>,
    /// When tracing began: CLOCK_BOOTTIME, and since 1970. Nanoseconds.
    pub(super) started_ns: u64,
    pub(super) started_unix_ns: Option<u64>,
}

/// Programs and links that aya does not hold. The hooks live as long as this.
#[derive(Default)]
pub(super) struct Held {
    pub(super) fprobes: Option<Fprobes>,
    /// Each with the name of its program.
    pub(super) links: Vec<(&'static str, Link)>,
}

/// The kernel's types, as aya reads them.
pub(super) fn types() -> Result<Btf, TracerError> {
    Btf::from_sys_fs().map_err(|cause| TracerError::BadBtf {
        path: "/sys/kernel/btf/vmlinux",
        cause: cause.to_string(),
    })
}

/// Loads maps and programs, puts the hooks in place, and begins to trace. `prepare` is called
/// before anything is followed, when changes of memory and code are seen already.
pub(super) fn attach<T>(
    config: &Config,
    btf: &Btf,
    options: &Options,
    mut prepare: impl FnMut(&mut Ebpf) -> Result<T, TracerError>,
) -> Result<(Attached, T), TracerError> {
    let filter = to_wire(&options.only)?;
    let config = options.told(config, &filter);
    let mut by = |method| attach_by(method, &config, btf, &filter, options, &mut prepare);
    match options.attach {
        Attach::Fentry => by(Method::Fentry),
        Attach::Kprobe => by_kprobes(&mut by),
        Attach::SingleKprobe => by(Method::Kprobe),
        // If neither works, what was wrong with the better one is what has to be mended.
        Attach::Auto => by(Method::Fentry).or_else(|error| by_kprobes(&mut by).map_err(|_| error)),
    }
}

/// By all of them as fprobes where those have room for every call, else by each by itself.
fn by_kprobes<T>(by: &mut impl FnMut(Method) -> Result<T, TracerError>) -> Result<T, TracerError> {
    match modules::Functions::read() {
        Some(functions) if kprobes::has_fprobes(&functions) => {
            by(Method::Fprobe).or_else(|_| by(Method::Kprobe))
        }
        _ => by(Method::Kprobe),
    }
}

fn attach_by<T>(
    method: Method,
    config: &Config,
    btf: &Btf,
    filter: &Filter,
    options: &Options,
    prepare: &mut impl FnMut(&mut Ebpf) -> Result<T, TracerError>,
) -> Result<(Attached, T), TracerError> {
    let object = object::made_for(config)?;
    let tracer = tracer(&object, btf, filter, options)?;
    let fprobes = (method == Method::Fprobe).then(|| Fprobes::new(&object, &tracer));
    let mut attached = Attached {
        tracer,
        held: Held {
            fprobes: fprobes.transpose()?,
            links: Vec::new(),
        },
        method,
        not_hooked: Vec::new(),
        started_ns: 0,
        started_unix_ns: None,
    };
    let hooks = wanted(options, config, &mut attached.not_hooked);
    let mut loaded = attached.load(&hooks, btf, options)?;
    attached.attach_tracepoints(options)?;
    let last = loaded.pop();
    let (memory, others): (Vec<_>, Vec<_>) = loaded
        .into_iter()
        .partition(|(hook, _)| MEMORY.iter().any(|of| of.functions == hook.functions));
    for (hook, function) in memory {
        attached.hook(hook, function)?;
    }
    let prepared = prepare(&mut attached.tracer)?;
    for (hook, function) in others {
        attached.hook(hook, function)?;
    }
    attached.started_ns = machine::boot_time_ns();
    attached.started_unix_ns = machine::unix_time_ns();
    sweep(&mut attached.tracer, 0, true)?;
    // Whoever sees the last hook in place knows that every migration that begins from then on is
    // traced.
    if let Some((hook, function)) = last {
        attached.hook(hook, function)?;
    }
    Ok((attached, prepared))
}

/// The hooks that are asked for. What every migration is seen by comes last, and of that how the
/// rarest migrations begin. What this kernel has nothing to hook for is told.
fn wanted(options: &Options, config: &Config, not_hooked: &mut Vec<String>) -> Vec<&'static Hook> {
    let asked = |asked: bool, hooks: &'static [Hook]| if asked { hooks } else { &[] };
    let all = [
        &MEMORY[..],
        asked(config.asks != 0, &ASKS),
        asked(options.sub_steps, &PARTS),
        asked(options.sub_steps, &DRIVER_PARTS),
        asked(options.waits, &WAITS),
        asked(options.device_side, &DEVICE_SIDE),
        &HOOKS[..],
    ];
    let (wanted, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .flatten()
        .partition(|hook| is_understood(hook, config));
    not_hooked.extend(others.into_iter().map(name));
    wanted
}

/// What a hook is called where it is missing: by the newest name of its function.
fn name(hook: &Hook) -> String {
    hook.functions[0].to_owned()
}

/// Can its programs read what this kernel gives them? Where pages on a device do not look as they
/// are known to, nobody can tell who touches one.
fn is_understood(hook: &Hook, config: &Config) -> bool {
    !hook.of_device_pages || config.device_type != OFFSET_UNKNOWN
}

/// The object with its maps, and nothing that runs yet.
fn tracer(
    object: &[u8],
    btf: &Btf,
    filter: &Filter,
    options: &Options,
) -> Result<Ebpf, TracerError> {
    let filter = filter.words();
    let stacks = if options.stacks() {
        MANY_STACKS
    } else {
        NO_STACKS
    };
    // A map is never empty.
    let if_asked = |entries| if options.phases.is_some() { entries } else { 1 };
    EbpfLoader::new()
        .btf(Some(btf))
        .override_global(names::FILTER, &filter[..], true)
        .map_max_entries(names::RECORDS, options.ring_bytes)
        .map_max_entries(names::STACKS, stacks)
        .map_max_entries(names::ASKED, if options.user_stacks { ASKERS } else { 1 })
        .map_max_entries(names::PHASES, if_asked(PHASES as u32))
        .map_max_entries(names::PHASE_PLACES, if_asked(PHASES as u32))
        .map_max_entries(names::PHASE_THREADS, if_asked(PHASE_THREADS))
        .map_max_entries(names::PHASE_PROCESSES, if_asked(PHASE_THREADS))
        .load(object)
        .map_err(|cause| TracerError::Load(Refusal::new(&cause)))
}

impl Attached {
    /// Loads all programs. The hooks of which this kernel has a function, with that.
    fn load(
        &mut self,
        hooks: &[&'static Hook],
        btf: &Btf,
        options: &Options,
    ) -> Result<Vec<(&'static Hook, &'static str)>, TracerError> {
        let of_hooks = hooks.iter().copied().map(Wanted::Hook);
        let points = tracepoints(options).map(|(name, _)| name);
        let optional = optional(options).map(|(name, _)| name);
        let points = points.chain([SWEEP, PEEK, UNDER_WAY]).chain(optional);
        let of_phases = phases::PROGRAMS.into_iter();
        let points = points.chain(of_phases.filter(|_| options.phases.is_some()));
        let points = points.map(Wanted::Tracepoint);
        let found = match &mut self.held.fprobes {
            Some(fprobes) => {
                let points: Vec<_> = points.collect();
                loading::load(&mut self.tracer, self.method, &points, btf)?;
                loading::load_fprobes(fprobes, hooks)?
            }
            None => {
                let all: Vec<_> = points.chain(of_hooks).collect();
                let found = loading::load(&mut self.tracer, self.method, &all, btf)?;
                found[all.len() - hooks.len()..].to_vec()
            }
        };
        let mut loaded = Vec::new();
        for (&hook, function) in hooks.iter().zip(found) {
            match function {
                Some(function) => loaded.push((hook, function)),
                None => self.not_hooked.push(name(hook)),
            }
        }
        Ok(loaded)
    }

    fn hook(&mut self, hook: &Hook, function: &'static str) -> Result<(), TracerError> {
        for (name, at_return) in programs(hook) {
            if let Some(fprobes) = &self.held.fprobes {
                let link = fprobes.attach(name, function, at_return)?;
                self.held.links.push((name, link));
                continue;
            }
            let attached = match self.program(name)? {
                Program::FEntry(entry) => FEntry::attach(entry).map(drop),
                Program::FExit(exit) => FExit::attach(exit).map(drop),
                Program::KProbe(probe) => {
                    let program = probe.fd().map_err(|cause| refusal(function, &cause))?;
                    let link = kprobes::attach(program.as_fd(), function, at_return)?;
                    self.held.links.push((name, link));
                    Ok(())
                }
                _ => return Err(TracerError::Object(name)),
            };
            attached.map_err(|cause| refusal(function, &cause))?;
        }
        Ok(())
    }

    fn attach_tracepoints(&mut self, options: &Options) -> Result<(), TracerError> {
        for (name, tracepoint) in tracepoints(options) {
            raw_tracepoint(&mut self.tracer, name)?
                .attach(tracepoint)
                .map_err(|cause| refusal(tracepoint, &cause))?;
        }
        for (name, tracepoint) in optional(options) {
            // Where there are no modules, none comes or goes.
            let attached = match program(&mut self.tracer, name, name)? {
                Program::RawTracePoint(point) => point.attach(tracepoint).map(drop),
                Program::BtfTracePoint(point) => point.attach().map(drop),
                _ => return Err(TracerError::Object(name)),
            };
            if attached.is_err() && !MODULES.contains(&(name, tracepoint)) {
                self.not_hooked.push(tracepoint.to_owned());
            }
        }
        Ok(())
    }

    /// The program of this name, by the method that is used.
    fn program(&mut self, name: &'static str) -> Result<&mut Program, TracerError> {
        program(&mut self.tracer, &self.method.program(name), name)
    }
}

/// What is hooked to tracepoints: program and tracepoint.
fn tracepoints(options: &Options) -> impl Iterator<Item = (&'static str, &'static str)> {
    let switch = options.off_cpu.then_some(SCHED_SWITCH);
    let asked = options.phases.is_some();
    let phases = phases::ENDS.into_iter().filter(move |_| asked);
    [THREAD_EXIT].into_iter().chain(switch).chain(phases)
}

/// The same of what not every kernel has.
fn optional(options: &Options) -> impl Iterator<Item = (&'static str, &'static str)> {
    let sleeps = options.sub_steps;
    MODULES
        .into_iter()
        .chain(SLEEPS.into_iter().filter(move |_| sleeps))
}

/// What one run of the sweep came to.
#[derive(Clone, Copy)]
pub(super) struct Swept {
    /// Calls that are left under way.
    pub(super) left: u64,
    /// It ended all that it could in one run, and there may be more.
    pub(super) may_be_more: bool,
}

impl Swept {
    fn from_returned(returned: u32) -> Self {
        Self {
            left: (returned & !SWEPT_ALL_IT_COULD).into(),
            may_be_more: returned & SWEPT_ALL_IT_COULD != 0,
        }
    }
}

/// Ends calls that collected nothing and have been silent for `silent_ns`, as many as fit into one
/// run. New calls are followed from here on, or not.
pub(super) fn sweep(
    tracer: &mut Ebpf,
    silent_ns: u64,
    following: bool,
) -> Result<Swept, TracerError> {
    let mut options = RawTracePointRunOptions::new();
    (options.args[0], options.args[1]) = (silent_ns, u64::from(following));
    let swept = raw_tracepoint(tracer, SWEEP)?.test_run(options);
    let swept = swept.map_err(|cause| TracerError::Sweep(Refusal::new(&cause).to_string()))?;
    Ok(Swept::from_returned(swept.return_value))
}

fn raw_tracepoint<'a>(
    tracer: &'a mut Ebpf,
    name: &'static str,
) -> Result<&'a mut RawTracePoint, TracerError> {
    match program(tracer, name, name)? {
        Program::RawTracePoint(point) => Ok(point),
        _ => Err(TracerError::Object(name)),
    }
}

fn program<'a>(
    tracer: &'a mut Ebpf,
    name: &str,
    what: &'static str,
) -> Result<&'a mut Program, TracerError> {
    tracer.program_mut(name).ok_or(TracerError::Object(what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_recording::trace::{Facts, seen_parts};

    /// What parts are seen by has there the names that are told where it is not hooked.
    #[test]
    fn each_hook_of_a_part_of_the_drivers_is_known_by_its_name() {
        let names = DRIVER_PARTS.iter().map(|hook| hook.functions[0]);
        for name in names.chain(SLEEPS.map(|(_, tracepoint)| tracepoint)) {
            let mut facts = Facts::default();
            facts.details.sub_steps = true;
            assert_eq!(seen_parts(&facts), [true; 4]);
            facts.not_hooked.push(name.to_owned());
            let unseen = seen_parts(&facts).into_iter().filter(|seen| !seen);
            assert_eq!(unseen.count(), 1, "{name}");
        }
    }

    #[test]
    fn what_the_sweep_returns_is_told_apart() {
        let swept = Swept::from_returned(7);
        assert_eq!((swept.left, swept.may_be_more), (7, false));
        let swept = Swept::from_returned(SWEPT_ALL_IT_COULD | 2047);
        assert_eq!((swept.left, swept.may_be_more), (2047, true));
    }
}
