//! Labels that whoever serves gives to every series.

use std::str::FromStr;

use super::Label;

/// A label that is the same everywhere, `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    name: String,
    value: String,
}

/// Labels of metrics themselves, and those that Prometheus keeps for histograms and targets.
const TAKEN: [&str; 26] = [
    "attached",
    "cause",
    "comm",
    "container_id",
    "direction",
    "driver",
    "filter",
    "host",
    "instance",
    "job",
    "kernel",
    "kind",
    "le",
    "ledger",
    "mapping",
    "outcome",
    "phase",
    "pid",
    "pod_uid",
    "quantile",
    "reason",
    "result",
    "step",
    "tracer",
    "version",
    "which",
];

impl Constant {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn label(&self) -> Label<'_> {
        (&self.name, self.value.as_str().into())
    }
}

impl FromStr for Constant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((name, value)) = text.split_once('=') else {
            return Err("expected NAME=VALUE, such as node=gpu1".to_owned());
        };
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if !begins || !name.chars().all(is_name) || name.starts_with("__") {
            return Err(format!(
                "a label's name has letters, digits and _, begins with no digit and not with __: {name:?}"
            ));
        }
        if TAKEN.contains(&name) {
            return Err(format!("metrics have a label {name} of their own"));
        }
        if value.is_empty() {
            return Err(format!("the label {name} has no value"));
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_what_prometheus_takes() {
        let constant: Constant = "node=gpu 1=\"a\"".parse().unwrap();
        assert_eq!(constant.label(), ("node", "gpu 1=\"a\"".into()));
        for wrong in [
            "node",
            "=x",
            "node=",
            "1a=x",
            "a-b=x",
            "__a=x",
            "é=x",
            "pid=1",
            "le=1",
            "version=1",
        ] {
            assert!(wrong.parse::<Constant>().is_err(), "{wrong}");
        }
    }
}
