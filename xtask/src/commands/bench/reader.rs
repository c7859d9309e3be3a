//! What it takes on this machine to read a recording, and what a migration takes in it.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::measured_by;
use crate::lab::Lab;
use crate::number::count;
use crate::progress::Step;

/// As the program prints it that measures.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reader {
    /// In the recording.
    migrations: u64,
    /// Put into its columns and compressed, in a second of one processor: with what the bench has a
    /// guest run, the recorder's work.
    encoded_per_second: f64,
    /// In a second of one processor: read alone, and read into the model.
    decoded_per_second: f64,
    into_model_per_second: f64,
    at_least_per_second: f64,
    bytes_per_migration: f64,
}

/// Builds the program and runs it.
pub(super) fn measure(lab: &Lab, step: &Step) -> Result<Reader> {
    measured_by("reader_cost", lab, step).context("what reading takes")
}

impl Reader {
    /// Whether it is quick enough.
    pub(super) fn is_within_bounds(&self) -> bool {
        self.into_model_per_second >= self.at_least_per_second
    }

    pub(super) fn page(&self) -> String {
        let round = |number: f64| count(number.round() as i64);
        format!(
            "\nA recording of {} migrations takes {:.2} bytes for each, and one processor encodes {} per second.\n\
             One processor reads {} of them per second, {} into the model (required: {}).\n",
            round(self.migrations as f64),
            self.bytes_per_migration,
            round(self.encoded_per_second),
            round(self.decoded_per_second),
            round(self.into_model_per_second),
            round(self.at_least_per_second),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_bounds() {
        let reader = |into_model_per_second| Reader {
            migrations: 1_000,
            encoded_per_second: 2e6,
            decoded_per_second: 4e6,
            into_model_per_second,
            at_least_per_second: 3e6,
            bytes_per_migration: 21.5,
        };
        assert!(reader(3e6).is_within_bounds());
        assert!(!reader(2_999_999.0).is_within_bounds());
        let page = reader(3_100_000.0).page();
        assert!(page.contains("21.50 bytes") && page.contains("3,100,000 into the model"));
    }
}
