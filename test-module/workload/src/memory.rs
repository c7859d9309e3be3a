//! How much memory the system has.

use std::fs;

use anyhow::{Context as _, Result};

const PATH: &str = "/proc/meminfo";

/// What can be had without swapping, by the kernel's estimate.
pub fn available_bytes() -> Result<u64> {
    let text = fs::read_to_string(PATH).with_context(|| format!("cannot read {PATH}"))?;
    let kib = value(&text, "MemAvailable").with_context(|| format!("no MemAvailable in {PATH}"))?;
    Ok(kib * 1024)
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
}
