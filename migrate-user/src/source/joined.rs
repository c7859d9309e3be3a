//! Recordings that go on from one another, read as one: several files, or several in one stream.

use std::collections::VecDeque;
use std::io::Read;
use std::mem;

use super::{Input, Part};
use crate::recording::Reader;
use crate::source::Error;
use crate::trace::{Batch, Ending, Facts, Filter, Run, Status, filter::Seen};

type AnyReader = Reader<Box<dyn Read + Send>>;

/// Yields the batches of all of them as if one recorder had written them: every count goes on from
/// the recording before.
///
/// How each of them ended is in [`Joined::parts`] when the iterator has returned `None`.
pub struct Joined {
    /// Of the first, or of what is chosen of them.
    facts: Facts,
    /// What is chosen of all.
    filter: Filter,
    /// Of all, which `filter` is about.
    run: Run,
    seen: Seen,
    now: Option<Reading>,
    rest: VecDeque<Reading>,
    parts: Vec<Part>,
    /// The counts of all that were read to their end.
    before: Option<Status>,
    /// The last counts of the one that is being read, by itself.
    last: Option<Status>,
    /// The last moment that was told of, nanoseconds of the recordings' clock.
    reached_ns: u64,
}

/// A recording that is being read.
struct Reading {
    input: Input,
    reader: AnyReader,
    /// Where it begins, bytes from the start of its stream.
    at: u64,
    gap_ns: u64,
}

impl Joined {
    /// Opens all, the earliest first. They have to be of the same boot, and about the same
    /// migrations.
    pub(super) fn open(inputs: &[Input]) -> Result<Self, Error> {
        let mut all = Vec::with_capacity(inputs.len());
        for input in inputs {
            all.push(Reading {
                input: input.clone(),
                reader: input.open()?,
                at: 0,
                gap_ns: 0,
            });
        }
        all.sort_by_key(|reading| reading.reader.facts().started_ns);
        for pair in all.windows(2) {
            check(&pair[0], &pair[1])?;
        }
        let mut rest = VecDeque::from(all);
        let now = rest.pop_front();
        let facts = now.as_ref().map(|now| now.reader.facts().clone());
        let facts = facts.unwrap_or_default();
        Ok(Self {
            reached_ns: facts.started_ns.unwrap_or(0),
            run: facts.run(),
            facts,
            filter: Filter::default(),
            seen: Seen::default(),
            now,
            rest,
            parts: Vec::new(),
            before: None,
            last: None,
        })
    }

    /// Yields only what a filter lets through.
    ///
    /// # Errors
    ///
    /// If the recordings cannot tell what is asked for.
    pub fn choose(mut self, filter: Filter) -> Result<Self, Error> {
        filter
            .check(&self.run)
            .map_err(|why| Error::NotChosen { why })?;
        self.facts = self.facts.chosen_by(&filter);
        self.filter = filter;
        Ok(self)
    }

    /// What the filter asks for and none of the recordings has, in sentences. Known when the
    /// iterator has returned `None`.
    pub fn unknown(&self) -> Vec<String> {
        self.seen.unknown(&self.filter)
    }

    /// The machine, the kernel and the clock, and when the first of them began.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Those that were read to their end, in that order, and what was left out.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Goes on behind the end of what was being read.
    fn end(&mut self, ended: Reading) {
        let ending = ended.reader.ending().cloned();
        let ending = ending.unwrap_or(Ending::Complete);
        let part = Part {
            gap_ns: ended.gap_ns,
            ..Part::new(&ended.input, ending)
        };
        let goes_on = part.ending == Ending::Complete && ended.input.may_go_on();
        self.parts.push(part);
        self.sum_up();
        if goes_on {
            self.now = self.following(ended);
        }
        if self.now.is_none()
            && let Some(next) = self.rest.pop_front()
        {
            self.now = self.join(next);
        }
    }

    /// The recording that stands behind the one that has ended in the same stream.
    fn following(&mut self, ended: Reading) -> Option<Reading> {
        let input = ended.input;
        match ended.reader.following(&input.to_string()) {
            Ok(None) => None,
            Ok(Some(reader)) => self.join(Reading {
                at: reader.begins_at(),
                input,
                reader,
                gap_ns: 0,
            }),
            Err(ending) => {
                self.parts.push(Part::new(&input, ending));
                None
            }
        }
    }

    /// Takes in a recording that goes on from those before, if it does.
    fn join(&mut self, mut next: Reading) -> Option<Reading> {
        let facts = next.reader.facts();
        let goes_on = self.facts.goes_with(facts).and_then(|()| {
            let began_ns = facts.started_ns.filter(|began| *began >= self.reached_ns);
            began_ns.ok_or_else(|| {
                "it was begun before the one ahead of it ended, and what is in both would count twice".to_owned()
            })
        });
        match goes_on {
            Ok(began_ns) => {
                next.gap_ns = began_ns - self.reached_ns;
                self.reached_ns = began_ns;
                Some(next)
            }
            Err(why) => {
                let ending = Ending::LeftOut { at: next.at, why };
                self.parts.push(Part::new(&next.input, ending));
                None
            }
        }
    }

    /// What was counted so far is what comes before the next.
    fn sum_up(&mut self) {
        let Some(last) = self.last.take() else {
            return;
        };
        self.before = Some(match &self.before {
            Some(before) => last.after(before),
            None => last,
        });
    }

    /// A status of the recording that is being read, as one of all.
    fn tell(&mut self, status: Status) -> Status {
        self.reached_ns = self.reached_ns.max(status.time_ns);
        let told = match &self.before {
            Some(before) => status.after(before),
            None => status.clone(),
        };
        let exact = self.last.take().and_then(|last| last.exact);
        self.last = Some(Status {
            exact: status.exact.clone().or(exact),
            ..status
        });
        told
    }
}

/// Can two recordings be one, by what they say at their beginning?
fn check(earlier: &Reading, later: &Reading) -> Result<(), Error> {
    let [first, second] = [earlier, later].map(|reading| reading.reader.facts());
    let same = || {
        let same = first.started_ns == second.started_ns;
        let why = "both began at the same moment, or do not say when: they hold the same";
        if same { Err(why.to_owned()) } else { Ok(()) }
    };
    first
        .goes_with(second)
        .and_then(|()| same())
        .map_err(|why| Error::NotOne {
            first: earlier.input.to_string(),
            second: later.input.to_string(),
            why,
        })
}

impl Iterator for Joined {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        loop {
            let now = self.now.as_mut()?;
            let Some(mut batch) = now.reader.next() else {
                let ended = mem::take(&mut self.now)?;
                self.end(ended);
                continue;
            };
            batch.status = batch.status.map(|status| self.tell(status));
            if !self.filter.is_empty() {
                batch.migrations.each(|row| self.seen.note(row));
                batch.choose(&self.filter, &self.run);
            }
            return Some(batch);
        }
    }
}
