//! A whole recording's figures in the OpenMetrics format, for tools that load such files.

use std::io;

use super::text::{self, Dialect};
use super::{Metrics, PerOctave, Times};
use crate::export::{Export, Notes, Out};
use crate::model::Model;
use crate::trace::{Batch, Facts};

/// How many processes have series of their own in a file.
const PROCESSES: usize = 20;

/// Writes OpenMetrics.
pub struct OpenMetrics;

impl Export for OpenMetrics {
    fn has_totals(&self) -> bool {
        true
    }

    fn export(
        &self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<Notes> {
        let mut model = Model::new(facts.clone());
        batches.for_each(|batch| model.apply(batch));
        let metrics = Metrics {
            model: &model,
            running: false,
            processes: PROCESSES,
            constants: &[],
            times: Times::recorded(facts),
        };
        let text = text::encode(
            &metrics.families(),
            Dialect::OpenMetrics,
            PerOctave::default(),
        );
        out.write_all(text.as_bytes())?;
        Ok(Notes::new())
    }
}
