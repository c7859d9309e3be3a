//! Loads the built-in object, and attaches its programs.

use aya::programs::{FEntry, FExit, Program, ProgramError};
use aya::{Btf, BtfError, Ebpf, EbpfLoader};
use migrate_ebpf::wire::Config;

use super::TracerError;

/// The eBPF object; empty in a build without a tracer.
pub(super) static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/migrate.o"));

/// Where a program is hooked, and what it is called in the object.
struct Hook {
    program: &'static str,
    function: &'static str,
}

/// In the order in which they are attached: the end of a migration first. So a call that is under way meanwhile is
/// seen to end without a beginning, and is counted as such, and none is followed with a hook missing.
const HOOKS: [Hook; 6] = [
    Hook {
        program: "finalize_return",
        function: "migrate_vma_finalize",
    },
    Hook {
        program: "finalize_entry",
        function: "migrate_vma_finalize",
    },
    Hook {
        program: "pages_return",
        function: "migrate_vma_pages",
    },
    Hook {
        program: "pages_entry",
        function: "migrate_vma_pages",
    },
    Hook {
        program: "setup_return",
        function: "migrate_vma_setup",
    },
    Hook {
        program: "setup_entry",
        function: "migrate_vma_setup",
    },
];

/// Loads maps and programs; nothing runs yet.
pub(super) fn load(config: &Config) -> Result<Ebpf, TracerError> {
    let btf = Btf::from_sys_fs().map_err(|cause| bad_btf(&cause))?;
    let words = config.words();
    let mut tracer = EbpfLoader::new()
        .btf(Some(&btf))
        .override_global("CONFIG", &words[..], true)
        .load(OBJECT)
        .map_err(TracerError::Load)?;
    for hook in &HOOKS {
        let refused = |cause: ProgramError| refusal(hook, &cause);
        match program(&mut tracer, hook)? {
            Program::FEntry(entry) => entry.load(hook.function, &btf).map_err(refused)?,
            Program::FExit(exit) => exit.load(hook.function, &btf).map_err(refused)?,
            _ => return Err(TracerError::Object(hook.program)),
        }
    }
    Ok(tracer)
}

/// From here on migrations are traced.
pub(super) fn attach(tracer: &mut Ebpf) -> Result<(), TracerError> {
    for hook in &HOOKS {
        let attached = match program(tracer, hook)? {
            Program::FEntry(entry) => FEntry::attach(entry).map(drop),
            Program::FExit(exit) => FExit::attach(exit).map(drop),
            _ => return Err(TracerError::Object(hook.program)),
        };
        attached.map_err(|cause| refusal(hook, &cause))?;
    }
    Ok(())
}

/// Stops following new migrations. The other probes go with the tracer itself: one that is removed while a call is
/// under way would leave a hole in its record.
pub(super) fn detach(tracer: &mut Ebpf) {
    if let Some(Program::FEntry(entry)) = tracer.program_mut("setup_entry") {
        // Unloading closes the link as well. If it fails the probe goes with the tracer.
        let _ = entry.unload();
    }
}

fn program<'a>(tracer: &'a mut Ebpf, hook: &Hook) -> Result<&'a mut Program, TracerError> {
    tracer
        .program_mut(hook.program)
        .ok_or(TracerError::Object(hook.program))
}

fn bad_btf(cause: &BtfError) -> TracerError {
    TracerError::BadBtf {
        path: "/sys/kernel/btf/vmlinux",
        cause: cause.to_string(),
    }
}

/// Lines of the verifier's log that say why; what comes before is every instruction that it liked.
const LOG_LINES: usize = 12;

fn refusal(hook: &Hook, cause: &ProgramError) -> TracerError {
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
    TracerError::Program {
        function: hook.function,
        cause,
    }
}
