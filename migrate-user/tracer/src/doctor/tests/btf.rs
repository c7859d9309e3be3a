//! BTF of a kernel that the tests make up. The format: Documentation/bpf/btf.rst of Linux.

const MAGIC: u16 = 0xeb9f;
const HEADER_BYTES: u32 = 24;

/// The kinds of types that are used here.
const INT: u32 = 1;
const STRUCT: u32 = 4;
const ENUM: u32 = 6;
const TYPEDEF: u32 = 8;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;

/// The types' ids, in their order below.
const LONG_ID: u32 = 1;
const PROTO_ID: u32 = 2;

/// Structures besides `migrate_vma` of which fields are read.
const OTHERS: [(&str, &[&str]); 9] = [
    (
        "task_struct",
        &["comm", "mm", "cgroups", "tgid", "group_leader"],
    ),
    ("vm_area_struct", &["vm_mm"]),
    ("dev_pagemap", &["type", "nr_range"]),
    ("page", &["_refcount"]),
    ("mm_struct", &["owner"]),
    ("css_set", &["subsys"]),
    ("cgroup_subsys_state", &["cgroup"]),
    ("cgroup", &["kn"]),
    ("kernfs_node", &["id"]),
];

/// Helpers are numbered from 1, as in the kernel. None that is called has a higher number than
/// this.
const HELPERS: u32 = 250;
/// `BPF_FUNC_loop`.
pub(super) const LOOP: u32 = 181;

/// Functions, `btf_trace_*` types, and `struct migrate_vma` with these fields, a word each; and the
/// other structures.
pub(super) fn vmlinux(functions: &[&str], tracepoints: &[&str], fields: &[&str]) -> Vec<u8> {
    kernel(
        functions,
        tracepoints,
        fields,
        &[],
        &["BPF_MAP_TYPE_ARRAY", "BPF_MAP_TYPE_RINGBUF"],
    )
}

/// The same, without some helpers, and with these kinds of maps.
pub(super) fn kernel(
    functions: &[&str],
    tracepoints: &[&str],
    fields: &[&str],
    without_helpers: &[u32],
    maps: &[&str],
) -> Vec<u8> {
    let mut btf = Btf::default();
    let name = btf.name("long");
    btf.words(&[name, INT << 24, 8, 64]);
    btf.words(&[0, FUNC_PROTO << 24, 0]);
    btf.structure("migrate_vma", fields);
    for (name, fields) in OTHERS {
        btf.structure(name, fields);
    }
    let helpers = (1..=HELPERS).filter(|number| !without_helpers.contains(number));
    let helpers: Vec<_> = helpers
        .map(|number| (format!("BPF_FUNC_{number}"), number))
        .collect();
    btf.enumeration("bpf_func_id", &helpers);
    let maps: Vec<_> = maps
        .iter()
        .map(|name| (*name).to_owned())
        .zip(0..)
        .collect();
    btf.enumeration("bpf_map_type", &maps);
    for function in functions {
        let name = btf.name(function);
        btf.words(&[name, FUNC << 24, PROTO_ID]);
    }
    for tracepoint in tracepoints {
        let name = btf.name(&format!("btf_trace_{tracepoint}"));
        btf.words(&[name, TYPEDEF << 24, LONG_ID]);
    }
    btf.bytes()
}

struct Btf {
    types: Vec<u8>,
    strings: Vec<u8>,
}

impl Default for Btf {
    fn default() -> Self {
        Self {
            types: Vec::new(),
            // The first name is that of nothing.
            strings: vec![0],
        }
    }
}

impl Btf {
    /// Where a name begins.
    fn name(&mut self, name: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(name.as_bytes());
        self.strings.push(0);
        at
    }

    /// A structure of words.
    fn structure(&mut self, name: &str, fields: &[&str]) {
        let count = fields.len() as u32;
        let name = self.name(name);
        self.words(&[name, STRUCT << 24 | count, 8 * count]);
        for (index, field) in fields.iter().enumerate() {
            let name = self.name(field);
            self.words(&[name, LONG_ID, 64 * index as u32]);
        }
    }

    fn enumeration(&mut self, name: &str, names: &[(String, u32)]) {
        let name = self.name(name);
        self.words(&[name, ENUM << 24 | names.len() as u32, 4]);
        for (name, value) in names {
            let name = self.name(name);
            self.words(&[name, *value]);
        }
    }

    fn words(&mut self, words: &[u32]) {
        for word in words {
            self.types.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes = MAGIC.to_le_bytes().to_vec();
        // The version, and no flags.
        bytes.extend_from_slice(&[1, 0]);
        let types = self.types.len() as u32;
        for word in [HEADER_BYTES, 0, types, types, self.strings.len() as u32] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&self.types);
        bytes.extend_from_slice(&self.strings);
        bytes
    }
}
