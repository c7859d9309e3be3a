//! What the dashboard costs on this machine: the time of a frame, and the memory of a long run.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::measured_by;
use crate::lab::Lab;
use crate::progress::Step;

/// As the program prints it that measures.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Dashboard {
    /// By tab, of 200 columns and 60 lines, with everything full.
    frame_median_ns: BTreeMap<String, u64>,
    frame_limit_ns: u64,
    /// Of the run whose memory was measured.
    migrations: u64,
    peak_memory_bytes: u64,
    memory_limit_bytes: u64,
}

/// Builds the program and runs it.
pub(super) fn measure(lab: &Lab, step: &Step) -> Result<Dashboard> {
    measured_by("dashboard_cost", lab, step).context("the dashboard's costs")
}

impl Dashboard {
    /// Whether it costs no more than it may.
    pub(super) fn is_within_bounds(&self) -> bool {
        let slowest = self.frame_median_ns.values().max();
        slowest.is_none_or(|ns| *ns < self.frame_limit_ns)
            && self.peak_memory_bytes < self.memory_limit_bytes
    }

    pub(super) fn page(&self) -> String {
        let ms = |ns: &u64| *ns as f64 / 1e6;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let frames = self.frame_median_ns.iter();
        let frames: Vec<_> = frames
            .map(|(tab, ns)| format!("{tab} {:.2}", ms(ns)))
            .collect();
        format!(
            "\nA frame of the dashboard, 200 by 60, everything full: half take at most, in ms, {} (allowed: {}).\n\
             After {} migrations it has had {:.1} MiB at most (allowed: {}).\n",
            frames.join(", "),
            ms(&self.frame_limit_ns),
            self.migrations,
            mib(self.peak_memory_bytes),
            mib(self.memory_limit_bytes),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_bounds() {
        let mut dashboard = Dashboard {
            frame_median_ns: BTreeMap::from([("steps".to_owned(), 3_900_000)]),
            frame_limit_ns: 4_000_000,
            migrations: 10,
            peak_memory_bytes: 60 << 20,
            memory_limit_bytes: 64 << 20,
        };
        assert!(dashboard.is_within_bounds());
        assert!(dashboard.page().contains("steps 3.90 (allowed: 4)"));
        dashboard.peak_memory_bytes = 64 << 20;
        assert!(!dashboard.is_within_bounds());
    }
}
