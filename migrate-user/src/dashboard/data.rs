//! What is shown: everything, or what a filter and a window let through.

use std::collections::VecDeque;

use super::window::{Lately, Window};
use crate::model::{Model, Origin};
use crate::text::{clock, printable};
use crate::trace::{Batch, Facts, Filter, Migration, Status, Wait, filter::Seen};

/// Migrations that are kept for a filter or a window that comes later, where they cannot be read
/// again.
const KEPT: usize = 20_000;

/// The models.
pub(super) struct Data {
    all: Model,
    /// What the filter lets through, where there is one and the source cannot be read again.
    filtered: Option<Model>,
    /// An empty one lets everything through.
    filter: Filter,
    /// The names that came, whatever the filter.
    seen: Seen,
    window: Window,
    /// What happened lately, of what the filter lets through. There where the window is not the
    /// whole run.
    lately: Option<Lately>,
    facts: Facts,
    /// Can the source be read again? Then `all` is what the filter lets through.
    readable: bool,
    kept: VecDeque<Migration>,
    /// The same of waits, which are fewer.
    kept_waits: VecDeque<Wait>,
    /// The tracer's last word.
    status: Option<Status>,
    /// Has anything come that is kept no more?
    forgot: bool,
    /// Of waits that are kept no more, when the last one ended; `None`: all are kept.
    forgot_waits_ns: Option<u64>,
    /// Since when it is counted, nanoseconds of the recording's clock, where it was asked to be
    /// counted anew.
    anew: Option<Option<u64>>,
}

impl Data {
    pub(super) fn new(facts: Facts, readable: bool) -> Self {
        Self {
            all: Model::new(facts.clone()),
            filtered: None,
            filter: Filter::default(),
            seen: Seen::default(),
            window: Window::default(),
            lately: None,
            facts,
            readable,
            kept: VecDeque::new(),
            kept_waits: VecDeque::new(),
            status: None,
            forgot: false,
            forgot_waits_ns: None,
            anew: None,
        }
    }

    pub(super) fn shown(&self) -> &Model {
        self.lately().unwrap_or(self.run())
    }

    /// The whole run, of what the filter lets through.
    pub(super) fn run(&self) -> &Model {
        self.filtered.as_ref().unwrap_or(&self.all)
    }

    /// What is within the window; `None` where the whole run is shown.
    pub(super) fn lately(&self) -> Option<&Model> {
        self.lately.as_ref().and_then(Lately::shown)
    }

    pub(super) fn window(&self) -> Window {
        self.window
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    pub(super) fn apply(&mut self, batch: Batch) {
        batch.migrations.each(|row| self.seen.note(row));
        if !self.readable {
            self.keep(batch.migrations.made());
            self.keep_waits(&batch.waits);
            self.status = batch.status.clone().or(self.status.take());
        }
        if self.filter.is_empty() {
            return self.apply_through(batch);
        }
        if self.readable {
            return self.apply_through(self.through(batch));
        }
        self.apply_through(self.through(batch.clone()));
        self.all.apply(batch);
    }

    /// Takes in what the filter has let through.
    fn apply_through(&mut self, batch: Batch) {
        let run = self.filtered.as_mut().unwrap_or(&mut self.all);
        if let Some(lately) = &mut self.lately {
            lately.apply(run, &batch);
        }
        run.apply(batch);
    }

    fn keep(&mut self, migrations: &[Migration]) {
        let fresh = &migrations[migrations.len().saturating_sub(KEPT)..];
        let too_many = (self.kept.len() + fresh.len()).saturating_sub(KEPT);
        self.kept.drain(..too_many);
        self.kept.extend(fresh.iter().cloned());
        self.forgot |= too_many > 0 || fresh.len() < migrations.len();
    }

    fn keep_waits(&mut self, waits: &[Wait]) {
        let fresh = &waits[waits.len().saturating_sub(KEPT)..];
        let too_many = (self.kept_waits.len() + fresh.len()).saturating_sub(KEPT);
        let forgot = self.kept_waits.drain(..too_many).next_back();
        self.kept_waits.extend(fresh.iter().cloned());
        self.forgot_waits_ns = forgot.map(|wait| wait.end_ns()).or(self.forgot_waits_ns);
        if fresh.len() < waits.len() {
            self.forgot_waits_ns = fresh.first().map(Wait::end_ns);
        }
    }

    /// Shows only what a filter lets through. A source that can be read again has to be, from its
    /// beginning, and before that [`Data::restart`].
    pub(super) fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
        if !self.readable {
            self.restart(None);
        }
    }

