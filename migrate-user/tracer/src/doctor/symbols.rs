//! The names of the kernel's functions. Everybody may see names; addresses are of no interest here.

use super::Root;

/// The list, as the kernel writes it.
pub(super) struct Symbols(String);

/// A function of the kernel's or of a module's.
#[derive(Clone, Copy)]
pub(super) struct Symbol<'a> {
    pub(super) name: &'a str,
    /// Other files of the kernel, and modules, may be able to call it.
    pub(super) is_global: bool,
    /// It is in a module, or was made while the kernel ran.
    pub(super) is_elsewhere: bool,
}

impl Symbols {
    /// `None` without a list.
    pub(super) fn of(root: &Root) -> Option<Self> {
        let list = root.text("/proc/kallsyms");
        list.filter(|list| !list.is_empty()).map(Self)
    }

    /// The functions.
    pub(super) fn functions(&self) -> impl Iterator<Item = Symbol<'_>> {
        self.0.lines().filter_map(symbol)
    }

    /// Those whose line has a text somewhere: there are 200,000 lines, and parsing each takes long.
    fn with<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Symbol<'a>> {
        self.0.match_indices(text).filter_map(|(at, _)| {
            let start = self.0[..at].rfind('\n').map_or(0, |newline| newline + 1);
            symbol(self.0[start..].lines().next()?)
        })
    }

    /// Is there a function of this name, wherever it is?
    pub(super) fn has(&self, name: &str) -> bool {
        self.with(name).any(|symbol| symbol.name == name)
    }

    /// The symbol of a function of the kernel's own: its name, else that with what compilers put
    /// behind it (`.isra.0`).
    pub(super) fn like<'a>(&'a self, function: &'a str) -> Option<&'a str> {
        let mut variant = None;
        for symbol in self.with(function).filter(|symbol| !symbol.is_elsewhere) {
            if symbol.name == function {
                return Some(symbol.name);
            }
            let stem = symbol.name.split('.').next();
            variant = variant.or((stem == Some(function)).then_some(symbol.name));
        }
        variant
    }
}

/// A line `ffffffff81001000 T name [module]`, if it is a function's.
fn symbol(line: &str) -> Option<Symbol<'_>> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let kind = words.next()?;
    Some(Symbol {
        is_global: matches!(kind, "T" | "W"),
        name: matches!(kind, "t" | "T" | "w" | "W").then(|| words.next())??,
        is_elsewhere: words.next().is_some(),
    })
}
