//! Series of those phases and mappings in which most time went, and of the rest.

use migrate_ebpf::wire::WaitKind;

use super::{Family, Label, define, family, number, of_rows, seconds};
use crate::export::metrics::top::{Counts, Tops};
use crate::model::Model;

/// Whose a series is stands in a label of its own: no name that a program gives can be taken for
/// anything else.
const WHICH: &str = "which";
/// It has a series of its own.
const NAMED: &str = "named";
/// The rest of those with names.
const OTHER: &str = "other";
const NONE: &str = "none";
const UNKNOWN: &str = "unknown";

type Row<'a> = (Vec<Label<'a>>, Counts);

/// Nothing where phases are not asked for, or were not followed.
pub(super) fn by_phase<'a>(model: &'a Model, tops: &'a Tops) -> Vec<Family<'a>> {
    if !tops.phases.is_asked() || !model.facts().details.phases {
        return Vec::new();
    }
    let labels =
        |phase: &'a str, which: &'a str| vec![("phase", phase.into()), (WHICH, which.into())];
    let shown = tops.phases.iter();
    let mut rows: Vec<Row<'a>> = shown
        .map(|(path, counts)| (labels(path, NAMED), *counts))
        .collect();
    let [mut named, mut none, mut unknown] = [Counts::default(); 3];
    for phase in model.phases().all() {
        let sum = match phase.path.as_deref() {
            Some("") => &mut none,
            Some(_) => &mut named,
            None => &mut unknown,
        };
        sum.add(&Counts::of_phase(phase));
    }
    if let Some(later) = model.phases().others() {
        named.add(&Counts::of_phase(later));
    }
    let other = tops.phases.rest(named);
    let rest = [(OTHER, other), (NONE, none), (UNKNOWN, unknown)];
    rows.extend(rest.map(|(which, counts)| (labels("", which), counts)));
    let waits = |definition, of: fn([u64; 2]) -> f64| {
        let each = rows.iter().flat_map(|row| {
            let kinds = model.followed();
            kinds.map(|kind| number(with_kind(&row.0, kind), of(row.1.waits(kind))))
        });
        family(definition, each)
    };
    let waits = [
        waits(define::PHASE_WAITS, |[count, _]| count as f64),
        waits(define::PHASE_WAIT_SECONDS, |[_, ns]| seconds(ns)),
    ];
    let tables = [
        define::PHASE_MIGRATIONS,
        define::PHASE_PAGES,
        define::PHASE_SECONDS,
    ];
    of_rows(&rows, tables).into_iter().chain(waits).collect()
}

/// The same of mappings. Evictions are of none that is known.
pub(super) fn by_mapping<'a>(model: &'a Model, tops: &'a Tops) -> Vec<Family<'a>> {
    if !tops.mappings.is_asked() || !model.facts().details.mappings {
        return Vec::new();
    }
    let labels = |pid: Option<u32>, comm: &'a str, mapping: &'a str, which: &'a str| {
        let pid = pid.map_or_else(String::new, |pid| pid.to_string());
        vec![
            ("pid", pid.into()),
            ("comm", comm.into()),
            ("mapping", mapping.into()),
            (WHICH, which.into()),
        ]
    };
    let shown = tops.mappings.iter().map(|(of, counts)| {
        let comm = of.comm.as_deref().unwrap_or_default();
        let name = of.name.as_deref().unwrap_or_default();
        (labels(of.pid, comm, name, NAMED), *counts)
    });
    let mut rows: Vec<Row<'a>> = shown.collect();
    let unknown = Counts::of_sums(model.mappings().unknown());
    let named = Counts::of_sums(&model.drivers().sum()).without(&unknown);
    for (which, counts) in [(OTHER, tops.mappings.rest(named)), (UNKNOWN, unknown)] {
        rows.push((labels(None, "", "", which), counts));
    }
    let tables = [
        define::MAPPING_MIGRATIONS,
        define::MAPPING_PAGES,
        define::MAPPING_SECONDS,
    ];
    of_rows(&rows, tables).into()
}

fn with_kind<'a>(labels: &[Label<'a>], kind: WaitKind) -> Vec<Label<'a>> {
    let kind = ("kind", kind.name().into());
    labels.iter().cloned().chain([kind]).collect()
}
