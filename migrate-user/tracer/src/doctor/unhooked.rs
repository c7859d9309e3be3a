//! What begins or ends migrations in this kernel, and is not hooked: newer kernels may have more of
//! it.

use super::{Check, State, Symbols};
use crate::kernel::{HOOKS, Types};

/// How functions begin that begin or end migrations to and from devices. Those of ordinary
/// migrations, between nodes and for compaction, begin otherwise.
const PREFIXES: [&str; 3] = ["migrate_vma", "migrate_device", "migrate_hmm"];

pub(super) fn checks(types: &Types, symbols: Option<&Symbols>) -> [Check; 2] {
    [functions(symbols), tracepoints(types)]
}

/// What drivers or other parts of the kernel can call: static functions are parts of those.
fn functions(symbols: Option<&Symbols>) -> Check {
    let check = |found: &str| Check::new("hooks", "not hooked", found);
    let Some(symbols) = symbols else {
        return check("unknown").unknown("/proc/kallsyms cannot be read");
    };
    let is_hooked = |name: &str| HOOKS.iter().any(|hook| hook.functions.contains(&name));
    let mut names: Vec<_> = symbols
        .functions()
        .filter(|symbol| symbol.is_global && !symbol.is_elsewhere)
        .map(|symbol| symbol.name)
        .filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
        .filter(|name| !is_hooked(name))
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return check("nothing that is known to begin or end migrations");
    }
    check(&names.join(", ")).judged(
        State::Limited,
        "By their names they begin or end migrations, and this migscope does not know them: what goes through them may \
         be missing, or counted as a loss. Look for a newer version of migscope",
    )
}

/// They would be no better than the hooks; but whoever asks for them should know that they are
/// there.
fn tracepoints(types: &Types) -> Check {
    let names: Vec<_> = PREFIXES
        .iter()
        .flat_map(|prefix| types.tracepoints(prefix))
        .collect();
    let found = match names.as_slice() {
        [] => "none for these migrations".to_owned(),
        names => format!(
            "{}; not used, since the hooks see the same",
            names.join(", ")
        ),
    };
    Check::new("hooks", "tracepoints", found)
}
