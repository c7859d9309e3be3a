//! Is there a driver that migrates, and what keeps it from doing so?

mod amdgpu;
mod in_tree;
mod memory;
mod nvidia_uvm;

use super::{Check, Root, State, Symbols, module_file};

/// Drivers that are known to migrate memory in this way, by the names of their modules.
const KNOWN: &[(&str, &str)] = &[
    (
        "amdgpu",
        "shared virtual memory of AMD GPUs (ROCm with HSA_XNACK=1)",
    ),
    ("nouveau", "shared virtual memory of NVIDIA GPUs"),
    ("xe", "shared virtual memory of Intel GPUs"),
    (
        "nvidia_uvm",
        "unified memory of NVIDIA GPUs, where HMM is on",
    ),
    ("test_hmm", "the kernel's own test driver"),
    ("migrate_test", "migscope's test driver"),
];

/// Every module has a folder here, and so has what is built in and has parameters.
const MODULES: &str = "/sys/module";
/// Migrates for the modules that use it.
const HELPER: &str = "drm_gpusvm_helper";

pub(super) fn checks(root: &Root, symbols: Option<&Symbols>) -> Vec<Check> {
    let mut checks = loaded(root);
    checks.extend(amdgpu::checks(root, symbols));
    checks.extend(in_tree::checks(root, symbols));
    checks.extend(nvidia_uvm::checks(root));
    checks.push(memory::check(root));
    checks
}

fn known_drivers() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|(name, _)| *name)
}

/// Is a module loaded, or a driver built in that has parameters?
fn has(root: &Root, name: &str) -> bool {
    root.has(&format!("{MODULES}/{name}"))
}

/// A module's parameter as it is now.
fn parameter(root: &Root, module: &str, name: &str) -> Option<String> {
    root.text(&format!("{MODULES}/{module}/parameters/{name}"))
}

fn loaded(root: &Root) -> Vec<Check> {
    if !root.has(MODULES) {
        let check = Check::new("drivers", "loaded", "unknown");
        return vec![check.unknown(format!("{MODULES} cannot be read"))];
    }
    let mut found: Vec<_> = KNOWN
        .iter()
        .filter_map(|(name, what)| known(root, name, what))
        .collect();
    let is_known = |name: &str| KNOWN.iter().any(|(known, _)| *known == name);
    let users = root.names(&format!("{MODULES}/{HELPER}/holders"));
    for name in users.iter().filter(|name| !is_known(name)) {
        let why = format!("it uses {HELPER}, which migrates for it");
        found.push(Check::new("drivers", name.as_str(), why));
    }
    let mut others = root.names(MODULES);
    others.retain(|name| {
        is_module(root, name) && !is_known(name) && !users.contains(name) && name != HELPER
    });
    let files = module_file::look(root, &others);
    for name in &files.migrating {
        let why = "its file calls the kernel's functions for it";
        found.push(Check::new("drivers", name.as_str(), why));
    }
    if found.is_empty() {
        found.push(nothing(files.compressed));
    }
    found
}

/// A part of the kernel can have a folder, too, but no state.
fn is_module(root: &Root, name: &str) -> bool {
    root.has(&format!("{MODULES}/{name}/initstate"))
}

fn known(root: &Root, name: &str, what: &str) -> Option<Check> {
    if !has(root, name) {
        return None;
    }
    if is_module(root, name) {
        return Some(Check::new("drivers", name, what));
    }
    let built_in = Check::new("drivers", name, format!("{what}; built into the kernel"));
    Some(built_in.judged(
        State::Limited,
        "Its migrations are shown without the name of their driver, which only modules have",
    ))
}

fn nothing(compressed: usize) -> Check {
    let aside = match compressed {
        0 => String::new(),
        1 => "; the compressed file of 1 module was not looked into".to_owned(),
        many => format!("; the compressed files of {many} modules were not looked into"),
    };
    let names: Vec<_> = known_drivers().collect();
    let found = format!("none that is known to migrate{aside}");
    Check::new("drivers", "loaded", found).judged(
        State::Limited,
        format!(
            "Nothing will show until one is loaded and used: {}",
            names.join(", ")
        ),
    )
}
