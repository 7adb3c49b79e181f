//! The graph in the language of Graphviz.

use crate::report::graph::drawing::{Drawing, Kind, Node, sentence};
use crate::report::graph::style::{Border, Style};

/// A `digraph` with a box for each node; the style tells the state, as does the tooltip.
pub(super) fn draw(drawing: &Drawing) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&drawing.pipeline));
    text += "  node [shape=\"box\", fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=\"10\"];\n";
    for (place, node) in drawing.nodes.iter().enumerate() {
        let look = Style::of(&node.kind);
        text += &format!(
            "  {} [label={}, style=\"{}\", fillcolor=\"{}\", color=\"{}\"{}];\n",
            node.id(place),
            quoted(&node.label().join("\n")),
            style(node),
            look.fill,
            look.line,
            tooltip(node),
        );
    }
    for edge in &drawing.edges {
        let (from, to) = (drawing.nodes[edge.from].id(edge.from), drawing.nodes[edge.to].id(edge.to));
        text += &format!("  {from} -> {to} [label={}];\n", quoted(&edge.label()));
    }
    text + "}\n"
}

fn style(node: &Node) -> &'static str {
    match Style::of(&node.kind).border {
        _ if matches!(node.kind, Kind::External) => "filled,rounded",
        Border::Plain => "filled",
        Border::Thick => "filled,bold",
        Border::Dashed => "filled,dashed",
        Border::Dotted => "filled,dotted",
    }
}

fn tooltip(node: &Node) -> String {
    match &node.kind {
        Kind::Stage { state, reason, .. } => format!(", tooltip={}", quoted(&sentence(*state, reason))),
        Kind::External => String::new(),
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::graph::Edge;
    use crate::store::StageState;
    use layout::gv::DotParser;

    #[test]
    fn any_path_and_any_reason_can_be_read_back() {
        let stage =
            Kind::Stage { uses: "end".to_owned(), state: StageState::Run, reason: "a \"b\" \\ → c".to_owned() };
        let drawing = Drawing {
            pipeline: "node".to_owned(),
            nodes: vec![
                Node { name: "da\"ta\\[1]; -> {ü}.gz".to_owned(), kind: Kind::External },
                Node { name: "end".to_owned(), kind: stage },
            ],
            edges: vec![Edge { from: 0, to: 1, output: None, input_name: "in".to_owned() }],
        };
        let graph = DotParser::new(&draw(&drawing)).process().unwrap();
        let mut builder = layout::gv::GraphBuilder::new();
        builder.visit_graph(&graph);
        assert_eq!(builder.get().num_nodes(), 2);
        assert!(format!("{graph:?}").contains(r#"da\"ta\\[1]; -> {ü}.gz"#), "{graph:?}");
    }
}