    /// Shows this much. A source that can be read again has to be, unless the whole run is shown.
    pub(super) fn set_window(&mut self, window: Window) {
        self.window = window;
        self.lately = None;
        if !self.readable {
            self.look_back(None);
        }
    }

    /// Begins afresh, with what is kept. Where the source is read again, that will be up to
    /// `until_ns`.
    pub(super) fn restart(&mut self, until_ns: Option<u64>) {
        let mut model = Model::new(self.filtered_facts());
        if self.readable {
            self.anew = None;
            self.all = model;
        } else {
            let kept = Batch {
                status: self.status.clone(),
                ..self.kept_through(None)
            };
            model.apply(self.through(kept));
            self.filtered = (!self.filter.is_empty()).then_some(model);
        }
        self.look_back(until_ns);
    }

    /// Begins the window where it is to begin, so that it ends at `until_ns` or now.
    fn look_back(&mut self, until_ns: Option<u64>) {
        let Some(span_ns) = self.window.span_ns() else {
            self.lately = None;
            return;
        };
        let run = self.run();
        let until_ns = until_ns.or(run.now_ns());
        let start_ns = until_ns.map(|until| until.saturating_sub(span_ns));
        let start_ns = start_ns.max(run.began_ns());
        let start_ns = start_ns.max(self.known_since_ns());
        let mut lately = Lately::new(span_ns, start_ns);
        if !self.readable && run.now_ns().is_some() {
            lately.catch_up(run, self.kept_through(start_ns));
        }
        self.lately = Some(lately);
    }

    /// From when on everything is known that has come, nanoseconds of the recording's clock;
    /// `None`: from the beginning.
    fn known_since_ns(&self) -> Option<u64> {
        if self.readable {
            return None;
        }
        if self.run().coverage().from == Origin::Kernel {
            // Of what the kernel counted earlier only the sum is known.
            return self.run().now_ns();
        }
        self.forgot_until_ns()
    }

    /// Of what is kept and ended after a time, what the filter lets through, oldest first.
    pub(super) fn kept_through(&self, after_ns: Option<u64>) -> Batch {
        let is_late = |end_ns: u64| after_ns.is_none_or(|after| end_ns > after);
        let run = self.facts.run();
        let migrations = self.kept.iter();
        let takes = |of: &&Migration| is_late(of.end_ns()) && self.filter.takes(of, &run);
        let waits = self.kept_waits.iter();
        let takes_wait = |of: &&Wait| is_late(of.end_ns()) && self.filter.takes_wait(of, &run);
        Batch {
            migrations: migrations.filter(takes).cloned().collect(),
            waits: waits.filter(takes_wait).cloned().collect(),
            status: None,
        }
    }

    /// When the first of what is kept ended, where anything is kept no more.
    fn forgot_until_ns(&self) -> Option<u64> {
        let first_ns = || self.kept.front().map(Migration::end_ns);
        let migrations_ns = self.forgot.then(first_ns).flatten();
        migrations_ns.max(self.forgot_waits_ns)
    }

    fn filtered_facts(&self) -> Facts {
        let mut facts = self.facts.chosen_by(&self.filter);
        if !self.readable && !self.filter.is_empty() {
            let known_ns = self.forgot_until_ns().or(self.all.began_ns());
            let asked_ns = self.filter.extent_ns(&self.facts.run());
            facts.started_ns = known_ns.max(asked_ns.map(|extent| extent.start));
        }
        facts
    }

