//! The kernel's functions, from `/proc/kallsyms` and `/proc/modules`.
//!
//! Both files show addresses to whoever opened them with `CAP_SYSLOG`, whatever rights are left
//! when they are read: so they are opened once, and read again from the start.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Where code of the kernel itself begins and ends. Symbols lie outside of it too (Debian's 7.3 has
/// those of `.exit.text` behind it), and the kernel puts code that it generates behind the last of
/// them.
const CODE: [(&str, &str); 2] = [("_text", "_etext"), ("_sinittext", "_einittext")];
/// Variables of the kernel's that are looked for.
const VARIABLES: [&str; 2] = ["pgmap_array", "vmemmap_base"];
/// Modules do not share pages.
const PAGE: u64 = 4096;

/// What an address is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The kernel itself.
    Kernel(Arc<str>),
    /// A module; the function is `None` where no symbol says which.
    Module(Arc<str>, Option<Arc<str>>),
    /// Code that the kernel made while it ran: `bpf`, `ftrace`, `kprobes`. The list does not say
    /// where each piece ends, and pieces come and go, so that none is named.
    Generated(Arc<str>),
    /// Nobody knows.
    Unknown,
}

/// A function, and where its code is.
pub(in super::super) struct Function<'a> {
    pub(in super::super) name: &'a str,
    /// What stands in `[...]` behind it; `None` for the kernel itself.
    pub(in super::super) module: Option<&'a str>,
    pub(in super::super) range: Range<u64>,
}

/// The two files.
pub(super) struct Files {
    kallsyms: Option<File>,
    modules: Option<File>,
}

impl Files {
    /// Opens them, with the rights of this moment.
    pub(super) fn open(root: &Path) -> Self {
        let open = |name| File::open(root.join("proc").join(name)).ok();
        Self {
            kallsyms: open("kallsyms"),
            modules: open("modules"),
        }
    }

    /// Reads both as they are now. What cannot be read is empty.
    pub(super) fn read(&mut self) -> Table {
        Table::new(&self.kallsyms(), &text(&mut self.modules))
    }

    /// The list of symbols as it is now.
    pub(super) fn kallsyms(&mut self) -> String {
        text(&mut self.kallsyms)
    }
}

