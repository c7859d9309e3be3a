//! How much memory the system has, and who has it.

use std::fs;

use anyhow::{Context as _, Result};

const PATH: &str = "/proc/meminfo";
const ZONES: &str = "/proc/zoneinfo";

/// What the kernel says that memory is used for. None is part of another.
const USES: &[&str] = &[
    "MemFree",
    "Buffers",
    "Cached",
    "SwapCached",
    "AnonPages",
    "Slab",
    "KernelStack",
    "PageTables",
    "VmallocUsed",
    "Percpu",
];

/// What can be had without swapping, by the kernel's estimate, which leaves out what processors
/// keep for themselves.
pub fn available_bytes() -> Result<u64> {
    let text = fs::read_to_string(PATH).with_context(|| format!("cannot read {PATH}"))?;
    let kib = value(&text, "MemAvailable").with_context(|| format!("no MemAvailable in {PATH}"))?;
    Ok(kib * 1024)
}

/// What is in use and in none of the kernel's lists: pages that a part of it has allocated for
/// itself, as drivers do. Those that it has lost are among them.
pub fn unlisted_bytes() -> Result<u64> {
    let text = fs::read_to_string(PATH).with_context(|| format!("cannot read {PATH}"))?;
    let zones = fs::read_to_string(ZONES).with_context(|| format!("cannot read {ZONES}"))?;
    let kib = |name: &&str| value(&text, name).with_context(|| format!("no {name} in {PATH}"));
    let listed: u64 = USES.iter().map(kib).sum::<Result<_>>()?;
    let rest = kib(&"MemTotal")?.saturating_sub(listed) * 1024;
    Ok(rest.saturating_sub(at_hand_pages(&zones) * page_size()? as u64))
}

/// Bytes in a base page.
pub fn page_size() -> Result<usize> {
    // SAFETY: Asks for a number.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).context("no page size")
}

/// Free pages that each processor keeps for itself.
fn at_hand_pages(zones: &str) -> u64 {
    let counts = zones
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("count:"));
    counts
        .filter_map(|count| count.trim().parse::<u64>().ok())
        .sum()
}

/// The number behind a name.
fn value(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let rest = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_whole_name() {
        let text = "MemTotal:  10 kB\nMemAvailableX: 11 kB\nMemAvailable:      12 kB\n";
        assert_eq!(value(text, "MemAvailable"), Some(12));
        assert_eq!(value(text, "Mem"), None);
    }

    #[test]
    fn free_pages_at_hand_are_those_of_all_zones_and_processors() {
        let zones = "Node 0, zone DMA\n  pages free 9\n  pagesets\n    cpu: 0\n              count:    12\n              \
                     high: 14\n    cpu: 1\n              count:    30\n";
        assert_eq!(at_hand_pages(zones), 42);
    }
}
