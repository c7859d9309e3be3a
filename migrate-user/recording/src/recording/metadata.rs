//! The facts in the schema's metadata.

use crate::trace::{Details, Facts};

/// The version of the recording format. It changes whenever the meaning of a column does.
pub const FORMAT: u32 = 8;

/// The oldest version that can be read. It told the thread in place of the owner and its worker,
/// and whether there was a fault page in place of the cause; it did not tell from where to where.
/// Neither it nor 5 knows of waits; 6 does not tell where a lock's holder was,
/// and 7 not which mapping a migration is in.
pub(super) const OLDEST: u32 = 4;

/// The facts as key and value, for the schema's metadata. Unknown ones are left out.
pub(super) fn entries(facts: &Facts) -> Vec<(String, String)> {
    let number = |value: Option<u64>| value.map(|value| value.to_string());
    [
        ("format", Some(FORMAT.to_string())),
        ("host", Some(facts.host.clone())),
        ("kernel", Some(facts.kernel.clone())),
        ("boot_id", facts.boot_id.clone()),
        ("clock", Some(facts.clock.clone())),
        ("clocksource", facts.clocksource.clone()),
        ("page_size_bytes", Some(facts.page_size.to_string())),
        (
            "not_hooked",
            (!facts.not_hooked.is_empty()).then(|| facts.not_hooked.join(" ")),
        ),
        ("attached", facts.attached.clone()),
        ("filter", facts.filter.clone()),
        ("chosen", facts.chosen.clone()),
        ("record_every", Some(facts.record_every.to_string())),
        ("details", facts.details.words()),
        ("tracer", Some(facts.tracer.clone())),
        ("started_ns", number(facts.started_ns)),
        ("started_unix_ns", number(facts.started_unix_ns)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((format!("migscope.{key}"), value?)))
    .collect()
}

/// Reads the facts back. `get` finds the value of a key; the error says what is missing or wrong.
pub(super) fn parse<'a>(get: impl Fn(&str) -> Option<&'a String>) -> Result<Facts, String> {
    let text = |key: &str| get(&format!("migscope.{key}")).cloned();
    let needed = |key: &str| text(key).ok_or_else(|| format!("its schema has no migscope.{key}"));
    let number = |key: &str| {
        text(key)
            .map(|value| {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("migscope.{key} is no number"))
            })
            .transpose()
    };
    let page_size = number("page_size_bytes")?
        .filter(|size| size.is_power_of_two())
        .ok_or("migscope.page_size_bytes is no power of two")?;
    Ok(Facts {
        host: needed("host")?,
        kernel: needed("kernel")?,
        boot_id: text("boot_id"),
        clock: needed("clock")?,
        clocksource: text("clocksource"),
        page_size,
        not_hooked: text("not_hooked")
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        attached: text("attached"),
        filter: text("filter"),
        chosen: text("chosen"),
        record_every: number("record_every")?
            .map_or(Ok(1), u32::try_from)
            .map_err(|_| "migscope.record_every is too large")?,
        details: Details::parse(&text("details").unwrap_or_default())
            .map_err(|wrong| format!("migscope.details: {wrong}"))?,
        tracer: needed("tracer")?,
        started_ns: number("started_ns")?,
        started_unix_ns: number("started_unix_ns")?,
    })
}
