//! The machine's own memory, by NUMA node.

use std::fs;
use std::path::Path;

/// Frames of one node, without those between that are another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) number: u32,
    /// The first frame.
    pub(super) start: u64,
    /// The frame behind the last.
    pub(super) end: u64,
}

/// All nodes, from the blocks of memory that each has in sysfs. A kernel without nodes has one.
pub(super) fn all(root: &Path, page_shift: u32) -> Vec<Node> {
    let sysfs = root.join("sys/devices/system");
    let block_bytes = fs::read_to_string(sysfs.join("memory/block_size_bytes")).ok();
    let block_bytes = block_bytes.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    let mut blocks: Vec<(u64, u32)> = Vec::new();
    for (number, folder) in numbered(&sysfs.join("node"), "node") {
        let of_node = numbered(&folder, "memory");
        blocks.extend(of_node.into_iter().map(|(block, _)| (block, number as u32)));
    }
    match block_bytes {
        Some(bytes) if !blocks.is_empty() => ranges(blocks, bytes >> page_shift),
        _ => vec![Node {
            number: 0,
            start: 0,
            end: u64::MAX >> page_shift,
        }],
    }
}

/// Entries of a folder that are this word and a number.
fn numbered(folder: &Path, word: &str) -> Vec<(u64, std::path::PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(word)?.parse().ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort_unstable();
    found
}

/// Blocks that follow each other, also with holes between them in which no other node has memory,
/// are one range.
fn ranges(mut blocks: Vec<(u64, u32)>, frames: u64) -> Vec<Node> {
    blocks.sort_unstable();
    blocks.dedup_by_key(|(block, _)| *block);
    let mut nodes: Vec<Node> = Vec::new();
    for (block, number) in blocks {
        let (start, end) = (block * frames, (block + 1) * frames);
        match nodes.last_mut().filter(|last| last.number == number) {
            Some(last) => last.end = end,
            None => nodes.push(Node { number, start, end }),
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_one_node_are_one_range() {
        let node = |number, start, end| Node { number, start, end };
        let blocks = vec![(0, 0), (1, 0), (5, 0), (2, 1), (3, 1)];
        assert_eq!(
            ranges(blocks, 10),
            [node(0, 0, 20), node(1, 20, 40), node(0, 50, 60)]
        );
    }

    #[test]
    fn without_nodes_all_memory_is_in_the_first() {
        let root = tempfile::tempdir().unwrap();
        let nodes = all(root.path(), 12);
        assert_eq!((nodes.len(), nodes[0].number, nodes[0].start), (1, 0, 0));
    }

    #[test]
    fn sysfs_tells_which_block_is_whose() {
        let root = tempfile::tempdir().unwrap();
        let sysfs = root.path().join("sys/devices/system");
        for folder in [
            "memory",
            "node/node0/memory0",
            "node/node1/memory1",
            "node/node1/memory32",
        ] {
            fs::create_dir_all(sysfs.join(folder)).unwrap();
        }
        fs::write(sysfs.join("memory/block_size_bytes"), "8000000\n").unwrap();
        let frames = 0x8000;
        let nodes = all(root.path(), 12);
        let found: Vec<_> = nodes.iter().map(|n| (n.number, n.start, n.end)).collect();
        assert_eq!(found, [(0, 0, frames), (1, frames, 33 * frames)]);
    }
}
