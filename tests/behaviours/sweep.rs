//! A sweep is one graph: its points share what is the same, run side by side, and say which they are.

use crate::space::{Outcome, Space};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A shared stage, one that varies, one after it, and a table. Each notes on a file that it ran.
const BASE: &str = r#"
name = "base"

[stage.shared]
uses = "command"
command = ["sh", "-c", "echo shared >> RAN; echo 1 > \"$1\"/n", "sh", "{outputs.n}"]
outputs = { n = "number" }

[stage.varied]
uses = "command"
command = ["sh", "-c", "echo varied >> RAN; [ \"$1\" != \"$4\" ] || exit 7; echo $(($1 % $5)) > \"$3\"/n", "sh", "{parameters.k}", "{inputs.n}", "{outputs.n}", "{parameters.bad}", "{parameters.modulus}"]
inputs = { n = "shared.n" }
outputs = { n = "number" }
parameters = { k = 1, bad = -1, modulus = 1000 }

[stage.table]
uses = "command"
command = ["sh", "-c", "echo table >> RAN; printf '[{\"model\": \"m\", \"HR@10\": %s}]' $(cat \"$1\"/n) > \"$2\"/metrics.json", "sh", "{inputs.n}", "{outputs.metrics}"]
inputs = { n = "varied.n" }
outputs = { metrics = "metrics" }
"#;

fn space(sweep: &str) -> Space {
    let space = Space::new();
    space.write("base.toml", BASE.replace("RAN", space.path("ran").to_str().unwrap()));
    space.write("swept.toml", format!("extends = \"base.toml\"\nname = \"swept\"\n{sweep}"));
    space
}

/// How often each stage has run since the last time that this was asked.
fn ran(space: &Space) -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(space.path("ran")).unwrap_or_default();
    std::fs::remove_file(space.path("ran")).ok();
    text.lines().fold(BTreeMap::new(), |mut counts, line| {
        *counts.entry(line.to_owned()).or_default() += 1;
        counts
    })
}

fn counts(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(stage, count)| ((*stage).to_owned(), *count)).collect()
}

fn last(outcome: &Outcome) -> Value {
    outcome.events().last().unwrap().clone()
}

#[test]
fn points_share_common_stages() {
    let space = space("[sweep]\n\"varied.k\" = [1, 2, 3]\n");
    let plan = last(&space.succeed(&["plan", "swept", "--json"]));
    assert_eq!(plan, json!({ "event": "plan", "points": 3, "asked": 9, "distinct": 7, "run": 7 }));
    let text = space.succeed(&["plan", "swept"]).out;
    assert!(text.ends_with("3 points ask for 9 stages; 7 distinct, 0 cached, 7 to run\n"), "{text}");
    space.succeed(&["run", "swept"]);
    assert_eq!(ran(&space), counts(&[("shared", 1), ("varied", 3), ("table", 3)]));
    space.write("swept.toml", "extends = \"base.toml\"\nname = \"swept\"\n[sweep]\n\"varied.k\" = [3, 4, 1, 2]\n");
    let plan = last(&space.succeed(&["plan", "swept", "--json"]));
    assert_eq!(plan, json!({ "event": "plan", "points": 4, "asked": 12, "distinct": 9, "run": 2 }));
    space.succeed(&["run", "swept"]);
    assert_eq!(ran(&space), counts(&[("varied", 1), ("table", 1)]));
}

#[test]
fn points_are_picked_by_name_or_by_a_part_of_it() {
    let space = space("[sweep]\n\"varied.k\" = [1, 2]\n\"varied.modulus\" = [10, 20]\n");
    space.succeed(&["run", "swept", "--point", "varied.k=1,varied.modulus=20"]);
    assert_eq!(ran(&space), counts(&[("shared", 1), ("varied", 1), ("table", 1)]));
    space.succeed(&["run", "swept", "--point", "varied.k=1"]);
    assert_eq!(ran(&space)["varied"], 1);
    let rows: Value = space.json(&["metrics", "swept", "--point", "varied.k=1"]);
    let points: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["point"].as_str().unwrap()).collect();
    assert_eq!(points, ["varied.k=1,varied.modulus=10", "varied.k=1,varied.modulus=20"]);
    let unknown = space.pipe(&["run", "swept", "--point", "varied.k=3"]);
    assert!(unknown.code == 2 && unknown.err.contains("has no point 'varied.k=3'"), "{}", unknown.err);
}

#[test]
fn stages_that_turn_out_to_have_one_key_run_once() {
    // Both values leave the same rest, so what follows has the same inputs at both points.
    let space = space("[stage.varied]\nmodulus = 10\n[sweep]\n\"varied.k\" = [1, 11]\n");
    space.succeed(&["run", "swept"]);
    assert_eq!(ran(&space), counts(&[("shared", 1), ("varied", 2), ("table", 1)]));
}

#[test]
fn a_point_that_fails_leaves_the_others_alone() {
    let space = space("[stage.varied]\nbad = 2\n[sweep]\n\"varied.k\" = [1, 2, 3]\n");
    let outcome = space.pipe(&["run", "swept", "--keep-going"]);
    assert_eq!(outcome.code, 20, "{}", outcome.err);
    assert!(outcome.err.contains("2 of 3 points complete; not varied.k=2"), "{}", outcome.err);
    assert_eq!(ran(&space), counts(&[("shared", 1), ("varied", 3), ("table", 2)]));
}

