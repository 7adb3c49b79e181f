//! `pipe export` writes what MLflow, TensorBoard and readers of research objects read.

use crate::space::Space;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The Python that has the other programs, if it has this module.
fn python_with(module: &str) -> Option<String> {
    let python = std::env::var("PIPE_REFERENCE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("skipped: {python} has no module {module}");
    }
    has.then_some(python)
}

/// What a script prints.
fn printed(python: &str, script: &str, folder: &Path) -> String {
    let output =
        Command::new(python).args(["-c", script]).arg(folder).env("MLFLOW_ALLOW_FILE_STORE", "true").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const READ_BY_MLFLOW: &str = r#"
import sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri="file://" + sys.argv[1])
for experiment in client.search_experiments():
    for run in client.search_runs([experiment.experiment_id]):
        print(experiment.name, run.info.run_name, run.info.status, run.data.params["popularity.top_k"])
        print(sorted(name for name in run.data.metrics if name.startswith("HR_at_10"))[0])
"#;

#[test]
fn runs_are_read_by_the_client_of_mlflow() {
    let space = Space::quick();
    space.succeed(&["run", "quick", "--name", "first"]);
    space.succeed(&["run", "quick", "--name", "longer", "--note", "longer lists", "--set", "popularity.top_k=30"]);
    for _ in 0..2 {
        // A second export writes the same runs again.
        space.succeed(&["export", "mlflow", "--output", "mlruns"]);
    }
    let experiments: Vec<_> = std::fs::read_dir(space.path("mlruns")).unwrap().collect();
    assert_eq!(experiments.len(), 1);
    let Some(python) = python_with("mlflow") else { return };
    let text = printed(&python, READ_BY_MLFLOW, &space.path("mlruns").canonicalize().unwrap());
    assert!(text.contains("quick first FINISHED 20") && text.contains("quick longer FINISHED 30"), "{text}");
    assert!(text.contains("HR_at_10 popularity"), "{text}");
}

const READ_BY_TENSORBOARD: &str = r#"
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1])
events.Reload()
print(sorted(events.Tags()["scalars"]))
print([(event.step, round(event.value, 4)) for event in events.Scalars("train/curve.loss")])
"#;

/// A pipeline whose program writes a report with a curve.
const TRAINING: &str = r#"
name = "p"

[stage.train]
uses = "command"
command = ["sh", "-c", "echo '{\"curve\": [{\"step\": 5, \"loss\": 2.5}, {\"step\": 10, \"loss\": 1.25}]}' > {outputs.report}/report.json"]
outputs = { report = "report" }
"#;

#[test]
fn curves_are_read_by_tensorboard() {
    let space = Space::new();
    space.write("p.toml", TRAINING);
    space.succeed(&["run", "p", "--name", "first"]);
    space.succeed(&["export", "tensorboard", "--output", "events"]);
    let folder = std::fs::read_dir(space.path("events")).unwrap().next().unwrap().unwrap().path();
    assert!(folder.to_str().unwrap().ends_with("-first"), "{}", folder.display());
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(file).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("brain.Event:2") && has("train/curve.loss"));
    let Some(python) = python_with("tensorboard") else { return };
    let text = printed(&python, READ_BY_TENSORBOARD, &folder);
    assert!(text.contains("train/curve.loss") && text.contains("[(5, 2.5), (10, 1.25)]"), "{text}");
}

#[test]
fn a_crate_describes_every_result_and_its_copies() {
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    space.succeed(&["export", "ro-crate", "quick", "--output", "crate"]);
    let text = std::fs::read_to_string(space.path("crate/ro-crate-metadata.json")).unwrap();
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let graph = metadata["@graph"].as_array().unwrap();
    let ids: Vec<&str> = graph.iter().map(|entity| entity["@id"].as_str().unwrap()).collect();
    for entity in graph.iter().filter(|entity| ["File", "Dataset"].iter().any(|kind| entity["@type"] == *kind)) {
        let id = entity["@id"].as_str().unwrap();
        assert!(space.path("crate").join(id).exists(), "{id} is not in the crate");
        for part in entity["hasPart"].as_array().into_iter().flatten() {
            assert!(ids.contains(&part["@id"].as_str().unwrap()), "{part} is not described");
        }
    }
    let made = graph.iter().find(|entity| entity["@id"] == "#metrics").unwrap();
    assert!(made["object"].as_array().unwrap().iter().any(|object| object["@id"] == "popularity/rankings/"), "{made}");
    let again = space.pipe(&["export", "ro-crate", "quick", "--output", "crate"]);
    assert_eq!(again.code, 2, "{}", again.err);
}

/// The context of RO-Crate is at an address; without a network its terms are in the file, those of schema.org by their names.
const VALIDATE: &str = r#"
import json, pathlib, sys
from rocrate_validator import services, models
path = pathlib.Path(sys.argv[1]) / "ro-crate-metadata.json"
crate = json.loads(path.read_text())
assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
words = {word for entity in crate["@graph"] for word in entity if not word.startswith("@")}
words |= {entity["@type"] for entity in crate["@graph"]}
terms = {word: "http://schema.org/" + word for word in words}
terms |= {"File": "http://schema.org/MediaObject", "conformsTo": "http://purl.org/dc/terms/conformsTo"}
crate["@context"] = terms
path.write_text(json.dumps(crate))
settings = services.ValidationSettings(
    rocrate_uri=sys.argv[1], profile_identifier="ro-crate-1.1", requirement_severity=models.Severity.REQUIRED)
result = services.validate(settings)
print("valid" if not result.has_issues() else [issue.message for issue in result.get_issues()])
"#;

#[test]
fn a_validator_accepts_the_crate() {
    let Some(python) = python_with("rocrate_validator") else { return };
    let space = Space::quick();
    space.succeed(&["run", "quick"]);
    space.succeed(&["export", "ro-crate", "quick", "--output", "crate"]);
    let text = printed(&python, VALIDATE, &space.path("crate"));
    assert_eq!(text.trim(), "valid");
}
