//! Why this kernel cannot be traced by this user.

use std::io;

use super::Refusal;

/// What is missing, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum TracerError {
    /// This program was built without what runs in the kernel.
    #[error(
        "this migscope was built without the tracer, so that it can only read recordings. Build it with \
         `cargo xtask build`, which compiles the eBPF program first"
    )]
    NotBuiltIn,
    /// Neither root nor the capabilities.
    #[error(
        "tracing the kernel needs root, or the capabilities CAP_BPF and CAP_PERFMON. Run it with sudo: \
         `sudo migscope ...`"
    )]
    NotPermitted,
    /// No type information.
    #[error(
        "this kernel has no BTF ({path} is missing), which tells where its structures keep what. Use a kernel \
         built with CONFIG_DEBUG_INFO_BTF=y, as those of the distributions are"
    )]
    NoBtf {
        /// Where it was looked for.
        path: &'static str,
    },
    /// BTF that makes no sense.
    #[error(
        "this kernel's BTF ({path}) cannot be read: {cause}. Report this with the output of `uname -a`"
    )]
    BadBtf {
        /// Where it lies.
        path: &'static str,
        /// What was wrong.
        cause: String,
    },
    /// The kernel cannot migrate memory to a device at all.
    #[error(
        "this kernel has no `{function}`: it was built without support for device memory. Use a kernel with \
         CONFIG_DEVICE_MIGRATION=y (CONFIG_DEVICE_PRIVATE=y selects it), which every driver that migrates needs, too"
    )]
    NoFunction {
        /// The function that was not found.
        function: &'static str,
    },
    /// The kernel's own functions for BPF programs do not do what the probes need.
    #[error(
        "this kernel has no {what}, which the probes call. Linux 5.17 has all they need, and so do some older kernels of \
         distributions: use a newer kernel"
    )]
    NoHelper {
        /// What was not found.
        what: String,
    },
    /// A structure lacks what it has in every version that is known.
    #[error(
        "`struct {structure}` of this kernel has no field `{field}` where one was expected: its layout is \
         newer than this migscope. Look for a newer version of migscope"
    )]
    NoField {
        /// The structure.
        structure: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The object that was built in lacks a part.
    #[error(
        "the built-in eBPF object has no `{0}`: this migscope is damaged. Build it again with `cargo xtask build`"
    )]
    Object(&'static str),
    /// The object speaks another version of the wire format.
    #[error(
        "the built-in eBPF object is of version {} of what it says to migscope, which understands version {}: they were \
         built from different sources. Build both with `cargo xtask build`",
        .0.map_or_else(|| "unknown".to_owned(), |version| version.to_string()),
        migrate_ebpf::wire::VERSION
    )]
    OtherVersion(Option<u32>),
    /// A field that is read lies further from the beginning of its structure than an instruction
    /// can say.
    #[error(
        "this kernel keeps something {0} bytes behind the beginning of a structure, where the probes reach 32,767: please tell us which kernel it is"
    )]
    FarField(u32),
    /// The kernel refused the object.
    #[error("the kernel refuses the tracer's maps: {0}")]
    Load(Refusal),
    /// The kernel refused a program.
    #[error("the kernel refuses the probe on `{function}`: {cause}")]
    Program {
        /// The function that it was for.
        function: &'static str,
        /// What the kernel said, and what that means; the end of the verifier's log, where there is
        /// one.
        cause: String,
    },
    /// The programs for fprobes could not be made ready.
    #[error("cannot prepare the probes for kprobe.multi: {0}")]
    Fprobes(#[source] migrate_bpf::multi::Error),
    /// No uprobes.
    #[error(
        "--phases: this kernel has no uprobes, or does not show them in /sys. Use one that is built with \
         CONFIG_UPROBE_EVENTS=y, as those of the distributions are"
    )]
    NoUprobes,
    /// The code of this program cannot be found in its file.
    #[error(
        "--phases: /proc/self/maps does not tell where this program is mapped. Is /proc there?"
    )]
    NoOwnCode,
    /// A file that is to be hooked is not there.
    #[error("--phases={path}: there is no such file. Name the library that the program loads")]
    NoLibrary {
        /// As it was named.
        path: String,
    },
    /// A file that is to be hooked has nothing to hook.
    #[error(
        "--phases={path}: it exports none of roctxRangePushA, nvtxRangePushA and what belongs to them. (What uses NVTX 3 \
         has no such function.) Name the library that the program loads"
    )]
    NoPhases {
        /// As it was named.
        path: String,
    },
    /// A filter that the probes cannot ask.
    #[error(
        "--{word} cannot be asked while tracing: {why}. Trace without it, and choose afterwards: report, export, diff and \
         replay take it with a recording, and / takes {word}= on the dashboard"
    )]
    NotInKernel {
        /// The condition.
        word: &'static str,
        /// What the probes can do.
        why: &'static str,
    },
    /// A filter names what this machine does not have.
    #[error("{0}")]
    Filter(String),
    /// A map could not be used.
    #[error("cannot read the tracer's maps: {0}")]
    Map(#[source] aya::maps::MapError),
    /// A map could not be mapped.
    #[error("cannot map the tracer's totals into memory: {0}. Is memory short?")]
    Mapped(#[source] io::Error),
    /// The calls of which nothing more comes could not be ended.
    #[error("cannot run the probe that looks for abandoned calls: {0}")]
    Sweep(String),
    /// A program's own counters could not be read.
    #[error("cannot read what the kernel counted for a probe: {0}")]
    Missed(#[source] io::Error),
    /// A record that this program does not understand.
    #[error(
        "the tracer reported a record of {length} bytes that makes no sense ({what}). Report this as a bug"
    )]
    Record {
        /// Its length.
        length: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl TracerError {
    /// Did the kernel say no, for a reason that `doctor` may find by trying less?
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Load(_)
                | Self::Program { .. }
                | Self::Fprobes(_)
                | Self::Mapped(_)
                | Self::Sweep(_)
        )
    }
}
