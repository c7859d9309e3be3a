//! The configuration file: how the dashboard looks, what keys do, and from when on something is a
//! finding.
//!
//! `$MIGSCOPE_CONFIG`, else `$XDG_CONFIG_HOME/migscope/config.toml`, else
//! `~/.config/migscope/config.toml`. None of them need exist. An example with everything that can
//! be set is [`EXAMPLE`].

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::Error;
use crate::dashboard::Settings;

/// A configuration file with everything that can be set, each as it is if it is not.
pub const EXAMPLE: &str = include_str!("../../docs/config.toml");

/// Reads the user's file, if there is one.
pub fn load() -> Result<Settings, Error> {
    match path() {
        Some((path, named)) => read(&path, named),
        None => Ok(Settings::default()),
    }
}

/// Reads a file, which may be missing unless the user has named it.
fn read(path: &Path, named: bool) -> Result<Settings, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && !named => {
            return Ok(Settings::default());
        }
        Err(cause) => {
            return Err(Error::Io {
                action: "read",
                path: path.display().to_string(),
                cause,
                advice: "MIGSCOPE_CONFIG must name a file that can be read, or nothing.",
            });
        }
    };
    let wrong = |wrong: String| Error::Config {
        path: path.display().to_string(),
        wrong: wrong.trim_end().to_owned(),
    };
    let settings: Settings = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    settings.findings.check().map_err(wrong)?;
    Ok(settings)
}

/// Where the file is, and whether the user has named it.
fn path() -> Option<(PathBuf, bool)> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = set("MIGSCOPE_CONFIG") {
        return Some((path.into(), true));
    }
    let folder = set("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".config")))?;
    Some((folder.join("migscope/config.toml"), false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::dashboard::{REFRESH, Tab, Theme};
    use crate::insight::Thresholds;

    fn read(text: &str) -> Result<Settings, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, text).unwrap();
        super::read(&path, true)
    }

    #[test]
    fn the_example_sets_what_is_set_anyway() {
        let (example, none) = (read(EXAMPLE).unwrap(), Settings::default());
        assert_eq!(format!("{:?}", example.keys), format!("{:?}", none.keys));
        assert_eq!((example.theme, example.tab), (none.theme, none.tab));
        assert_eq!(example.refresh, Some(REFRESH));
        assert_eq!(example.findings, none.findings);
    }

    /// With its unit and its meaning in a comment above it.
    #[test]
    fn the_example_has_every_threshold() {
        let example: toml::Table = EXAMPLE.parse().unwrap();
        let set: Vec<_> = example["findings"].as_table().unwrap().keys().collect();
        let all = serde_json::to_value(Thresholds::default()).unwrap();
        let mut all: Vec<_> = all.as_object().unwrap().keys().collect();
        all.sort_unstable();
        assert_eq!(set, all);
        let lines: Vec<_> = EXAMPLE.lines().collect();
        for name in all {
            let at = lines
                .iter()
                .position(|line| line.starts_with(&format!("{name} = ")));
            let above = lines[at.unwrap() - 1];
            assert!(above.starts_with("# "), "{name}: {above}");
        }
    }

    #[test]
    fn thresholds_that_make_no_sense_are_refused_by_name() {
        let all = serde_json::to_value(Thresholds::default()).unwrap();
        let mut values = Vec::new();
        for (name, default) in all.as_object().unwrap() {
            let wrong: &[&str] = match name.ends_with("-share") {
                true => &["1.01", "-0.1", "nan", "inf", "'much'"],
                false if default.is_u64() => &["0", "-3", "1.5", "true"],
                false => &["0.9", "-1.0", "nan", "-inf"],
            };
            values.extend(wrong.iter().map(|value| (name.clone(), *value)));
        }
        for (name, value) in values {
            let wrong = read(&format!("[findings]\n{name} = {value}")).unwrap_err();
            let wrong = wrong.to_string();
            assert!(
                wrong.contains("config.toml") && wrong.contains(&name),
                "{wrong}"
            );
        }
        let ends = "[findings]\nnotable-share = 0.0\nserious-share = 1.0\nretries = 1";
        assert!(read(ends).is_ok());
        let crossed = read("[findings]\nnotable-share = 0.3")
            .unwrap_err()
            .to_string();
        assert!(crossed.contains("serious-share is 0.25"), "{crossed}");
    }

    #[test]
    fn sets_what_is_said() {
        let config = read("theme = 'high-contrast'\nrefresh = '1s'\ntab = 'findings'").unwrap();
        assert_eq!(
            (config.theme, config.tab),
            (Theme::HighContrast, Tab::Findings)
        );
        assert_eq!(config.refresh, Some(Duration::from_secs(1)));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, says) in [
            ("theme = 'pink'", "line 1"),
            ("\ncolour = 1", "unknown field `colour`"),
            ("[keys]\npaws = ['x']", "expected one of quit"),
            ("refresh = 'often'", "expected number"),
        ] {
            let wrong = read(text).unwrap_err().to_string();
            assert!(
                wrong.contains(says) && wrong.contains("config.toml"),
                "{wrong}"
            );
        }
        let missing = Path::new("/nowhere/config.toml");
        assert!(super::read(missing, true).is_err());
        assert!(super::read(missing, false).is_ok());
    }
}
