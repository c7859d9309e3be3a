//! Where functions are in the file of a library.

use std::fs::File;
use std::path::Path;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, ReadCache};

/// The functions of these names that the file has, each with where it is in the file; none if it is
/// no program. It is read piece by piece and not mapped: whoever can write to it could shrink it,
/// and end who has it mapped.
pub(super) fn offsets(file: &Path, names: &[&'static str]) -> Vec<(&'static str, u64)> {
    let Ok(file) = File::open(file) else {
        return Vec::new();
    };
    let cache = ReadCache::new(file);
    let Ok(program) = object::File::parse(&cache) else {
        return Vec::new();
    };
    let mut found: Vec<(&'static str, u64)> = Vec::new();
    for symbol in program.dynamic_symbols().chain(program.symbols()) {
        let name = symbol.name().unwrap_or_default();
        let Some(name) = names.iter().find(|one| **one == name) else {
            continue;
        };
        let section = symbol
            .section_index()
            .map(|at| program.section_by_index(at));
        if let Some(Ok(section)) = section
            && let Some((begin, length)) = section.file_range()
            && let Some(into) = symbol.address().checked_sub(section.address())
            && into < length
            && !found.iter().any(|(known, _)| known == name)
        {
            found.push((name, begin + into));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::mark;
    use super::*;

    /// A function of this test's own is found by its name where it is found by its address.
    #[test]
    fn a_function_is_where_its_code_is() {
        let own = std::env::current_exe().unwrap();
        let bytes = std::fs::read(&own).unwrap();
        let program = object::File::parse(&bytes[..]).unwrap();
        let names = program.symbols().filter_map(|symbol| symbol.name().ok());
        let marked: Vec<_> = names.filter(|name| name.contains("4mark6marked")).collect();
        let [name] = marked[..] else {
            panic!("{marked:?}");
        };
        let name: &'static str = name.to_owned().leak();
        let found = offsets(&own, &[name, "no_such_function"]);
        assert_eq!(found, [(name, mark::offset().unwrap())]);
    }

    #[test]
    fn what_is_no_program_has_none() {
        assert!(offsets(Path::new("Cargo.toml"), &["main"]).is_empty());
        assert!(offsets(Path::new("/no/such/file"), &["main"]).is_empty());
    }
}
