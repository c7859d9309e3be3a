//! Where files can be written, by Landlock: as far as this kernel has it.

use std::path::Path;

use landlock::{
    ABI, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreated,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus,
};

/// What the newest kernels can forbid that is asked for here. Older ones forbid less of it.
const NEWEST: ABI = ABI::V5;

/// The terminal, which a dashboard opens by this name.
const TERMINAL: &str = "/dev/tty";

/// Forbids to write files elsewhere than below a folder, and to execute any. False where the kernel
/// has no Landlock; then nothing is forbidden.
pub(super) fn confine(folder: Option<&Path>) -> bool {
    restricted(folder).is_ok_and(|status| status != RulesetStatus::NotEnforced)
}

/// Can this kernel confine a process to a folder? Asks it, and changes nothing.
pub fn can_be_confined() -> bool {
    use landlock::{CompatLevel, Compatible as _};
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let handled = ruleset.handle_access(AccessFs::MakeReg);
    handled.and_then(Ruleset::create).is_ok()
}

fn restricted(folder: Option<&Path>) -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(forbidden() | AccessFs::Execute)?
        .create()?;
    let mut ruleset = allow(ruleset, Path::new(TERMINAL), AccessFs::WriteFile.into())?;
    if let Some(folder) = folder {
        ruleset = allow(ruleset, folder, forbidden())?;
    }
    Ok(ruleset.restrict_self()?.ruleset)
}

/// Whatever changes files. What is asked of open devices stays as it is: a terminal is set up.
fn forbidden() -> BitFlags<AccessFs> {
    AccessFs::from_write(NEWEST) & !AccessFs::IoctlDev
}

/// Where it is not there, nothing can be written to it either.
fn allow(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(opened) => ruleset.add_rule(PathBeneath::new(opened, access)),
        Err(_) => Ok(ruleset),
    }
}
