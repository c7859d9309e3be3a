//! Loads programs, and says why one was refused. What it takes is the verifier's work; it works at
//! several programs at once where there are several processors.

use std::collections::HashMap;
use std::sync::Mutex;
use std::thread;
use std::{io, num};

use aya::programs::{Program, ProgramError};
use aya::{Btf, BtfError, Ebpf};
use migrate_bpf::multi;

use super::hooks::{Hook, Method, Need, programs};
use super::kprobes::Fprobes;
use super::{Refusal, TracerError, modules};

/// The function of a hook whose programs are loaded; `None` if this kernel has none of them.
type Found = Option<&'static str>;

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

/// What is to be loaded.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// The programs of a hook.
    Hook(&'static Hook),
    /// The program of a tracepoint, one that is run by hand, or one for functions of programs.
    Tracepoint(&'static str),
}

/// Something to load, and its place among all.
struct Job<'a> {
    place: usize,
    wanted: Wanted,
    programs: Vec<&'a mut Program>,
}

/// Loads all of these. For each hook its function, in their order.
pub(super) fn load(
    tracer: &mut Ebpf,
    method: Method,
    wanted: &[Wanted],
    btf: &Btf,
) -> Result<Vec<Found>, TracerError> {
    let functions = Functions::of(method);
    let mut all: HashMap<String, &mut Program> = tracer
        .programs_mut()
        .map(|(name, program)| (name.to_owned(), program))
        .collect();
    let mut jobs = Vec::new();
    for (place, &wanted) in wanted.iter().enumerate() {
        let names = names(wanted, method);
        let programs = names.map(|(name, of)| all.remove(&of).ok_or(TracerError::Object(name)));
        jobs.push(Job {
            place,
            wanted,
            programs: programs.collect::<Result<_, _>>()?,
        });
    }
    let loaded = side_by_side(jobs, |job| match job.wanted {
        Wanted::Hook(hook) => load_hook(hook, &functions, |function| {
            job.programs
                .iter_mut()
                .try_for_each(|program| load_for(program, function, btf))
        }),
        Wanted::Tracepoint(name) => load_tracepoint(name, &mut job.programs, btf).map(|()| None),
    });
    loaded.into_iter().collect()
}

/// The same of programs that hang on fprobes, one after the other, and only hooks.
pub(super) fn load_fprobes(
    fprobes: &mut Fprobes,
    hooks: &[&'static Hook],
) -> Result<Vec<Found>, TracerError> {
    let functions = Functions::of(Method::Fprobe);
    let mut load_one = |hook: &&'static Hook| {
        load_hook(hook, &functions, |function| {
            for (name, _) in programs(hook) {
                let loaded = fprobes.load(name, &Method::Fprobe.program(name));
                loaded.map_err(|cause| NotLoaded::Refused(refusal_by(function, &cause)))?;
            }
            Ok(())
        })
    };
    hooks.iter().map(&mut load_one).collect()
}

/// The names of its programs, as they are called here and in the object.
fn names(wanted: Wanted, method: Method) -> impl Iterator<Item = (&'static str, String)> {
    let (hook, tracepoint) = match wanted {
        Wanted::Hook(hook) => (Some(hook), None),
        Wanted::Tracepoint(name) => (None, Some((name, name.to_owned()))),
    };
    let of_hook = hook.into_iter().flat_map(programs);
    let of_hook = of_hook.map(move |(name, _)| (name, method.program(name)));
    of_hook.chain(tracepoint)
}

/// Does the jobs on all processors, the last first, which take longest. What came of each, in their
/// order.
fn side_by_side<'a, T: Send>(
    jobs: Vec<Job<'a>>,
    work: impl Fn(&mut Job<'a>) -> T + Sync,
) -> Vec<T> {
    let threads = thread::available_parallelism().map_or(1, num::NonZero::get);
    let threads = threads.min(jobs.len());
    let jobs = Mutex::new(jobs);
    let next = || jobs.lock().expect("nobody panics with it").pop();
    let worker = || {
        let mut done = Vec::new();
        while let Some(mut job) = next() {
            done.push((job.place, work(&mut job)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        for other in others {
            done.extend(other.join().expect("loading does not panic"));
        }
        done
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, came)| came).collect()
}

/// Loads the programs of a hook for the first of its functions that there is.
fn load_hook(
    hook: &Hook,
    functions: &Functions,
    mut load: impl FnMut(&'static str) -> Result<(), NotLoaded>,
) -> Result<Found, TracerError> {
    let mut missing = None;
    for &function in hook.functions {
        let loaded = if functions.may_have(function) {
            load(function)
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

fn load_for(program: &mut Program, function: &'static str, btf: &Btf) -> Result<(), NotLoaded> {
    let loaded = match program {
        Program::FEntry(entry) => entry.load(function, btf),
        Program::FExit(exit) => exit.load(function, btf),
        Program::KProbe(probe) => probe.load(),
        _ => return Err(NotLoaded::Refused(TracerError::Object(function))),
    };
    loaded.map_err(|cause| {
        let why = if has_no_type(&cause) || has_no_address(&cause) {
            NotLoaded::Missing
        } else {
            NotLoaded::Refused
        };
        why(refusal(function, &cause))
    })
}

/// One by its type that this kernel does not have is not loaded, and so not attached.
fn load_tracepoint(
    name: &'static str,
    programs: &mut [&mut Program],
    btf: &Btf,
) -> Result<(), TracerError> {
    for program in programs {
        let loaded = match program {
            Program::RawTracePoint(point) => point.load(),
            Program::UProbe(probe) => probe.load(),
            Program::BtfTracePoint(point) => match point.load(name, btf) {
                Err(cause) if has_no_type(&cause) => Ok(()),
                loaded => loaded,
            },
            _ => return Err(TracerError::Object(name)),
        };
        loaded.map_err(|cause| refusal(name, &cause))?;
    }
    Ok(())
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

pub(super) fn refusal(function: &'static str, cause: &ProgramError) -> TracerError {
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
}
