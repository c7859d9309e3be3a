//! Calls that are under way at this moment. Hooks tell nothing of a call that hangs, so a program
//! is run that looks into the table of calls.

use std::mem::offset_of;
use std::time::Duration;

use aya::Ebpf;
use aya::programs::{Program, RawTracePointRunOptions, TestRun as _};
use migrate_bpf::Mapped;
use migrate_ebpf::wire::{CallsUnderWay, MOST_UNDER_WAY, Record, UnderWay, names};
use migscope_recording::trace::{HANGS_NS, InFlight, Migration, Step, Unfinished};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::decode::Decoder;
use super::refusal::Refusal;
use super::regions::Places;
use super::{TracerError, attach};
use crate::{machine, threads};

const WORDS: usize = size_of::<CallsUnderWay>() / 8;

/// What the kernel answers.
pub(super) struct Answer(Mapped);

impl Answer {
    pub(super) fn open(tracer: &Ebpf) -> Result<Self, TracerError> {
        super::mapped(tracer, names::UNDER_WAY, WORDS).map(Self)
    }

    /// The calls that have been under way for longer than this.
    pub(super) fn read(
        &self,
        tracer: &mut Ebpf,
        decoder: &mut Decoder,
        places: &Places,
        older: Duration,
    ) -> Result<InFlight, TracerError> {
        let now = machine::boot_time_ns();
        let words = self.ask(tracer, now.saturating_sub(older.as_nanos() as u64))?;
        let bytes = words.as_bytes();
        let told = told(bytes)?;
        let count = told.found.min(MOST_UNDER_WAY as u64);
        let mut calls = Vec::new();
        for (nth, call) in told.calls.iter().enumerate().take(count as usize) {
            let at = offset_of!(CallsUnderWay, calls)
                + nth * size_of::<UnderWay>()
                + offset_of!(UnderWay, record);
            let record = &bytes[at..at + size_of::<Record>()];
            let migration = decoder.migration(record, places)?;
            calls.extend(unfinished(call, migration, now));
        }
        calls.sort_by_key(|call| std::cmp::Reverse(call.age_ns));
        Ok(InFlight {
            time_ns: now,
            calls,
            more: told.found - count,
            oldest_ns: (told.found > 0).then(|| now.saturating_sub(told.oldest_ns)),
        })
    }

    /// How long the oldest call has been under way; 0 where none has been for [`HANGS_NS`].
    pub(super) fn hanging_ns(&self, tracer: &mut Ebpf) -> Result<u64, TracerError> {
        let now = machine::boot_time_ns();
        let words = self.ask(tracer, now.saturating_sub(HANGS_NS))?;
        let told = told(words.as_bytes())?;
        Ok(match told.found {
            0 => 0,
            _ => now.saturating_sub(told.oldest_ns),
        })
    }

    /// Has the kernel look for calls that began before a time.
    fn ask(&self, tracer: &mut Ebpf, before: u64) -> Result<[u64; WORDS], TracerError> {
        let Some(Program::RawTracePoint(program)) = tracer.program_mut(attach::UNDER_WAY) else {
            return Err(TracerError::Object(attach::UNDER_WAY));
        };
        let mut options = RawTracePointRunOptions::new();
        options.args[0] = before;
        let failed = |cause| TracerError::Sweep(Refusal::new(&cause).to_string());
        program.test_run(options).map_err(failed)?;
        let mut words = [0; WORDS];
        self.0.copy_to(0, &mut words);
        Ok(words)
    }
}

fn told(answer: &[u8]) -> Result<CallsUnderWay, TracerError> {
    let told = CallsUnderWay::read_from_bytes(answer);
    told.map_err(|_| TracerError::Object(names::UNDER_WAY))
}

/// `None` where the step is none.
fn unfinished(call: &UnderWay, migration: Migration, now: u64) -> Option<Unfinished> {
    let step = Step::ALL.get(call.step as usize).copied()?;
    let thread = call.record.tid;
    Some(Unfinished {
        step,
        step_ns: now.saturating_sub(call.since_ns),
        age_ns: now.saturating_sub(migration.time_ns),
        thread,
        stack: threads::stack(thread),
        migration,
    })
}
