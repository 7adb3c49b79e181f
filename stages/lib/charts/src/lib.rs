//! The pictures in stages' reports: lines over two axes, as SVG. Equal figures give equal bytes.

use contract::{Failure, Result};
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
    /// When it cannot be drawn.
    pub fn svg(&self) -> Result<String> {
        let mut svg = String::new();
        self.draw(&SVGBackend::with_string(&mut svg, SIZE).into_drawing_area()).map_err(failed)?;
        Ok(svg)
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, plotters::coord::Shift>,
    ) -> std::result::Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(self.across.range.clone(), self.up.range.clone())?;
        chart.configure_mesh().x_desc(self.across.name).y_desc(self.up.name).light_line_style(TRANSPARENT).draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            if line.points.len() <= CIRCLES {
                chart.draw_series(line.points.iter().map(|&point| Circle::new(point, 2, colour.filled())))?;
            }
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)))?
                .label(&line.name)
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
}