#[test]
fn a_sweep_that_was_killed_goes_on_where_it_was() {
    let space = space("[sweep]\n\"varied.k\" = [1, 2, 3, 4, 5, 6]\n");
    let mut live = space.start(&["run", "swept", "--jobs", "1"]);
    live.wait_for(&["stage"], 7);
    live.kill();
    let before = ran(&space);
    space.succeed(&["run", "swept"]);
    let after = ran(&space);
    let both = |stage: &str| before.get(stage).unwrap_or(&0) + after.get(stage).unwrap_or(&0);
    // One stage at a time was running.
    let repeated = both("shared") + both("varied") + both("table") - 13;
    assert!(repeated <= 1, "{before:?} {after:?}");
}

#[test]
fn profiles_override_and_paths_follow_their_file() {
    let space = space(
        "[sweep]\n\"varied.k\" = [1, 2, 3]\n[profile.small]\nsweep = { \"varied.k\" = [7] }\n[profile.small.stage.varied]\nmodulus = 5\n",
    );
    space.succeed(&["run", "swept", "--profile", "small"]);
    let rows: Value = space.json(&["metrics", "swept", "--profile", "small"]);
    assert_eq!(rows, json!([{ "point": "varied.k=7", "model": "m", "HR@10": 2 }]));
    // A file in another folder, with a base of its own for the profile.
    space.write("data.txt", "x");
    let reader = "name = \"reader\"\n[stage.read]\nuses = \"command\"\ncommand = [\"sh\", \"-c\", \"cp $1 $2/copy\", \"sh\", \"{files.data}\", \"{outputs.copy}\"]\nfiles = { data = \"data.txt\" }\noutputs = { copy = \"text\" }\n";
    space.write("reader.toml", reader);
    space.write(
        "tables/t.toml",
        "extends = \"../swept\"\nname = \"t\"\n[profile.read]\nextends = \"../reader\"\nsweep = {}\n",
    );
    let plan = space.pipe(&["run", "tables/t", "--profile", "read"]);
    assert_eq!(plan.code, 11, "a sweep without axes is none: {}", plan.err);
    space.write("tables/t.toml", "extends = \"../swept\"\nname = \"t\"\n[profile.read]\nextends = \"../reader\"\n");
    space.succeed(&["run", "tables/t", "--profile", "read"]);
    assert_eq!(last(&space.succeed(&["plan", "tables/t", "--json"]))["points"], 3);
}

#[test]
fn a_stage_at_several_points_is_explained_at_one() {
    let space = space("[sweep]\n\"varied.k\" = [1, 2]\n");
    let several = space.pipe(&["why", "swept", "table"]);
    assert!(several.code == 2 && several.err.contains("table@varied.k=1, table@varied.k=2"), "{}", several.err);
    space.succeed(&["run", "swept"]);
    let one = space.succeed(&["why", "swept", "varied", "--point", "varied.k=2"]).out;
    assert!(one.contains("varied@varied.k=2"), "{one}");
    let path = space.succeed(&["cache", "path", "swept", "table@varied.k=2.metrics"]).out;
    assert!(std::path::Path::new(path.trim()).join("metrics.json").is_file(), "{path}");
}

#[test]
fn what_cannot_be_is_said_before_anything_runs() {
    let space = space("");
    let long: Vec<usize> = (0..1000).collect();
    let million = format!("[sweep]\n\"varied.k\" = {long:?}\n\"varied.modulus\" = {long:?}\n");
    let cases = [
        ("an axis that names no stage", "[sweep]\n\"varid.k\" = [1]\n"),
        ("an axis that names no parameter", "[sweep]\n\"varied.kk\" = [1]\n"),
        ("an axis without quotes", "[sweep]\nnegatives = [1]\n"),
        ("an empty axis", "[sweep]\n\"varied.k\" = []\n"),
        ("a million points", million.as_str()),
        (
            "two points with one name",
            "[sweep]\npoints = [{ name = \"a\", \"varied.k\" = 1 }, { name = \"a\", \"varied.k\" = 2 }]\n",
        ),
        ("a zip of unequal lengths", "[sweep]\nzip = { \"varied.k\" = [1, 2], \"varied.modulus\" = [3] }\n"),
        ("nothing to exclude", "[sweep]\n\"varied.k\" = [1]\nexclude = [{ \"varied.k\" = 2 }]\n"),
        ("everything excluded", "[sweep]\n\"varied.k\" = [1]\nexclude = [{ \"varied.k\" = 1 }]\n"),
        ("a change to no stage", "[stage.varid]\nk = 3\n"),
    ];
    let mut report = String::new();
    for (title, sweep) in cases {
        space.write("swept.toml", format!("extends = \"base.toml\"\nname = \"swept\"\n{sweep}"));
        let outcome = space.pipe(&["run", "swept"]);
        let err: String = outcome.err.chars().take(1200).collect();
        let err = if title == "a million points" { err.lines().next().unwrap_or_default().to_owned() } else { err };
        report += &format!("# {title}: {}\n{err}\n", outcome.code);
    }
    space.write("swept.toml", "extends = \"loop\"\nname = \"swept\"\n");
    space.write("loop.toml", "extends = \"swept.toml\"\n");
    let cases = [
        ("a circle", vec!["run", "swept"]),
        ("a profile that is not there", vec!["run", "base", "--profile", "smal"]),
        ("a base that is not there", vec!["run", "lost"]),
        ("setting an axis", vec!["run", "axis", "--set", "varied.k=3"]),
        ("a point without a sweep", vec!["run", "base", "--point", "varied.k=3"]),
    ];
    space.write("lost.toml", "extends = \"nowhere\"\nname = \"lost\"\n");
    space.write("axis.toml", "extends = \"base\"\nname = \"axis\"\n[sweep]\n\"varied.k\" = [1]\n");
    for (title, arguments) in cases {
        let outcome = space.pipe(&arguments);
        report += &format!("# {title}: {}\n{}\n", outcome.code, outcome.err);
    }
    assert_eq!(ran(&space), BTreeMap::new());
    insta::assert_snapshot!(report);
}
