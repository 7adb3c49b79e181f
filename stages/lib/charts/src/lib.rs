//! The pictures in stages' reports: lines over two axes, as SVG. Equal numbers give equal bytes.

use contract::{Failure, FailureKind, Result};
use plotters::prelude::*;
use std::fmt::Display;
use std::ops::Range;
use std::path::Path;

const SIZE: (u32, u32) = (640, 400);

/// More points than this are a line without circles.
const CIRCLES: usize = 300;

/// Colours that stay apart for the colour-blind (Okabe and Ito 2008).
const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
];

/// A named line through points.
#[derive(Clone, Debug)]
pub struct Line {
    /// What the legend calls it.
    pub name: String,
    /// `(across, up)`.
    pub points: Vec<(f64, f64)>,
}

/// What an axis is, and from where to where it goes.
#[derive(Clone, Debug)]
pub struct Axis {
    /// With its unit, if it has one.
    pub name: &'static str,
    /// Its ends.
    pub range: Range<f64>,
}

/// Lines over two axes.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What stands above it.
    pub title: &'static str,
    /// The axis from left to right.
    pub across: Axis,
    /// The axis from below to above.
    pub up: Axis,
    /// What is drawn.
    pub lines: Vec<Line>,
}

impl Chart {
    /// Writes the picture to a file.
    ///
    /// # Errors
    /// When it cannot be drawn or written.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs_err::write(path, self.svg()?).map_err(|error| Failure::writing(path, error))
    }

    /// The picture.
    ///
    /// # Errors
    /// When a number is not finite, or it cannot be drawn.
    pub fn svg(&self) -> Result<String> {
        self.check()?;
        let mut svg = String::new();
        self.draw(&SVGBackend::with_string(&mut svg, SIZE).into_drawing_area()).map_err(failed)?;
        Ok(svg)
    }

    fn check(&self) -> Result<()> {
        let ends = [&self.across.range, &self.up.range].into_iter().flat_map(|range| [range.start, range.end]);
        let points = self.lines.iter().flat_map(|line| &line.points).flat_map(|&(across, up)| [across, up]);
        match ends.chain(points).find(|number| !number.is_finite()) {
            None => Ok(()),
            Some(number) => {
                let message = format!("the chart '{}' has a number that is not finite: {number}", self.title);
                Err(Failure::new(FailureKind::Diverged, message))
            }
        }
    }

    /// The corner in which the fewest points lie, so that the legend hides little; the upper right one among equals.
    fn legend_corner(&self) -> SeriesLabelPosition {
        /// The part of the picture that a legend takes, across and up.
        const TAKES: (f64, f64) = (0.4, 0.35);
        let part = |range: &Range<f64>, number: f64| (number - range.start) / (range.end - range.start);
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let count = |is_right: bool, is_upper: bool| {
            let lies = |&&(x, y): &&(f64, f64)| {
                let (across, up) = (part(&self.across.range, x), part(&self.up.range, y));
                let (from_side, from_edge) =
                    (if is_right { 1.0 - across } else { across }, if is_upper { 1.0 - up } else { up });
                from_side < TAKES.0 && from_edge < TAKES.1
            };
            points().filter(lies).count()
        };
        let corners = [
            (count(true, true), SeriesLabelPosition::UpperRight),
            (count(false, true), SeriesLabelPosition::UpperLeft),
            (count(true, false), SeriesLabelPosition::LowerRight),
            (count(false, false), SeriesLabelPosition::LowerLeft),
        ];
        corners.into_iter().min_by_key(|corner| corner.0).map_or(SeriesLabelPosition::UpperRight, |corner| corner.1)
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, plotters::coord::Shift>,
    ) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&WHITE)?;
        let (across, up) = (Scale::of(&self.across), Scale::of(&self.up));
        let place = |&(x, y): &(f64, f64)| (across.apply(x), up.apply(y));
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(across.range.clone(), up.range.clone())?;
        chart.configure_mesh().x_desc(&across.name).y_desc(&up.name).light_line_style(TRANSPARENT).draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            if line.points.len() <= CIRCLES {
                chart.draw_series(line.points.iter().map(|point| Circle::new(place(point), 2, colour.filled())))?;
            }
            chart
                .draw_series(LineSeries::new(line.points.iter().map(place), colour.stroke_width(2)))?
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(self.legend_corner())
            .border_style(BLACK.mix(0.3))
            .background_style(WHITE)
            .draw()?;
        area.present()
    }
}

