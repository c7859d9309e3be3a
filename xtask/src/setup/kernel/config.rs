//! Configures the kernel, and sees whether it took every option.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{CONFIGURED, Kernel};
use crate::cache::write_whole;
use crate::process::Logged;
use crate::progress::Step;

impl Kernel {
    pub(super) fn configure(&self, step: &Step) -> Result<()> {
        let tree = self.tree_to_build()?;
        let options = self
            .cache
            .path("kernel-options")
            .join(format!("{}.config", self.key.text()));
        write_whole(&options, self.options.as_bytes())?;
        let mut command = self.make_command(Some(&tree));
        let mut all = std::ffi::OsString::from("KCONFIG_ALLCONFIG=");
        all.push(options);
        command.arg("allnoconfig").arg(all);
        Logged {
            log: &self.log("configuration"),
            limit: None,
        }
        .run(&mut command, |_| {})?;
        let refused = self.refused(&tree)?;
        if let Some(option) = self
            .flavour
            .essential()
            .find(|option| refused.iter().any(|refused| refused == option))
        {
            // The tree must not pass for a configured one.
            fs::remove_file(tree.join(".config")).context("remove .config")?;
            bail!(
                "this kernel does not take {option}; `make rustavailable` in {} may say why",
                tree.display()
            );
        }
        if !refused.is_empty() {
            step.note(&format!(
                "warning: this kernel does not take {}",
                refused.join(" ")
            ));
        }
        match self.own {
            Some(_) => Ok(()),
            None => self
                .unfinished()
                .context("the kernel's folder is gone")?
                .mark(CONFIGURED),
        }
    }

    fn refused(&self, tree: &Path) -> Result<Vec<String>> {
        let config = tree.join(".config");
        let got =
            fs::read_to_string(&config).with_context(|| format!("read {}", config.display()))?;
        Ok(refused(&self.options, &got))
    }
}

/// Fragments in one text, without what a later one says otherwise.
pub(super) fn merged(fragments: &[String]) -> String {
    let mut merged = String::new();
    for (index, fragment) in fragments.iter().enumerate() {
        let later: BTreeSet<_> = fragments[index + 1..]
            .iter()
            .flat_map(|fragment| fragment.lines().filter_map(option))
            .collect();
        for line in fragment.split_inclusive('\n') {
            if option(line).is_none_or(|option| !later.contains(option)) {
                merged += line;
            }
        }
    }
    merged
}

/// The option that a line is about: `CONFIG_A=y`, or `# CONFIG_A is not set`.
fn option(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let name = line.split_once('=').map(|(name, _)| name).or_else(|| {
        line.strip_prefix("# ")
            .and_then(|line| line.strip_suffix(" is not set"))
    })?;
    name.starts_with("CONFIG_").then_some(name)
}

/// The options that were asked for and are not set so.
fn refused(asked: &str, got: &str) -> Vec<String> {
    let got: BTreeMap<_, _> = options(got).collect();
    options(asked)
        .filter(|(name, value)| got.get(name) != Some(value))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn options(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .filter(|line| line.starts_with("CONFIG_"))
        .filter_map(|line| line.trim_end().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_fragment_has_the_last_word() {
        let first = "# about\nCONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\n".to_owned();
        let second = "# CONFIG_A is not set\nCONFIG_C=y\n".to_owned();
        assert_eq!(merged(std::slice::from_ref(&first)), first);
        let expected = format!("# about\nCONFIG_B=y\n{second}");
        assert_eq!(merged(&[first, second]), expected);
    }

    #[test]
    fn options_that_were_not_taken_are_named() {
        let asked = "# comment CONFIG_C=y\nCONFIG_A=y\nCONFIG_B=m\nCONFIG_C=y\n";
        let got = "CONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\nCONFIG_D=y\n";
        assert_eq!(refused(asked, got), ["CONFIG_B", "CONFIG_C"]);
        assert!(refused(asked, asked).is_empty());
    }
}
