//! Loads the built-in object, and attaches its programs.

use std::io;
use std::os::fd::AsFd as _;

use aya::programs::{
    FEntry, FExit, Program, ProgramError, RawTracePoint, RawTracePointRunOptions, TestRun as _,
};
use aya::{Btf, BtfError, Ebpf, EbpfLoader};
use migrate_bpf::link::Link;
use migrate_bpf::multi;
use migrate_ebpf::wire::{Config, Filter, OFFSET_UNKNOWN, SWEPT_ALL_IT_COULD, names};

use super::hooks::{DEVICE_SIDE, DRIVER_PARTS, HOOKS, Hook, MEMORY, Need, PARTS, WAITS};
use super::kprobes::{self, Fprobes};
use super::options::{Attach, Options, to_wire};
use super::{Refusal, TracerError, modules, object};
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

/// Stacks that fit where only one for each driver is kept, and where every migration has its own.
const FEW_STACKS: u32 = 1024;
const MANY_STACKS: u32 = 16384;

/// How a function can be hooked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Fentry,
    Fprobe,
    Kprobe,
}

impl Method {
    /// The name used in recordings and on screen.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fentry => "fentry",
            Self::Fprobe => "fprobe",
            Self::Kprobe => "kprobe",
        }
    }

    /// The program that does the same by this method.
    fn program(self, name: &str) -> String {
        match self {
            Self::Fentry => name.to_owned(),
            Self::Fprobe | Self::Kprobe => format!("{name}_kprobe"),
        }
    }
}

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

/// Loads maps and programs, puts the hooks in place, and begins to trace. `prepare` is called
/// before anything is followed, when changes of memory and code are seen already.
pub(super) fn attach<T>(
    config: &Config,
    options: &Options,
    mut prepare: impl FnMut(&mut Ebpf) -> Result<T, TracerError>,
) -> Result<(Attached, T), TracerError> {
    let filter = to_wire(&options.only)?;
    let mut by = |method| attach_by(method, config, &filter, options, &mut prepare);
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
    filter: &Filter,
    options: &Options,
    prepare: &mut impl FnMut(&mut Ebpf) -> Result<T, TracerError>,
) -> Result<(Attached, T), TracerError> {
    let btf = Btf::from_sys_fs().map_err(|cause| bad_btf(&cause))?;
    let object = object::made_for(config)?;
    let tracer = tracer(&object, &btf, config, filter, options)?;
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
    let functions = Functions::of(method);
    let asked = |asked: bool, hooks: &'static [Hook]| if asked { hooks } else { &[] };
    let parts = asked(options.sub_steps, &PARTS);
    let driver_parts = asked(options.sub_steps, &DRIVER_PARTS);
    let waits = asked(options.waits, &WAITS);
    let device_side = asked(options.device_side, &DEVICE_SIDE);
    let details = parts
        .iter()
        .chain(driver_parts)
        .chain(waits)
        .chain(device_side);
    let mut loaded = Vec::new();
    // What every migration is seen by comes last, and of that how the rarest migrations begin.
    for hook in MEMORY.iter().chain(details).chain(&HOOKS) {
        let found = if is_understood(hook, config) {
            attached.load(hook, &btf, &functions)?
        } else {
            None
        };
        match found {
            Some(function) => loaded.push((hook, function)),
            None => attached.not_hooked.push(hook.functions[0].to_owned()),
        }
    }
    attached.load_tracepoints(options)?;
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

/// Can its programs read what this kernel gives them? Where pages on a device do not look as they
/// are known to, nobody can tell who touches one.
fn is_understood(hook: &Hook, config: &Config) -> bool {
    !hook.of_device_pages || config.device_type != OFFSET_UNKNOWN
}

/// The object with its maps, and nothing that runs yet.
fn tracer(
    object: &[u8],
    btf: &Btf,
    config: &Config,
    filter: &Filter,
    options: &Options,
) -> Result<Ebpf, TracerError> {
    let (config, filter) = (config.words(), filter.words());
    let stacks = if options.stacks() {
        MANY_STACKS
    } else {
        FEW_STACKS
    };
    EbpfLoader::new()
        .btf(Some(btf))
        .override_global(names::CONFIG, &config[..], true)
        .override_global(names::FILTER, &filter[..], true)
        .map_max_entries(names::RECORDS, options.ring_bytes)
        .map_max_entries(names::STACKS, stacks)
        .load(object)
        .map_err(|cause| TracerError::Load(Refusal::new(&cause)))
}

/// The kernel's functions, where nobody else says which there are: for a kprobe the kernel does
/// only when it is attached.
struct Functions(Option<modules::Functions>);

impl Functions {
    fn of(method: Method) -> Self {
        Self(
            (method != Method::Fentry)
                .then(modules::Functions::read)
                .flatten(),
        )
    }

    /// Is it there, as far as is known?
    fn may_have(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|functions| functions.has(name))
    }
}

