//! The picture for a terminal: a row for each node and a lane down the page for each node that others use.
//!
//! ```text
//! ●        sample      sample      cached
//! ▶        ingest      ingest      run: users: 120 → 300
//! ├─○      popularity  popularity  waiting for ingest
//! ╰─┴─○    metrics     metrics     waiting for ingest, popularity
//! ```
//!
//! A lane begins under its node and ends at the last row that uses it. A row's line begins at the leftmost lane that it
//! takes from and ends at its own node; where it crosses a lane without taking from it, the line is broken by the lane.

use crate::report::graph::drawing::{Drawing, Kind, sentence};
use crate::report::graph::style::Style;
use crate::store::StageState;
use crate::terminal::styled;
use std::collections::BTreeSet;

/// Draws the rows, how many there are of each state, and the meaning of the signs in use.
pub(super) fn draw(drawing: &Drawing) -> String {
    let rows = rows(drawing);
    let lanes = rows.iter().map(Row::width).max().unwrap_or(0);
    let (name_width, uses_width) = widths(drawing);
    let mut text = String::new();
    for (row, node) in rows.iter().zip(&drawing.nodes) {
        let Style { sign, colour, .. } = Style::of(&node.kind);
        let padding = " ".repeat(lanes - row.width());
        text += &format!("{}{}{}{padding}  ", row.before, styled(sign, colour), row.after);
        text += &match &node.kind {
            Kind::Stage { uses, state, reason } => {
                let description = styled(sentence(*state, reason), colour);
                format!("{:<name_width$}  {uses:<uses_width$}  {description}", node.name)
            }
            Kind::External => node.name.clone(),
        };
        text += "\n";
    }
    text += &format!("\n{}\n", counts(drawing));
    let legend: Vec<String> = legend(drawing)
        .into_iter()
        .map(|(sign, colour, description)| format!("{} {description}", styled(sign, colour)))
        .collect();
    text + &legend.join("   ") + "\n"
}

/// The lanes of a row, up to the node's own sign and after it.
struct Row {
    before: String,
    after: String,
}

impl Row {
    fn width(&self) -> usize {
        self.before.chars().count() + 1 + self.after.chars().count()
    }
}

/// What a lane of the page holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    Free,
    /// The node above is done with; a node right below it would look as if it used it.
    Resting,
    /// The results of this node are still to be used.
    Held(usize),
}

fn rows(drawing: &Drawing) -> Vec<Row> {
    let mut last_use: Vec<Option<usize>> = vec![None; drawing.nodes.len()];
    for edge in &drawing.edges {
        last_use[edge.from] = last_use[edge.from].max(Some(edge.to));
    }
    let mut lanes: Vec<Lane> = Vec::new();
    let mut rows = Vec::with_capacity(drawing.nodes.len());
    for node in 0..drawing.nodes.len() {
        let sources: BTreeSet<usize> =
            drawing.edges.iter().filter(|edge| edge.to == node).map(|edge| edge.from).collect();
        let taken: BTreeSet<usize> = (0..lanes.len())
            .filter(|lane| matches!(lanes[*lane], Lane::Held(from) if sources.contains(&from)))
            .collect();
        let ending: BTreeSet<usize> = taken
            .iter()
            .copied()
            .filter(|lane| matches!(lanes[*lane], Lane::Held(from) if last_use[from] == Some(node)))
            .collect();
        let own = own_lane(&mut lanes, &taken, &ending);
        rows.push(row(&lanes, own, &taken, &ending));
        for (place, lane) in lanes.iter_mut().enumerate() {
            if *lane == Lane::Resting || ending.contains(&place) {
                *lane = Lane::Free;
            }
        }
        lanes[own] = if last_use[node].is_some() { Lane::Held(node) } else { Lane::Resting };
    }
    rows
}

/// A node stands to the right of all that it takes from: in the rightmost of these lanes if that one ends here, else in
/// the first free one.
fn own_lane(lanes: &mut Vec<Lane>, taken: &BTreeSet<usize>, ending: &BTreeSet<usize>) -> usize {
    if let Some(rightmost) = taken.last()
        && ending.contains(rightmost)
    {
        return *rightmost;
    }
    let first = taken.last().map_or(0, |rightmost| rightmost + 1);
    (first..lanes.len()).find(|lane| lanes[*lane] == Lane::Free).unwrap_or_else(|| {
        lanes.push(Lane::Free);
        lanes.len() - 1
    })
}

fn row(lanes: &[Lane], own: usize, taken: &BTreeSet<usize>, ending: &BTreeSet<usize>) -> Row {
    let start = taken.iter().copied().find(|lane| *lane < own).unwrap_or(own);
    let mut before = String::new();
    for (place, lane) in lanes.iter().enumerate().take(own) {
        let sign = match (taken.contains(&place), ending.contains(&place), place == start) {
            (true, true, true) => '╰',
            (true, true, false) => '┴',
            (true, false, true) => '├',
            (true, false, false) => '┼',
            (false, ..) if matches!(lane, Lane::Held(_)) => '│',
            (false, ..) if place > start => '─',
            (false, ..) => ' ',
        };
        before.push(sign);
        before.push(if place >= start { '─' } else { ' ' });
    }
    let after = lanes[own + 1..].iter().map(|lane| if matches!(lane, Lane::Held(_)) { " │" } else { "  " });
    Row { before, after: after.collect::<String>().trim_end().to_owned() }
}

