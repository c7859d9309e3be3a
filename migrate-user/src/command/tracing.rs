//! From the command line to what is asked of the tracer.

use crate::cli;
use crate::source::kernel::{Attach, Only, Options, RING_BYTES};

impl From<cli::Tracing> for Options {
    fn from(asked: cli::Tracing) -> Self {
        let record_every = if asked.totals_only {
            0
        } else {
            asked.sample.unwrap_or(1)
        };
        Self {
            attach: asked.attach.into(),
            ring_bytes: asked.ring_size.map_or(RING_BYTES, |size| size.0),
            record_every,
            kernel_stacks: asked.kernel_stacks,
            user_stacks: asked.user_stacks,
            sub_steps: asked.sub_steps,
            off_cpu: asked.off_cpu,
            only: asked.only.into(),
        }
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

impl From<cli::Only> for Only {
    fn from(asked: cli::Only) -> Self {
        Self {
            pid: asked.pid,
            comm: asked.comm,
            worker: asked.worker,
            cgroup: asked.cgroup,
            driver: asked.driver,
            direction: asked.direction,
            cause: asked.cause,
            outcome: asked.outcome,
            min_pages: asked.min_pages,
            slower_than: asked.slower_than,
        }
    }
}
