//! What is in a key, and what is not.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use proptest::prelude::*;
use serde_json::Value;
use space::Space;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The first stage of the pipelines below, key by key.
const FIRST: [&str; 6] = [
    "uses = 'command'",
    "command = ['sh', '-c', 'echo {seed} {parameters.k} $MINE > {outputs.out}/x; cat {files.given} >> {outputs.out}/x']",
    "outputs = { out = 'text' }",
    "files = { given = 'in.txt' }",
    "parameters = { k = 5 }",
    "env = { MINE = 'yes' }",
];

/// The second one, which uses the first by the name that takes the place of `FIRST`.
const SECOND: [&str; 4] = [
    "uses = 'command'",
    "command = ['sh', '-c', 'cat {inputs.first}/x > {outputs.out}/y']",
    "outputs = { out = 'text' }",
    "inputs = { first = 'FIRST.out' }",
];

/// How the two stages are written down, and how they are run.
#[derive(Clone, Debug, Default)]
struct Way {
    names: Option<(&'static str, &'static str)>,
    pipeline: Option<&'static str>,
    second_first: bool,
    backwards: bool,
    comments: bool,
    more: Vec<&'static str>,
    elsewhere: bool,
    deep_store: bool,
    arguments: Vec<&'static str>,
    variables: Vec<(&'static str, &'static str)>,
}

impl Way {
    fn text(&self) -> String {
        let (first, second) = self.names.unwrap_or(("first", "second"));
        let mut stages = [self.stage(first, &FIRST, first), self.stage(second, &SECOND, first)];
        if self.second_first {
            stages.reverse();
        }
        format!("name = '{}'\nseed = 3\n{}", self.pipeline.unwrap_or("p"), stages.concat())
    }

    fn stage(&self, name: &str, keys: &[&str], first: &str) -> String {
        let mut lines: Vec<String> = keys.iter().map(|line| line.replace("FIRST", first)).collect();
        lines.extend(self.more.iter().map(|line| (*line).to_owned()));
        if self.backwards {
            lines.reverse();
        }
        let between = if self.comments { "\n\n   # a word about it\n" } else { "\n" };
        format!("[stage.{name}]\n{}\n", lines.join(between))
    }

    /// Runs it in a folder of its own and gives the keys of both stages, sorted, as its record has them.
    fn keys(&self) -> Vec<String> {
        let space = Space::new();
        let folder = if self.elsewhere { "some/where else/project" } else { "project" };
        let store = if self.deep_store { "an other/store" } else { "store" };
        space.write(&format!("{folder}/p.toml"), self.text());
        space.write(&format!("{folder}/in.txt"), "content\n");
        let mut command = space.command(&["run", &format!("{folder}/p.toml"), "--store", store]);
        command.args(&self.arguments).envs(self.variables.iter().copied());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{self:?}\n{}", String::from_utf8_lossy(&output.stderr));
        recorded(&space.path(store)).into_values().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }
}

/// The key of each stage in the record of a store's only run.
fn recorded(store: &Path) -> BTreeMap<String, String> {
    let run = std::fs::read_dir(store.join("runs")).unwrap().next().unwrap().unwrap().path();
    let record: Value = serde_json::from_slice(&std::fs::read(run.join("run.json")).unwrap()).unwrap();
    let stages = record["stages"].as_array().unwrap().iter();
    stages.map(|stage| (text(&stage["stage"]), text(&stage["key"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn ways() -> impl Strategy<Value = Way> {
    let more = prop::sample::subsequence(
        vec!["retries = 2", "timeout = '1h'", "resources = { threads = 1, memory = '1M' }", "secret_env = ['HOME']"],
        0..=4,
    );
    let arguments = prop::sample::subsequence(vec!["-j1", "--keep-going", "--json", "--device=cpu"], 0..=4);
    let variables = prop::sample::subsequence(
        vec![
            ("PIPE_LOG", "trace"),
            ("NO_COLOR", "1"),
            ("TMPDIR", "/var/tmp"),
            ("LANG", "C"),
            ("TZ", "Asia/Tokyo"),
            ("CLICOLOR_FORCE", "1"),
            ("OMP_NUM_THREADS", "7"),
        ],
        0..=7,
    );
    let names = prop::option::of(prop::sample::select(vec![("second", "first"), ("a", "b-c"), ("z_1", "y")]));
    let pipeline = prop::option::of(Just("another"));
    let written = (names, pipeline, any::<bool>(), any::<bool>(), any::<bool>(), more);
    (written, any::<bool>(), any::<bool>(), arguments, variables).prop_map(
        |((names, pipeline, second_first, backwards, comments, more), elsewhere, deep_store, arguments, variables)| {
            Way {
                names,
                pipeline,
                second_first,
                backwards,
                comments,
                more,
                elsewhere,
                deep_store,
                arguments,
                variables,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn how_it_is_written_down_and_where_it_runs_are_in_no_key(way in ways()) {
        prop_assert_eq!(way.keys(), Way::default().keys());
    }
}

#[test]
fn the_host_is_in_no_key() {
    let space = Space::new();
    space.write("p.toml", Way::default().text());
    space.write("in.txt", "content\n");
    let output = Command::new("unshare")
        .args([
            "--uts",
            "sh",
            "-c",
            "hostname another-host && exec \"$@\"",
            "sh",
            env!("CARGO_BIN_EXE_pipe"),
            "run",
            "p",
        ])
        .current_dir(space.path(""))
        .output();
    match output {
        Ok(output) if output.status.success() => {}
        _ => {
            eprintln!("skipped: the name of this host cannot be changed for a process");
            return;
        }
    }
    let mut keys: Vec<String> = recorded(&space.path("artifacts")).into_values().collect();
    keys.sort();
    assert_eq!(keys, Way::default().keys());
}

/// The first stage's key with `from` replaced by `to` and `content` in the outside file, whether or not its command then
/// does well.
fn first_key(from: &str, to: &str, content: &str) -> String {
    let space = Space::new();
    let text = Way::default().text();
    assert!(text.contains(from), "{from}");
    space.write("p.toml", text.replacen(from, to, 1));
    space.write("in.txt", content);
    drop(space.pipe(&["run", "p", "--until", "first"]));
    recorded(&space.path("artifacts"))["first"].clone()
}

#[test]
fn everything_that_is_meant_is_in_the_key() {
    let changes = [
        ("a parameter", "k = 5", "k = 6"),
        ("a parameter's type", "k = 5", "k = '5'"),
        ("a parameter's name", "parameters = { k = 5 }", "parameters = { k = 5, j = 1 }"),
        ("a variable", "MINE = 'yes'", "MINE = 'no'"),
        ("a variable's name", "MINE = 'yes'", "MINE = 'yes', YOURS = 'yes'"),
        ("a word", "echo {seed}", "echo  {seed}"),
        ("one more word", "'-c',", "'-e', '-c',"),
        ("a word cut in two", "'-c'", "'-', 'c'"),
        ("an output", "outputs = { out = 'text' }", "outputs = { out = 'text', more = 'text' }"),
        ("the seed", "seed = 3", "seed = 4"),
        ("a file's name in the command", "given = 'in.txt'", "given = 'in.txt', other = 'in.txt'"),
    ];
    let same = first_key("seed = 3", "seed = 3", "content\n");
    let mut seen = BTreeMap::from([(same.clone(), "nothing")]);
    for (what, from, to) in changes {
        let key = first_key(from, to, "content\n");
        assert_eq!(seen.insert(key, what), None, "{what} changes the key to one that was there");
    }
    assert!(!seen.contains_key(&first_key("seed = 3", "seed = 3", "other content\n")), "the content of a file");
}
