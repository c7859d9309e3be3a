//! What is known before the first migration: the machine, the kernel and the clock.

use super::{Filter, Run, WaitKind};

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
    /// Functions of the kernel that could not be watched: it does not have them, or not as
    /// functions of their own.
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
    /// Another moment by the wall clock; `None` if that is before 1970. Suspended time counts in
    /// both.
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
    /// Waits of CPUs: for pages that are on a device, or that somebody is migrating.
    pub waits: bool,
    /// Waits on the device's side.
    pub device_side: bool,
    /// The mapping that each migration is in.
    pub mappings: bool,
    /// Phases of programs.
    pub phases: bool,
}

impl Details {
    /// All of them.
    pub const ALL: Self = Self {
        kernel_stacks: true,
        user_stacks: true,
        sub_steps: true,
        off_cpu: true,
        waits: true,
        device_side: true,
        mappings: true,
        phases: true,
    };

    /// Were any waits followed?
    pub fn has_waits(self) -> bool {
        self.waits || self.device_side
    }

    /// Were waits of this kind followed?
    pub fn follow(self, kind: WaitKind) -> bool {
        match kind {
            WaitKind::Fault | WaitKind::Migrating => self.waits,
            WaitKind::RangeFault
            | WaitKind::Notifier
            | WaitKind::Exclusive
            | WaitKind::Invalidation => self.device_side,
        }
    }

    /// Name and value of each, with the names of the command line.
    fn each(&mut self) -> [(&'static str, &mut bool); 8] {
        [
            ("kernel_stacks", &mut self.kernel_stacks),
            ("user_stacks", &mut self.user_stacks),
            ("sub_steps", &mut self.sub_steps),
            ("off_cpu", &mut self.off_cpu),
            ("waits", &mut self.waits),
            ("device_side", &mut self.device_side),
            ("mappings", &mut self.mappings),
            ("phases", &mut self.phases),
        ]
    }

    /// The names of those that were asked for; `None` if none was.
    pub(crate) fn words(mut self) -> Option<String> {
        let asked = self.each().into_iter().filter(|(_, asked)| **asked);
        let words: Vec<_> = asked.map(|(name, _)| name).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Reads [`Details::words`] back.
    pub(crate) fn parse(words: &str) -> Result<Self, String> {
        let mut details = Self::default();
        for word in words.split_whitespace() {
            let known = details.each().into_iter().find(|(name, _)| *name == word);
            let (_, asked) = known.ok_or_else(|| format!("it names {word:?}"))?;
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

    /// Can a recording with these facts and a `later` one be read as one?
    ///
    /// Time stamps have to be of the same clock, and both have to be about the same migrations,
    /// seen in the same way: their sums would mean nothing otherwise.
    ///
    /// # Errors
    ///
    /// Says what keeps them from it.
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
}
