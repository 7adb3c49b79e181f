//! The runner's modules import one way: each only those below it, and no files each other in a circle.
//!
//! Code of tests is not looked at. A re-export is no import: what imports a name by way of it imports the file that has it.

mod imports;

use imports::{Import, Sources};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The modules from the bottom to the top. Those of one line do not import each other.
const LAYERS: [&[&str]; 14] = [
    &["source"],
    &["error"],
    &["key"],
    &["fs"],
    &["pipeline"],
    &["machine"],
    &["inputs"],
    &["store"],
    &["worker"],
    &["plan"],
    &["run"],
    &["terminal"],
    &["report", "doctor"],
    &["cli"],
];

fn sources() -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn layer_of(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|layer| layer.contains(&module))
        .unwrap_or_else(|| panic!("src/{module} is in no layer: add it to LAYERS and to docs/concepts/architecture.md"))
}

/// The module of a file, such as `store` of `store/mod.rs`; none for the root of the crate.
fn module_of(file: &str) -> Option<&str> {
    let module = file.split('/').next().unwrap_or(file).trim_end_matches(".rs");
    (!["lib", "main"].contains(&module)).then_some(module)
}

/// The imports of files that are in a module, from files that are in one.
fn imports(sources: &Sources) -> Vec<Import> {
    let inside = |file: &str| module_of(file).is_some();
    sources.imports().into_iter().filter(|import| inside(&import.from) && inside(&import.to)).collect()
}

#[test]
fn a_module_imports_only_modules_below_it() {
    let sources = sources();
    let upwards: Vec<String> = imports(&sources)
        .into_iter()
        .filter_map(|import| {
            let (from, to) = (module_of(&import.from)?, module_of(&import.to)?);
            let is_upwards = from != to && layer_of(to) >= layer_of(from);
            is_upwards.then(|| format!("src/{}:{}: {from} imports {to}: {}", import.from, import.line, import.text))
        })
        .collect();
    assert!(upwards.is_empty(), "imports that go up:\n{}", upwards.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources = sources();
    let imports = imports(&sources);
    let mut graph: DiGraph<&str, ()> = DiGraph::new();
    let nodes: BTreeMap<&str, NodeIndex> = sources.files().map(|file| (file, graph.add_node(file))).collect();
    imports.iter().filter(|import| import.from != import.to).for_each(|import| {
        graph.add_edge(nodes[&*import.from], nodes[&*import.to], ());
    });
    let circles: Vec<String> = tarjan_scc(&graph)
        .into_iter()
        .filter(|circle| circle.len() > 1)
        .map(|circle| {
            let circle: Vec<&str> = circle.iter().map(|file| graph[*file]).collect();
            let is_in = |import: &&Import| circle.contains(&&*import.from) && circle.contains(&&*import.to);
            let lines = imports.iter().filter(is_in).filter(|import| import.from != import.to);
            let lines: Vec<String> =
                lines.map(|import| format!("  src/{}:{}: {}", import.from, import.line, import.text)).collect();
            format!("{} files:\n{}", circle.len(), lines.join("\n"))
        })
        .collect();
    assert!(circles.is_empty(), "files that import each other in a circle:\n{}", circles.join("\n"));
}

#[test]
fn every_module_has_a_layer_and_every_layer_a_module() {
    let modules: BTreeSet<String> = sources().files().filter_map(|file| module_of(file).map(str::to_owned)).collect();
    let layers: BTreeSet<String> = LAYERS.iter().copied().flatten().map(|module| (*module).to_owned()).collect();
    assert_eq!(modules, layers);
}

#[test]
fn the_picture_in_the_documents_is_the_order_of_the_layers() {
    let edges = drawn();
    for (from, to) in &edges {
        assert!(layer_of(to) < layer_of(from), "docs/concepts/architecture.md draws {from} --> {to}, which goes up");
    }
    let mut below: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in &edges {
        below.entry(from).or_default().insert(to);
    }
    // An arrow leads from each layer to the next one, so that the order of the picture is the whole order.
    for pair in LAYERS.windows(2) {
        for (upper, lower) in pair[1].iter().flat_map(|upper| pair[0].iter().map(move |lower| (upper, lower))) {
            let is_drawn = below.get(upper).is_some_and(|below| below.contains(lower));
            assert!(is_drawn, "docs/concepts/architecture.md does not draw {upper} --> {lower}");
        }
    }
}

/// The arrows of the first picture in docs/concepts/architecture.md.
fn drawn() -> Vec<(String, String)> {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/concepts/architecture.md")).unwrap();
    let picture = text.split_once("```mermaid").unwrap().1.split_once("```").unwrap().0;
    let mut edges = Vec::new();
    for (from, to) in picture.lines().filter_map(|line| line.split_once("-->")) {
        for from in from.split('&') {
            edges.extend(to.split('&').map(|to| (from.trim().to_owned(), to.trim().to_owned())));
        }
    }
    assert!(!edges.is_empty(), "docs/concepts/architecture.md has no picture of the modules");
    edges
}

#[test]
fn no_file_of_tests_is_left_out_of_its_executable() {
    for executable in ["behaviours", "library"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(executable);
        let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let modules = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
        for module in modules.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()) {
            assert!(
                module == "main" || main.contains(&format!("\nmod {module};\n")),
                "add 'mod {module};' to tests/{executable}/main.rs"
            );
        }
    }
}
