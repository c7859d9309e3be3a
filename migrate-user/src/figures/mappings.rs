//! Which memory migrates, in words.

use super::NONE;
use crate::model::{MappingUse, Model, OnDevice};
use crate::text::{self, bytes, count, printable};
use crate::trace::MappingKind;

/// What is said where mappings are not told.
pub(crate) const NOT_TOLD: &str = "Which memory it was is not told: the recording was made with --no-mappings, or by an older migscope, or records \
                                   are off.";

/// What numbers of pages on devices are about.
pub(crate) const RESIDENT_NOTE: &str = "On devices: of the pages that were seen to arrive or to leave. Bounds, where evictions took pages and did not tell \
                                        whose. What the program unmaps or frees is not seen.";

/// What a mapping is called: memory without a name by its size.
pub(crate) fn name(of: &MappingUse) -> String {
    let name = of.name.as_deref().map(printable);
    let name = name.unwrap_or_else(|| "(name unknown)".to_owned());
    match of.kind {
        Some(MappingKind::Anonymous) => format!("{name} {}", bytes((of.end - of.start) as f64)),
        _ => name,
    }
}

/// Whose it is.
pub(crate) fn process(of: &MappingUse) -> String {
    text::process(of.comm.as_deref(), of.pid)
}

/// From where to where it is.
pub(crate) fn range(of: &MappingUse) -> String {
    format!("{:#x}..{:#x}", of.start, of.end)
}

/// Pages that came back: `2`, or `2 to 6`.
pub(crate) fn bounced(of: &MappingUse) -> String {
    bounds(of.bounced, of.most_bounced)
}

/// Pages on devices now: `30`, or `5 to 30`; nothing where that is not known.
pub(crate) fn resident(model: &Model, of: &MappingUse) -> String {
    let resident = model.resident(of);
    resident.map_or_else(|| NONE.to_owned(), |pages| bounds(pages.least, pages.most))
}

/// On which devices those are, where they were on several: `20 on a:0, 6 on a:1`.
pub(crate) fn by_device(model: &Model, of: &MappingUse) -> Option<String> {
    let devices = model.resident_by_device(of)?;
    let on = |(device, pages): &OnDevice| {
        let device = device.as_deref().map(printable);
        let device = device.unwrap_or_else(|| "devices that are not known".to_owned());
        format!("{} on {device}", bounds(pages.least, pages.most))
    };
    let all: Vec<_> = devices.iter().map(on).collect();
    (all.len() > 1).then(|| all.join(", "))
}

fn bounds(least: u64, most: u64) -> String {
    if least >= most {
        count(least)
    } else {
        format!("{} to {}", count(least), count(most))
    }
}
