//! What a filter leaves out, so that nothing is said of it.

/// Conditions that keep some migrations of a page and leave out others.
const SOME_OF_A_PAGE: [&str; 7] = [
    "direction",
    "cause",
    "outcome",
    "min-pages",
    "slower-than",
    "worker",
    "driver",
];

/// Conditions that leave out evictions, of which nobody knows whose pages they take, or some of them.
const SOME_EVICTIONS: [&str; 9] = [
    "pid",
    "comm",
    "cgroup",
    "worker",
    "direction",
    "cause",
    "outcome",
    "min-pages",
    "slower-than",
];

/// Conditions that ask how a migration went.
const BY_RESULT: [&str; 2] = ["outcome", "slower-than"];

/// What cannot be known under a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Migrations were chosen by how long they took or how they ended: what a call or a page costs does not follow from those.
    pub by_result: bool,
    /// Some migrations of a page are left out: where it went after those that are there is unknown.
    pub ways_back: bool,
    /// Some evictions are left out: whether device memory is too small is unknown.
    pub evictions: bool,
}

impl Hidden {
    /// By the words of a filter, of the command line or of the dashboard: `--pid 7`, `pid=7`. A word that is part of a name may be
    /// taken for a condition; then more is unknown than has to be.
    pub fn by(filter: Option<&str>) -> Self {
        let words = || filter.into_iter().flat_map(str::split_whitespace);
        let condition = |word: &str| {
            let word = word.trim_start_matches('-');
            word.split('=').next().unwrap_or(word).to_owned()
        };
        let has = |some: &[&str]| words().any(|word| some.contains(&condition(word).as_str()));
        Self {
            by_result: has(&BY_RESULT),
            ways_back: has(&SOME_OF_A_PAGE),
            evictions: has(&SOME_EVICTIONS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_known_in_both_forms() {
        let of = |words| {
            let hidden = Hidden::by(Some(words));
            (hidden.by_result, hidden.ways_back, hidden.evictions)
        };
        assert_eq!(Hidden::by(None), Hidden::default());
        assert_eq!(of("--pid 7 comm=a"), (false, false, true));
        assert_eq!(of("--direction to_system"), (false, true, true));
        assert_eq!(of("driver=amdgpu"), (false, true, false));
        assert_eq!(of("pid=7 slower-than=1ms"), (true, true, true));
        assert_eq!(of("--outcome=completed"), (true, true, true));
    }
}
