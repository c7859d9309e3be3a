//! What is known before the first migration: the machine, the kernel and the clock.

use crate::trace::{Filter, Run};

/// The version of the recording format. It changes whenever the meaning of a column does.
pub const FORMAT: u32 = 5;

/// The oldest version that can be read. It told the thread in place of the owner and its worker, and whether there was a fault page in place of
/// the cause; it did not tell from where to where.
pub(super) const OLDEST: u32 = 4;

/// Where and how a recording was made. Unknown is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The machine's name.
    pub host: String,
    /// The kernel's release, as `uname -r` prints it.
    pub kernel: String,
    /// `/proc/sys/kernel/random/boot_id`: tells whether two recordings share a clock.
    pub boot_id: Option<String>,
    /// The clock of every time stamp, `CLOCK_BOOTTIME` for instance.
    pub clock: String,
    /// What the kernel's clock was driven by (`tsc`, `arch_sys_counter`, ...).
    pub clocksource: Option<String>,
    /// Bytes in a base page.
    pub page_size: u64,
    /// Functions of the kernel that could not be watched: it does not have them, or not as functions of their own.
    pub not_hooked: Vec<String>,
    /// How the kernel's functions are watched: `fentry`, `fprobe`, `kprobe`.
    pub attached: Option<String>,
    /// Which migrations were traced at all, in the words of a filter; `None`: every one.
    pub filter: Option<String>,
    /// Which of those were chosen when it was read; `None`: all. Counts of the tracer and of losses
    /// are of all that were traced.
    pub chosen: Option<String>,
    /// Every n-th of those is recorded; 0: none is, only the kernel's totals tell of them.
    pub record_every: u32,
    /// What is measured of each migration because it was asked for.
    pub details: Details,
    /// The version of the program that recorded.
    pub tracer: String,
    /// When tracing began, nanoseconds of [`Facts::clock`].
    pub started_ns: Option<u64>,
    /// The same moment, nanoseconds since 1970 (UTC).
    pub started_unix_ns: Option<u64>,
}

/// One moment by two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// By the recording's clock, nanoseconds.
    pub time_ns: u64,
    /// By the wall clock, nanoseconds since 1970.
    pub unix_ns: u64,
}

impl Moment {
    /// Another moment by the wall clock; `None` if that is before 1970. Suspended time counts in both.
    pub fn unix_ns(self, time_ns: u64) -> Option<u64> {
        if time_ns < self.time_ns {
            self.unix_ns.checked_sub(self.time_ns - time_ns)
        } else {
            self.unix_ns.checked_add(time_ns - self.time_ns)
        }
    }
}

/// What is measured only where it is asked for. A recording has columns for these alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The kernel's stack.
    pub kernel_stacks: bool,
    /// The user's stack.
    pub user_stacks: bool,
    /// Parts of setup.
    pub sub_steps: bool,
    /// How long the thread did not run.
    pub off_cpu: bool,
}

impl Details {
    /// All of them.
    pub const ALL: Self = Self {
        kernel_stacks: true,
        user_stacks: true,
        sub_steps: true,
        off_cpu: true,
    };

