//! The report's pictures.

use crate::neighbourhoods::{Neighbourhoods, Pairs};
use crate::statistics::{Statistics, uses};
use charts::{Axis, Chart, Line};
use contract::Result;
use frames::Codes;
use std::path::Path;

/// Writes `residual.svg`, `code_use.svg` and `neighbourhoods.svg`.
pub(crate) fn write(folder: &Path, codes: &Codes, statistics: &Statistics, near: &Neighbourhoods) -> Result<()> {
    let charts = [
        ("residual", residual(statistics)),
        ("code_use", code_use(codes)),
        ("neighbourhoods", neighbourhoods(near, codes)),
    ];
    for (name, chart) in charts {
        chart.write(&folder.join(format!("{name}.svg")))?;
    }
    Ok(())
}

fn residual(statistics: &Statistics) -> Chart {
    let start = if statistics.variance > 0.0 { 1.0 } else { 0.0 };
    let ratios = std::iter::once(&start).chain(&statistics.residual_ratio);
    let points: Vec<(f64, f64)> = (0..).zip(ratios).map(|(level, &ratio)| (f64::from(level), ratio)).collect();
    let top = points.iter().map(|point| point.1).fold(1.0, f64::max);
    Chart {
        title: "What the levels leave of the embeddings",
        across: Axis { name: "levels", range: 0.0..statistics.residual_ratio.len() as f64 },
        up: Axis { name: "mean squared residual / variance", range: 0.0..top },
        lines: vec![Line { name: "residual".to_owned(), points }],
    }
}

fn code_use(codes: &Codes) -> Chart {
    let line = |(level, codes): (usize, &Vec<u32>)| Line {
        name: format!("level {}", level + 1),
        points: (1..).zip(uses(codes)).map(|(rank, items)| (f64::from(rank), items as f64)).collect(),
    };
    let lines: Vec<Line> = codes.levels.iter().enumerate().map(line).collect();
    let (mut right, mut top) = (2.0_f64, 1.0_f64);
    for (rank, items) in lines.iter().flat_map(|line| &line.points) {
        (right, top) = (right.max(*rank), top.max(*items));
    }
    Chart {
        title: "Use of the codes",
        across: Axis { name: "codes, the most frequent first", range: 1.0..right },
        up: Axis { name: "items", range: 0.0..top },
        lines,
    }
}

fn neighbourhoods(near: &Neighbourhoods, codes: &Codes) -> Chart {
    let line = |name: &str, pairs: &Pairs| Line {
        name: name.to_owned(),
        points: pairs.by_cosine.iter().map(|one| ((one.from + one.to) / 2.0, one.mean_shared_levels)).collect(),
    };
    Chart {
        title: "First codes that two items share",
        across: Axis { name: "cosine of their embeddings", range: -1.0..1.0 },
        up: Axis { name: "mean number of levels", range: 0.0..codes.levels.len() as f64 },
        lines: vec![line("nearest items", &near.nearest), line("random items", &near.random)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Rows;

    #[test]
    fn charts_have_a_line_a_level_and_repeat() {
        let codes = Codes { levels: vec![vec![0, 0, 1, 2], vec![0, 1, 0, 0], vec![1, 1, 1, 1]] };
        let draw = || code_use(&codes).svg().unwrap();
        let svg = draw();
        assert_eq!(svg, draw());
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(["level 1", "level 2", "level 3"].iter().all(|name| svg.contains(name)));
        assert_eq!(svg.matches("<circle").count(), 3 + 2 + 1);
    }

    #[test]
    fn figures_of_equal_items_can_be_drawn() {
        let items = Rows { dim: 1, values: vec![1.0; 2] };
        let codes = Codes { levels: vec![vec![0, 0]] };
        let statistics = Statistics::of(&codes, &items, vec![0.0]);
        assert!(residual(&statistics).svg().unwrap().contains("residual"));
        assert!(neighbourhoods(&Neighbourhoods::of(&codes, &items, 1), &codes).svg().unwrap().contains("nearest"));
    }
}
