//! Which modules call the functions with which a migration begins? Their files tell.

use std::collections::HashMap;

use super::Root;

/// A module's file has the names of the functions that it calls, each between two zeros.
const CALLS: [&[u8]; 3] = [
    b"\0migrate_vma_setup\0",
    b"\0migrate_device_range\0",
    b"\0migrate_device_pfns\0",
];

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    /// The names of modules that migrate.
    pub(super) migrating: Vec<String>,
    /// How many files could not be looked into.
    pub(super) compressed: usize,
}

/// Looks into the files of modules. Those that lie elsewhere than `depmod` knows are passed over.
pub(super) fn look(root: &Root, modules: &[String]) -> Files {
    let mut files = Files::default();
    let Some(release) = root.text("/proc/sys/kernel/osrelease") else {
        return files;
    };
    let folder = format!("/lib/modules/{release}");
    let list = root.text(&format!("{folder}/modules.dep"));
    let paths = paths(list.as_deref().unwrap_or_default());
    for module in modules {
        match paths.get(module) {
            Some(path) if !path.ends_with(".ko") => files.compressed += 1,
            Some(path) if calls(root, &format!("{folder}/{path}")) => {
                files.migrating.push(module.clone());
            }
            _ => {}
        }
    }
    files
}

fn calls(root: &Root, path: &str) -> bool {
    let bytes = root.bytes(path).unwrap_or_default();
    CALLS
        .iter()
        .any(|name| bytes.windows(name.len()).any(|here| here == *name))
}

/// Files by the names of their modules, from lines `kernel/lib/test-hmm.ko.xz: what it needs`.
/// Modules have `_` in their names where files can have `-`.
fn paths(list: &str) -> HashMap<String, &str> {
    let module = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name.split('.').next().unwrap_or(name).replace('-', "_")
    };
    let paths = list
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(path, _)| (module(path), path));
    paths.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_the_names_of_their_modules() {
        let paths =
            paths("kernel/drm/xe.ko.zst: kernel/drm/drm.ko.zst\nupdates/dkms/nvidia-uvm.ko:\n");
        assert_eq!(paths["xe"], "kernel/drm/xe.ko.zst");
        assert_eq!(paths["nvidia_uvm"], "updates/dkms/nvidia-uvm.ko");
        assert_eq!(paths.len(), 2);
    }
}