    /// Name and value of each, with the names of the command line.
    fn each(&mut self) -> [(&'static str, &mut bool); 4] {
        [
            ("kernel_stacks", &mut self.kernel_stacks),
            ("user_stacks", &mut self.user_stacks),
            ("sub_steps", &mut self.sub_steps),
            ("off_cpu", &mut self.off_cpu),
        ]
    }

    /// The names of those that were asked for; `None` if none was.
    fn words(mut self) -> Option<String> {
        let asked = self.each().into_iter().filter(|(_, asked)| **asked);
        let words: Vec<_> = asked.map(|(name, _)| name).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Reads [`Details::words`] back.
    fn parse(words: &str) -> Result<Self, String> {
        let mut details = Self::default();
        for word in words.split_whitespace() {
            let known = details.each().into_iter().find(|(name, _)| *name == word);
            let (_, asked) = known.ok_or_else(|| format!("migscope.details names {word:?}"))?;
            *asked = true;
        }
        Ok(details)
    }
}

impl Facts {
    /// Does the clock source tick so coarsely that durations of steps mean little?
    pub fn coarse_clock(&self) -> bool {
        self.clocksource
            .as_deref()
            .is_some_and(|name| name.contains("jiffies"))
    }

    /// Can a recording with these facts and a `later` one be read as one? What keeps them from it, in words, if not.
    ///
    /// Time stamps have to be of the same clock, and both have to be about the same migrations, seen in the same way: their sums
    /// would mean nothing otherwise.
    pub fn goes_with(&self, later: &Self) -> Result<(), String> {
        if self.boot_id.is_none() || self.boot_id != later.boot_id {
            return Err("it is of another boot or machine, whose clock is another".to_owned());
        }
        let unlike = |what: &str| Err(format!("its {what} is another"));
        match () {
            () if self.clock != later.clock => unlike("clock"),
            () if self.page_size != later.page_size => unlike("page size"),
            () if self.filter != later.filter => unlike("filter"),
            () if self.record_every != later.record_every => unlike("sampling"),
            () if self.attached != later.attached || self.not_hooked != later.not_hooked => {
                unlike("way to watch the kernel's functions")
            }
            () if self.details != later.details => unlike("choice of details"),
            () => Ok(()),
        }
    }

    /// The words of all filters, each of which chooses from what the one before lets through.
    pub fn filters(&self) -> impl Iterator<Item = &str> {
        let filters = [&self.filter, &self.chosen];
        filters.into_iter().filter_map(Option::as_deref)
    }

    /// What a filter has to know of the recording.
    pub fn run(&self) -> Run {
        Run {
            page_size: self.page_size,
            started_ns: self.started_ns,
            started_unix_ns: self.started_unix_ns,
        }
    }

    /// The facts of what a filter lets through: where that is a part of the time, it begins there.
    pub fn chosen_by(&self, filter: &Filter) -> Self {
        if filter.is_empty() {
            return self.clone();
        }
        let run = self.run();
        let extent_ns = filter.extent_ns(&run);
        let from_ns = extent_ns.map(|extent| extent.start).max(self.started_ns);
        Self {
            chosen: Some(filter.words()),
            started_ns: self.started_ns.and(from_ns),
            started_unix_ns: from_ns.and_then(|from_ns| self.unix_ns(from_ns)),
            ..self.clone()
        }
    }

    /// A time of the recording's clock by the wall clock of when it began, nanoseconds since 1970.
    pub fn unix_ns(&self, time_ns: u64) -> Option<u64> {
        Moment {
            time_ns: self.started_ns?,
            unix_ns: self.started_unix_ns?,
        }
        .unix_ns(time_ns)
    }

    /// The facts as key and value, for the schema's metadata. Unknown ones are left out.
    pub(super) fn entries(&self) -> Vec<(String, String)> {
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        [
            ("format", Some(FORMAT.to_string())),
            ("host", Some(self.host.clone())),
            ("kernel", Some(self.kernel.clone())),
            ("boot_id", self.boot_id.clone()),
            ("clock", Some(self.clock.clone())),
            ("clocksource", self.clocksource.clone()),
            ("page_size_bytes", Some(self.page_size.to_string())),
            (
                "not_hooked",
                (!self.not_hooked.is_empty()).then(|| self.not_hooked.join(" ")),
            ),
            ("attached", self.attached.clone()),
            ("filter", self.filter.clone()),
            ("chosen", self.chosen.clone()),
            ("record_every", Some(self.record_every.to_string())),
            ("details", self.details.words()),
            ("tracer", Some(self.tracer.clone())),
            ("started_ns", number(self.started_ns)),
            ("started_unix_ns", number(self.started_unix_ns)),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((format!("migscope.{key}"), value?)))
        .collect()
    }

    /// Reads the facts back. `get` finds the value of a key; the error says what is missing or wrong.
    pub(super) fn parse<'a>(get: impl Fn(&str) -> Option<&'a String>) -> Result<Self, String> {
        let text = |key: &str| get(&format!("migscope.{key}")).cloned();
        let needed =
            |key: &str| text(key).ok_or_else(|| format!("its schema has no migscope.{key}"));
        let number = |key: &str| {
            text(key)
                .map(|value| {
                    value
                        .parse::<u64>()
                        .map_err(|_| format!("migscope.{key} is no number"))
                })
                .transpose()
        };
        let page_size = number("page_size_bytes")?
            .filter(|size| size.is_power_of_two())
            .ok_or("migscope.page_size_bytes is no power of two")?;
        Ok(Self {
            host: needed("host")?,
            kernel: needed("kernel")?,
            boot_id: text("boot_id"),
            clock: needed("clock")?,
            clocksource: text("clocksource"),
            page_size,
            not_hooked: text("not_hooked")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            attached: text("attached"),
            filter: text("filter"),
            chosen: text("chosen"),
            record_every: number("record_every")?
                .map_or(Ok(1), u32::try_from)
                .map_err(|_| "migscope.record_every is too large")?,
            details: Details::parse(&text("details").unwrap_or_default())?,
            tracer: needed("tracer")?,
            started_ns: number("started_ns")?,
            started_unix_ns: number("started_unix_ns")?,
        })
    }
}