fn widths(drawing: &Drawing) -> (usize, usize) {
    let stages = drawing.nodes.iter().filter_map(|node| match &node.kind {
        Kind::Stage { uses, .. } => Some((node.name.chars().count(), uses.chars().count())),
        Kind::External => None,
    });
    stages.fold((0, 0), |(name, uses), (this_name, this_uses)| (name.max(this_name), uses.max(this_uses)))
}

fn counts(drawing: &Drawing) -> String {
    let states: Vec<StageState> = states(drawing).collect();
    let count = |wanted: StageState| states.iter().filter(|state| **state == wanted).count();
    let (cached, blocked) = (count(StageState::Cached), count(StageState::Blocked));
    let to_run = states.len() - cached - blocked;
    let stages = if states.len() == 1 { "1 stage".to_owned() } else { format!("{} stages", states.len()) };
    let mut text = format!("{}: {stages}, {cached} cached, {to_run} to run", drawing.pipeline);
    if blocked > 0 {
        text += &format!(", {blocked} blocked");
    }
    text
}

fn legend(drawing: &Drawing) -> Vec<(&'static str, anstyle::Style, &'static str)> {
    let present: BTreeSet<StageState> = states(drawing).collect();
    let mut legend: Vec<_> = StageState::PLANNED
        .into_iter()
        .filter(|state| present.contains(state))
        .map(|state| {
            let Style { sign, colour, .. } = Style::of_state(state);
            (sign, colour, state.as_str())
        })
        .collect();
    if drawing.nodes.iter().any(|node| matches!(node.kind, Kind::External)) {
        let Style { sign, colour, .. } = Style::of(&Kind::External);
        legend.push((sign, colour, "external input"));
    }
    legend
}

fn states(drawing: &Drawing) -> impl Iterator<Item = StageState> {
    drawing.nodes.iter().filter_map(|node| match &node.kind {
        Kind::Stage { state, .. } => Some(*state),
        Kind::External => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::graph::drawing::{Edge, Node};
    use proptest::prelude::*;

    /// A graph of so many stages, all cached, joined as the pairs say.
    fn drawing(stages: usize, pairs: &[(usize, usize)]) -> Drawing {
        let kind = || Kind::Stage { uses: "s".to_owned(), state: StageState::Cached, reason: String::new() };
        let nodes = (0..stages).map(|place| Node { name: format!("n{place}"), kind: kind() }).collect();
        let edge =
            |(from, to): &(usize, usize)| Edge { from: *from, to: *to, output: None, input_name: "in".to_owned() };
        Drawing { pipeline: "p".to_owned(), nodes, edges: pairs.iter().map(edge).collect() }
    }

    fn lanes(stages: usize, pairs: &[(usize, usize)]) -> String {
        let rows = rows(&drawing(stages, pairs));
        rows.iter().map(|row| format!("{}●{}\n", row.before, row.after)).collect()
    }

    #[test]
    fn a_chain_is_one_lane() {
        assert_eq!(lanes(3, &[(0, 1), (1, 2)]), "●\n●\n●\n");
    }

    #[test]
    fn a_diamond_opens_and_closes() {
        assert_eq!(lanes(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]), "●\n├─●\n● │\n╰─●\n");
    }

    #[test]
    fn stages_without_a_bond_do_not_touch() {
        assert_eq!(lanes(2, &[]), "●\n  ●\n");
    }

    /// Reads a picture back: which rows each row's line takes from.
    fn read(picture: &str) -> Vec<(usize, usize)> {
        let grid: Vec<Vec<char>> = picture.lines().map(|line| line.chars().collect()).collect();
        let at = |row: usize, column: usize| grid[row].get(column).copied().unwrap_or(' ');
        let source = |row: usize, column: usize| {
            let above = (0..row).rev().take_while(|above| "│├┼●".contains(at(*above, column)));
            above.into_iter().find(|above| at(*above, column) == '●')
        };
        let mut pairs = Vec::new();
        for (row, signs) in grid.iter().enumerate() {
            let own = (0..signs.len()).find(|column| at(row, *column) == '●').unwrap();
            let taken = (0..own).filter(|column| "├┼╰┴".contains(at(row, *column)));
            pairs.extend(taken.map(|column| (source(row, column).unwrap(), row)));
            let above = row.checked_sub(1).map(|above| at(above, own));
            if above.is_some_and(|above| "│├┼●".contains(above)) {
                pairs.push((source(row, own).unwrap(), row));
            }
        }
        pairs.sort_unstable();
        pairs
    }

    proptest! {
        #[test]
        fn the_picture_says_exactly_what_uses_what(
            stages in 1_usize..14,
            bonds in prop::collection::btree_set((0_usize..14, 0_usize..14), 0..40),
        ) {
            let pairs: Vec<(usize, usize)> =
                bonds.into_iter().filter(|(from, to)| from < to && *to < stages).collect();
            prop_assert_eq!(read(&lanes(stages, &pairs)), pairs);
        }
    }
}
