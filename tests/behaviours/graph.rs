//! `pipe graph` draws the same graph for terminals, Graphviz, Mermaid, browsers and programs.

use crate::space::{QUICK, Space, repository};
use serde_json::Value;

/// The quick pipeline with its first stage done and another parameter in its second.
fn half_done() -> Space {
    let space = Space::quick();
    space.succeed(&["run", "quick", "--until", "ingest"]);
    space.write("quick.toml", QUICK.replace("uses = \"ingest\"\n", "uses = \"ingest\"\nmax_history = 7\n"));
    space
}

/// A pipeline with an external input whose name every format would take for its own language.
fn odd() -> Space {
    let space = Space::new();
    space.write("da \"ta\"; -> [1] {<b>&'x}.jsonl", "{}\n");
    space.write(
        "odd.toml",
        "name = \"node\"\n\n[stage.end]\nuses = \"ingest\"\n\
         reviews = '''da \"ta\"; -> [1] {<b>&'x}.jsonl'''\nmetadata = \"nowhere.gz\"\n",
    );
    space
}

fn draw(space: &Space, pipeline: &str, format: &str) -> String {
    space.redact(&space.succeed(&["graph", pipeline, "--format", format]).out)
}

#[test]
fn as_text() {
    let space = half_done();
    insta::assert_snapshot!(draw(&space, "quick", "text"));
    space.succeed(&["run", "quick"]);
    insta::assert_snapshot!("as_text_when_all_is_done", space.succeed(&["graph", "quick"]).out);
}

#[test]
fn as_text_with_all_stages_of_the_sample() {
    let space = Space::new();
    let sample = repository().join("pipelines/sample.toml");
    insta::assert_snapshot!(space.succeed(&["graph", sample.to_str().unwrap(), "--store", "artifacts"]).out);
}

#[test]
fn as_text_with_outside_files_of_which_one_is_missing() {
    insta::assert_snapshot!(draw(&odd(), "odd", "text"));
}

#[test]
fn as_dot_that_can_be_parsed() {
    let dot = draw(&half_done(), "quick", "dot");
    insta::assert_snapshot!(dot);
    let graph = layout::gv::DotParser::new(&dot).process().unwrap();
    let mut builder = layout::gv::GraphBuilder::new();
    builder.visit_graph(&graph);
    assert_eq!(builder.get().num_nodes(), 4);
    assert!(layout::gv::DotParser::new(&draw(&odd(), "odd", "dot")).process().is_ok());
}

#[test]
fn as_mermaid() {
    insta::assert_snapshot!(draw(&half_done(), "quick", "mermaid"));
    let odd = draw(&odd(), "odd", "mermaid");
    assert!(odd.contains("stage2[\"end<br/>uses ingest\"]"), "no node is called 'end': {odd}");
    assert!(odd.contains("[/\"da #quot;ta#quot;; -#gt; [1] {#lt;b#gt;#amp;'x}.jsonl\"/]"), "{odd}");
}

#[test]
fn as_svg_that_is_well_formed() {
    let svg = draw(&half_done(), "quick", "svg");
    insta::assert_snapshot!(svg);
    assert_eq!(elements(&svg).iter().filter(|name| *name == "rect").count(), 4);
    let odd = draw(&odd(), "odd", "svg");
    assert_eq!(elements(&odd).iter().filter(|name| *name == "rect").count(), 3);
    assert!(odd.contains(">da &quot;ta&quot;; -&gt; [1] {&lt;b&gt;&amp;&apos;x}.jsonl<"), "{odd}");
}

#[test]
fn as_json() {
    let graph: Value = half_done().json(&["graph", "quick"]);
    let statuses: Vec<_> = graph["nodes"].as_array().unwrap().iter().map(|node| &node["status"]).collect();
    assert_eq!(statuses, ["cached", "run", "waiting", "waiting"]);
    assert_eq!(graph["edges"].as_array().unwrap().len(), 5);
    let last = graph["edges"].as_array().unwrap().last().unwrap();
    let expected = serde_json::json!({
        "from": "popularity", "output": "rankings", "to": "metrics", "input": "rankings.popularity",
    });
    assert_eq!(*last, expected);
    let odd: Value = odd().json(&["graph", "odd"]);
    assert_eq!(odd["nodes"][2]["status"], "blocked");
    assert_eq!(odd["edges"][0]["file"], "nowhere.gz");
}

#[test]
fn a_graph_with_hundreds_of_stages_can_be_drawn() {
    let space = Space::new();
    let stages: String = (0..150)
        .map(|place| {
            format!("[stage.p{place}]\nuses = \"popularity\"\ninputs = {{ interactions = \"ingest.interactions\" }}\n")
        })
        .collect();
    space.write("many.toml", QUICK.replace("[stage.popularity]", &format!("{stages}[stage.popularity]")));
    assert_eq!(space.succeed(&["graph", "many"]).out.lines().count(), 157);
    elements(&draw(&space, "many", "svg"));
}

/// The names of an XML text's elements. Fails when tags do not match, attributes have no quotes, or text has a bare sign.
fn elements(text: &str) -> Vec<String> {
    let tag = regex_lite::Regex::new(r#"<(/?)([a-z]+)((?: [A-Za-z-]+="[^"<]*")*)(/?)>"#).unwrap();
    let entity = regex_lite::Regex::new("&(amp|lt|gt|quot|apos);").unwrap();
    let (mut open, mut names, mut end) = (Vec::new(), Vec::new(), 0);
    for found in tag.captures_iter(text) {
        let whole = found.get(0).unwrap();
        let between = entity.replace_all(&text[end..whole.start()], "");
        assert!(!between.contains(['<', '>', '&']), "bare sign in {between:?}");
        assert!(!entity.replace_all(&found[3], "").contains('&'), "bare sign in {whole:?}");
        end = whole.end();
        let name = found[2].to_owned();
        if !found[1].is_empty() {
            assert_eq!(open.pop(), Some(name));
        } else {
            if found[4].is_empty() {
                open.push(name.clone());
            }
            names.push(name);
        }
    }
    assert!(open.is_empty() && names[0] == "svg", "{open:?} is not closed");
    assert_eq!(&text[end..], "\n");
    names
}
