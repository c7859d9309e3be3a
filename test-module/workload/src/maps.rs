//! What the kernel says about the mappings of this process: `/proc/self/maps`.

use std::fs;

use anyhow::{Context as _, Result};

const PATH: &str = "/proc/self/maps";

/// A mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its first address, and the first behind it.
    pub start: u64,
    /// See `start`.
    pub end: u64,
    /// What stands behind the numbers: a path, a name in brackets, or nothing.
    pub name: String,
}

/// The mapping that has this address.
pub fn around(address: usize) -> Result<Line> {
    let text = fs::read_to_string(PATH).with_context(|| format!("cannot read {PATH}"))?;
    let mut lines = text.lines().filter_map(parse);
    lines
        .find(|line| (line.start..line.end).contains(&(address as u64)))
        .with_context(|| format!("no mapping has the address {address:#x}"))
}

/// `START-END PERMISSIONS OFFSET DEVICE INODE NAME`, the numbers of the first in hexadecimal.
fn parse(line: &str) -> Option<Line> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    // A name can have spaces, of which there are more in front of it.
    let name = rest.splitn(5, ' ').nth(4).unwrap_or("");
    Some(Line {
        start: number(start)?,
        end: number(end)?,
        name: name.trim_start().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::{Area, Backing};

    #[test]
    fn lines_are_read_with_and_without_a_name() {
        let line = parse("7f00-8f00 rw-p 00000000 00:00 0 ").unwrap();
        assert_eq!((line.start, line.end, &*line.name), (0x7f00, 0x8f00, ""));
        let line = parse("1000-2000 r-xp 0001 08:01 12345        /tmp/a b (deleted)").unwrap();
        assert_eq!(line.name, "/tmp/a b (deleted)");
        let line = parse("1000-2000 rw-p 0 00:00 0    [anon:weights]").unwrap();
        assert_eq!(line.name, "[anon:weights]");
    }

    #[test]
    fn memory_is_in_its_mapping() {
        let area = Area::new(4, 4096, Backing::BasePages).unwrap();
        let line = around(area.address(1)).unwrap();
        assert!(line.start <= area.address(0) as u64);
        assert!(line.end >= (area.address(3) + 4096) as u64);
    }
}
