//! Which memory migrates, as JSON. `null` where it is not told.
//!
//! - `mappings`: each, those of a process together, and the process first of which most pages were
//!   asked for: `pid`, `comm`, `mapping` (its name), `mapping_kind`, `mapping_start`,
//!   `mapping_end` (the first and the last address of all that it had been), its sums as those of
//!   `processes`, `arrived_on_devices` and `left_devices` (pages), `resident_least` and
//!   `resident_most` (pages on devices now, but for what the process itself unmapped or freed;
//!   `null` where not every migration was recorded), `devices` (the same by device: `device`,
//!   which is `null` for those that are not known, `resident_least`, `resident_most`), `bounced`
//!   and `most_bounced` (pages that came back within a second: at least, and at most), `refused`
//!   (pages skipped, declined or rolled back)
//! - `other_mappings`: `null`, or the sums of those that gave way to them, with how often that was
//!   (`mappings`)
//! - `unknown_mapping`: the sums of migrations of which the mapping is not known, as of evictions

use serde_json::{Value, json};

use super::records::with;
use crate::model::{MappingUse, Model};
use crate::trace::MappingKind;

/// Rows of a list, at most.
const ROWS: usize = 100;

/// Is it told?
fn told(model: &Model) -> Option<&Model> {
    model.facts().details.mappings.then_some(model)
}

pub(super) fn mappings(model: &Model) -> Option<Vec<Value>> {
    let sorted = told(model)?.mappings().sorted().into_iter();
    Some(sorted.take(ROWS).map(|of| mapping(model, of)).collect())
}

fn mapping(model: &Model, of: &MappingUse) -> Value {
    let resident = model.resident(of);
    let what = json!({
        "pid": of.pid,
        "comm": of.comm.as_deref(),
        "mapping": of.name.as_deref(),
        "mapping_kind": of.kind.map(MappingKind::name),
        "mapping_start": of.start,
        "mapping_end": of.end,
        "arrived_on_devices": of.arrived,
        "left_devices": of.left,
        "resident_least": resident.map(|pages| pages.least),
        "resident_most": resident.map(|pages| pages.most),
        "devices": devices(model, of),
        "bounced": of.bounced,
        "most_bounced": of.most_bounced,
        "refused": of.refused(),
    });
    with(what, &of.sums)
}

fn devices(model: &Model, of: &MappingUse) -> Option<Vec<Value>> {
    let devices = model.resident_by_device(of)?.into_iter();
    let devices = devices.map(|(device, pages)| {
        json!({
            "device": device.as_deref(),
            "resident_least": pages.least,
            "resident_most": pages.most,
        })
    });
    Some(devices.collect())
}

pub(super) fn other_mappings(model: &Model) -> Option<Value> {
    let (gave_way, sums) = told(model)?.mappings().others()?;
    Some(with(json!({ "mappings": gave_way }), sums))
}

pub(super) fn unknown_mapping(model: &Model) -> Option<Value> {
    Some(with(json!({}), told(model)?.mappings().unknown()))
}
