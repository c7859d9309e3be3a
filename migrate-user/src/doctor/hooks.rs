//! Are the functions there that the probes hang on, and the fields that they read?

use super::{Check, Root, State};
use crate::source::kernel::Types;

const BTF: &str = "/sys/kernel/btf/vmlinux";

/// A function that is hooked, and what is missing without it.
struct Function {
    name: &'static str,
    without: &'static str,
    state: State,
}

const fn needed(name: &'static str) -> Function {
    Function {
        name,
        without: "Nothing can be traced without it: use a kernel with CONFIG_DEVICE_MIGRATION=y",
        state: State::Missing,
    }
}

const fn eviction(name: &'static str) -> Function {
    Function {
        name,
        without: "Evictions that go through it are not seen",
        state: State::Limited,
    }
}

const FUNCTIONS: &[Function] = &[
    needed("migrate_vma_setup"),
    needed("migrate_vma_pages"),
    needed("migrate_vma_finalize"),
    eviction("migrate_device_range"),
    eviction("migrate_device_pfns"),
    eviction("migrate_device_pages"),
    eviction("migrate_device_finalize"),
    Function {
        name: "migrate_device_unmap",
        without: "Why pages were skipped (not collected, or not unmapped) stays unknown",
        state: State::Limited,
    },
];

/// A field of `struct migrate_vma`, and what is missing without it.
struct Field(&'static str, State, &'static str);

const UNREADABLE: &str = "Nothing can be traced without it: look for a newer version of migscope";

const FIELDS: &[Field] = &[
    Field("src", State::Missing, UNREADABLE),
    Field("dst", State::Missing, UNREADABLE),
    Field("npages", State::Missing, UNREADABLE),
    Field("cpages", State::Missing, UNREADABLE),
    Field("start", State::Missing, UNREADABLE),
    Field("end", State::Missing, UNREADABLE),
    Field(
        "flags",
        State::Limited,
        "Directions are unknown (Linux 5.9 has it)",
    ),
    Field(
        "fault_page",
        State::Limited,
        "Triggers are unknown (Linux 6.1 has it)",
    ),
    Field(
        "pgmap_owner",
        State::Limited,
        "The device is unknown (Linux 5.9 has it)",
    ),
];

pub(super) fn checks(root: &Root) -> Vec<Check> {
    let (found, types) = match root.bytes(BTF).map(Types::parse) {
        Some(Ok(types)) => (Check::new("hooks", "BTF", BTF), Some(types)),
        Some(Err(cause)) => (
            Check::new("hooks", "BTF", format!("{BTF} cannot be read: {cause}"))
                .judged(State::Missing, "Report this with the output of `uname -a`"),
            None,
        ),
        None => (
            Check::new("hooks", "BTF", format!("{BTF} is missing")).judged(
                State::Missing,
                "Use a kernel with CONFIG_DEBUG_INFO_BTF=y, as those of the distributions are",
            ),
            None,
        ),
    };
    let mut checks = vec![found];
    let Some(types) = types else { return checks };
    let symbols = Symbols::of(root);
    checks.extend(
        FUNCTIONS
            .iter()
            .map(|function| hook(function, &types, &symbols)),
    );
    checks.extend(FIELDS.iter().map(|wanted| field(wanted, &types)));
    checks
}

fn hook(function: &Function, types: &Types, symbols: &Symbols) -> Check {
    let check = |found: String| Check::new("hooks", function.name, found);
    if types.has(function.name) {
        return check("described by BTF, so that fentry and fexit can hang on it".to_owned());
    }
    let why = match symbols.like(function.name) {
        Some(symbol) if symbol == function.name => {
            "it is there, but BTF does not describe it".to_owned()
        }
        Some(symbol) => format!("the compiler changed it, and calls it {symbol}"),
        None => "not there: the compiler put it into its callers, or this kernel never had it"
            .to_owned(),
    };
    check(why).judged(function.state, function.without)
}

fn field(&Field(name, state, without): &Field, types: &Types) -> Check {
    let check = |found: String| Check::new("fields", format!("migrate_vma.{name}"), found);
    match types.offset("migrate_vma", name) {
        Some(offset) => check(format!("at byte {offset}")),
        None => check("not there".to_owned()).judged(state, without),
    }
}

/// Symbols of the kernel that begin like the functions of interest.
struct Symbols(Vec<String>);

impl Symbols {
    fn of(root: &Root) -> Self {
        let list = root.text("/proc/kallsyms").unwrap_or_default();
        let names = list
            .lines()
            .filter_map(|line| line.split_whitespace().nth(2))
            .filter(|name| name.starts_with("migrate_"))
            .map(str::to_owned);
        Self(names.collect())
    }

    /// The symbol of a function: its own name, or that with what compilers put behind it (`.isra.0`).
    fn like(&self, function: &str) -> Option<&str> {
        let is_like = |name: &&String| name.split('.').next() == Some(function);
        self.0.iter().find(is_like).map(String::as_str)
    }
}