/// Why a hook's programs are not loaded.
enum NotLoaded {
    /// This kernel has no such function, or not as a function of its own.
    Missing(TracerError),
    Refused(TracerError),
}

impl Attached {
    /// Loads the programs of a hook. The function that they are for; `None` if this kernel has none
    /// of them.
    fn load(
        &mut self,
        hook: &Hook,
        btf: &Btf,
        functions: &Functions,
    ) -> Result<Option<&'static str>, TracerError> {
        let mut missing = None;
        for &function in hook.functions {
            let loaded = if functions.may_have(function) {
                self.load_for(hook, function, btf)
            } else {
                Err(NotLoaded::Missing(TracerError::NoFunction { function }))
            };
            match loaded {
                Ok(()) => return Ok(Some(function)),
                Err(NotLoaded::Missing(error)) => missing = missing.or(Some(error)),
                Err(NotLoaded::Refused(error)) => return Err(error),
            }
        }
        match missing {
            Some(error) if hook.need == Need::Needed => Err(error),
            _ => Ok(None),
        }
    }

    fn load_for(
        &mut self,
        hook: &Hook,
        function: &'static str,
        btf: &Btf,
    ) -> Result<(), NotLoaded> {
        for (name, _) in programs(hook) {
            if let Some(fprobes) = &mut self.held.fprobes {
                let loaded = fprobes.load(name, &self.method.program(name));
                loaded.map_err(|cause| NotLoaded::Refused(refusal_by(function, &cause)))?;
                continue;
            }
            let loaded = match self.program(name).map_err(NotLoaded::Refused)? {
                Program::FEntry(entry) => entry.load(function, btf),
                Program::FExit(exit) => exit.load(function, btf),
                Program::KProbe(probe) => probe.load(),
                _ => return Err(NotLoaded::Refused(TracerError::Object(name))),
            };
            loaded.map_err(|cause| {
                let why = if has_no_type(&cause) || has_no_address(&cause) {
                    NotLoaded::Missing
                } else {
                    NotLoaded::Refused
                };
                why(refusal(function, &cause))
            })?;
        }
        Ok(())
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

    fn load_tracepoints(&mut self, options: &Options) -> Result<(), TracerError> {
        let hooked = tracepoints(options).map(|(name, _)| name);
        let optional = optional(options).map(|(name, _)| name);
        for name in hooked.chain([SWEEP, PEEK, UNDER_WAY]).chain(optional) {
            raw_tracepoint(&mut self.tracer, name)?
                .load()
                .map_err(|cause| refusal(name, &cause))?;
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
            let attached = raw_tracepoint(&mut self.tracer, name)?.attach(tracepoint);
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
    [THREAD_EXIT].into_iter().chain(switch)
}

/// The same of what not every kernel has.
fn optional(options: &Options) -> impl Iterator<Item = (&'static str, &'static str)> {
    let sleeps = options.sub_steps;
    MODULES
        .into_iter()
        .chain(SLEEPS.into_iter().filter(move |_| sleeps))
}

/// The programs of a hook, in the order in which they are attached; is it at the return?
fn programs(hook: &Hook) -> impl Iterator<Item = (&'static str, bool)> {
    let at_return = hook.at_return.into_iter().map(|name| (name, true));
    at_return.chain(hook.at_entry.into_iter().map(|name| (name, false)))
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

fn bad_btf(cause: &BtfError) -> TracerError {
    TracerError::BadBtf {
        path: "/sys/kernel/btf/vmlinux",
        cause: cause.to_string(),
    }
}

/// Lines of the verifier's log that say why; what comes before is every instruction that it liked.
const LOG_LINES: usize = 12;
/// How lines begin with which it goes on about itself: there can be more of them than of the
/// others.
const STATISTICS: [&str; 4] = [
    "verification time ",
    "stack depth ",
    "subprog ",
    "processed ",
];

/// Why the verifier refused, by its log.
fn reason(log: &str) -> String {
    let is_reason = |line: &&str| !STATISTICS.iter().any(|begins| line.starts_with(begins));
    let lines: Vec<_> = log.lines().filter(is_reason).collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

fn has_no_type(cause: &ProgramError) -> bool {
    matches!(
        cause,
        ProgramError::Btf(BtfError::UnknownBtfTypeName { .. })
    )
}

/// The verifier's words for a function of which the kernel knows the type only.
fn has_no_address(cause: &ProgramError) -> bool {
    matches!(
        cause,
        ProgramError::LoadError { verifier_log, .. }
            if verifier_log.to_string().contains("cannot be found")
    )
}

fn refusal(function: &'static str, cause: &ProgramError) -> TracerError {
    let cause = match cause {
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => with_reason(io_error, &verifier_log.to_string()),
        other => Refusal::new(other).to_string(),
    };
    TracerError::Program { function, cause }
}

/// The same of a program that aya does not load.
fn refusal_by(function: &'static str, cause: &multi::Error) -> TracerError {
    let cause = match cause {
        multi::Error::Refused { cause, log } => with_reason(cause, log),
        other => Refusal::new(other).to_string(),
    };
    TracerError::Program { function, cause }
}

fn with_reason(cause: &io::Error, log: &str) -> String {
    let said = Refusal::new(cause);
    match reason(log).as_str() {
        "" => said.to_string(),
        reason => format!("{said}\n{reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_ends_with_its_reason() {
        let log = "0: (b7) r0 = 0\nR1 invalid mem access 'scalar'\nverification time 12 usec\n\
            stack depth 8\nsubprog 0 (f) main insns_self 9\nprocessed 9 insns (limit 1000000)\n";
        assert_eq!(
            reason(log),
            "0: (b7) r0 = 0\nR1 invalid mem access 'scalar'"
        );
        assert_eq!(reason(""), "");
    }

    #[test]
    fn a_refused_probe_says_why_in_words() {
        let cause = io::Error::from(rustix::io::Errno::PERM);
        let refused = with_reason(&cause, "processed 0 insns");
        assert!(
            refused.contains("seccomp") && !refused.contains('\n'),
            "{refused}"
        );
        let cause = io::Error::from(rustix::io::Errno::ACCESS);
        let refused = with_reason(&cause, "R1 invalid mem access 'scalar'\nprocessed 9 insns");
        assert!(refused.contains("the verifier does not take"), "{refused}");
        assert!(
            refused.ends_with("\nR1 invalid mem access 'scalar'"),
            "{refused}"
        );
    }

    #[test]
    fn what_the_sweep_returns_is_told_apart() {
        let swept = Swept::from_returned(7);
        assert_eq!((swept.left, swept.may_be_more), (7, false));
        let swept = Swept::from_returned(SWEPT_ALL_IT_COULD | 2047);
        assert_eq!((swept.left, swept.may_be_more), (2047, true));
    }
}
