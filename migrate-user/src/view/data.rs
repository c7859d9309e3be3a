//! What is shown: everything, or what a filter lets through.

use std::collections::VecDeque;

use super::filter::Filter;
use crate::model::{Migration, Model};
use crate::recording::Facts;
use crate::source::{Batch, Status};
use crate::text::{count, printable};

/// Migrations that are kept for a filter that comes later, where they cannot be read again.
const KEPT: usize = 20_000;

/// The models.
pub(super) struct Data {
    all: Model,
    /// What the filter lets through, where there is one and the source cannot be read again.
    filtered: Option<Model>,
    filter: Option<Filter>,
    facts: Facts,
    /// Can the source be read again? Then `all` is what the filter lets through.
    readable: bool,
    kept: VecDeque<Migration>,
    /// The tracer's last word.
    status: Option<Status>,
    /// Has anything come that is kept no more?
    forgot: bool,
}

impl Data {
    pub(super) fn new(facts: Facts, readable: bool) -> Self {
        Self {
            all: Model::new(facts.clone()),
            filtered: None,
            filter: None,
            facts,
            readable,
            kept: VecDeque::new(),
            status: None,
            forgot: false,
        }
    }

    pub(super) fn shown(&self) -> &Model {
        self.filtered.as_ref().unwrap_or(&self.all)
    }

    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(super) fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    pub(super) fn apply(&mut self, batch: Batch) {
        if self.readable {
            return self.all.apply(through(self.filter.as_ref(), batch));
        }
        if let Some(filtered) = &mut self.filtered {
            filtered.apply(through(self.filter.as_ref(), batch.clone()));
        }
        self.keep(&batch.migrations);
        self.status = batch.status.clone().or(self.status.take());
        self.all.apply(batch);
    }

    fn keep(&mut self, migrations: &[Migration]) {
        let fresh = &migrations[migrations.len().saturating_sub(KEPT)..];
        let too_many = (self.kept.len() + fresh.len()).saturating_sub(KEPT);
        self.kept.drain(..too_many);
        self.kept.extend(fresh.iter().cloned());
        self.forgot |= too_many > 0 || fresh.len() < migrations.len();
    }

    /// Shows only what a filter lets through. A source that can be read again has to be, from its beginning.
    pub(super) fn set_filter(&mut self, filter: Option<Filter>) {
        self.filter = filter;
        self.restart();
    }

    /// Begins afresh, with what is kept.
    pub(super) fn restart(&mut self) {
        let mut model = Model::new(self.filtered_facts());
        if self.readable {
            self.all = model;
            return;
        }
        let kept = Batch {
            migrations: self.kept_through(),
            status: self.status.clone(),
        };
        model.apply(through(self.filter.as_ref(), kept));
        self.filtered = self.filter.is_some().then_some(model);
    }

    /// Of those that are kept, what the filter lets through, oldest first.
    pub(super) fn kept_through(&self) -> Vec<Migration> {
        let takes = |m: &&Migration| self.filter.as_ref().is_none_or(|filter| filter.takes(m));
        self.kept.iter().filter(takes).cloned().collect()
    }

    fn filtered_facts(&self) -> Facts {
        let mut facts = self.facts.clone();
        let Some(filter) = &self.filter else {
            return facts;
        };
        let asked = facts
            .filter
            .map(|traced| format!("{traced} "))
            .unwrap_or_default();
        facts.filter = Some(asked + filter.words());
        facts.record_every = facts.record_every.max(1);
        if self.forgot && !self.readable {
            facts.started_ns = self.kept.front().map(|first| first.time_ns);
        }
        facts
    }

    /// What a filter that came late cannot show; `None` if that is nothing.
    pub(super) fn limits(&self) -> Option<String> {
        let words = printable(self.filter.as_ref()?.words());
        (self.forgot && !self.readable).then(|| {
            format!(
                "{words}: of the {} migrations before the filter, and all since",
                count(KEPT as u64)
            )
        })
    }

    pub(super) fn reset(&mut self) {
        self.all.reset();
        self.filtered.iter_mut().for_each(Model::reset);
        self.kept.clear();
    }
}

/// What a filter lets through. The kernel's totals know of no filter that came later.
fn through(filter: Option<&Filter>, mut batch: Batch) -> Batch {
    if let Some(filter) = filter {
        batch.migrations.retain(|migration| filter.takes(migration));
        batch
            .status
            .iter_mut()
            .for_each(|status| status.exact = None);
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{Synthetic, facts};

    fn filter(words: &str) -> Option<Filter> {
        Filter::read(words).unwrap()
    }

    #[test]
    fn a_filter_shows_what_is_kept_and_what_comes() {
        let mut synthetic = Synthetic::new(1).with_totals();
        let mut data = Data::new(facts(), false);
        let (first, second) = (synthetic.batch(300), synthetic.batch(300));
        let matching = [&first, &second].map(|batch| {
            let migrations = batch.migrations.iter();
            migrations.filter(|migration| migration.pid == 1201).count() as u64
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
        data.set_filter(None);
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
        assert!(data.limits().unwrap().contains("20,000"));
    }

    #[test]
    fn what_can_be_read_again_is_not_kept() {
        let mut data = Data::new(facts(), true);
        let batch = Synthetic::new(1).batch(300);
        data.apply(batch.clone());
        data.set_filter(filter("pid=1201"));
        assert_eq!(data.shown().totals().migrations(), 0);
        data.apply(batch);
        let shown = data.shown().totals().migrations();
        assert!(data.kept.is_empty() && shown > 0 && shown < 300);
    }
}
