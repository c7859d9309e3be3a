//! How much of a run the tabs show: all of it, or what happened lately.

use std::collections::VecDeque;

use crate::model::Model;
use crate::trace::Batch;

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Window {
    /// The whole run.
    #[default]
    Whole,
    /// The last five minutes.
    Five,
    /// The last minute.
    Minute,
    /// The last twenty seconds.
    Seconds,
}

impl Window {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Whole => Self::Five,
            Self::Five => Self::Minute,
            Self::Minute => Self::Seconds,
            Self::Seconds => Self::Whole,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Whole => "the whole run",
            Self::Five => "the last 5 min",
            Self::Minute => "the last minute",
            Self::Seconds => "the last 20 s",
        }
    }

    /// How long it is, nanoseconds; `None` for the whole run.
    pub(super) fn span_ns(self) -> Option<u64> {
        let seconds = match self {
            Self::Whole => return None,
            Self::Five => 300,
            Self::Minute => 60,
            Self::Seconds => 20,
        };
        Some(seconds * 1_000_000_000)
    }
}

/// In how many steps a window moves through its own length.
const STEPS: u64 = 2;

/// What happened lately, counted as it comes, however much that is: models that began one after the
/// other. The oldest is shown, until the next one is as old as the window is long. So what is shown
/// is at least that long, and at most half as long again.
#[derive(Debug)]
pub(super) struct Lately {
    span_ns: u64,
    /// What ended before is not counted, nanoseconds of the recording's clock; `None`: there is no
    /// such time.
    start_ns: Option<u64>,
    /// Oldest first. None before the start has been reached.
    models: VecDeque<Model>,
}

impl Lately {
    /// What happens from a time on, which may be yet to come.
    pub(super) fn new(span_ns: u64, start_ns: Option<u64>) -> Self {
        Self {
            span_ns,
            start_ns,
            models: VecDeque::new(),
        }
    }

    /// Goes on with what is already known from the start on, oldest first, of a run as it is now.
    pub(super) fn catch_up(&mut self, run: &Model, known: Batch) {
        self.begin(run, known);
    }

    /// What is shown; `None` before the start has been reached.
    pub(super) fn shown(&self) -> Option<&Model> {
        self.models.front()
    }

    /// Takes in what comes next in a run that has not counted it yet.
    pub(super) fn apply(&mut self, run: &Model, batch: &Batch) {
        let Some((first_ns, last_ns)) = extent(batch) else {
            return;
        };
        if self.models.is_empty() {
            if self.start_ns.is_none_or(|start| last_ns > start) {
                self.begin(run, batch.clone());
            }
            return;
        }
        self.step(run, first_ns);
        for model in &mut self.models {
            model.apply(batch.clone());
        }
        while self.models.get(1).is_some_and(|next| self.is_full(next)) {
            self.models.pop_front();
        }
    }

    fn begin(&mut self, run: &Model, mut batch: Batch) {
        if let Some(start) = self.start_ns {
            batch.migrations.retain(|row| row.end_ns() > start);
            batch.waits.retain(|wait| wait.end_ns() > start);
        }
        let mut model = run.afresh(self.start_ns.max(run.began_ns()));
        model.apply(batch);
        self.models.push_back(model);
    }

    /// Begins the next models when it is time. What comes next is the first that they count.
    fn step(&mut self, run: &Model, first_ns: u64) {
        let now_ns = run.now_ns().unwrap_or(first_ns);
        let first_ns = first_ns.max(now_ns);
        if first_ns - now_ns > self.span_ns {
            // Nothing has happened for so long that no model is of use.
            self.models = [run.afresh(Some(first_ns - self.span_ns))].into();
        }
        while let Some(newest_ns) = self.models.back().and_then(Model::began_ns) {
            let next_ns = newest_ns.saturating_add(self.span_ns / STEPS).max(now_ns);
            if next_ns > first_ns || next_ns == newest_ns {
                break;
            }
            self.models.push_back(run.afresh(Some(next_ns)));
        }
    }

    /// Is a model as old as the window is long?
    fn is_full(&self, model: &Model) -> bool {
        model.elapsed_ns() >= self.span_ns
    }
}

