//! What programs say they are doing, by functions of libraries with which they mark phases: which
//! of them are hooked, and what phases are called.

mod functions;
mod libraries;
mod mark;
mod paths;

use std::path::Path;

use aya::Ebpf;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeScope};
use aya::programs::{Program, ProgramError, UProbe};

use super::TracerError;
use super::loading::refusal;
use super::options::Options;
use libraries::{Libraries, Library};
pub use mark::mark;
pub(super) use paths::Paths;

const PUSH: &str = "phase_push";
const PUSH_UNNAMED: &str = "phase_push_unnamed";
const POP: &str = "phase_pop";
const MARK: &str = "phase_mark";
/// The program at [`mark`].
const MACHINE: &str = "machine_phase";

/// The programs that are hooked to functions of programs.
pub(super) const PROGRAMS: [&str; 5] = [PUSH, PUSH_UNNAMED, POP, MARK, MACHINE];

/// The programs that notice where threads and programs end, and their tracepoints.
pub(super) const ENDS: [(&str, &str); 2] = [
    ("phase_thread_exit", "sched_process_exit"),
    ("phase_exec", "sched_process_exec"),
];

/// Functions with which programs mark phases, and what is hooked to each. Whoever opens one in
/// another way is followed as well, or the wrong one would be taken for closed: what the name is
/// these do not tell as a text of bytes.
const FUNCTIONS: [(&str, &str); 8] = [
    ("roctxRangePushA", PUSH),
    ("roctxRangePop", POP),
    ("roctxMarkA", MARK),
    ("nvtxRangePushA", PUSH),
    ("nvtxRangePop", POP),
    ("nvtxMarkA", MARK),
    ("nvtxRangePushW", PUSH_UNNAMED),
    ("nvtxRangePushEx", PUSH_UNNAMED),
];

/// Where the kernel says that it has uprobes.
const UPROBES: &str = "/sys/bus/event_source/devices/uprobe/type";

/// Begins to follow phases, if that is asked for: hooks the functions of the libraries that are
/// named, or, where none is, of all that are found.
pub(super) fn begin(
    tracer: &mut Ebpf,
    options: &Options,
    tell: fn(&str),
) -> Result<Option<Paths>, TracerError> {
    let Some(named) = &options.phases else {
        return Ok(None);
    };
    if !Path::new(UPROBES).exists() {
        return Err(TracerError::NoUprobes);
    }
    attach_mark(tracer)?;
    let libraries = libraries::find(named)?;
    attach_all(tracer, &libraries, tell)?;
    // Whoever has one by now may have called it before.
    Paths::open(tracer, libraries::users(&libraries)).map(Some)
}

fn attach_all(tracer: &mut Ebpf, libraries: &Libraries, tell: fn(&str)) -> Result<(), TracerError> {
    let mut hooked = 0;
    for library in libraries.values() {
        let functions = attach_library(tracer, library)?;
        if functions == 0 && library.is_named {
            return Err(TracerError::NoPhases {
                path: library.name.clone(),
            });
        }
        hooked += functions;
    }
    if hooked == 0 {
        tell(
            "--phases: no library with functions of roctx or nvtx is there, so that only `migscope mark` tells phases. \
             Name one: --phases=FILE",
        );
    }
    Ok(())
}

/// How many of its functions are hooked.
fn attach_library(tracer: &mut Ebpf, library: &Library) -> Result<usize, TracerError> {
    let file = library.path();
    let names = FUNCTIONS.map(|(function, _)| function);
    let found = functions::offsets(&file, &names);
    for &(function, offset) in &found {
        let hooks = FUNCTIONS.iter().filter(|(name, _)| *name == function);
        for (_, name) in hooks {
            attach_at(program(tracer, name)?, offset, &file)
                .map_err(|cause| refusal(function, &cause))?;
        }
    }
    Ok(found.len())
}

/// Hooks where this program itself tells.
fn attach_mark(tracer: &mut Ebpf) -> Result<(), TracerError> {
    let offset = mark::offset().ok_or(TracerError::NoOwnCode)?;
    let attached = attach_at(program(tracer, MACHINE)?, offset, Path::new(mark::OWN_FILE));
    attached.map_err(|cause| refusal("migscope mark", &cause))
}

/// In every process that has the file, now or later.
fn attach_at(program: &mut UProbe, offset: u64, file: &Path) -> Result<(), ProgramError> {
    let at = UProbeAttachLocation::AbsoluteOffset(offset);
    let attached = program.attach(at, file, UProbeScope::AllProcesses);
    attached.map(drop)
}

fn program<'a>(tracer: &'a mut Ebpf, name: &'static str) -> Result<&'a mut UProbe, TracerError> {
    match tracer.program_mut(name) {
        Some(Program::UProbe(program)) => Ok(program),
        _ => Err(TracerError::Object(name)),
    }
}
