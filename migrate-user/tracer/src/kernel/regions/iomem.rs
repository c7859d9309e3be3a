//! What the kernel calls memory: `/proc/iomem`.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;

/// The file, which shows addresses to whoever opened it with the permission to see them, also when
/// that has been given up.
pub(super) struct Iomem(Option<File>);

impl Iomem {
    pub(super) fn open(root: &Path) -> Self {
        Self(File::open(root.join("proc/iomem")).ok())
    }

    /// What is there now. Without that permission all addresses are 0, and no name is found.
    pub(super) fn names(&mut self) -> Names {
        let mut bytes = Vec::new();
        if let Some(file) = &mut self.0 {
            // What was read before an error stays good.
            let _ = file
                .rewind()
                .and_then(|()| file.read_to_end(&mut bytes).map(drop));
        }
        let text = String::from_utf8_lossy(&bytes);
        Names(text.lines().filter_map(line).collect())
    }
}

/// What stands there of places where a device's memory can begin.
pub(super) struct Names(Vec<(u64, String)>);

impl Names {
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
    use std::fs;

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
        let mut file = Iomem::open(root.path());
        let names = file.names();
        assert_eq!(names.of(0xe000_0000).as_deref(), Some("0000:03:00.0"));
        assert_eq!(names.of(0xfc_f800_0000).as_deref(), Some("migrate_test"));
        assert_eq!(names.of(0x1_4000_0000), None);
        assert_eq!(names.of(0x5000), None);
        // It is read anew each time, through what was opened.
        assert_eq!(file.names().0.len(), names.0.len());
    }
}
