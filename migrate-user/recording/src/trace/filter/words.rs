//! The conditions by name. The command line, its help, completion, and the text of a filter are
//! all made from this table.

use std::fmt::Display;
use std::str::FromStr;

use migrate_ebpf::wire::{Cause, Direction, Outcome};

use super::Filter;
use super::range::nanoseconds;
use super::text::{duration, elements, quoted};
use crate::trace::time;

/// A condition.
pub struct Word {
    /// What it is called, on the command line after `--`.
    pub name: &'static str,
    /// What its value is, in one word.
    pub value: &'static str,
    /// What it lets through: it goes on from "Only migrations".
    pub help: &'static str,
    /// Every value that there is, where those are few.
    pub values: fn() -> Vec<&'static str>,
    /// Can several values be given?
    pub is_list: bool,
    /// Can the probes ask it?
    pub in_kernel: bool,
    read: fn(&mut Filter, &str) -> Result<(), String>,
    told: fn(&Filter) -> Vec<String>,
}

impl Word {
    /// A filter of this condition alone.
    ///
    /// # Errors
    ///
    /// Says what was expected.
    pub fn read(&self, text: &str) -> Result<Filter, String> {
        let mut filter = Filter::default();
        if self.is_list {
            for element in elements(text) {
                (self.read)(&mut filter, something(&element)?)?;
            }
        } else {
            (self.read)(&mut filter, something(text)?)?;
        }
        Ok(filter)
    }

    /// The values that a filter asks for, each as it is read.
    pub fn told(&self, filter: &Filter) -> Vec<String> {
        (self.told)(filter)
    }
}

/// The condition of this name.
pub fn word(name: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.name == name)
}

/// Takes any value but an empty one, which is a script's variable that was not set: it would be no
/// filter, and be told as one.
fn something(text: &str) -> Result<&str, String> {
    if text.is_empty() {
        return Err(
            "it is empty, and so asks for nothing: leave the option out to take everything, or \
             say what is wanted"
                .to_owned(),
        );
    }
    Ok(text)
}

fn none() -> Vec<&'static str> {
    Vec::new()
}

/// One of a few values, by its name.
fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str, text: &str) -> Result<T, String> {
    let found = all.iter().copied().find(|value| name(*value) == text);
    found.ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|value| name(*value)).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn parsed<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A number of something that begins at 1.
fn number(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| "expected a number above 0".to_owned())
}

/// The conditions that any of several values meet: how each is read, and how it is told.
macro_rules! list {
    ($field:ident, $read:expr) => {
        list!($field, $read, |value| value.to_string())
    };
    ($field:ident, $read:expr, $told:expr) => {
        Word {
            name: "",
            value: "",
            help: "",
            values: none,
            is_list: true,
            in_kernel: true,
            read: |filter, text| {
                let value = $read(text)?;
                if !filter.$field.contains(&value) {
                    filter.$field.push(value);
                }
                Ok(())
            },
            told: |filter| filter.$field.iter().map($told).collect(),
        }
    };
}

/// The same of values that have names.
macro_rules! named_list {
    ($field:ident, $type:ident) => {
        Word {
            values: || $type::ALL.iter().map(|value| value.name()).collect(),
            ..list!(
                $field,
                |text| named($type::ALL, $type::name, text),
                |value| value.name().to_owned()
            )
        }
    };
}

/// The conditions of one value.
macro_rules! single {
    ($field:ident, $read:expr, $told:expr) => {
        Word {
            name: "",
            value: "",
            help: "",
            values: none,
            is_list: false,
            in_kernel: true,
            read: |filter, text| {
                filter.$field = Some($read(text)?);
                Ok(())
            },
            told: |filter| filter.$field.iter().map($told).collect(),
        }
    };
}

