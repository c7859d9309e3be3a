//! Loads the built-in object, and attaches its programs.

use aya::programs::{
    FEntry, FExit, Program, ProgramError, RawTracePoint, RawTracePointRunOptions, TestRun as _,
};
use aya::{Btf, BtfError, Ebpf, EbpfLoader};
use migrate_ebpf::wire::Config;

use super::TracerError;

/// The eBPF object; empty in a build without a tracer.
pub(super) static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/migrate.o"));

/// A kernel function, or a tracepoint, and what is hooked to it.
struct Hook {
    function: &'static str,
    /// In the order in which they are attached.
    programs: &'static [&'static str],
    need: Need,
}

/// What it means when a function is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing can be traced.
    Needed,
    /// The kernel has no such call, so that there is nothing to miss.
    IfThere,
    /// The compiler may have put it into its callers; then a detail stays unknown.
    Detail,
    /// It is a tracepoint, and every kernel has it.
    Tracepoint,
}

/// In the order in which they are attached. That takes a while, in which nothing is followed: [`sweep`] begins it.
const HOOKS: [Hook; 9] = [
    Hook::new(
        "migrate_vma_finalize",
        &["finalize_return", "finalize_entry"],
        Need::Needed,
    ),
    Hook::new(
        "migrate_vma_pages",
        &["pages_return", "pages_entry"],
        Need::Needed,
    ),
    Hook::new(
        "migrate_device_finalize",
        &["device_finalize_return", "device_finalize_entry"],
        Need::IfThere,
    ),
    Hook::new(
        "migrate_device_pages",
        &["device_pages_return", "device_pages_entry"],
        Need::IfThere,
    ),
    Hook::new("migrate_device_unmap", &["unmap_entry"], Need::Detail),
    Hook::new(
        "migrate_vma_setup",
        &["setup_return", "setup_entry"],
        Need::Needed,
    ),
    Hook::new(
        "migrate_device_range",
        &["range_return", "range_entry"],
        Need::IfThere,
    ),
    Hook::new(
        "migrate_device_pfns",
        &["pfns_return", "pfns_entry"],
        Need::IfThere,
    ),
    Hook::new("sched_process_exit", &["thread_exit"], Need::Tracepoint),
];

/// The program that ends calls of which nothing more comes. It is hooked to nothing, and run by [`sweep`].
const SWEEP: &str = "sweep";

impl Hook {
    const fn new(function: &'static str, programs: &'static [&'static str], need: Need) -> Self {
        Self {
            function,
            programs,
            need,
        }
    }

    /// Loads its programs. False if this kernel has nothing to hook them to.
    fn load(&self, tracer: &mut Ebpf, btf: &Btf) -> Result<bool, TracerError> {
        for name in self.programs {
            let loaded = match program(tracer, name)? {
                Program::FEntry(entry) => entry.load(self.function, btf),
                Program::FExit(exit) => exit.load(self.function, btf),
                Program::RawTracePoint(point) => point.load(),
                _ => return Err(TracerError::Object(name)),
            };
            match loaded {
                Ok(()) => {}
                Err(cause) if self.may_lack(&cause) => return Ok(false),
                Err(cause) => return Err(refusal(self.function, &cause)),
            }
        }
        Ok(true)
    }

    /// Does the kernel say that it has no such function, and is that in order?
    fn may_lack(&self, cause: &ProgramError) -> bool {
        match self.need {
            Need::Needed | Need::Tracepoint => false,
            Need::IfThere => has_no_type(cause),
            Need::Detail => has_no_type(cause) || has_no_address(cause),
        }
    }

    fn attach(&self, tracer: &mut Ebpf) -> Result<(), TracerError> {
        for name in self.programs {
            let attached = match program(tracer, name)? {
                Program::FEntry(entry) => FEntry::attach(entry).map(drop),
                Program::FExit(exit) => FExit::attach(exit).map(drop),
                Program::RawTracePoint(point) => {
                    RawTracePoint::attach(point, self.function).map(drop)
                }
                _ => return Err(TracerError::Object(name)),
            };
            attached.map_err(|cause| refusal(self.function, &cause))?;
        }
        Ok(())
    }
}

/// What was loaded.
pub(super) struct Loaded {
    pub(super) tracer: Ebpf,
    hooks: Vec<&'static Hook>,
    /// Functions that this kernel does not have, or not as functions of their own.
    pub(super) not_hooked: Vec<String>,
}

/// Loads maps and programs; nothing runs yet.
pub(super) fn load(config: &Config) -> Result<Loaded, TracerError> {
    let btf = Btf::from_sys_fs().map_err(|cause| bad_btf(&cause))?;
    let words = config.words();
    let mut tracer = EbpfLoader::new()
        .btf(Some(&btf))
        .override_global("CONFIG", &words[..], true)
        .load(OBJECT)
        .map_err(TracerError::Load)?;
    let (mut hooks, mut not_hooked) = (Vec::new(), Vec::new());
    for hook in &HOOKS {
        if hook.load(&mut tracer, &btf)? {
            hooks.push(hook);
        } else {
            not_hooked.push(hook.function.to_owned());
        }
    }
    match program(&mut tracer, SWEEP)? {
        Program::RawTracePoint(sweep) => sweep.load().map_err(|cause| refusal(SWEEP, &cause))?,
        _ => return Err(TracerError::Object(SWEEP)),
    }
    Ok(Loaded {
        tracer,
        hooks,
        not_hooked,
    })
}

/// Puts the hooks in place. Migrations are traced when [`sweep`] is told so.
pub(super) fn attach(loaded: &mut Loaded) -> Result<(), TracerError> {
    loaded
        .hooks
        .iter()
        .try_for_each(|hook| hook.attach(&mut loaded.tracer))
}

/// Ends the calls that collected nothing and have been silent for `silent_ns`. New calls are followed from
/// here on, or not. How many calls are left under way.
pub(super) fn sweep(
    tracer: &mut Ebpf,
    silent_ns: u64,
    following: bool,
) -> Result<u64, TracerError> {
    let Program::RawTracePoint(sweep) = program(tracer, SWEEP)? else {
        return Err(TracerError::Object(SWEEP));
    };
    let mut options = RawTracePointRunOptions::new();
    (options.args[0], options.args[1]) = (silent_ns, u64::from(following));
    let swept = sweep.test_run(options);
    swept
        .map(|swept| u64::from(swept.return_value))
        .map_err(|cause| TracerError::Sweep(cause.to_string()))
}

fn program<'a>(tracer: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Program, TracerError> {
    tracer.program_mut(name).ok_or(TracerError::Object(name))
}

fn bad_btf(cause: &BtfError) -> TracerError {
    TracerError::BadBtf {
        path: "/sys/kernel/btf/vmlinux",
        cause: cause.to_string(),
    }
}

/// Lines of the verifier's log that say why; what comes before is every instruction that it liked.
const LOG_LINES: usize = 12;

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
        } => {
            let log = verifier_log.to_string();
            let lines: Vec<_> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
            format!("{io_error}\n{end}")
        }
        other => other.to_string(),
    };
    TracerError::Program { function, cause }
}
