//! What the kernel calls memory: `/proc/iomem`.

use std::fs;
use std::path::Path;

/// What stands there of places where a device's memory can begin.
pub(super) struct Names(Vec<(u64, String)>);

impl Names {
    /// Reads it. Without the permission to see addresses all are 0, and none is found.
    pub(super) fn read(root: &Path) -> Self {
        let text = fs::read_to_string(root.join("proc/iomem")).unwrap_or_default();
        Self(text.lines().filter_map(line).collect())
    }

    /// The innermost name of what begins at this address; `None` where the kernel has a word for it
    /// and no name.
    pub(super) fn of(&self, address: u64) -> Option<String> {
        let mut here = self.0.iter().filter(|(start, _)| *start == address);
        let (_, name) = here.next_back()?;
        (!GENERAL.contains(&name.as_str())).then(|| name.clone())
    }
}

/// What says nothing of a device.
const GENERAL: [&str; 4] = [
    "Reserved",
    "System RAM",
    "Soft Reserved",
    "Persistent Memory",
];

/// `  fcf8000000-fcffffffff : name`, indented by how deep it lies.
fn line(line: &str) -> Option<(u64, String)> {
    let (range, name) = line.trim_start().split_once(" : ")?;
    let (start, _) = range.split_once('-')?;
    let start = u64::from_str_radix(start, 16).ok()?;
    (start != 0).then(|| (start, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_name_counts() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("proc")).unwrap();
        let iomem = "00001000-0009fbff : System RAM\n\
            140000000-15fffffff : Reserved\n\
            e0000000-efffffff : PCI Bus 0000:03\n  e0000000-e7ffffff : 0000:03:00.0\n\
            fcf8000000-fcffffffff : migrate_test\n";
        fs::write(root.path().join("proc/iomem"), iomem).unwrap();
        let names = Names::read(root.path());
        assert_eq!(names.of(0xe000_0000).as_deref(), Some("0000:03:00.0"));
        assert_eq!(names.of(0xfc_f800_0000).as_deref(), Some("migrate_test"));
        assert_eq!(names.of(0x1_4000_0000), None);
        assert_eq!(names.of(0x5000), None);
    }
}