    /// From when on a filter or a window that came late can show everything; `None` if that is from
    /// where it says.
    pub(super) fn limits(&self) -> Option<String> {
        let all_ns = self.all.began_ns()?;
        let (what, began_ns) = match self.lately() {
            Some(lately) if Some(lately.elapsed_ns()) >= self.window.span_ns() => return None,
            Some(lately) => (self.window.name().to_owned(), lately.began_ns()?),
            None if self.filter.is_empty() => return None,
            None => (printable(&self.filter.words()), self.run().began_ns()?),
        };
        let asked_ns = self.filter.extent_ns(&self.facts.run());
        let from_ns = asked_ns.map_or(all_ns, |extent| all_ns.max(extent.start));
        (began_ns > from_ns && !self.readable).then(|| {
            let from = clock(began_ns - all_ns);
            format!("{what}: exact from {from} on, what came before is not known")
        })
    }

    /// Has anything come after a time that is kept no more?
    pub(super) fn forgot(&self, after_ns: Option<u64>) -> bool {
        let first_ns = self.kept.front().map(Migration::end_ns);
        (self.forgot && after_ns < first_ns) || after_ns < self.forgot_waits_ns
    }

    /// Was it asked to be counted anew, and was all that came before forgotten?
    pub(super) fn counts_anew(&self) -> bool {
        self.anew.is_some()
    }

    /// What ended after this is counted, nanoseconds of the recording's clock; `None`: all of it
    /// is.
    pub(super) fn counted_after_ns(&self) -> Option<u64> {
        self.anew.flatten()
    }

    /// Counts anew, from `here_ns` on, nanoseconds of the recording's clock.
    pub(super) fn reset(&mut self, here_ns: Option<u64>) {
        self.anew = Some(here_ns);
        self.all.reset();
        self.filtered.iter_mut().for_each(Model::reset);
        self.kept.clear();
        self.kept_waits.clear();
        self.forgot = false;
        self.forgot_waits_ns = None;
        self.look_back(None);
    }