/// When the first and the last of what is in a batch happened; `None` if nothing is.
fn extent(batch: &Batch) -> Option<(u64, u64)> {
    let mut extent: Option<(u64, u64)> = None;
    let mut reach = |time: u64| {
        let (first, last) = extent.unwrap_or((time, time));
        extent = Some((first.min(time), last.max(time)));
    };
    batch.migrations.each(|row| reach(row.end_ns()));
    batch.waits.iter().for_each(|wait| reach(wait.end_ns()));
    batch.status.iter().for_each(|status| reach(status.time_ns));
    extent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::insight::Thresholds;
    use crate::report::Report;
    use migscope_testkit::{START_NS, Synthetic, facts};

    const S: u64 = 1_000_000_000;

    fn json(model: &Model) -> String {
        Report::new(model, "x", &Thresholds::default()).json()
    }

    /// Batches of a run in which some 1,400 migrations end per second.
    fn batches(number: usize, size: usize) -> Vec<Batch> {
        let mut synthetic = Synthetic::new(7).with_totals();
        (0..number).map(|_| synthetic.batch(size)).collect()
    }

    /// What is shown after each batch, and the run.
    fn watch(mut lately: Lately, batches: &[Batch], mut each: impl FnMut(Option<&Model>, &Model)) {
        let mut run = Model::new(facts());
        for batch in batches {
            lately.apply(&run, batch);
            run.apply(batch.clone());
            each(lately.shown(), &run);
        }
    }

    #[test]
    fn is_as_long_as_it_says_and_never_half_as_long_again() {
        let span = 2 * S;
        let mut moved = 0;
        let mut last_ns = None;
        watch(Lately::new(span, None), &batches(300, 50), |shown, run| {
            let shown = shown.unwrap();
            let (all, batch) = (run.elapsed_ns(), S / 10);
            assert!(shown.elapsed_ns() >= span.min(all));
            assert!(shown.elapsed_ns() <= span + span / STEPS + batch);
            assert_eq!(shown.now_ns(), run.now_ns());
            moved += u32::from(last_ns.replace(shown.began_ns()) != Some(shown.began_ns()));
        });
        assert!(moved > 5, "{moved}");
    }

    #[test]
    fn every_figure_is_that_of_a_run_that_began_then() {
        let batches = batches(200, 50);
        let mut after = 0;
        watch(Lately::new(2 * S, None), &batches, |shown, _| {
            after += 1;
            if after % 40 != 0 {
                return;
            }
            let shown = shown.unwrap();
            let began = shown.began_ns().unwrap();
            // The same by other means: a run that is read again from there.
            let mut run = Model::new(facts());
            let mut since = None::<Model>;
            for batch in &batches[..after] {
                let first = extent(batch).map(|(first, _)| first);
                if since.is_none() && first.max(run.now_ns()) >= Some(began) {
                    since = Some(run.afresh(Some(began)));
                }
                since
                    .iter_mut()
                    .for_each(|since| since.apply(batch.clone()));
                run.apply(batch.clone());
            }
            assert!(json(shown) == json(&since.unwrap()), "after {after}");
            assert!(shown.totals().migrations() < run.totals().migrations() || after < 120);
        });
    }

    #[test]
    fn begins_in_the_middle_of_a_batch() {
        let batches = batches(2, 1000);
        let start = batches[1].migrations.made()[300].end_ns();
        watch(
            Lately::new(9 * S, Some(start)),
            &batches,
            |shown, run| match run.totals().migrations() {
                1000 => assert!(shown.is_none()),
                _ => {
                    let shown = shown.unwrap();
                    assert_eq!(shown.records().migrations(), 699);
                    assert_eq!(shown.began_ns(), Some(start));
                }
            },
        );
    }

    #[test]
    fn what_is_long_ago_is_not_shown_where_nothing_happens() {
        for silence in [S, 3 * S, 5 * S, 100_000 * S] {
            let mut batches = batches(31, 100);
            let late = batches.last_mut().unwrap();
            let status = late.status.as_mut().unwrap();
            late.migrations.make().clear();
            status.time_ns += silence;
            watch(Lately::new(2 * S, None), &batches, |shown, run| {
                let shown = shown.unwrap().elapsed_ns();
                assert!(shown >= (2 * S).min(run.elapsed_ns()));
                assert!(
                    shown <= 3 * S + S / 10 + silence.min(S),
                    "{silence}: {shown}"
                );
            });
        }
    }

    #[test]
    fn is_bounded_whatever_the_times() {
        let mut batches = batches(6, 5);
        let times = [u64::MAX, 0, START_NS, u64::MAX / 2, u64::MAX, 1];
        for (batch, time_ns) in batches.iter_mut().zip(times) {
            batch
                .migrations
                .make()
                .iter_mut()
                .for_each(|m| m.time_ns = time_ns);
            batch.status.as_mut().unwrap().time_ns = time_ns;
        }
        for span in [1, S, u64::MAX] {
            let mut lately = Lately::new(span, None);
            let mut run = Model::new(facts());
            for batch in &batches {
                lately.apply(&run, batch);
                run.apply(batch.clone());
                assert!(lately.models.len() <= 1 + STEPS as usize);
            }
        }
    }
}
