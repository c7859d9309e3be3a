//! From the command line to what is asked of the tracer.

use super::tell_hints;
use crate::cli;
use crate::kernel::{Attach, Options, RING_BYTES, TracerError};

impl TryFrom<cli::Tracing> for Options {
    type Error = TracerError;

    /// Says what the probes cannot do, and hints at what they do.
    fn try_from(asked: cli::Tracing) -> Result<Self, TracerError> {
        let record_every = if asked.totals_only {
            0
        } else {
            asked.sample.unwrap_or(1)
        };
        let options = Self {
            attach: asked.attach.into(),
            ring_bytes: asked.ring_size.map_or(RING_BYTES, |size| size.0),
            record_every,
            kernel_stacks: asked.kernel_stacks,
            user_stacks: asked.user_stacks,
            sub_steps: asked.sub_steps,
            off_cpu: asked.off_cpu,
            waits: !asked.no_waits,
            device_side: asked.device_side,
            mappings: !asked.no_mappings,
            phases: asked.phases,
            only: asked.only.0,
        };
        options.check()?;
        tell_hints(&options.only);
        Ok(options)
    }
}

impl From<cli::Attach> for Attach {
    fn from(asked: cli::Attach) -> Self {
        match asked {
            cli::Attach::Auto => Self::Auto,
            cli::Attach::Fentry => Self::Fentry,
            cli::Attach::Kprobe => Self::Kprobe,
            cli::Attach::SingleKprobe => Self::SingleKprobe,
        }
    }
}
