//! Tells the probes what the code means that is loaded: why it migrates, and which module it is of.

use std::ops::Range;

use aya::Ebpf;
use aya::maps::{Array, MapData};
use migrate_ebpf::wire::{CODE_RANGES, Code, code, names};
use zerocopy::IntoBytes as _;

use super::TracerError;
use super::causes::cause_of;
use super::symbols::{Symbols, is_helper};

const WORDS: usize = size_of::<Code>() / 8;
type Table = [u64; CODE_RANGES * WORDS];

/// Ways that the probes remember; each is a value of so many words.
const PATHS: u32 = 256;
const PATH_WORDS: usize = 9;

/// What is told.
pub(super) struct Meaning {
    table: Array<MapData, Table>,
    paths: Array<MapData, [u64; PATH_WORDS]>,
    /// The driver that the filter asks for.
    wanted: Option<String>,
}

impl Meaning {
    pub(super) fn open(tracer: &mut Ebpf, wanted: Option<String>) -> Result<Self, TracerError> {
        let mut take = |name| tracer.take_map(name).ok_or(TracerError::Object(name));
        Ok(Self {
            table: Array::try_from(take(names::CODE)?).map_err(TracerError::Map)?,
            paths: Array::try_from(take(names::PATHS)?).map_err(TracerError::Map)?,
            wanted,
        })
    }

    /// Tells what is loaded now, and has the probes forget the ways that they know: another
    /// driver's code may be there.
    pub(super) fn tell(&mut self, symbols: &Symbols) -> Result<(), TracerError> {
        let ranges = ranges(symbols, self.wanted.as_deref());
        let mut table = [0; CODE_RANGES * WORDS];
        // The last entry stays free: it ends the table.
        for (place, code) in table
            .chunks_exact_mut(WORDS)
            .take(CODE_RANGES - 1)
            .zip(&ranges)
        {
            for (word, bytes) in place.iter_mut().zip(code.as_bytes().chunks_exact(8)) {
                *word = u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
            }
        }
        self.table.set(0, table, 0).map_err(TracerError::Map)?;
        for path in 0..PATHS {
            self.paths
                .set(path, [0; PATH_WORDS], 0)
                .map_err(TracerError::Map)?;
        }
        Ok(())
    }
}

/// Functions first, then what modules they may be of, then the kernel.
fn ranges(symbols: &Symbols, wanted: Option<&str>) -> Vec<Code> {
    let of_module = |module: &str| {
        let helper = is_helper(module);
        let is_wanted = wanted.is_some_and(|wanted| {
            wanted == module || (helper && symbols.only_user(module).as_deref() == Some(wanted))
        });
        code::MODULE
            | if helper { code::HELPER } else { 0 }
            | if is_wanted { code::WANTED } else { 0 }
    };
    let entry = |range: &Range<u64>, meaning| Code {
        // A return address is behind the call.
        start: range.start + 1,
        end: range.end + 1,
        meaning,
    };
    let mut ranges = Vec::new();
    for function in symbols.functions() {
        if let Some(cause) = cause_of(function.name) {
            let owner = function.module.map_or(code::KERNEL, of_module);
            ranges.push(entry(&function.range, cause as u64 | owner));
        }
    }
    for (module, range) in symbols.code_of_modules() {
        ranges.push(entry(&range, of_module(&module)));
    }
    ranges.extend(
        symbols
            .code_of_kernel()
            .iter()
            .map(|range| entry(range, code::KERNEL)),
    );
    ranges
}
