//! The report's pictures, as SVG. Equal figures give equal bytes.

use crate::figures::{Figures, uses};
use crate::neighbourhoods::{Neighbourhoods, Pairs};
use contract::{Failure, Result};
use frames::Codes;
use plotters::prelude::*;
use std::fmt::Display;
use std::ops::Range;
use std::path::Path;

const SIZE: (u32, u32) = (640, 400);

/// Colours that stay apart for the colour-blind (Okabe and Ito 2008).
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
];

/// A named line through points.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// A chart of lines over two named axes.
struct Chart {
    title: &'static str,
    across: (&'static str, Range<f64>),
    up: (&'static str, Range<f64>),
    lines: Vec<Line>,
}

/// Writes `residual.svg`, `code_use.svg` and `neighbourhoods.svg`.
pub(crate) fn write(folder: &Path, codes: &Codes, figures: &Figures, near: &Neighbourhoods) -> Result<()> {
    let charts = [
        ("residual", residual(figures)),
        ("code_use", code_use(codes)),
        ("neighbourhoods", neighbourhoods(near, codes)),
    ];
    for (name, chart) in charts {
        let path = folder.join(format!("{name}.svg"));
        fs_err::write(&path, chart.svg()?).map_err(|error| Failure::writing(&path, error))?;
    }
    Ok(())
}

fn residual(figures: &Figures) -> Chart {
    let start = if figures.variance > 0.0 { 1.0 } else { 0.0 };
    let shares = std::iter::once(&start).chain(&figures.residual_share);
    let points: Vec<(f64, f64)> = (0..).zip(shares).map(|(level, &share)| (f64::from(level), share)).collect();
    let top = points.iter().map(|point| point.1).fold(1.0, f64::max);
    Chart {
        title: "What the levels leave of the embeddings",
        across: ("levels", 0.0..figures.residual_share.len() as f64),
        up: ("mean squared residual / variance", 0.0..top),
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
        across: ("codes, the most frequent first", 1.0..right),
        up: ("items", 0.0..top),
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
        across: ("cosine of their embeddings", -1.0..1.0),
        up: ("mean number of levels", 0.0..codes.levels.len() as f64),
        lines: vec![line("nearest items", &near.nearest), line("random items", &near.random)],
    }
}

impl Chart {
    fn svg(self) -> Result<String> {
        let mut svg = String::new();
        self.draw(&SVGBackend::with_string(&mut svg, SIZE).into_drawing_area()).map_err(failed)?;
        Ok(svg)
    }

    fn draw<B: DrawingBackend>(
        self,
        area: &DrawingArea<B, plotters::coord::Shift>,
    ) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(self.across.1, self.up.1)?;
        chart.configure_mesh().x_desc(self.across.0).y_desc(self.up.0).light_line_style(TRANSPARENT).draw()?;
        for (line, colour) in self.lines.into_iter().zip(COLOURS.iter().cycle()) {
            chart.draw_series(line.points.iter().map(|&point| Circle::new(point, 2, colour.filled())))?;
            chart
                .draw_series(LineSeries::new(line.points, colour.stroke_width(2)))?
                .label(line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .border_style(BLACK.mix(0.3))
            .background_style(WHITE)
            .draw()?;
        area.present()
    }
}

fn failed(error: impl Display) -> Failure {
    Failure::other("draw the report", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Rows;

    #[test]
    fn pictures_hold_a_line_for_each_level_and_are_the_same_every_time() {
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
        let figures = Figures::of(&codes, &items, vec![0.0]);
        assert!(residual(&figures).svg().unwrap().contains("residual"));
        assert!(neighbourhoods(&Neighbourhoods::of(&codes, &items, 1), &codes).svg().unwrap().contains("nearest"));
    }
}