fn text(file: &mut Option<File>) -> String {
    let mut bytes = Vec::new();
    if let Some(file) = file {
        // What was read before an error stays good.
        let _ = file
            .rewind()
            .and_then(|()| file.read_to_end(&mut bytes).map(drop));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Functions by address. Names lie in one text: there are 200,000 of them.
#[derive(Default)]
pub(super) struct Table {
    names: String,
    /// In the order of their addresses.
    symbols: Vec<Symbol>,
    /// Where [`VARIABLES`] are.
    variables: HashMap<&'static str, u64>,
    /// Where the kernel's own code lies.
    code: Vec<Range<u64>>,
    /// What stands in `[...]` behind a symbol, each once.
    owners: Vec<Arc<str>>,
    /// In the order of their addresses.
    modules: Vec<Module>,
}

struct Symbol {
    address: u64,
    /// Where its name begins and ends in [`Table::names`].
    name: (u32, u32),
    /// An index of [`Table::owners`]; `None` for the kernel itself.
    owner: Option<u16>,
}

/// Where a module's code is.
struct Module {
    name: Arc<str>,
    start: u64,
    end: u64,
}

impl Table {
    fn new(kallsyms: &str, modules: &str) -> Self {
        let mut table = Self {
            modules: modules.lines().filter_map(module).collect(),
            ..Self::default()
        };
        table.modules.sort_by_key(|module| module.start);
        let mut owners = HashMap::new();
        for line in kallsyms.lines() {
            table.add(line, &mut owners);
        }
        // A stable sort: the first of several names for one address stays the first.
        table.symbols.sort_by_key(|symbol| symbol.address);
        table.code = table.code();
        table.end_modules();
        table
    }

    /// The pieces of the kernel's own code, as far as symbols tell.
    fn code(&self) -> Vec<Range<u64>> {
        let own = |name: &str| {
            let mut symbols = self.symbols.iter();
            symbols.find(|symbol| symbol.owner.is_none() && self.name(symbol) == name)
        };
        let address = |name| own(name).map(|symbol| symbol.address);
        let pieces = CODE.map(|(start, end)| Some(address(start)?..address(end)?));
        let known: Vec<_> = pieces.into_iter().flatten().collect();
        if known.is_empty() {
            let everything = 0..u64::MAX;
            return vec![everything];
        }
        known
    }

    /// Ends each module with its last function, which is taken to end where its page does. Its data
    /// can be anywhere else, and other code where the list of modules has it.
    fn end_modules(&mut self) {
        let ends: Vec<_> = self
            .modules
            .iter()
            .map(|module| self.end_of(module))
            .collect();
        for (module, end) in self.modules.iter_mut().zip(ends) {
            module.end = end;
        }
    }

    fn end_of(&self, module: &Module) -> u64 {
        let behind = self
            .symbols
            .partition_point(|symbol| symbol.address < module.end);
        let inside = self.symbols[..behind].iter().rev();
        let last = inside
            .take_while(|symbol| symbol.address >= module.start)
            .find(|symbol| self.owner_of(symbol) == Some(&module.name));
        // Without functions nothing more is known.
        last.map_or(module.end, |last| {
            module
                .end
                .min((last.address / PAGE + 1).saturating_mul(PAGE))
        })
    }

    /// Where the kernel's own variables are that are looked for; empty where this user may not
    /// know.
    pub(super) fn variables(&self) -> &HashMap<&'static str, u64> {
        &self.variables
    }

    /// Takes over a line that tells of code, or of a variable that is looked for:
    /// `ffffffffc0401000 t name [module]`.
    fn add<'a>(&mut self, line: &'a str, owners: &mut HashMap<&'a str, u16>) -> Option<()> {
        let mut words = line.split_ascii_whitespace();
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        let is_code = matches!(words.next()?, "t" | "T" | "w" | "W");
        // Whoever may not know addresses sees zeros.
        if address == 0 {
            return None;
        }
        let name = words.next()?;
        let owner = words
            .next()
            .and_then(|word| word.strip_prefix('[')?.strip_suffix(']'));
        if !is_code {
            // A module can have one of the same name.
            let wanted = VARIABLES.into_iter().find(|wanted| *wanted == name);
            self.variables
                .extend(wanted.filter(|_| owner.is_none()).map(|it| (it, address)));
            return None;
        }
        let owner = match owner {
            Some(owner) => Some(self.owner(owner, owners)?),
            None => None,
        };
        let start = u32::try_from(self.names.len()).ok()?;
        self.names.push_str(name);
        let end = u32::try_from(self.names.len()).ok()?;
        self.symbols.push(Symbol {
            address,
            name: (start, end),
            owner,
        });
        Some(())
    }

    fn owner<'a>(&mut self, name: &'a str, owners: &mut HashMap<&'a str, u16>) -> Option<u16> {
        if let Some(index) = owners.get(name) {
            return Some(*index);
        }
        let index = u16::try_from(self.owners.len()).ok()?;
        self.owners.push(name.into());
        owners.insert(name, index);
        Some(index)
    }

    /// False if no address is known: there is no list, or this user may not see addresses.
    pub(super) fn is_readable(&self) -> bool {
        !self.symbols.is_empty()
    }

    /// What an address is in.
    pub(super) fn place(&self, address: u64) -> Place {
        let module = self.module(address);
        // What begins before the module is not in it.
        let symbol = before(&self.symbols, address, |symbol| symbol.address)
            .filter(|symbol| module.is_none_or(|module| module.start <= symbol.address));
        let owner = symbol.and_then(|symbol| self.owner_of(symbol));
        let name = symbol.map(|symbol| self.name(symbol));
        // A module's memory need not be in one piece, and generated code can lie in between.
        if let Some(made_by) = owner.and_then(|owner| generated(owner)) {
            return Place::Generated(made_by.into());
        }
        match (module, name) {
            (Some(module), name) => {
                let own = name.filter(|_| owner == Some(&module.name));
                Place::Module(Arc::clone(&module.name), own.map(Arc::from))
            }
            (None, Some(name)) if owner.is_none() && self.is_kernel(address) => {
                Place::Kernel(name.into())
            }
            // Behind the end of a module, or of the kernel.
            (None, _) => Place::Unknown,
        }
    }

    /// Every function, and what it is in. It ends where the next begins.
    pub(super) fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        let ends = self.symbols.iter().skip(1).map(|next| next.address);
        self.symbols.iter().zip(ends).map(|(symbol, end)| Function {
            name: self.name(symbol),
            module: self.owner_of(symbol).map(|owner| &**owner),
            range: symbol.address..end,
        })
    }

    /// Modules, and where the code of each is.
    pub(super) fn code_of_modules(&self) -> impl Iterator<Item = (Arc<str>, Range<u64>)> {
        self.modules
            .iter()
            .map(|module| (Arc::clone(&module.name), module.start..module.end))
    }

    /// Where the code of the kernel itself is.
    pub(super) fn code_of_kernel(&self) -> &[Range<u64>] {
        &self.code
    }

    fn is_kernel(&self, address: u64) -> bool {
        self.code.iter().any(|code| code.contains(&address))
    }

    fn module(&self, address: u64) -> Option<&Module> {
        before(&self.modules, address, |module| module.start).filter(|module| address < module.end)
    }

    fn owner_of(&self, symbol: &Symbol) -> Option<&Arc<str>> {
        self.owners.get(usize::from(symbol.owner?))
    }

    fn name(&self, symbol: &Symbol) -> &str {
        let (start, end) = symbol.name;
        self.names
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }
}

