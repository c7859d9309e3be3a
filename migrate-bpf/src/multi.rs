//! Programs at functions of the kernel by `kprobe.multi`: fprobes, which have room for every call,
//! where a kretprobe has it for some only.
//!
//! aya loads programs for kprobes without saying for which kind, and the kernel wants to know. So
//! the object is parsed once more here, bound to the maps that aya has made of it, and its programs
//! are loaded as such.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use aya::maps::{Map, MapData};
use aya_obj::generated::bpf_insn;
use aya_obj::{Function, Object};

use crate::link::{self, KPROBE_MULTI, Link};
use crate::syscall::{Argument, Command, open};

/// `BPF_PROG_TYPE_KPROBE`.
const KPROBE: u32 = 2;
/// `sizeof(struct bpf_func_info)`.
const FUNC_INFO_BYTES: u32 = 8;
/// Room for what the verifier says.
const LOG_BYTES: usize = 16 << 20;

/// Why there are no such hooks.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object makes no sense, or lacks something.
    #[error("the eBPF object: {0}")]
    Object(String),
    /// The kernel said no.
    #[error("{0}")]
    Kernel(#[source] io::Error),
    /// The verifier said no.
    #[error("{cause}\n{log}")]
    Refused {
        /// What the system call returned.
        cause: io::Error,
        /// What the verifier said, whole.
        log: String,
    },
}

/// The programs of an object.
pub struct Programs {
    object: Object,
    btf: Option<OwnedFd>,
}

/// A loaded program. Closing it unloads it, unless a [`Link`] holds it.
pub struct Program(OwnedFd);

impl Programs {
    /// The programs of an object whose maps there are already, by name.
    pub fn new<'a>(
        object: &[u8],
        maps: impl Iterator<Item = (&'a str, &'a Map)>,
    ) -> Result<Self, Error> {
        let mut object = Object::parse(object).map_err(bad)?;
        let features = aya::features();
        let btf = match features.btf() {
            Some(known) => object.fixup_and_sanitize_btf(known).map_err(bad)?,
            None => None,
        };
        let btf = btf.map(|btf| load_btf(&btf.to_bytes())).transpose()?;
        let ours = std::mem::take(&mut object.maps);
        let mut made = Vec::new();
        for (name, map) in maps {
            let of_object = ours
                .get(name)
                .ok_or_else(|| bad(format!("no map {name}")))?;
            made.push((name, data(map)?.fd().as_fd().as_raw_fd(), of_object));
        }
        let text = object.functions.keys().map(|(section, _)| *section);
        let text = text.collect();
        object.relocate_maps(made.into_iter(), &text).map_err(bad)?;
        object.relocate_calls(&text).map_err(bad)?;
        object.sanitize_functions(features);
        Ok(Self { object, btf })
    }

    /// Loads one, for kprobes at many functions.
    pub fn load(&self, name: &str) -> Result<Program, Error> {
        let missing = || bad(format!("no program {name}"));
        let program = self.object.programs.get(name).ok_or_else(missing)?;
        let function = self.object.functions.get(&program.function_key());
        let function = function.ok_or_else(missing)?;
        let load = Load {
            name,
            license: &program.license,
            function,
            btf: self.btf.as_ref().map(AsFd::as_fd),
        };
        load.quietly().or_else(|_| load.with_log()).map(Program)
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn bad(what: impl ToString) -> Error {
    Error::Object(what.to_string())
}

/// The map itself, of those kinds that programs here use.
fn data(map: &Map) -> Result<&MapData, Error> {
    match map {
        Map::Array(data)
        | Map::PerCpuArray(data)
        | Map::HashMap(data)
        | Map::LruHashMap(data)
        | Map::PerCpuHashMap(data)
        | Map::RingBuf(data)
        | Map::StackTraceMap(data) => Ok(data),
        _ => Err(bad("a map of a kind that is not known here")),
    }
}

#[repr(C)]
#[derive(Default)]
struct BtfLoad {
    btf: u64,
    log: u64,
    btf_bytes: u32,
    log_bytes: u32,
    log_level: u32,
    log_true_bytes: u32,
}

// SAFETY: the member without a name that `BPF_BTF_LOAD` uses, without what came later. `load_btf`
// gives it bytes and their number.
unsafe impl Argument for BtfLoad {
    const COMMAND: Command = Command::BtfLoad;
}

fn load_btf(btf: &[u8]) -> Result<OwnedFd, Error> {
    let mut load = BtfLoad {
        btf: btf.as_ptr() as u64,
        btf_bytes: btf.len() as u32,
        ..BtfLoad::default()
    };
    open(&mut load).map_err(Error::Kernel)
}

/// What a program is loaded from.
struct Load<'a> {
    name: &'a str,
    license: &'a CStr,
    function: &'a Function,
    btf: Option<BorrowedFd<'a>>,
}

#[repr(C)]
#[derive(Default)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
}

// SAFETY: the member without a name that `BPF_PROG_LOAD` uses, without what came later.
// `Load::load` gives it instructions, functions and a log with their numbers, and a license that
// ends with a zero byte.
unsafe impl Argument for ProgLoad {
    const COMMAND: Command = Command::ProgLoad;
}

impl Load<'_> {
    fn quietly(&self) -> Result<OwnedFd, Error> {
        self.load(&mut []).map_err(Error::Kernel)
    }

    fn with_log(&self) -> Result<OwnedFd, Error> {
        let mut log = vec![0; LOG_BYTES];
        self.load(&mut log).map_err(|cause| {
            let end = log.iter().position(|byte| *byte == 0);
            log.truncate(end.unwrap_or(log.len()));
            Error::Refused {
                cause,
                log: String::from_utf8_lossy(&log).into_owned(),
            }
        })
    }

    fn load(&self, log: &mut [u8]) -> io::Result<OwnedFd> {
        let instructions: &[bpf_insn] = &self.function.instructions;
        let mut load = ProgLoad {
            prog_type: KPROBE,
            insn_cnt: instructions.len() as u32,
            insns: instructions.as_ptr() as u64,
            license: self.license.as_ptr() as u64,
            expected_attach_type: KPROBE_MULTI,
            ..ProgLoad::default()
        };
        let name = self.name.as_bytes();
        let length = name.len().min(load.prog_name.len() - 1);
        load.prog_name[..length].copy_from_slice(&name[..length]);
        let functions = self.function.func_info.func_info_bytes();
        if let Some(btf) = self.btf {
            load.prog_btf_fd = btf.as_raw_fd() as u32;
            load.func_info_rec_size = FUNC_INFO_BYTES;
            load.func_info = functions.as_ptr() as u64;
            load.func_info_cnt = functions.len() as u32 / FUNC_INFO_BYTES;
        }
        if !log.is_empty() {
            load.log_level = 1;
            load.log_size = log.len() as u32;
            load.log_buf = log.as_mut_ptr() as u64;
        }
        open(&mut load)
    }
}

impl Program {
    /// Puts it at the entry or the return of a function of the kernel. Fails with `ESRCH` if there
    /// is none that can be hooked.
    pub fn attach(&self, function: &str, at_return: bool) -> io::Result<Link> {
        link::multi(&self.0, function, at_return)
    }
}
