//! What a script in the guest prints about several things, each after a line that names it: `==
//! name`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

const MARK: &str = "== ";

/// Texts by name.
#[derive(Debug)]
pub(crate) struct Sections(BTreeMap<String, String>);

impl Sections {
    /// Reads what was printed.
    pub(crate) fn of(printed: &[u8]) -> Self {
        let mut sections = BTreeMap::<String, String>::new();
        let mut name = String::new();
        for line in String::from_utf8_lossy(printed).lines() {
            if let Some(next) = line.strip_prefix(MARK) {
                name = next.to_owned();
                sections.entry(name.clone()).or_default();
            } else {
                let section = sections.entry(name.clone()).or_default();
                *section += line;
                *section += "\n";
            }
        }
        Sections(sections)
    }

    /// What was said about this.
    pub(crate) fn get(&self, name: &str) -> Result<&str> {
        let section = self.0.get(name).map(String::as_str);
        section.with_context(|| format!("the guest did not come to tell of {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_told_apart() {
        let sections = Sections::of(b"== a\n1\n2\n== b\n");
        assert_eq!(sections.get("a").unwrap(), "1\n2\n");
        assert_eq!(sections.get("b").unwrap(), "");
        assert!(sections.get("c").is_err());
    }
}
