//! Tells the probes where memory is: that of each NUMA node, and that of each device; and gives
//! these places names.
//!
//! Nodes are in sysfs. Device memory that was there before the tracer came stands in the kernel's
//! `pgmap_array`, which says what kind it is; what comes later, the probes notice themselves. A
//! device is called what `/proc/iomem` calls its memory: the device's PCI address where its driver
//! registers it so (amdgpu, xe), else the driver's name. Where several have one name, `#2` and so
//! on tell them apart.

mod iomem;
mod nodes;
mod pagemaps;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use aya::Ebpf;
use aya::maps::{Array, MapData};
use migrate_ebpf::wire::{
    DEVICE_REGIONS, Memory, NO_PLACE, NODE_REGIONS, Region, Regions as Table, SEVERAL_PLACES, names,
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::TracerError;
use super::btf::StructureOffsets;
use super::peek::Peek;
use iomem::Iomem;
use pagemaps::Pagemap;

const WORDS: usize = size_of::<Table>() / 8;

/// Names of nodes and devices, by [`Region::place`].
#[derive(Clone, Debug, Default)]
pub(super) struct Places(HashMap<u32, Arc<str>>);

impl Places {
    /// The name; `None` for several places, none, and one that is not known.
    pub(super) fn name(&self, place: u32) -> Option<Arc<str>> {
        self.0.get(&place).cloned()
    }

    /// Is it a place that has come since names were last looked up?
    pub(super) fn is_new(&self, place: u32) -> bool {
        place != NO_PLACE && place != SEVERAL_PLACES && !self.0.contains_key(&place)
    }
}

/// What is known of memory, and told.
pub(super) struct Regions {
    table: Array<MapData, [u64; WORDS]>,
    iomem: Iomem,
    offsets: StructureOffsets,
    pub(super) places: Places,
    /// The place of each device's region, by its first frame. A region that comes back is the same.
    known: HashMap<u64, u32>,
    next_place: u32,
}

impl Regions {
    pub(super) fn open(tracer: &mut Ebpf, offsets: StructureOffsets) -> Result<Self, TracerError> {
        let table = tracer
            .take_map(names::REGIONS)
            .ok_or(TracerError::Object(names::REGIONS))?;
        Ok(Self {
            table: Array::try_from(table).map_err(TracerError::Map)?,
            iomem: Iomem::open(Path::new("/")),
            offsets,
            places: Places::default(),
            known: HashMap::new(),
            next_place: 1,
        })
    }

    /// Looks at all memory again, and tells what there is.
    pub(super) fn tell(&mut self, peek: &mut Peek<'_>) -> Result<(), TracerError> {
        let page_shift = rustix::param::page_size().trailing_zeros();
        let before = self.read()?;
        self.next_place = self.next_place.max(before.next_place as u32);
        for region in before
            .device
            .iter()
            .filter(|region| region.end > region.start)
        {
            self.known.entry(region.start).or_insert(region.place);
        }
        let pagemaps = pagemaps::all(peek, &self.offsets, page_shift);
        // Where the kernel's own list cannot be read, what the probes have seen is all that is
        // known.
        let mut devices = pagemaps.unwrap_or_else(|| {
            let seen = before
                .device
                .iter()
                .filter(|region| region.end > region.start);
            seen.map(Pagemap::of_region).collect()
        });
        devices.sort_by_key(|pagemap| (pagemap.memory, pagemap.start));
        let mut table = empty();
        self.tell_devices(&devices, &mut table, page_shift);
        self.tell_nodes(&mut table, page_shift);
        table.next_place = self.next_place.into();
        // The probes count in the lower half, and perhaps do so now.
        table.changes = before.changes.wrapping_add(1 << 32);
        self.write(&table)
    }

    fn tell_devices(&mut self, devices: &[Pagemap], table: &mut Table, page_shift: u32) {
        let names = self.iomem.names();
        let mut entries = table.device.iter_mut().take(DEVICE_REGIONS - 1);
        for device in devices {
            let place = *self.known.entry(device.start).or_insert_with(|| {
                let place = self.next_place;
                self.next_place += 1;
                place
            });
            if self.places.is_new(place) {
                let name = names.of(device.start << page_shift);
                let name = self.unused(name.as_deref().unwrap_or("device"));
                self.places.0.insert(place, name);
            }
            if let Some(entry) = entries.next() {
                *entry = device.region(place);
            }
        }
    }

    /// The name, told from those that have it already.
    fn unused(&self, name: &str) -> Arc<str> {
        let is_used = |name: &str| self.places.0.values().any(|used| &**used == name);
        if !is_used(name) {
            return name.into();
        }
        let numbered = (2..).map(|number| format!("{name}#{number}"));
        let free = numbered.into_iter().find(|name| !is_used(name));
        free.unwrap_or_default().into()
    }

    fn tell_nodes(&mut self, table: &mut Table, page_shift: u32) {
        let mut entries = table.node.iter_mut().take(NODE_REGIONS - 1);
        for node in nodes::all(Path::new("/"), page_shift) {
            let name: Arc<str> = format!("node{}", node.number).into();
            let known = self.places.0.iter().find(|(_, used)| **used == name);
            let place = known.map(|(place, _)| *place).unwrap_or_else(|| {
                let place = self.next_place;
                self.next_place += 1;
                place
            });
            self.places.0.insert(place, name);
            if let Some(entry) = entries.next() {
                *entry = Region {
                    start: node.start,
                    end: node.end,
                    memory: Memory::System as u32,
                    place,
                };
            }
        }
    }

    fn read(&self) -> Result<Table, TracerError> {
        let words = self.table.get(&0, 0).map_err(TracerError::Map)?;
        Table::read_from_bytes(words.as_bytes()).map_err(|_| TracerError::Object(names::REGIONS))
    }

    fn write(&mut self, table: &Table) -> Result<(), TracerError> {
        let mut words = [0; WORDS];
        words.as_mut_bytes().copy_from_slice(table.as_bytes());
        self.table.set(0, words, 0).map_err(TracerError::Map)
    }
}

fn empty() -> Table {
    Table {
        changes: 0,
        next_place: 1,
        device: [Region::default(); DEVICE_REGIONS],
        node: [Region::default(); NODE_REGIONS],
    }
}
