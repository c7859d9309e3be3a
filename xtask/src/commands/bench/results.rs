//! What was measured, in one object: the table and the JSON file show the same.

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::dashboard::Dashboard;
use super::figures::Figures;
use super::fit::{Fit, Point};
use super::measure::Cost;
use super::phases::Phases;
use super::reader::Reader;
use super::tool::Tool;

/// The directions, in the order of the table.
pub(super) const DIRECTIONS: [&str; 2] = ["to_device", "to_system"];

/// A touch of a page on the device, which has the driver migrate it.
pub(super) const FAULT: &str = "fault";
/// A touch of a page in swap space. Whoever follows waits looks at it, too, to see that it is none.
const SWAP_IN: &str = "swap_in";
/// The touches, in the order of the table. Each is of one page.
pub(super) const TOUCHES: [&str; 2] = [FAULT, SWAP_IN];

/// Everything.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    pub(super) kernel: String,
    /// What calls and touches cost that nobody watches.
    pub(super) untraced: Vec<Instructions>,
    pub(super) tools: Vec<Measured>,
    /// What it costs to follow waits; empty unless migscope was measured with and without.
    pub(super) waits: Vec<Bound>,
    /// `null` unless migscope itself was measured.
    pub(super) figures: Option<Figures>,
    pub(super) phases: Phases,
    pub(super) dashboard: Dashboard,
    pub(super) reader: Reader,
}

/// Guest instructions of a call or a touch; under a tool those that it adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Instructions {
    pub(super) what: String,
    pub(super) pages: u32,
    pub(super) calls: u64,
    pub(super) instructions: i64,
}

/// A tool.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    pub(super) tool: Tool,
    pub(super) about: String,
    pub(super) extra: Vec<Instructions>,
    /// Migrations that it says it lost, of those that were timed and those before.
    pub(super) lost: u64,
    pub(super) fits: Vec<DirectedFit>,
    pub(super) bounds: Vec<Bound>,
    /// What it costs with another driver.
    pub(super) known_fixed: Option<f64>,
}

/// The line through the costs one way.
#[derive(Debug, Serialize)]
pub(super) struct DirectedFit {
    pub(super) what: &'static str,
    #[serde(flatten)]
    pub(super) fit: Fit,
}

/// What a tool may cost, and what it does where it costs more.
#[derive(Debug, Serialize)]
pub(super) struct Bound {
    pub(super) what: &'static str,
    pub(super) at_most: f64,
    pub(super) measured: f64,
    pub(super) met: bool,
}

impl Bound {
    pub(super) fn new(what: &'static str, at_most: f64, measured: f64) -> Self {
        Bound {
            what,
            at_most,
            measured,
            met: measured <= at_most,
        }
    }
}

/// What migscope may cost, in instructions: for a call, and for each of its pages. In calls of the
/// driver nobody waits: whoever follows waits may cost no more there.
fn limits(tool: Tool) -> &'static [(&'static str, f64)] {
    match tool {
        Tool::Migscope | Tool::NoWaits => &[("fixed", 2_600.0), ("per_page", 22.0)],
        Tool::NoMappings => &[("fixed", 2_500.0), ("per_page", 22.0)],
        Tool::TotalsOnly => &[("fixed", 2_300.0)],
        _ => &[],
    }
}

/// What it may cost to follow waits, in instructions: for a touch of this kind.
const WAIT_LIMITS: [(&str, &str, f64); 2] = [
    (FAULT, "a fault's two hooks", 900.0),
    (SWAP_IN, "a swap-in's two hooks", 250.0),
];

/// What others cost for a call of another driver on the same kernel, measured the same way.
fn known_fixed(tool: Tool) -> Option<f64> {
    match tool {
        Tool::FunctionGraph => Some(4_400.0),
        Tool::Bpftrace => Some(8_200.0),
        _ => None,
    }
}

impl Results {
    /// Whether no bound is exceeded.
    pub(super) fn are_within_bounds(&self) -> bool {
        let of_tools = self.tools.iter().flat_map(|tool| &tool.bounds);
        of_tools.chain(&self.waits).all(|bound| bound.met)
            && self.phases.bounds.iter().all(|bound| bound.met)
            && self.dashboard.is_within_bounds()
            && self.reader.is_within_bounds()
    }
}

impl Measured {
    /// What a tool adds to calls and touches that nobody watches.
    pub(super) fn new(
        tool: Tool,
        untraced: &[Instructions],
        costs: &[Cost],
        lost: u64,
    ) -> Result<Self> {
        let mut extra = absolute(costs);
        let mut lines = Vec::new();
        for cost in &mut extra {
            let base = find(untraced, &cost.what, cost.pages)
                .with_context(|| format!("no untraced {}", cost.what))?;
            cost.instructions -= base.instructions;
        }
        for what in DIRECTIONS {
            let of = extra.iter().filter(|cost| cost.what == what);
            let points: Vec<_> = of.filter_map(|cost| point(cost, untraced)).collect();
            if let Some(fit) = Fit::of(&points) {
                lines.push(DirectedFit { what, fit });
            }
        }
        Ok(Measured {
            tool,
            about: tool.about(),
            extra,
            lost,
            bounds: bounds(tool, &lines),
            fits: lines,
            known_fixed: known_fixed(tool),
        })
    }
}

/// Calls and touches, and what they cost.
pub(super) fn absolute(costs: &[Cost]) -> Vec<Instructions> {
    let instructions = |cost: &Cost| Instructions {
        what: cost.what.clone(),
        pages: cost.pages,
        calls: cost.calls,
        instructions: cost.instructions as i64,
    };
    costs.iter().map(instructions).collect()
}

