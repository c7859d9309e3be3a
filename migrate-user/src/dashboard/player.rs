//! Takes batches apart, so that a replay can stop at any moment.

use super::playback::Until;
use crate::Error;
use crate::source::Source;
use crate::trace::{Batch, Migrations, Row, Status, Wait};
use std::collections::VecDeque;

/// A source of which not everything is taken at once.
pub(super) struct Player<S> {
    pub(super) source: S,
    /// What has come, and is not due.
    rest: Migrations,
    waits: VecDeque<Wait>,
    status: Option<Status>,
}

impl<S: Source> Player<S> {
    pub(super) fn new(source: S) -> Self {
        Self {
            source,
            rest: Migrations::default(),
            waits: VecDeque::new(),
            status: None,
        }
    }

    /// What is due next; `None` at the end. Waits for ever where nothing is due. Cancel-safe.
    pub(super) async fn next(&mut self, until: Until) -> Result<Option<Batch>, Error> {
        loop {
            if let Some(due) = self.due(until) {
                return Ok(Some(due));
            }
            if !self.rest.is_empty() || !self.waits.is_empty() || self.status.is_some() {
                std::future::pending::<()>().await;
            }
            let Some(batch) = self.source.next().await? else {
                return Ok(None);
            };
            self.rest = batch.migrations;
            self.waits = batch.waits.into();
            self.status = batch.status;
        }
    }

    fn due(&mut self, until: Until) -> Option<Batch> {
        let number = match until {
            Until::End => self.rest.len(),
            Until::Time(time_ns) => {
                let over = |row: &Row<'_>| row.end_ns() > time_ns;
                self.rest.position(over).unwrap_or(self.rest.len())
            }
            Until::Next => self.rest.len().min(1),
        };
        let migrations = self.rest.take_first(number);
        let waits = self.due_waits(until, &migrations);
        let all = self.rest.is_empty() && self.waits.is_empty();
        let due = |status: &mut Status| match until {
            Until::End => true,
            Until::Time(time_ns) => status.time_ns <= time_ns,
            Until::Next => migrations.is_empty(),
        };
        let status = if all { self.status.take_if(due) } else { None };
        let batch = Batch {
            migrations,
            waits,
            status,
        };
        let is_due = !batch.migrations.is_empty() || !batch.waits.is_empty();
        (is_due || batch.status.is_some()).then_some(batch)
    }

    /// The waits that were over by then, or when the last of these migrations ended.
    fn due_waits(&mut self, until: Until, migrations: &Migrations) -> Vec<Wait> {
        let time_ns = match until {
            Until::Time(time_ns) => Some(time_ns),
            Until::End => None,
            Until::Next => {
                let mut last_ns = None;
                migrations.each(|row| last_ns = last_ns.max(Some(row.end_ns())));
                last_ns
            }
        };
        let over = |wait: &Wait| time_ns.is_none_or(|time_ns| wait.end_ns() <= time_ns);
        let number = self.waits.iter().take_while(|wait| over(wait)).count();
        self.waits.drain(..number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Facts;
    use migscope_testkit::{Synthetic, facts};

    struct Once(Facts, Vec<Batch>);

    impl Source for Once {
        fn facts(&self) -> &Facts {
            &self.0
        }

        async fn next(&mut self) -> Result<Option<Batch>, crate::source::Error> {
            Ok(self.1.pop())
        }
    }

    #[tokio::test]
    async fn stops_in_the_middle_of_a_batch_and_loses_nothing() {
        let batch = Synthetic::new(1).batch(10);
        let third = batch.migrations.made()[2].end_ns();
        let mut player = Player::new(Once(facts(), vec![batch.clone()]));
        let mut parts = Vec::new();
        for until in [Until::Time(third), Until::Next, Until::End, Until::End] {
            parts.push(player.next(until).await.unwrap());
        }
        let counts: Vec<_> = parts
            .iter()
            .map(|part| part.as_ref().map(|part| part.migrations.len()))
            .collect();
        assert_eq!(counts, [Some(3), Some(1), Some(6), None]);
        let mut whole = Batch::default();
        parts
            .into_iter()
            .flatten()
            .for_each(|part| whole.append(part));
        assert_eq!(whole, batch);
    }

    #[tokio::test]
    async fn what_is_not_due_is_waited_for() {
        let batch = Synthetic::new(1).batch(1);
        let mut player = Player::new(Once(facts(), vec![batch]));
        let early = player.next(Until::Time(1));
        let waited = tokio::time::timeout(std::time::Duration::from_millis(5), early).await;
        assert!(waited.is_err());
        assert!(player.next(Until::End).await.unwrap().is_some());
    }
}