    /// What a filter lets through.
    fn through(&self, mut batch: Batch) -> Batch {
        batch.choose(&self.filter, &self.facts.run());
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::{Synthetic, facts};

    fn filter(words: &str) -> Filter {
        words.parse().unwrap()
    }

    #[test]
    fn a_filter_shows_what_is_kept_and_what_comes() {
        let mut synthetic = Synthetic::new(1).with_totals();
        let mut data = Data::new(facts(), false);
        let (first, second) = (synthetic.batch(300), synthetic.batch(300));
        let matching = [&first, &second].map(|batch| {
            let migrations = batch.migrations.made().iter();
            migrations
                .filter(|migration| migration.pid == Some(1201))
                .count() as u64
        });
        data.apply(first);
        data.set_filter(filter("pid=1201"));
        assert_eq!(data.shown().totals().migrations(), matching[0]);
        data.apply(second);
        assert_eq!(
            data.shown().totals().migrations(),
            matching[0] + matching[1]
        );
        assert_eq!(data.limits(), None);
        data.set_filter(Filter::default());
        assert_eq!(data.shown().totals().migrations(), 600);
    }

    #[test]
    fn memory_is_bounded_and_it_says_so() {
        let mut synthetic = Synthetic::new(1);
        let mut data = Data::new(facts(), false);
        data.apply(synthetic.batch(KEPT + 5));
        data.apply(synthetic.batch(7));
        assert_eq!(data.kept.len(), KEPT);
        data.set_filter(filter("min-pages=1"));
        assert_eq!(data.shown().totals().migrations(), KEPT as u64);
        let first_ns = data.kept[0].end_ns();
        assert_eq!(data.shown().began_ns(), Some(first_ns));
        data.apply(synthetic.batch(7));
        assert_eq!(data.shown().totals().migrations(), KEPT as u64 + 7);
        assert_eq!(
            data.limits().unwrap(),
            format!(
                "min-pages=1: exact from {} on, what came before is not known",
                clock(first_ns - migscope_testkit::START_NS)
            )
        );
        data.reset(None);
        data.apply(synthetic.batch(7));
        data.set_filter(filter("min-pages=2"));
        assert_eq!(data.limits(), None);
        assert_eq!(data.shown().began_ns(), data.all.began_ns());
    }

    #[test]
    fn a_window_shows_what_is_kept_of_it_and_what_comes() {
        let mut synthetic = Synthetic::new(1);
        let mut data = Data::new(facts(), false);
        // Slowly, so that what is kept is more than the shortest window.
        let mut slow = |number| {
            let mut batch = synthetic.batch(number);
            let slow = |m: &mut Migration| m.time_ns += m.sequence * 2_000_000;
            batch.migrations.make().iter_mut().for_each(slow);
            batch.status = None;
            batch
        };
        data.apply(slow(KEPT * 2));
        data.set_window(Window::Five);
        let shown = data.shown();
        assert_eq!(shown.totals().migrations(), KEPT as u64 - 1);
        assert_eq!(shown.began_ns(), Some(data.kept[0].end_ns()));
        assert!(data.limits().unwrap().starts_with("the last 5 min: exact"));
        // The first that is kept ended when the window begins.
        assert!(data.forgot(None) && !data.forgot(data.shown().began_ns()));
        data.set_window(Window::Minute);
        data.set_window(Window::Seconds);
        let migrations = data.shown().totals().migrations();
        assert_eq!(data.shown().elapsed_ns(), 20_000_000_000);
        assert!(migrations < KEPT as u64 - 1);
        assert_eq!(data.limits(), None);
        data.apply(slow(100));
        assert_eq!(data.shown().totals().migrations(), migrations + 100);
        data.set_filter(filter("pid=1201"));
        assert_eq!(data.shown().elapsed_ns(), 20_000_000_000);
        assert!(data.shown().totals().migrations() < migrations);
        assert!(data.run().totals().migrations() > data.shown().totals().migrations());
        data.set_filter(Filter::default());
        data.set_window(Window::Whole);
        assert_eq!(data.shown().totals().migrations(), KEPT as u64 * 2 + 100);
    }

    #[test]
    fn a_window_of_kernel_totals_begins_when_it_is_asked_for() {
        let mut synthetic = Synthetic::new(1).with_totals();
        let mut facts = facts();
        facts.record_every = 0;
        let mut data = Data::new(facts, false);
        let mut batch = |number| {
            let mut batch = synthetic.batch(number);
            batch.migrations.make().clear();
            batch
        };
        data.apply(batch(3000));
        data.set_window(Window::Seconds);
        assert_eq!(data.shown().totals().migrations(), 0);
        assert!(data.limits().is_some());
        data.apply(batch(70));
        assert_eq!(data.shown().totals().migrations(), 70);
        assert_eq!(data.run().totals().migrations(), 3070);
    }

    #[test]
    fn a_window_of_what_is_read_again_ends_where_the_reading_does() {
        let mut synthetic = Synthetic::new(1);
        let batches: Vec<_> = (0..20).map(|_| synthetic.batch(2000)).collect();
        let mut data = Data::new(facts(), true);
        batches.iter().for_each(|batch| data.apply(batch.clone()));
        let until_ns = data.run().now_ns();
        data.set_window(Window::Seconds);
        data.restart(until_ns);
        batches.iter().for_each(|batch| data.apply(batch.clone()));
        assert_eq!(data.shown().elapsed_ns(), 20_000_000_000);
        let after = |m: &&Migration| m.end_ns() > until_ns.unwrap() - 20_000_000_000;
        let all = batches.iter().flat_map(|batch| &batch.migrations);
        assert_eq!(
            data.shown().totals().migrations(),
            all.filter(after).count() as u64
        );
        assert_eq!(data.run().totals().migrations(), 40_000);
    }

    #[test]
    fn what_can_be_read_again_is_not_kept() {
        let mut data = Data::new(facts(), true);
        let batch = Synthetic::new(1).batch(300);
        data.apply(batch.clone());
        data.set_filter(filter("pid=1201"));
        data.restart(None);
        assert_eq!(data.shown().totals().migrations(), 0);
        data.apply(batch);
        let shown = data.shown().totals().migrations();
        assert!(data.kept.is_empty() && shown > 0 && shown < 300);
    }
}
