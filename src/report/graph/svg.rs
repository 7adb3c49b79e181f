//! The graph as an SVG picture: `layout-rs` finds the places, this file writes the elements.
//!
//! The crate's own writer gives its styles in an order that changes from run to run and leaves room that nothing fills.

use crate::error::{Error, Result};
use crate::report::graph::drawing::{Drawing, Kind, Node};
use crate::report::graph::style::{Border, Style};
use crate::store::StageState;
use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::format::{ClipHandle, RenderBackend};
use layout::core::geometry::Point;
use layout::core::style::{LineStyleKind, StyleAttr};
use layout::std_shapes::shapes::{Arrow, Element, LineEndKind, ShapeKind};
use layout::topo::layout::VisualGraph;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a letter takes, in pixels: its width and the height of its line.
const LETTER: (f64, f64) = (8.0, 18.0);
/// The crate takes this for both the width and the height of a letter on an edge.
const EDGE_FONT: usize = 8;
/// Room around the whole, in pixels.
const MARGIN: f64 = 12.0;

/// Arranges the graph from top to bottom and draws it.
pub(super) fn draw(drawing: &Drawing) -> Result<String> {
    // The crate asserts what it expects of a graph, and a panic must not reach a user.
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    // A rare graph fails when the crate optimises it, and not when it leaves that out.
    let attempt = |optimised| catch_unwind(AssertUnwindSafe(|| arrange(drawing, optimised))).ok();
    let canvas = [true, false].into_iter().find_map(attempt);
    std::panic::set_hook(loud);
    let canvas = canvas.ok_or_else(|| Error::Usage {
        message: format!("the graph of '{}' cannot be drawn as svg", drawing.pipeline),
        hint: Some("--format dot, and Graphviz to draw it, takes any graph".to_owned()),
    })?;
    Ok(canvas.finish(&drawing.pipeline))
}

fn arrange(drawing: &Drawing, optimised: bool) -> Canvas {
    let mut graph = VisualGraph::new(Orientation::TopToBottom);
    let handles: Vec<_> = drawing.nodes.iter().map(|node| graph.add_node(element(node))).collect();
    // The crate joins two nodes once.
    let mut between: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for edge in &drawing.edges {
        between.entry((edge.from, edge.to)).or_default().push(edge.label());
    }
    for ((from, to), labels) in between {
        let look = StyleAttr::new(Color::fast("black"), 1, None, 0, EDGE_FONT);
        let (start, end) = (LineEndKind::None, LineEndKind::Arrow);
        let arrow = Arrow::new(start, end, LineStyleKind::Normal, &labels.join("\n"), &look, &None, &None);
        graph.add_edge(arrow, handles[from], handles[to]);
    }
    let mut canvas = Canvas::default();
    graph.do_it(false, !optimised, false, &mut canvas);
    canvas
}

fn element(node: &Node) -> Element {
    let lines = node.label();
    let letters = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let size = Point::new(letters as f64 * LETTER.0 + 24.0, lines.len() as f64 * LETTER.1 + 14.0);
    let rounded = if matches!(node.kind, Kind::External) { 12 } else { 3 };
    let look = StyleAttr::new(Color::fast("black"), 1, None, rounded, 14);
    let class = match &node.kind {
        Kind::Stage { state, .. } => state.as_str(),
        Kind::External => "external",
    };
    Element::create_with_properties(ShapeKind::new_box(&lines.join("\n")), look, Orientation::TopToBottom, size, class)
}

/// What is drawn, and how far it reaches.
#[derive(Default)]
struct Canvas {
    /// The arrows, which lie beneath everything else.
    arrows: String,
    /// Boxes and texts.
    elements: String,
    /// The text that comes next is in a box: each box is followed by its own.
    in_box: bool,
    width: f64,
    height: f64,
}

impl Canvas {
    fn reach(&mut self, x: f64, y: f64) {
        self.width = self.width.max(x + MARGIN);
        self.height = self.height.max(y + MARGIN);
    }

    fn finish(self, title: &str) -> String {
        let Self { arrows, elements, width, height, .. } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\">\n<title>{}</title>\n<style>\n{}</style>\n<defs>\
             <marker id=\"tip\" markerWidth=\"10\" markerHeight=\"7\" refX=\"10\" refY=\"3.5\" orient=\"auto\">\
             <polygon points=\"0 0, 10 3.5, 0 7\" fill=\"#555555\"/></marker></defs>\n{arrows}{elements}</svg>\n",
            escaped(title),
            styles(),
        )
    }
}

