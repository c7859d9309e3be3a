//! A whole recording's figures in the OpenMetrics format, for tools that load such files.

use std::io;

use super::text::{self, Dialect};
use super::{Metrics, PerOctave, Times, Tops};
use crate::export::{Export, Notes, Out};
use crate::model::Model;
use crate::trace::{Batch, Facts};

/// How many processes have series of their own in a file.
const PROCESSES: usize = 20;

/// How many phases of programs, where those were followed.
const PHASES: usize = 20;

/// How many mappings, where those are told.
const MAPPINGS: usize = 20;

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
        let mut tops = Tops::new(PHASES, MAPPINGS);
        for batch in batches {
            model.apply(batch);
        }
        tops.look(&model);
        let metrics = Metrics {
            model: &model,
            running: false,
            processes: PROCESSES,
            tops: Some(&tops),
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
