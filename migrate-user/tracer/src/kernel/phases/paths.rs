//! What phases are called.

use std::collections::{HashMap, HashSet};
use std::mem::offset_of;
use std::sync::Arc;

use aya::Ebpf;
use migrate_bpf::Mapped;
use migrate_ebpf::wire::{
    NO_PHASE, PHASE_LEVELS, PHASE_NAME_WORDS, PHASES, Phase, PhaseKind, Phases, UNKNOWN_PHASE,
    names,
};

use super::super::TracerError;

/// Between a phase and those that are nested in it.
const NESTED: &str = "/";
/// In place of a phase that nobody can tell, in one that is known.
const UNKNOWN: &str = "?";
/// In place of phases that a process may have opened before it was traced.
const BEFORE: &str = "…";
/// Before what marks a moment.
const SINCE: char = '@';

/// Words of a phase's place.
const WORDS: usize = size_of::<Phase>() / 8;
const NAME: usize = offset_of!(Phase, name) / 8;
const _: () = assert!(offset_of!(Phase, outer) == 0 && offset_of!(Phase, kind) == 4);

/// Paths kept before starting afresh.
const PATHS: usize = 4096;

/// What phases are called, as the kernel keeps them.
pub(in crate::kernel) struct Paths {
    phases: Mapped,
    /// Processes that may have opened phases before they were traced.
    older: HashSet<u32>,
    known: HashMap<Key, Option<Arc<str>>>,
}

/// [`Phases`], and whether the process may have opened others before.
type Key = (u32, u32, bool);

impl Paths {
    /// `older`: the processes that had libraries with such functions before these were hooked.
    pub(in crate::kernel) fn open(tracer: &Ebpf, older: HashSet<u32>) -> Result<Self, TracerError> {
        Ok(Self {
            phases: super::super::mapped(tracer, names::PHASES, PHASES * WORDS)?,
            older,
            known: HashMap::new(),
        })
    }

    /// The phase of a migration of memory of this process: names with `/` between them, the
    /// outermost first; empty for none, and `None` where nobody can tell.
    pub(in crate::kernel) fn path(&mut self, phases: Phases, pid: Option<u32>) -> Option<Arc<str>> {
        let is_older = pid.is_some_and(|pid| self.older.contains(&pid));
        let key = (phases.machine, phases.program, is_older);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        if self.known.len() >= PATHS {
            self.known.clear();
        }
        let path = told(phases, is_older, |place| self.names(place)).map(Arc::from);
        self.known.insert(key, path.clone());
        path
    }

    /// The names of a phase and those around it, the outermost first; `None` if one is not there.
    fn names(&self, place: u32) -> Option<Vec<String>> {
        let mut names = Vec::new();
        let mut place = place;
        while place != NO_PHASE {
            let mut words = [0; WORDS];
            let at = usize::try_from(place).ok().filter(|at| *at < PHASES)?;
            self.phases.copy_to(at * WORDS, &mut words);
            let (outer, kind) = (words[0] as u32, (words[0] >> 32) as u32);
            let kind = u8::try_from(kind).ok().and_then(PhaseKind::from_wire)?;
            names.push(name(kind, &words[NAME..]));
            // A mark is a level of its own; and the outer ones have been there before.
            if outer >= place && outer != NO_PHASE || names.len() > 2 * PHASE_LEVELS {
                return None;
            }
            place = outer;
        }
        names.reverse();
        Some(names)
    }
}

/// A name as it is shown.
fn name(kind: PhaseKind, words: &[u64]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    match kind {
        PhaseKind::Opened => text.into_owned(),
        PhaseKind::Marked => format!("{SINCE}{text}"),
    }
}

/// The path of these phases.
fn told(
    phases: Phases,
    is_older: bool,
    names: impl Fn(u32) -> Option<Vec<String>>,
) -> Option<String> {
    let mut path = if phases.machine == UNKNOWN_PHASE {
        vec![UNKNOWN.to_owned()]
    } else {
        names(phases.machine)?
    };
    let knows_machine = phases.machine != UNKNOWN_PHASE && !path.is_empty();
    let program = (phases.program != UNKNOWN_PHASE).then(|| names(phases.program));
    match program.flatten() {
        // In none that it has opened since.
        Some(program) if program.is_empty() && is_older => path.push(UNKNOWN.to_owned()),
        Some(program) => {
            path.extend(is_older.then(|| BEFORE.to_owned()));
            path.extend(program);
        }
        None => path.push(UNKNOWN.to_owned()),
    }
    let is_known = knows_machine || path.iter().any(|name| name != UNKNOWN) || path.is_empty();
    is_known.then(|| path.join(NESTED))
}

const _: () = assert!(PHASE_NAME_WORDS == WORDS - NAME);

#[cfg(test)]
mod tests {
    use super::*;

    /// Phase 7 is `forward` in `train`, 9 is `load`.
    fn names(place: u32) -> Option<Vec<String>> {
        let names: &[&str] = match place {
            NO_PHASE => &[],
            7 => &["train", "forward"],
            9 => &["load"],
            _ => return None,
        };
        Some(names.iter().map(ToString::to_string).collect())
    }

    fn path(machine: u32, program: u32, is_older: bool) -> Option<String> {
        told(Phases { machine, program }, is_older, names)
    }

    #[test]
    fn phases_are_paths_and_none_is_empty() {
        assert_eq!(path(0, 7, false).as_deref(), Some("train/forward"));
        assert_eq!(path(9, 7, false).as_deref(), Some("load/train/forward"));
        assert_eq!(path(9, 0, false).as_deref(), Some("load"));
        assert_eq!(path(0, 0, false).as_deref(), Some(""));
    }

    #[test]
    fn what_nobody_can_tell_is_unknown() {
        assert_eq!(path(0, UNKNOWN_PHASE, false), None);
        assert_eq!(path(9, UNKNOWN_PHASE, false).as_deref(), Some("load/?"));
        assert_eq!(
            path(UNKNOWN_PHASE, 7, false).as_deref(),
            Some("?/train/forward")
        );
        assert_eq!(path(UNKNOWN_PHASE, UNKNOWN_PHASE, false), None);
        assert_eq!(path(0, 11, false), None, "its place is empty");
    }

    #[test]
    fn what_was_opened_before_is_left_open() {
        assert_eq!(path(0, 7, true).as_deref(), Some("…/train/forward"));
        assert_eq!(path(9, 7, true).as_deref(), Some("load/…/train/forward"));
        assert_eq!(path(0, 0, true), None);
        assert_eq!(path(9, 0, true).as_deref(), Some("load/?"));
    }

    #[test]
    fn names_end_at_their_zero_byte() {
        let words = [u64::from_ne_bytes(*b"forward\0"), 0];
        assert_eq!(name(PhaseKind::Opened, &words), "forward");
        assert_eq!(name(PhaseKind::Marked, &words), "@forward");
    }
}
