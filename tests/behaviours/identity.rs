//! What is in a key and what is not, through the real program.

use crate::soak;
use crate::space::{Space, with_status};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::collections::{BTreeMap, BTreeSet};

/// Everything about a run that is no part of what its stages make.
#[derive(Clone, Debug)]
struct Circumstances {
    /// Names of the three stages.
    names: [&'static str; 3],
    /// Their order in the file.
    order: Vec<usize>,
    comments: bool,
    retries: u8,
    timeout: Option<u16>,
    threads: u8,
    memory: u8,
    jobs: u8,
    log: &'static str,
    colour: bool,
    json: bool,
    /// The project's folder in the space.
    place: &'static str,
    /// The store, where not beside the pipeline.
    store: Option<&'static str>,
    temporary: bool,
    pipeline: &'static str,
    stray: bool,
}

fn circumstances() -> impl Strategy<Value = Circumstances> {
    let names = prop_oneof![Just(["a", "b", "c"]), Just(["c", "a", "b"]), Just(["x-1", "y_2", "Z"])];
    let file = (names, Just(vec![0, 1, 2]).prop_shuffle(), any::<bool>(), 0..3_u8, proptest::option::of(30..999_u16));
    let machine = (1..=2_u8, 0..3_u8, 1..=3_u8, proptest::sample::select(vec!["", "warn", "trace"]));
    let place = proptest::sample::select(vec!["here", "a folder/deeper", "ünïcode"]);
    let store = proptest::option::of(proptest::sample::select(vec!["elsewhere", "here/own store"]));
    let output = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let pipeline = proptest::sample::select(vec!["p", "another-name"]);
    (file, machine, place, store, output, pipeline).prop_map(|(file, machine, place, store, output, pipeline)| {
        let ((names, order, comments, retries, timeout), (threads, memory, jobs, log)) = (file, machine);
        let (colour, json, temporary, stray) = output;
        Circumstances {
            names,
            order,
            comments,
            retries,
            timeout,
            threads,
            memory,
            jobs,
            log,
            colour,
            json,
            place,
            store,
            temporary,
            pipeline,
            stray,
        }
    })
}

impl Circumstances {
    /// The file: a stage that reads what is outside, one that uses its result and the seed, one that uses both.
    fn pipeline(&self) -> String {
        let [a, b, c] = self.names;
        let gap = if self.comments { "\n# a comment\n\n" } else { "" };
        let mut own = format!("retries = {}\n", self.retries);
        own += &self.timeout.map(|seconds| format!("timeout = '{seconds}s'\n")).unwrap_or_default();
        let memory = if self.memory > 0 { format!(", memory = '{}M'", self.memory) } else { String::new() };
        own += &format!("resources = {{ threads = {}{memory} }}\n", self.threads);
        let command = format!("uses = 'command'\noutputs = {{ o = 'text' }}\n{own}");
        let stages = [
            format!(
                "[stage.{a}]\n{command}files = {{ data = 'data/in.txt', folder = 'data' }}\nparameters = {{ k = 3 }}\n\
                 command = ['sh', '-c', 'cat {{files.data}} > {{outputs.o}}/v; echo {{parameters.k}} >> {{outputs.o}}/v']\n"
            ),
            format!(
                "[stage.{b}]\n{command}inputs = {{ i = '{a}.o' }}\nenv = {{ KEY = 'value' }}\n\
                 command = ['sh', '-c', 'cat {{inputs.i}}/v > {{outputs.o}}/v; echo $KEY {{seed}} >> {{outputs.o}}/v']\n"
            ),
            format!(
                "[stage.{c}]\n{command}inputs.many = {{ one = '{a}.o', two = '{b}.o' }}\n\
                 command = ['sh', '-c', 'cat {{inputs.many.one}}/v {{inputs.many.two}}/v > {{outputs.o}}/v']\n"
            ),
        ];
        let stages: String = self.order.iter().map(|place| format!("{gap}{}", stages[*place])).collect();
        format!("{gap}name = '{}'\nseed = 5\n{stages}", self.pipeline)
    }

