//! Which migrations are shown: the words of the command line, on screen.

use clap::Parser;

use crate::cli::Only;
use crate::model::Migration;

/// The words, read as the command line reads them.
#[derive(Debug, Parser)]
#[command(
    no_binary_name = true,
    disable_help_flag = true,
    color = clap::ColorChoice::Never
)]
struct Words {
    #[command(flatten)]
    only: Only,
}

/// What a migration must be like to be shown.
#[derive(Debug)]
pub(super) struct Filter {
    words: String,
    only: Only,
}

impl Filter {
    /// Reads words such as `pid=7 slower-than=1ms` or `--pid 7`. `None` for no words at all; what is wrong, if it is.
    pub(super) fn read(text: &str) -> Result<Option<Self>, String> {
        let words = shlex::split(text).ok_or("a quote is not closed")?;
        if words.is_empty() {
            return Ok(None);
        }
        let option = |word: &String| match word.split_once('=') {
            Some((name, _)) if !name.starts_with('-') => format!("--{word}"),
            _ => word.clone(),
        };
        let read = Words::try_parse_from(words.iter().map(option));
        let only = read.map_err(|error| what_is_wrong(&error))?.only;
        Ok(Some(Self {
            words: text.trim().to_owned(),
            only,
        }))
    }

    /// As the user wrote it.
    pub(super) fn words(&self) -> &str {
        &self.words
    }

    /// Does it meet every condition?
    pub(super) fn takes(&self, migration: &Migration) -> bool {
        let Only {
            pid,
            comm,
            worker,
            cgroup,
            driver,
            direction,
            cause,
            outcome,
            min_pages,
            slower_than,
        } = &self.only;
        let path = migration.cgroup.as_deref().map(std::path::Path::new);
        let by = migration.worker.as_ref().map(|worker| &*worker.comm);
        pid.is_none_or(|pid| Some(pid) == migration.pid)
            && same(comm.as_deref(), migration.comm.as_deref())
            && same(worker.as_deref(), by)
            && same(cgroup.as_deref(), path)
            && same(driver.as_deref(), migration.driver.as_deref())
            && direction.is_none_or(|direction| direction == migration.direction)
            && cause.is_none_or(|cause| cause == migration.cause)
            && outcome.is_none_or(|outcome| outcome == migration.outcome)
            && min_pages.is_none_or(|pages| pages <= migration.ledger.requested)
            && slower_than.is_none_or(|time| time.as_nanos() <= migration.total_ns().into())
    }
}

/// Is nothing asked for, or what there is?
fn same<T: PartialEq + ?Sized>(asked: Option<&T>, is: Option<&T>) -> bool {
    asked.is_none() || asked == is
}

/// The first sentence of the command line's complaint.
fn what_is_wrong(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Direction, Outcome};
    use crate::support::Synthetic;

    fn matching(words: &str) -> usize {
        let filter = Filter::read(words).unwrap().unwrap();
        let batch = Synthetic::new(1).batch(1000);
        let matching = |m: &&Migration| filter.takes(m);
        batch.migrations.iter().filter(matching).count()
    }

    fn counted(is: impl Fn(&Migration) -> bool) -> usize {
        let batch = Synthetic::new(1).batch(1000);
        batch.migrations.iter().filter(|m| is(m)).count()
    }

    #[test]
    fn words_mean_what_they_mean_on_the_command_line() {
        assert_eq!(matching("pid=1201"), counted(|m| m.pid == Some(1201)));
        assert_eq!(matching("--pid 1201"), matching("pid=1201"));
        assert_eq!(
            matching("comm='trainer'"),
            counted(|m| m.comm.as_deref() == Some("trainer"))
        );
        assert_eq!(
            matching("driver=migrate_test direction=to_system"),
            counted(|m| m.driver.is_some() && m.direction == Direction::ToSystem)
        );
        assert_eq!(
            matching("outcome=rolled_back min-pages=64"),
            counted(|m| m.outcome == Outcome::RolledBack && m.ledger.requested >= 64)
        );
        assert_eq!(
            matching("slower-than=100us cgroup=/user.slice/job"),
            counted(|m| m.total_ns() >= 100_000 && m.cgroup.is_some())
        );
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        assert!(Filter::read("  ").unwrap().is_none());
        for (words, says) in [
            ("pid=x", "invalid value 'x'"),
            ("pidd=7", "unexpected argument '--pidd'"),
            ("trainer", "unexpected argument 'trainer'"),
            ("direction=up", "invalid value 'up'"),
            ("comm='a", "a quote is not closed"),
        ] {
            let wrong = Filter::read(words).unwrap_err();
            assert!(wrong.contains(says) && !wrong.contains('\n'), "{wrong}");
        }
    }
}
