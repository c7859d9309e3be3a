//! Keeps the probes informed of what the kernel's memory and code mean, which change while they
//! run.

use std::collections::HashMap;

use aya::Ebpf;
use aya::maps::Array;
use migrate_ebpf::wire::{OFFSET_UNKNOWN, names};

use super::TracerError;
use super::btf::StructureOffsets;
use super::changes::Changes;
use super::code::Meaning;
use super::options::Options;
use super::peek::Peek;
use super::regions::{Places, Regions};
use super::symbols::Symbols;
use super::vmemmap;

/// How often symbols are read before they are told, if modules come and go all the time.
const READINGS: usize = 5;

/// What the probes have been told, and when it has to be told again.
pub(super) struct Watch {
    regions: Regions,
    meaning: Meaning,
    variables: HashMap<&'static str, u64>,
    /// How often the probes had seen memory come or go when they were told last.
    changes: u64,
    modules: Changes,
}

impl Watch {
    /// Tells the probes for the first time, which see changes by now.
    pub(super) fn begin(
        tracer: &mut Ebpf,
        offsets: StructureOffsets,
        options: &Options,
        symbols: &mut Symbols,
    ) -> Result<Self, TracerError> {
        symbols.catch_up();
        let driver = options.only.driver.first();
        let has_refcount = offsets.page_refcount != OFFSET_UNKNOWN;
        let mut watch = Self {
            regions: Regions::open(tracer, offsets)?,
            meaning: Meaning::open(tracer, driver.map(|driver| driver.name().to_owned()))?,
            variables: symbols.variables().clone(),
            changes: 0,
            modules: Changes::open(tracer)?,
        };
        if has_refcount {
            watch.tell_where_pages_are(tracer, offsets.page_bytes)?;
        }
        watch.meaning.tell(symbols)?;
        watch.tell_regions(tracer)?;
        Ok(watch)
    }

    /// Have the probes seen a change since they were told? `changes`: how often they have seen
    /// memory come or go.
    pub(super) fn is_behind(&self, changes: u64) -> bool {
        changes != self.changes || self.modules.are_behind()
    }

    /// Tells the probes again. `changes` as above, at the moment it is called.
    pub(super) fn follow(
        &mut self,
        tracer: &mut Ebpf,
        symbols: &mut Symbols,
        changes: impl Fn() -> u64,
    ) -> Result<(), TracerError> {
        // What the probes have noted meanwhile must not be lost to what was read before. Where
        // changes never end, something is told.
        let mut reading = None;
        for _ in 0..READINGS {
            self.changes = changes();
            if self.modules.are_behind() {
                self.modules.tell(symbols);
                reading = Some(symbols.read());
            }
            if !self.is_behind(changes()) {
                break;
            }
        }
        if let Some(reading) = reading {
            symbols.go_on_with(reading);
            self.meaning.tell(symbols)?;
        }
        self.tell_regions(tracer)
    }

    /// Names of nodes and devices.
    pub(super) fn places(&self) -> &Places {
        &self.regions.places
    }

    fn tell_regions(&mut self, tracer: &mut Ebpf) -> Result<(), TracerError> {
        let variables = &self.variables;
        self.regions.tell(&mut Peek { tracer, variables })
    }

    /// On x86-64 `struct page`s lie one behind the other from where a variable says; other machines
    /// compute it in other ways, and free pages are not told there.
    fn tell_where_pages_are(
        &mut self,
        tracer: &mut Ebpf,
        page_bytes: u32,
    ) -> Result<(), TracerError> {
        let variables = &self.variables;
        let mut peek = Peek { tracer, variables };
        let pages_at = match peek.symbol("vmemmap_base") {
            Some(address) => peek.word(address),
            None => vmemmap::of_notes(page_bytes),
        };
        let Some(pages_at) = pages_at else {
            return Ok(());
        };
        let map = tracer
            .map_mut(names::PAGES_AT)
            .ok_or(TracerError::Object(names::PAGES_AT))?;
        let mut map: Array<_, u64> = Array::try_from(map).map_err(TracerError::Map)?;
        map.set(0, pages_at, 0).map_err(TracerError::Map)
    }
}