/// What made code that belongs to no module, by what stands in `[...]`: `bpf`, `__builtin__ftrace`.
fn generated(owner: &str) -> Option<&str> {
    match owner {
        "bpf" => Some(owner),
        _ => owner.strip_prefix("__builtin__"),
    }
}

/// A line of `/proc/modules`: `name bytes users used-by state 0xaddress`. All of its memory, of
/// which code comes first.
fn module(line: &str) -> Option<Module> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next()?.into();
    let bytes = words.next()?.parse().ok()?;
    let start = u64::from_str_radix(words.nth(3)?.strip_prefix("0x")?, 16).ok()?;
    let end = start.checked_add(bytes)?;
    (start != 0).then_some(Module { name, start, end })
}

/// The last of a sorted list that begins at or before an address; of several at one address the
/// first.
fn before<T>(sorted: &[T], address: u64, start: impl Fn(&T) -> u64) -> Option<&T> {
    let behind = sorted.partition_point(|one| start(one) <= address);
    let last = start(sorted[..behind].last()?);
    sorted[..behind].get(sorted.partition_point(|one| start(one) < last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KALLSYMS: &str = "\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _text
ffffffff81000000 T _stext
ffffffff81001000 T migrate_vma_setup
ffffffff81001000 t an_alias
ffffffff81002000 t collect
ffffffff81003000 T _etext
ffffffff81003800 D some_data
ffffffff81003900 b pgmap_array
ffffffffc0400600 d vmemmap_base	[amdgpu]
ffffffffc0400000 t svm_migrate	[amdgpu]
ffffffffc0400500 d state	[amdgpu]
ffffffffc0401000 t svm_evict	[amdgpu]
ffffffffc0500000 t xe_migrate	[xe]
ffffffffc0600000 t bpf_prog_6deef7357e7b4530_setup_entry	[bpf]
ffffffffc0610000 t ftrace_trampoline	[__builtin__ftrace]
";
    const MODULES: &str = "\
amdgpu 8192 3 - Live 0xffffffffc0400000
xe 4096 0 - Live 0xffffffffc0500000 (E)
bare 4096 0 - Loading 0xffffffffc0700000
";

    fn function(module: &str, name: &str) -> Place {
        Place::Module(module.into(), Some(name.into()))
    }

    #[test]
    fn variables_are_the_kernels_own() {
        let table = Table::new(KALLSYMS, MODULES);
        let known = HashMap::from([("pgmap_array", 0xffff_ffff_8100_3900)]);
        assert_eq!(*table.variables(), known);
        let hidden = "0000000000000000 b pgmap_array\n";
        assert!(Table::new(hidden, "").variables().is_empty());
    }

    #[test]
    fn an_address_is_in_the_last_function_before_it() {
        let table = Table::new(KALLSYMS, MODULES);
        assert!(table.is_readable());
        let kernel = |name: &str| Place::Kernel(name.into());
        assert_eq!(
            table.place(0xffff_ffff_8100_1fff),
            kernel("migrate_vma_setup")
        );
        assert_eq!(table.place(0xffff_ffff_8100_2000), kernel("collect"));
        // Data in between is not code.
        assert_eq!(
            table.place(0xffff_ffff_c040_0600),
            function("amdgpu", "svm_migrate")
        );
        assert_eq!(
            table.place(0xffff_ffff_c040_1234),
            function("amdgpu", "svm_evict")
        );
        assert_eq!(
            table.place(0xffff_ffff_c070_0010),
            Place::Module("bare".into(), None)
        );
    }

    #[test]
    fn nothing_is_named_after_what_has_ended_before_it() {
        let table = Table::new(KALLSYMS, MODULES);
        for address in [
            0x1000,
            0xffff_ffff_8100_3900,
            0xffff_ffff_c030_0000,
            0xffff_ffff_c040_2000,
            0xffff_ffff_c050_1000,
        ] {
            assert_eq!(table.place(address), Place::Unknown, "{address:x}");
        }
    }

    #[test]
    fn generated_code_is_told_from_modules() {
        let table = Table::new(KALLSYMS, MODULES);
        let generated = |what: &str| Place::Generated(what.into());
        assert_eq!(table.place(0xffff_ffff_c060_0080), generated("bpf"));
        assert_eq!(table.place(0xffff_ffff_c061_0080), generated("ftrace"));
        // In the middle of what a module has, and before a module without symbols.
        let between = "ffffffffc0401800 t bpf_trampoline_1 [bpf]\n";
        let table = Table::new(&(KALLSYMS.to_owned() + between), MODULES);
        assert_eq!(table.place(0xffff_ffff_c040_1880), generated("bpf"));
        assert_eq!(
            table.place(0xffff_ffff_c040_1700),
            function("amdgpu", "svm_evict")
        );
        assert_eq!(
            table.place(0xffff_ffff_c070_0010),
            Place::Module("bare".into(), None)
        );
    }

    /// As on Debian's 7.3: symbols go on behind the kernel's code, and generated code lies behind
    /// all of them.
    #[test]
    fn what_is_behind_the_kernel_is_no_function_of_its() {
        let kallsyms = KALLSYMS.to_owned()
            + "ffffffff82000000 T _sinittext\nffffffff82000010 t start_kernel\n\
            ffffffff82001000 T _einittext\nffffffff82001000 t handshake_exit\n";
        let table = Table::new(&kallsyms, MODULES);
        assert_eq!(
            table.place(0xffff_ffff_8200_0010),
            Place::Kernel("start_kernel".into())
        );
        for address in [
            0xffff_ffff_8100_3000,
            0xffff_ffff_8200_1010,
            0xffff_ffff_c020_1080,
        ] {
            assert_eq!(table.place(address), Place::Unknown, "{address:x}");
        }
        // Nothing tells where it ends.
        let table = Table::new("ffffffff81001000 T migrate_vma_setup\n", "");
        assert_eq!(
            table.place(0xffff_ffff_8100_1010),
            Place::Kernel("migrate_vma_setup".into())
        );
    }

    /// A module's data lies elsewhere, and what is behind its code can be anybody's.
    #[test]
    fn a_module_ends_with_the_page_of_its_last_function() {
        let modules = MODULES.replace("xe 4096", "xe 409600");
        let table = Table::new(KALLSYMS, &modules);
        assert_eq!(
            table.place(0xffff_ffff_c050_0fff),
            function("xe", "xe_migrate")
        );
        assert_eq!(table.place(0xffff_ffff_c050_1000), Place::Unknown);
    }

    #[test]
    fn zeros_are_no_addresses() {
        let hidden = "0000000000000000 T migrate_vma_setup\n0000000000000000 t svm	[amdgpu]\n";
        let table = Table::new(hidden, "amdgpu 8192 3 - Live 0x0000000000000000\n");
        assert!(!table.is_readable());
        assert_eq!(table.place(0), Place::Unknown);
        assert_eq!(table.place(0xffff_ffff_8100_1000), Place::Unknown);
    }

    #[test]
    fn rubbish_is_passed_over() {
        let table = Table::new(
            "x\n\nffffffff81001000\nffffffff81001000 T\nffffffff81001000 T one [\n",
            "amdgpu\nxe 12 x\n",
        );
        assert_eq!(
            table.place(0xffff_ffff_8100_1001),
            Place::Kernel("one".into())
        );
    }
}