/// All of them, in the order in which they are told.
pub static WORDS: [Word; 16] = [
    Word {
        name: "pid",
        value: "PID",
        help: "... of memory of this process, whoever migrates it",
        ..list!(pid, number)
    },
    Word {
        name: "tid",
        value: "TID",
        help: "... by this thread, whoever owns the memory",
        in_kernel: false,
        ..list!(tid, number)
    },
    Word {
        name: "comm",
        value: "NAME",
        help: "... of memory of processes with this command name, of which the kernel keeps 15 bytes",
        ..list!(comm, parsed)
    },
    Word {
        name: "worker",
        value: "NAME",
        help: "... by threads with this command name that are none of the process's own, such as kworker/u8:1",
        ..list!(worker, parsed)
    },
    Word {
        name: "cgroup",
        value: "PATH",
        help: "... of processes whose memory is charged to this cgroup itself, such as /user.slice/job",
        ..list!(cgroup, parsed)
    },
    Word {
        name: "driver",
        value: "MODULE",
        help: "... that this driver makes: a module that is loaded now, or that a recording names",
        ..list!(driver, parsed)
    },
    Word {
        name: "direction",
        value: "WHERE",
        help: "... in this direction",
        ..named_list!(direction, Direction)
    },
    Word {
        name: "cause",
        value: "WHY",
        help: "... for this reason",
        ..named_list!(cause, Cause)
    },
    Word {
        name: "phase",
        value: "NAME",
        help: "... in this phase of a program, or in one nested in it, such as forward or train/forward; \
               none: in no phase",
        in_kernel: false,
        ..list!(phase, parsed)
    },
    Word {
        name: "outcome",
        value: "HOW",
        help: "... that ended so",
        ..named_list!(outcome, Outcome)
    },
    Word {
        name: "errno",
        value: "NUMBER",
        help: "... that the kernel rejected with this error, such as 22 for EINVAL",
        in_kernel: false,
        ..list!(errno, number)
    },
    Word {
        name: "min-pages",
        value: "PAGES",
        help: "... of at least so many base pages",
        ..single!(min_pages, parsed, u64::to_string)
    },
    Word {
        name: "slower-than",
        value: "TIME",
        help: "... whose steps together took at least so long, such as 500us or 2ms",
        ..single!(slower_than_ns, |text| nanoseconds(time(text)?), |ns| {
            duration(*ns)
        })
    },
    Word {
        name: "address",
        value: "FROM..TO",
        help: "... that asked for memory at this address, or in this range, such as 0x7f00..0x8f00",
        in_kernel: false,
        ..list!(address, parsed)
    },
    Word {
        name: "mapping",
        value: "NAME",
        help: "... in memory that is called so: by what the program named it (weights for [anon:weights]), a file's name, \
               [heap], [stack], or [anon] for what has none",
        in_kernel: false,
        ..list!(mapping, parsed)
    },
    Word {
        name: "time",
        value: "FROM..TO",
        help: "... that ended within this time: since the recording began, such as 10s..20s or 90s.., \
               or by the wall clock, such as 2026-11-22T19:16:00Z..2026-11-22T19:17:00Z",
        in_kernel: false,
        ..single!(time, parsed, ToString::to_string)
    },
];

impl Filter {
    /// The conditions that are asked for, each with its values.
    pub fn asked(&self) -> impl Iterator<Item = (&'static Word, Vec<String>)> + '_ {
        let asked = WORDS.iter().map(|word| (word, word.told(self)));
        asked.filter(|(_, values)| !values.is_empty())
    }

    /// As text that reads back to the same filter: `pid=1,2 comm='my trainer'`. Nothing where
    /// nothing is asked for.
    pub fn words(&self) -> String {
        let asked = self.asked().map(|(word, values)| {
            let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
            format!("{}={}", word.name, values.join(","))
        });
        asked.collect::<Vec<_>>().join(" ")
    }

    /// Asks for what another filter asks for, too: for any of the values of both.
    pub fn merge(&mut self, more: &Self) {
        for word in &WORDS {
            for value in word.told(more) {
                // What was told is what is read.
                let _ = (word.read)(self, &value);
            }
        }
    }
}
