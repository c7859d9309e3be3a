//! From where on something is a finding.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The thresholds. Shares are 0 to 1. In the configuration file they stand under `[findings]`, with
/// `-` in the place of `_`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Thresholds {
    /// With fewer migrations than this, nothing is said that rests on averages.
    pub migrations: u64,
    /// A finding that costs at least this share of the time is serious.
    pub serious_share: f64,
    /// A finding that costs at least this share of the time is notable.
    pub notable_share: f64,
    /// `wasted_copies`: pages copied or made in vain, of all that were.
    pub wasted_share: f64,
    /// `small_batches`: the fixed cost of the calls of one direction and cause, of their time.
    pub fixed_share: f64,
    /// `small_batches`: where the fixed cost does not show: pages that all calls ask for, at most.
    pub small_pages: u64,
    /// `pinned_skips`, `skips`, `already_there`: pages skipped for that reason, of all requested.
    pub skipped_share: f64,
    /// `declines`: pages declined, of all that the kernel had collected.
    pub declined_share: f64,
    /// `given_up`: pages that were collected and given up because others were missing, of all
    /// collected.
    pub given_up_share: f64,
    /// `rollbacks`: migrations that were rolled back, of all.
    pub rolled_back_share: f64,
    /// `dominant_step`: the time of one step, of all five.
    pub step_share: f64,
    /// `setup_drain`, `setup_invalidation`: the time of that part, of setup.
    pub setup_part_share: f64,
    /// `ping_pong`: pages that certainly came back within a second, of all that arrived.
    pub bounced_share: f64,
    /// `ping_pong`: how often they turned back, at least.
    pub bounced_trips: u64,
    /// `oversubscribed`: pages evicted, of those that arrived on the device.
    pub evicted_share: f64,
    /// `livelock`: calls in a row for the same range, of which nothing arrived.
    pub retries: u64,
    /// `split`: the time of migrations in which a large folio was split, of all.
    pub split_share: f64,
    /// `stuck`: how long a migration has been under way, seconds.
    pub stuck_seconds: u64,
    /// `tail`: of a size there must be so many migrations for one of them to be slow.
    pub tail_migrations: u64,
    /// `tail`: a migration is slow that takes so many times as long as the median of its size.
    pub tail_factor: f64,
    /// `tail`: the time that slow ones took beyond the median, of all recorded time.
    pub tail_share: f64,
    /// `lock_convoy`: the time of faults before their own migration, of all their time.
    pub before_setup_share: f64,
    /// `lock_convoy`: of that time, what passed while another thread of the process waited, too.
    pub together_share: f64,
    /// `waits_for_others`: the time of these waits, of it and that of all migrations.
    pub others_share: f64,
    /// `retry_storm`: calls of a device that have to be tried again, of all.
    pub retry_share: f64,
    /// `records_lost`, `not_followed`: migrations without a record, of all. With 0, one is enough.
    pub lost_share: f64,
    /// `tracer_cost`: the tracer's own time, of the migrations' and its own.
    pub tracer_share: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            migrations: 20,
            serious_share: 0.25,
            notable_share: 0.05,
            wasted_share: 0.01,
            fixed_share: 0.5,
            small_pages: 4,
            skipped_share: 0.05,
            declined_share: 0.05,
            given_up_share: 0.05,
            rolled_back_share: 0.1,
            step_share: 0.8,
            setup_part_share: 0.5,
            bounced_share: 0.3,
            bounced_trips: 10,
            evicted_share: 0.1,
            retries: 10,
            split_share: 0.1,
            stuck_seconds: 10,
            tail_migrations: 100,
            tail_factor: 10.0,
            tail_share: 0.02,
            before_setup_share: 0.5,
            together_share: 0.3,
            others_share: 0.05,
            retry_share: 0.3,
            lost_share: 0.0,
            tracer_share: 0.05,
        }
    }
}

impl Thresholds {
    /// Do the values make sense? If not: which one does not, by its name in the configuration file,
    /// and what it must be.
    pub fn check(&self) -> Result<(), String> {
        let all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in all.as_object().into_iter().flatten() {
            check_one(name, value)?;
        }
        let Self {
            serious_share,
            notable_share,
            ..
        } = self;
        if serious_share < notable_share {
            return Err(format!(
                "findings.serious-share is {serious_share} and findings.notable-share is {notable_share}; what is serious is notable too, so \
                 that it cannot be the smaller one"
            ));
        }
        Ok(())
    }
}

fn check_one(name: &str, value: &Value) -> Result<(), String> {
    let (range, must) = if name.ends_with("-share") {
        (0.0..=1.0, "a share: a number from 0 to 1")
    } else {
        (1.0..=f64::MAX, "a number, and at least 1")
    };
    if value.as_f64().is_some_and(|value| range.contains(&value)) {
        return Ok(());
    }
    // JSON has no name for those that are none.
    let value = match value {
        Value::Null => "no finite number".to_owned(),
        value => value.to_string(),
    };
    Err(format!("findings.{name} is {value}, and must be {must}"))
}