/// An axis as it is drawn: in units of a power of ten where its numbers are so large or small that the search for round
/// numbers between its ends would not end.
struct Scale {
    unit: f64,
    name: String,
    range: Range<f64>,
}

impl Scale {
    fn of(axis: &Axis) -> Self {
        let largest = axis.range.start.abs().max(axis.range.end.abs());
        // Exact for numbers that need no unit, so that these are drawn as they are.
        let power = if largest > 0.0 { largest.log10().floor() as i32 } else { 0 };
        let is_plain = (-LARGEST_POWER..=LARGEST_POWER).contains(&power);
        let unit = if is_plain { 1.0 } else { 10.0_f64.powi(power.max(-300)) };
        let name = if is_plain { axis.name.to_owned() } else { format!("{} / 1e{}", axis.name, power.max(-300)) };
        let (start, mut end) = (axis.range.start / unit, axis.range.end / unit);
        let least = 1e-9 * start.abs().max(end.abs()).max(f64::MIN_POSITIVE / 1e-9);
        if (end - start).abs() < least {
            end = start + least.max(1e-9);
        }
        Self { unit, name, range: start..end }
    }

    fn apply(&self, number: f64) -> f64 {
        number / self.unit
    }
}

/// Axes up to this power of ten have their numbers written out.
const LARGEST_POWER: i32 = 9;

fn failed(error: impl Display) -> Failure {
    Failure::other("draw the report", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: usize) -> Chart {
        let line = |name: &str| Line {
            name: name.to_owned(),
            points: (0..points).map(|place| (place as f64, (place as f64).sin())).collect(),
        };
        Chart {
            title: "Two waves",
            across: Axis { name: "step", range: 0.0..points as f64 },
            up: Axis { name: "height", range: -1.0..1.0 },
            lines: vec![line("first"), line("second")],
        }
    }

    #[test]
    fn a_picture_has_its_lines_and_is_the_same_every_time() {
        let svg = chart(20).svg().unwrap();
        assert_eq!(svg, chart(20).svg().unwrap());
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(["Two waves", "step", "height", "first", "second"].iter().all(|text| svg.contains(text)));
        assert_eq!(svg.matches("<circle").count(), 40);
        assert_eq!(chart(CIRCLES + 1).svg().unwrap().matches("<circle").count(), 0);
        let folder = tempfile::tempdir().unwrap();
        chart(20).write(&folder.path().join("waves.svg")).unwrap();
        assert!(chart(20).write(&folder.path().join("none/waves.svg")).is_err());
    }

    #[test]
    fn charts_of_any_range_are_drawn() {
        let of = |range: Range<f64>| {
            let mut chart = chart(4);
            chart.lines[0].points = vec![(0.0, range.start), (1.0, range.end)];
            chart.up.range = range;
            chart.svg()
        };
        let ends = [1e-310, 1e-38, 1e-9, 1.0, 1e9, 1e15, 1e38, 1e300];
        for end in ends {
            for range in [0.0..end, -end..end, end..end, end..end * (1.0 + f64::EPSILON), -end..0.0] {
                assert!(of(range.clone()).unwrap().contains("height"), "{range:?}");
            }
        }
        for range in [0.0..f64::INFINITY, f64::NAN..1.0] {
            assert_eq!(of(range).unwrap_err().kind, FailureKind::Diverged);
        }
    }

    #[test]
    fn the_legend_is_where_the_fewest_points_are() {
        let corner = |points: &[(f64, f64)]| {
            let mut chart = chart(0);
            chart.across.range = 0.0..1.0;
            chart.up.range = 0.0..1.0;
            chart.lines[0].points = points.to_vec();
            chart.legend_corner()
        };
        assert!(matches!(corner(&[]), SeriesLabelPosition::UpperRight));
        let rising = [(0.0, 0.0), (0.5, 0.5), (0.9, 0.9)];
        assert!(matches!(corner(&rising), SeriesLabelPosition::UpperLeft));
        assert!(matches!(corner(&[(0.1, 0.9), (0.9, 0.9)]), SeriesLabelPosition::LowerRight));
        assert!(matches!(corner(&[(0.1, 0.9), (0.9, 0.9), (0.9, 0.1)]), SeriesLabelPosition::LowerLeft));
    }
}