fn styles() -> String {
    let mut text = "text { font: 14px sans-serif; text-anchor: middle; }\n.edge { font-size: 11px; fill: #333333; stroke: #ffffff; stroke-width: 4px; \
                    paint-order: stroke; }\npath { fill: none; stroke: #555555; }\nrect.external { fill: #f1f1f1; stroke: #777777; }\n"
        .to_owned();
    for state in StageState::PLANNED.into_iter().chain(StageState::ENDED) {
        let style = Style::of_state(state);
        let border = match style.border {
            Border::Plain => "",
            Border::Thick => " stroke-width: 3;",
            Border::Dashed => " stroke-dasharray: 6 4;",
            Border::Dotted => " stroke-dasharray: 2 3;",
        };
        text += &format!("rect.{} {{ fill: {}; stroke: {};{border} }}\n", state.as_str(), style.fill, style.line);
    }
    text
}

impl RenderBackend for Canvas {
    fn draw_rect(&mut self, at: Point, size: Point, look: &StyleAttr, class: Option<String>, _: Option<ClipHandle>) {
        self.reach(at.x + size.x, at.y + size.y);
        self.in_box = true;
        self.elements += &format!(
            "<rect class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{}\"/>\n",
            escaped(&class.unwrap_or_default()),
            at.x,
            at.y,
            size.x,
            size.y,
            look.rounded
        );
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {
        // Only records and the crate's own tests have lines.
    }

    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {
        // No node here is a circle.
    }

    fn draw_text(&mut self, middle: Point, text: &str, _: &StyleAttr) {
        let in_box = std::mem::take(&mut self.in_box);
        let (class, step) = if in_box { ("", LETTER.1) } else { (" class=\"edge\"", 12.0) };
        let lines = text.lines().count();
        for (place, line) in text.lines().enumerate() {
            let above = (lines as f64 - 1.0) / 2.0 - place as f64;
            // A line of text stands on its y, which is a third of its height below its middle.
            let y = middle.y - above * step + step / 3.0;
            let half = line.chars().count() as f64 * LETTER.0 / 2.0;
            self.reach(middle.x + half, y);
            self.elements += &format!("<text{class} x=\"{:.1}\" y=\"{y:.1}\">{}</text>\n", middle.x, escaped(line));
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _: bool,
        _: (bool, bool),
        _: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
        let [first, second, rest @ ..] = path else { return };
        for (one, other) in path {
            self.reach(one.x.max(other.x), one.y.max(other.y));
        }
        let pair = |(one, other): &(Point, Point)| format!("{:.1} {:.1}, {:.1} {:.1}", one.x, one.y, other.x, other.y);
        let mut line =
            format!("M {:.1} {:.1} C {:.1} {:.1}, {}", first.0.x, first.0.y, first.1.x, first.1.y, pair(second));
        for points in rest {
            line += &format!(" S {}", pair(points));
        }
        self.arrows += &format!("<path d=\"{line}\" marker-end=\"url(#tip)\"/>\n");
    }

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

/// Text within XML, which has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for sign in text.chars() {
        match sign {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&apos;",
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            sign if sign.is_control() => escaped.push('\u{fffd}'),
            sign => escaped.push(sign),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::graph::Edge;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_graph_can_be_laid_out(
            stages in 1_usize..16,
            bonds in prop::collection::vec((0_usize..16, 0_usize..16, "[a-e]{1,12}"), 0..60),
        ) {
            let kind = || Kind::Stage { uses: "s".to_owned(), state: StageState::Run, reason: String::new() };
            let drawing = Drawing {
                pipeline: "p".to_owned(),
                nodes: (0..stages).map(|place| Node { name: format!("n{place}"), kind: kind() }).collect(),
                edges: bonds
                    .into_iter()
                    .filter(|(from, to, _)| from < to && *to < stages)
                    .map(|(from, to, input_name)| Edge { from, to, output: Some("out".to_owned()), input_name })
                    .collect(),
            };
            let svg = draw(&drawing).unwrap();
            prop_assert_eq!(svg.matches("<rect ").count(), stages);
            // No label has these letters, so they would be numbers.
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn what_xml_takes_for_its_own_is_escaped() {
        assert_eq!(escaped("<a b=\"c\" d='e'> & \u{1}"), "&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt; &amp; \u{fffd}");
    }
}