    /// The keys of the three stages, by what they are.
    fn keys(&self) -> Result<[String; 3], TestCaseError> {
        let space = Space::new();
        let file = |name: &str| format!("{}/{name}", self.place);
        space.write(&file("p.toml"), self.pipeline());
        space.write(&file("data/in.txt"), "in");
        space.write(&file("data/more.txt"), "more");
        let pipeline = file("p.toml");
        let jobs = self.jobs.to_string();
        let mut arguments = vec!["run", &pipeline, "-j", &jobs];
        let store = self.store.map(|store| space.path(store));
        arguments.extend(store.iter().flat_map(|store| ["--store", store.to_str().unwrap()]));
        arguments.extend(self.json.then_some("--json"));
        let mut command = space.command(&arguments);
        command.env("PIPE_LOG", self.log);
        if !self.colour {
            command.env("NO_COLOR", "1");
        }
        if self.temporary {
            std::fs::create_dir(space.path("temporary")).unwrap();
            command.env("TMPDIR", space.path("temporary"));
        }
        if self.stray {
            command.env("STRAY", "1").env("OMP_NUM_THREADS", "7");
        }
        let output = command.output().unwrap();
        prop_assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let store = store.unwrap_or_else(|| space.path(&file("artifacts")));
        let keys = keys_of_runs(&store);
        Ok(self.names.map(|name| keys[name].clone()))
    }
}

/// The key of each stage, from the record of the only run in a store.
fn keys_of_runs(store: &std::path::Path) -> BTreeMap<String, String> {
    let runs = std::fs::read_dir(store.join("runs")).unwrap();
    let mut keys = BTreeMap::new();
    for run in runs {
        let text = std::fs::read(run.unwrap().path().join("run.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&text).unwrap();
        for stage in record["stages"].as_array().unwrap() {
            keys.insert(stage["stage"].as_str().unwrap().to_owned(), stage["key"].as_str().unwrap().to_owned());
        }
    }
    keys
}

#[test]
fn nothing_of_the_circumstances_is_in_a_key() {
    let cases = u32::try_from(soak::cases(16)).unwrap();
    let seed = soak::long().map_or(RngSeed::Fixed(2024), |_| RngSeed::Random);
    let config = Config { cases, failure_persistence: None, rng_seed: seed, ..Config::default() };
    let keys = std::cell::RefCell::new(BTreeSet::new());
    let outcome = TestRunner::new(config).run(&circumstances(), |circumstances| {
        let found = circumstances.keys()?;
        let mut keys = keys.borrow_mut();
        let first = keys.is_empty();
        prop_assert!(keys.insert(found.clone()) == first, "other keys than in other circumstances: {found:?}");
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let keys = keys.into_inner();
    let different: BTreeSet<&String> = keys.iter().flatten().collect();
    assert_eq!(different.len(), 3, "three stages have three keys");
    eprintln!("{cases} circumstances, the same keys in all of them");
}

#[test]
fn the_attempt_is_not_in_a_key() {
    let keys_when = |fails: bool| {
        let space = Space::new();
        // The command is the same; what makes it fail is outside of everything that it declares.
        space.write(
            "p.toml",
            "name = 'p'\n[stage.s]\nuses = 'command'\nretries = 1\noutputs = { o = 'text' }\n\
             command = ['sh', '-c', 'case $PWD in */attempt-1) test $HOME = fine || exit 1;; esac; echo x > {outputs.o}/v']\n",
        );
        let home = if fails { "failing" } else { "fine" };
        let output = space.command(&["run", "p"]).env("HOME", home).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let record = std::fs::read_to_string(space.path("artifacts/p/s/action.json")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["action"]["provenance"]["attempts"], if fails { 2 } else { 1 });
        keys_of_runs(&space.path("artifacts"))
    };
    assert_eq!(keys_when(false), keys_when(true));
}

const PLAIN: &str = r#"
name = "p"
seed = 1
[stage.s]
uses = "command"
outputs = { o = "text" }
files = { data = "data" }
parameters = { k = 3 }
env = { NAME = "value" }
command = ["sh", "-c", "cat {files.data} > {outputs.o}/v; echo {parameters.k} {seed} $NAME >> $PIPE_OUTPUT_O/v"]
"#;

#[test]
fn everything_that_decides_a_result_is_in_its_key() {
    let space = Space::new();
    space.write("data", "data");
    let changes = [
        ("nothing", "", ""),
        ("a parameter's value", "k = 3", "k = 4"),
        ("a parameter's type", "k = 3", "k = \"3\""),
        ("another parameter", "{ k = 3 }", "{ k = 3, j = 1 }"),
        ("a variable's value", "\"value\"", "\"other\""),
        ("another variable", "{ NAME", "{ OTHER = \"x\", NAME"),
        ("a word", "; echo", "; echo -e"),
        ("the number of words", "\"]", "\", \"more\"]"),
        ("an output's name", "{ o = \"text\" }", "{ o = \"text\", p = \"text\" }"),
        ("the seed", "seed = 1", "seed = 2"),
        ("an input_name's name", "{ data = \"data\" }", "{ data = \"data\", again = \"data\" }"),
    ];
    let mut keys = BTreeSet::new();
    for (change, old, new) in changes {
        // A second output has to be written.
        let text = if old.is_empty() { PLAIN.to_owned() } else { PLAIN.replacen(old, new, 1) };
        let text =
            if change.starts_with("an output") { text.replace("cat {", "echo > {outputs.p}/v; cat {") } else { text };
        space.write("p.toml", text);
        assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["s"], "{change}");
        let key = std::fs::read_link(space.path("artifacts/p/s/action.json")).unwrap();
        assert!(keys.insert(key), "{change}");
    }
    space.write("p.toml", PLAIN);
    assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["s"]);
    space.write("data", "other");
    assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["s"], "the content of a file");
}

#[test]
fn an_unused_seed_is_not_in_the_key() {
    let space = Space::new();
    space.write("data", "data");
    let without = PLAIN.replace(" {seed}", "");
    space.write("p.toml", &without);
    space.succeed(&["run", "p"]);
    space.write("p.toml", without.replace("seed = 1", "seed = 2"));
    assert_eq!(with_status(&space.statuses(&["p"]), "cached"), ["s"]);
}

#[test]
fn the_version_of_code_is_in_a_key() {
    let key = |code: &str| pipe::key::Manifest::new("command", code).key();
    assert_ne!(key("1"), key("2"));
}
