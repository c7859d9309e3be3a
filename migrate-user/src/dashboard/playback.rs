//! Where a recording is being replayed, and how fast.

/// The slowest and the fastest replay, powers of two.
const SPEEDS: std::ops::RangeInclusive<i32> = -6..=10;

/// A replay of a recording that can be read again. It begins with everything read.
#[derive(Clone, Debug)]
pub(super) struct Playback {
    /// The recording's first and last moment as far as it has been read, nanoseconds of its clock.
    extent: Option<(u64, u64)>,
    /// What ended up to this moment is to be shown; `None`: everything.
    until_ns: Option<u64>,
    playing: bool,
    /// A power of two.
    speed: i32,
    /// Does it have to be read from its beginning?
    again: bool,
    /// Is the next migration wanted, whenever it ended?
    step: bool,
}

/// How far to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// To the end.
    End,
    /// Up to this moment, nanoseconds of the recording's clock.
    Time(u64),
    /// One migration further.
    Next,
}

impl Playback {
    /// `began_ns` is when the recording began, which is before anything in it ended; `None` if it
    /// does not say.
    pub(super) fn new(began_ns: Option<u64>) -> Self {
        Self {
            extent: began_ns.map(|began| (began, began)),
            until_ns: None,
            playing: false,
            speed: 0,
            again: false,
            step: false,
        }
    }

    /// Notes that something happened at this time, nanoseconds of the recording's clock.
    pub(super) fn saw(&mut self, time_ns: u64) {
        let (first, last) = self.extent.unwrap_or((time_ns, time_ns));
        self.extent = Some((first.min(time_ns), last.max(time_ns)));
        if std::mem::take(&mut self.step) {
            self.until_ns = self.until_ns.map(|until| until.max(time_ns));
        }
    }

    /// How far to read now.
    pub(super) fn until(&self) -> Until {
        match self.until_ns {
            _ if self.step => Until::Next,
            Some(time_ns) => Until::Time(time_ns),
            None => Until::End,
        }
    }

    /// Up to when it is shown, nanoseconds of the recording's clock; `None` before anything was
    /// read.
    pub(super) fn here_ns(&self) -> Option<u64> {
        let (_, last) = self.extent?;
        Some(self.until_ns.map_or(last, |until| until.min(last)))
    }

    /// Is it time to read the recording from its beginning? Asks for it no more.
    pub(super) fn takes_again(&mut self) -> bool {
        std::mem::take(&mut self.again)
    }

    /// Reads from the beginning, up to where it is.
    pub(super) fn read_again(&mut self) {
        self.again = true;
    }

    /// Plays, from the beginning if it is at the end; or stops.
    pub(super) fn toggle(&mut self) {
        if self.playing {
            self.playing = false;
        } else {
            if self.until_ns.is_none() {
                self.seek(0.0);
            }
            self.playing = true;
        }
    }

    pub(super) fn is_playing(&self) -> bool {
        self.playing
    }

    /// Lets time pass, nanoseconds of the wall's clock. True if it is playing.
    pub(super) fn elapse(&mut self, ns: u64) -> bool {
        if let (true, Some(until), Some((_, last))) = (self.playing, self.until_ns, self.extent) {
            let until = until.saturating_add((ns as f64 * self.factor()) as u64);
            self.playing = until < last;
            self.until_ns = self.playing.then_some(until);
            return true;
        }
        false
    }

    /// How many times as fast as it was.
    pub(super) fn factor(&self) -> f64 {
        2f64.powi(self.speed)
    }

    pub(super) fn faster(&mut self, doublings: i32) {
        self.speed = (self.speed + doublings).clamp(*SPEEDS.start(), *SPEEDS.end());
    }

    /// Stops, and shows one migration more.
    pub(super) fn step(&mut self) {
        self.playing = false;
        self.step = self.until_ns.is_some();
    }

    /// Moves by seconds of the recording.
    pub(super) fn jump(&mut self, seconds: i64) {
        let Some((first, last)) = self.extent else {
            return;
        };
        let by = seconds.saturating_mul(1_000_000_000);
        let here = self.until_ns.unwrap_or(last).clamp(first, last);
        self.go_to(here.saturating_add_signed(by));
    }

    /// Moves to this part of the recording, 0 to 1.
    pub(super) fn seek(&mut self, part: f64) {
        if let Some((first, last)) = self.extent {
            self.go_to(first + ((last - first) as f64 * part) as u64);
        }
    }

    fn go_to(&mut self, time_ns: u64) {
        let Some((first, last)) = self.extent else {
            return;
        };
        self.again |= time_ns < self.until_ns.unwrap_or(last);
        self.until_ns = (time_ns < last).then_some(time_ns.max(first));
    }

    /// How much of the recording is shown, 0 to 1, and its length in nanoseconds; `None` before
    /// anything was read.
    pub(super) fn place(&self) -> Option<(f64, u64)> {
        let (first, last) = self.extent?;
        let length = last - first;
        let here = self
            .until_ns
            .map_or(length, |until| until.clamp(first, last) - first);
        Some((here as f64 / length.max(1) as f64, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    /// A replay of a recording of ten seconds that has been read to its end.
    fn replay() -> Playback {
        let mut replay = Playback::new(None);
        replay.saw(S);
        replay.saw(11 * S);
        replay
    }

    #[test]
    fn plays_from_the_beginning_to_the_end() {
        let mut replay = replay();
        assert_eq!(replay.until(), Until::End);
        replay.toggle();
        assert!(replay.takes_again() && !replay.takes_again());
        assert_eq!(replay.until(), Until::Time(S));
        replay.faster(1);
        assert!(replay.elapse(2 * S));
        assert_eq!(replay.until(), Until::Time(5 * S));
        assert!(replay.elapse(3 * S));
        assert_eq!((replay.until(), replay.is_playing()), (Until::End, false));
        assert!(!replay.elapse(S));
    }

    #[test]
    fn jumps_and_reads_again_only_to_go_back() {
        let mut replay = replay();
        replay.jump(-4);
        assert_eq!(
            (replay.until(), replay.takes_again()),
            (Until::Time(7 * S), true)
        );
        replay.jump(2);
        assert_eq!(
            (replay.until(), replay.takes_again()),
            (Until::Time(9 * S), false)
        );
        replay.jump(2);
        assert_eq!((replay.until(), replay.takes_again()), (Until::End, false));
        replay.jump(-99);
        assert_eq!(replay.until(), Until::Time(S));
        assert_eq!(replay.place(), Some((0.0, 10 * S)));
    }

    #[test]
    fn a_step_is_one_migration() {
        let mut replay = replay();
        replay.step();
        assert_eq!(replay.until(), Until::End);
        replay.seek(0.5);
        replay.step();
        assert_eq!(replay.until(), Until::Next);
        replay.saw(8 * S);
        assert_eq!(replay.until(), Until::Time(8 * S));
    }
}
