//! Calls that are under way when tracing begins: their beginning was not seen, and their end is.

use anyhow::{Result, ensure};

use super::trace::{Line, STEPS};

/// Around when tracing begins, nanoseconds: the hooks begin to follow calls some time after the
/// tracer has read the clock.
pub(super) const BEGIN_NS: u64 = 500_000_000;

/// How many there are by the driver's count. The two differ where one begins or ends just when
/// tracing does.
#[derive(Debug, Default)]
pub(super) struct Headless {
    least: u64,
    most: u64,
}

impl Headless {
    /// Counts a call, if it is one of them.
    pub(super) fn count(&mut self, call: &Line, tracing_began: u64) -> Result<()> {
        // One that ends with setup has no end to be seen.
        if call.step_ns("finalize")?.is_none() {
            return Ok(());
        }
        let (begin, end) = (call.time_ns, end_of(call)?);
        let is_before = begin + BEGIN_NS < tracing_began;
        self.least += u64::from(is_before && end > tracing_began + BEGIN_NS);
        self.most += u64::from(begin < tracing_began + BEGIN_NS && end + BEGIN_NS > tracing_began);
        Ok(())
    }

    /// Counts a call of many setups that came all the same. If tracing began in the middle of one
    /// of them, the end of that was seen.
    pub(super) fn count_cut(&mut self, call: &Line, tracing_began: u64) {
        self.most += u64::from(call.time_ns < tracing_began);
    }

    /// An error unless there are as many.
    pub(super) fn must_have(&self, told: u64) -> Result<()> {
        ensure!(
            (self.least..=self.most).contains(&told),
            "{told} are headless, and of the driver's calls {self:?} were under way when tracing began"
        );
        Ok(())
    }
}

/// When a call ended, by the driver's clock.
pub(super) fn end_of(call: &Line) -> Result<u64> {
    let mut end = call.time_ns;
    for step in STEPS {
        end += call.step_ns(step)?.unwrap_or(0);
    }
    Ok(end)
}
