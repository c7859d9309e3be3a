//! What the user has set.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{Keys, Tab, Theme};
use crate::insight::Thresholds;

/// How often the dashboard draws, unless it is said.
pub const REFRESH: Duration = Duration::from_millis(150);

/// How the dashboard looks, what keys do, and from when on something is a finding.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// Colours.
    pub theme: Theme,
    /// How often to draw, in words such as `150ms`; `None`: [`REFRESH`].
    #[serde(deserialize_with = "duration")]
    pub refresh: Option<Duration>,
    /// What to show first.
    pub tab: Tab,
    /// From when on something is a finding.
    pub findings: Thresholds,
    /// Other keys than the usual: what they do, and the names of the keys.
    #[serde(deserialize_with = "keys")]
    pub keys: Keys,
}

fn duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    let duration = humantime::parse_duration(&text).map_err(serde::de::Error::custom)?;
    Ok(Some(duration))
}

fn keys<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Keys, D::Error> {
    let other = BTreeMap::deserialize(from)?;
    Keys::with(&other).map_err(serde::de::Error::custom)
}
