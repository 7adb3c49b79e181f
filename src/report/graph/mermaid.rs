//! The graph in the language of Mermaid.

use crate::report::graph::drawing::{Drawing, Kind};
use crate::report::graph::style::{Border, Style};
use crate::store::StageState;

/// A flowchart with a box for each stage and a slanted one for each external input; the class tells the state.
pub(super) fn draw(drawing: &Drawing) -> String {
    let mut text = "flowchart TD\n".to_owned();
    for (place, node) in drawing.nodes.iter().enumerate() {
        let label = node.label().iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>");
        let id = node.id(place);
        text += &match &node.kind {
            Kind::Stage { state, .. } => format!("  {id}[\"{label}\"]:::{}\n", state.as_str()),
            Kind::External => format!("  {id}[/\"{label}\"/]:::external\n"),
        };
    }
    for edge in &drawing.edges {
        let (from, to) = (drawing.nodes[edge.from].id(edge.from), drawing.nodes[edge.to].id(edge.to));
        text += &format!("  {from} -- \"{}\" --> {to}\n", escaped(&edge.label()));
    }
    for state in StageState::PLANNED {
        text += &class(state.as_str(), &Style::of_state(state));
    }
    text + &class("external", &Style::of(&Kind::External))
}

fn class(name: &str, style: &Style) -> String {
    let border = match style.border {
        Border::Plain => "",
        Border::Thick => ",stroke-width:3px",
        Border::Dashed => ",stroke-dasharray:6 4",
        Border::Dotted => ",stroke-dasharray:2 3",
    };
    format!("  classDef {name} fill:{},stroke:{},color:#000000{border}\n", style.fill, style.line)
}

/// Mermaid writes what its language or HTML would take for its own as `#name;`.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for sign in text.chars() {
        match sign {
            '"' => escaped += "#quot;",
            '#' => escaped += "#35;",
            '&' => escaped += "#amp;",
            '<' => escaped += "#lt;",
            '>' => escaped += "#gt;",
            '`' => escaped += "#96;",
            '\n' => escaped += " ",
            sign => escaped.push(sign),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_leave_its_quotes() {
        assert_eq!(escaped("a\"]\n<b>#1&`"), "a#quot;] #lt;b#gt;#35;1#amp;#96;");
    }
}