/// The one of this kind and size.
pub(super) fn find<'a>(
    all: &'a [Instructions],
    what: &str,
    pages: u32,
) -> Option<&'a Instructions> {
    all.iter()
        .find(|one| one.what == what && one.pages == pages)
}

fn point(extra: &Instructions, untraced: &[Instructions]) -> Option<Point> {
    let base = find(untraced, &extra.what, extra.pages)?;
    Some(Point {
        pages: extra.pages.into(),
        cost: extra.instructions as f64,
        length: base.instructions as f64,
    })
}

/// Holds the worse direction against what is allowed.
fn bounds(tool: Tool, fits: &[DirectedFit]) -> Vec<Bound> {
    let worst = |what| {
        let value = |line: &DirectedFit| match what {
            "fixed" => line.fit.fixed,
            _ => line.fit.per_page,
        };
        fits.iter().map(value).max_by(f64::total_cmp)
    };
    let bound =
        |(what, at_most): &(&'static str, f64)| Some(Bound::new(what, *at_most, worst(*what)?));
    limits(tool).iter().filter_map(bound).collect()
}

/// What it costs to follow waits. What it costs to see a fault's migration is not in the
/// difference; what that takes longer because it is in the middle of a wait is.
pub(super) fn waits(tools: &[Measured]) -> Vec<Bound> {
    let of = |tool| tools.iter().find(|measured| measured.tool == tool);
    let (Some(with), Some(without)) = (of(Tool::Migscope), of(Tool::NoWaits)) else {
        return Vec::new();
    };
    let extra = |tool: &Measured, touch| Some(find(&tool.extra, touch, 1)?.instructions);
    let added = |touch| Some(extra(with, touch)? - extra(without, touch)?);
    let bound = |(touch, what, at_most)| {
        let mut measured = added(touch)?;
        if touch == FAULT {
            // The kernel comes twice, the first time under another lock: then there is nothing for
            // the hooks to do, as in a swap-in.
            measured -= added(SWAP_IN)?;
        }
        Some(Bound::new(what, at_most, measured as f64))
    };
    WAIT_LIMITS.into_iter().filter_map(bound).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(fixed: u64, per_page: u64) -> Vec<Cost> {
        let cost = |(what, pages): (&str, u32)| Cost {
            what: what.to_owned(),
            pages,
            calls: 10,
            instructions: 9_000 + 4_500 * u64::from(pages) + fixed + per_page * u64::from(pages),
        };
        [1, 8, 512]
            .into_iter()
            .flat_map(|pages| DIRECTIONS.map(|direction| cost((direction, pages))))
            .collect()
    }

    fn measured(tool: Tool, fixed: u64, per_page: u64) -> Measured {
        Measured::new(tool, &absolute(&costs(0, 0)), &costs(fixed, per_page), 0).unwrap()
    }

    #[test]
    fn the_untraced_call_is_taken_off() {
        let measured = measured(Tool::Migscope, 2_900, 20);
        assert_eq!(
            find(&measured.extra, "to_system", 8).unwrap().instructions,
            3_060
        );
        assert!((measured.fits[1].fit.fixed - 2_900.0).abs() < 0.1);
    }

    #[test]
    fn a_bound_is_met_or_not() {
        let verdicts = |tool, fixed, per_page| -> Vec<bool> {
            let measured = measured(tool, fixed, per_page);
            measured.bounds.iter().map(|bound| bound.met).collect()
        };
        assert_eq!(verdicts(Tool::Migscope, 2_599, 21), [true, true]);
        assert_eq!(verdicts(Tool::Migscope, 2_601, 23), [false, false]);
        assert_eq!(verdicts(Tool::NoWaits, 2_601, 21), [false, true]);
        assert_eq!(verdicts(Tool::NoMappings, 2_501, 21), [false, true]);
        assert_eq!(verdicts(Tool::TotalsOnly, 2_301, 99), [false]);
        assert_eq!(verdicts(Tool::Bpftrace, 9_999, 99), [false; 0]);
    }

    /// A tool that adds this to touches.
    fn touched(tool: Tool, fault: u64, swap_in: u64) -> Measured {
        let costs = |fault, swap_in| {
            let cost = |(what, instructions): (&str, u64)| Cost {
                what: what.to_owned(),
                pages: 1,
                calls: 10,
                instructions,
            };
            [(FAULT, fault), (SWAP_IN, swap_in)].map(cost)
        };
        let untraced = absolute(&costs(20_000, 5_000));
        let traced = costs(20_000 + fault, 5_000 + swap_in);
        Measured::new(tool, &untraced, &traced, 0).unwrap()
    }

    #[test]
    fn what_waits_cost_is_what_they_add_to_the_migration() {
        let verdicts = |fault: u64, swap_in| -> Vec<_> {
            let tools = [
                touched(Tool::Migscope, 2_600 + swap_in + fault, swap_in),
                touched(Tool::NoWaits, 2_600, 0),
            ];
            let bounds = waits(&tools).into_iter();
            bounds.map(|bound| (bound.measured, bound.met)).collect()
        };
        assert_eq!(verdicts(900, 250), [(900.0, true), (250.0, true)]);
        assert_eq!(verdicts(901, 251), [(901.0, false), (251.0, false)]);
    }

    #[test]
    fn what_waits_cost_is_not_known_of_one_tool() {
        for tool in [Tool::Migscope, Tool::NoWaits] {
            let other = touched(Tool::TotalsOnly, 0, 0);
            assert!(waits(&[touched(tool, 9_999, 9_999), other]).is_empty());
        }
    }

    #[test]
    fn one_size_has_no_bounds() {
        let costs = &costs(10, 10)[..2];
        let measured = Measured::new(Tool::Migscope, &absolute(costs), costs, 0).unwrap();
        assert!(measured.fits.is_empty() && measured.bounds.is_empty());
    }
}
