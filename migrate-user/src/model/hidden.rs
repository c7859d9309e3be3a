//! What a filter leaves out, so that nothing is said of it.

use crate::trace::{Details, Direction, Filter};

/// Conditions that keep some migrations of a page and leave out others.
const SOME_OF_A_PAGE: [&str; 11] = [
    "direction",
    "cause",
    "outcome",
    "errno",
    "min-pages",
    "slower-than",
    "tid",
    "worker",
    "driver",
    "phase",
    // Of pages beside the range there are those migrations that reach into it.
    "address",
];

/// Conditions that leave out evictions, of which nobody knows whose pages they take, or some of
/// them.
const SOME_EVICTIONS: [&str; 14] = [
    "pid",
    "tid",
    "comm",
    "cgroup",
    "worker",
    "phase",
    "direction",
    "cause",
    "outcome",
    "errno",
    "min-pages",
    "slower-than",
    "address",
    "mapping",
];

/// Conditions that ask how a migration went.
const BY_RESULT: [&str; 3] = ["outcome", "errno", "slower-than"];

/// What cannot be known under a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    /// Migrations were chosen by how long they took or how they ended: what a call or a page costs
    /// does not follow from those.
    pub by_result: bool,
    /// Some migrations of a page are left out: where it went after those that are there is unknown.
    pub ways_back: bool,
    /// Some evictions are left out: whether device memory is too small is unknown.
    pub evictions: bool,
    /// Anything may be left out: of what is not there, it is not known that it never was.
    pub anything: bool,
    /// All waits are left out, as it is asked what only migrations have.
    pub waits: bool,
    /// It is asked for phases, which of waits are known only where they were followed.
    by_phase: bool,
    /// By [`Direction`]: all of its migrations are left out.
    directions: [bool; Direction::ALL.len()],
}

impl Hidden {
    /// Whatever a filter can hide.
    const ALL: Self = Self {
        by_result: true,
        ways_back: true,
        evictions: true,
        anything: true,
        waits: true,
        by_phase: true,
        directions: [false; Direction::ALL.len()],
    };

    /// By the words of filters, each of which chooses from what the one before lets through. Of
    /// words that this program does not know nothing is known.
    pub fn by<'a>(filters: impl IntoIterator<Item = &'a str>) -> Self {
        let each = filters.into_iter().map(|words| match words.parse() {
            Ok(filter) => Self::under(&filter),
            Err(_) => Self::ALL,
        });
        each.fold(Self::default(), Self::and)
    }

    fn under(filter: &Filter) -> Self {
        // Every migration asks for no page or more, and takes no time or more.
        let filter = &Filter {
            min_pages: filter.min_pages.filter(|least| *least > 0),
            slower_than_ns: filter.slower_than_ns.filter(|least| *least > 0),
            ..filter.clone()
        };
        let asked: Vec<_> = filter.asked().map(|(word, _)| word.name).collect();
        let has = |some: &[&str]| asked.iter().any(|name| some.contains(name));
        let mut directions = [false; Direction::ALL.len()];
        for direction in Direction::ALL
            .iter()
            .filter(|_| !filter.direction.is_empty())
        {
            directions[super::index(*direction)] = !filter.direction.contains(direction);
        }
        Self {
            by_result: has(&BY_RESULT),
            ways_back: has(&SOME_OF_A_PAGE),
            evictions: has(&SOME_EVICTIONS),
            anything: !filter.is_empty(),
            waits: filter.is_of_migrations(),
            by_phase: !filter.phase.is_empty(),
            directions,
        }
    }

    /// The same of a run with these details.
    pub(super) fn of(self, details: Details) -> Self {
        Self {
            waits: self.waits || self.by_phase && !details.phases,
            ..self
        }
    }

    fn and(self, other: Self) -> Self {
        let mut directions = self.directions;
        for (hidden, more) in directions.iter_mut().zip(other.directions) {
            *hidden |= more;
        }
        Self {
            by_result: self.by_result || other.by_result,
            ways_back: self.ways_back || other.ways_back,
            evictions: self.evictions || other.evictions,
            anything: self.anything || other.anything,
            waits: self.waits || other.waits,
            by_phase: self.by_phase || other.by_phase,
            directions,
        }
    }

    /// Is every migration in this direction left out?
    pub fn direction(&self, direction: Direction) -> bool {
        self.directions[super::index(direction)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::filter::words::word;

    #[test]
    fn conditions_are_known_in_both_forms() {
        let of = |words: &str| {
            let hidden = Hidden::by([words]);
            (hidden.by_result, hidden.ways_back, hidden.evictions)
        };
        assert_eq!(Hidden::by([]), Hidden::default());
        assert_eq!(of("--pid 7 comm=a"), (false, false, true));
        assert_eq!(of("--direction to_system"), (false, true, true));
        assert_eq!(of("driver=amdgpu"), (false, true, false));
        assert_eq!(of("pid=7 slower-than=1ms"), (true, true, true));
        assert_eq!(of("--outcome=completed"), (true, true, true));
        assert_eq!(of("time=1s..2s"), (false, false, false));
        assert!(Hidden::by(["time=1s..2s"]).anything);
        // A value is no condition.
        assert_eq!(of("comm=outcome"), (false, false, true));
        assert_eq!(of("colour=red"), (true, true, true));
    }

    /// Of a script's variable that is 0.
    #[test]
    fn what_lets_all_through_hides_nothing() {
        assert_eq!(
            Hidden::by(["min-pages=0 slower-than=0s"]),
            Hidden::default()
        );
        let one = Hidden::by(["min-pages=1"]);
        assert!(one.ways_back && one.evictions && one.anything);
    }

    #[test]
    fn what_asks_for_migrations_alone_hides_waits() {
        for (words, hides) in [
            ("pid=7 slower-than=1ms", false),
            ("min-pages=0", false),
            ("min-pages=2", true),
            ("cause=cpu_fault", true),
            ("colour=red", true),
        ] {
            assert_eq!(Hidden::by([words]).waits, hides, "{words}");
        }
    }

    /// Where phases were not followed, waits are in none that could be asked for.
    #[test]
    fn phases_of_waits_are_known_where_they_were_followed() {
        let hides = |phases| {
            let details = Details {
                phases,
                ..Details::default()
            };
            Hidden::by(["phase=forward"]).of(details).waits
        };
        assert!(hides(false) && !hides(true));
        assert!(!Hidden::by(["pid=7"]).of(Details::default()).waits);
    }

    #[test]
    fn directions_that_no_filter_lets_through_are_hidden() {
        let hidden = Hidden::by(["direction=to_system,to_device", "direction=to_device"]);
        assert!(hidden.direction(Direction::ToSystem) && !hidden.direction(Direction::ToDevice));
        assert!(!Hidden::by(["pid=7"]).direction(Direction::ToSystem));
    }

    #[test]
    fn every_condition_is_one() {
        let all = SOME_OF_A_PAGE
            .iter()
            .chain(&SOME_EVICTIONS)
            .chain(&BY_RESULT);
        all.for_each(|name| assert!(word(name).is_some(), "{name}"));
    }
}
