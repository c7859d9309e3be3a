//! Takes batches apart, so that a replay can stop at any moment.

use super::playback::Until;
use crate::Error;
use crate::source::Source;
use crate::trace::{Batch, Migrations, Row, Status};

/// A source of which not everything is taken at once.
pub(super) struct Player<S> {
    pub(super) source: S,
    /// What has come, and is not due.
    rest: Migrations,
    status: Option<Status>,
}

impl<S: Source> Player<S> {
    pub(super) fn new(source: S) -> Self {
        Self {
            source,
            rest: Migrations::default(),
            status: None,
        }
    }

    /// What is due next; `None` at the end. Waits for ever where nothing is due. Cancel-safe.
    pub(super) async fn next(&mut self, until: Until) -> Result<Option<Batch>, Error> {
        loop {
            if let Some(due) = self.due(until) {
                return Ok(Some(due));
            }
            if !self.rest.is_empty() || self.status.is_some() {
                std::future::pending::<()>().await;
            }
            let Some(batch) = self.source.next().await? else {
                return Ok(None);
            };
            self.rest = batch.migrations;
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
        let all = number == self.rest.len();
        let due = |status: &mut Status| match until {
            Until::End => true,
            Until::Time(time_ns) => status.time_ns <= time_ns,
            Until::Next => number == 0,
        };
        let batch = Batch {
            migrations: self.rest.take_first(number),
            waits: Vec::new(),
            status: if all { self.status.take_if(due) } else { None },
        };
        (batch.status.is_some() || !batch.migrations.is_empty()).then_some(batch)
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
