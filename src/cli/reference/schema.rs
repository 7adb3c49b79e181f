//! The JSON schema of a pipeline file, for editors.

use crate::pipeline::ExecutorKind;
use contract::Description;
use serde_json::{Map, Value, json};

/// `docs/pipeline.schema.json`.
pub fn schema(descriptions: &[Description]) -> String {
    let mut definitions = Map::new();
    for stage in descriptions {
        let own = stage.parameters.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, definition) in own {
            definitions.insert(format!("{}.{name}", stage.name), renamed(&definition, &stage.name));
        }
        definitions.insert(stage.name.clone(), of_stage(stage));
    }
    definitions.insert("command".to_owned(), of_command());
    let names = descriptions.iter().map(|stage| stage.name.as_str()).chain(["command"]);
    let whole = names.map(|name| json!({ "$ref": format!("#/$defs/{name}") }));
    // For a stage of the file that this one extends, only changes are given.
    let change = json!({ "type": "object", "not": { "required": ["uses"] } });
    let choices: Vec<Value> = whole.chain([change]).collect();
    let stages = json!({ "type": "object", "minProperties": 1, "additionalProperties": { "oneOf": choices } });
    definitions.insert("sweep".to_owned(), of_sweep());
    definitions.insert("search".to_owned(), of_search());
    definitions.insert("compare".to_owned(), of_compare());
    definitions.insert("slurm".to_owned(), of_slurm());
    definitions.insert("remote".to_owned(), of_remote());
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A pipeline of pipe",
        "type": "object",
        "anyOf": [{ "required": ["name", "stage"] }, { "required": ["extends"] }],
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "description": "Its name, and its folder in the store." },
            "extends": extends(),
            "seed": seed(),
            "executor": executor(),
            "slurm": { "$ref": "#/$defs/slurm" },
            "stage": stages,
            "sweep": { "$ref": "#/$defs/sweep" },
            "search": { "$ref": "#/$defs/search" },
            "compare": { "$ref": "#/$defs/compare" },
            "remote": { "$ref": "#/$defs/remote" },
            "profile": {
                "type": "object",
                "description": "Layers that --profile puts on top, by name.",
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "extends": extends(), "seed": seed(), "executor": executor(),
                        "slurm": { "$ref": "#/$defs/slurm" }, "stage": stages, "sweep": { "$ref": "#/$defs/sweep" },
                        "search": { "$ref": "#/$defs/search" }, "compare": { "$ref": "#/$defs/compare" },
                        "remote": { "$ref": "#/$defs/remote" },
                    },
                },
            },
        },
        "$defs": definitions,
    });
    format!("{schema:#}\n")
}

fn seed() -> Value {
    json!({ "type": "integer", "minimum": 0, "default": 0, "description": "The seed of all its stages." })
}

fn executor() -> Value {
    json!({ "enum": ExecutorKind::ALL.map(ExecutorKind::name), "default": "local", "description": "Where stages run." })
}

/// What a job of a cluster asks for besides threads, memory and GPUs.
fn job_resources() -> Map<String, Value> {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let named = [
        ("time", json!({ "type": "string", "pattern": "^[0-9]+[smhd]$", "description": "How long the job may run." })),
        ("partition", text("The partition of the cluster.")),
        ("account", text("The account that is charged.")),
        ("constraint", text("Features that the node must have.")),
        ("gres", text("Generic resources, in place of gpu:N for gpus = N.")),
        (
            "extra",
            json!({ "type": "array", "items": { "type": "string" }, "description": "More arguments of sbatch." }),
        ),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// How stages run as jobs of Slurm.
fn of_slurm() -> Value {
    let duration =
        |description: &str| json!({ "type": "string", "pattern": "^[0-9]+[smhd]$", "description": description });
    let mut properties = job_resources();
    let own = [
        (
            "jobs",
            json!({ "type": "integer", "minimum": 1, "default": 100, "description": "How many jobs of a run may be in the queue at once." }),
        ),
        ("poll", duration("How often Slurm is asked for the states of jobs: 10s when not given, at least 2s.")),
        (
            "resubmit",
            json!({ "type": "integer", "minimum": 0, "default": 3, "description": "How often an attempt that the cluster has ended is submitted again." }),
        ),
        ("latency", duration("How long what a node wrote may take until it is seen here: 60s when not given.")),
    ];
    properties.extend(own.map(|(name, schema)| (name.to_owned(), schema)));
    json!({ "type": "object", "additionalProperties": false, "description": "How stages run as jobs of Slurm, and what all jobs ask for.", "properties": properties })
}

fn extends() -> Value {
    json!({ "type": "string", "description": "The pipeline file that this one changes, relative to this file." })
}

/// How a pipeline varies.
fn of_sweep() -> Value {
    let choice = json!({ "type": "object", "properties": { "name": { "type": "string" } } });
    let choices = |description: &str| json!({ "type": "array", "items": choice, "description": description });
    let axes = json!({ "type": "object", "additionalProperties": { "type": "array", "minItems": 1 } });
    json!({
        "type": "object",
        "description": "How it varies: the product of its axes.",
        "properties": {
            "zip": { "oneOf": [axes, { "type": "array", "items": axes }], "description": "Axes that go together, one by one." },
            "points": choices("Explicit choices, as one axis."),
            "include": choices("Points beside the product."),
            "exclude": choices("Points of the product that are left out."),
        },
        "additionalProperties": { "type": "array", "minItems": 1 },
    })
}

/// How one of the points is chosen.
fn of_search() -> Value {
    let mut search = of_sweep();
    search["description"] = "The axes of trials, of which the best one runs to its end.".into();
    search["required"] = json!(["metric"]);
    let own = [
        (
            "metric",
            json!({
                "type": "string", "pattern": "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+:.+$",
                "description": "The number by which trials are compared: STAGE.OUTPUT:POINTER in the output's JSON file.",
            }),
        ),
        (
            "better",
            json!({ "enum": ["higher", "lower"], "default": "higher", "description": "Which numbers are better." }),
        ),
        (
            "trials",
            json!({ "type": "integer", "minimum": 1, "description": "How many points are drawn at random; all when not given." }),
        ),
    ];
    for (name, schema) in own {
        search["properties"][name] = schema;
    }
    search
}

/// Where results are shared.
fn of_remote() -> Value {
    json!({
        "type": "object",
        "description": "Where several machines share results.",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "url": {
                "type": "string", "pattern": "^(s3|gs|az|file)://.+$",
                "description": "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER.",
            },
            "mode": {
                "enum": ["read", "write", "read-write"], "default": "read-write",
                "description": "Whether results are taken from it, given to it, or both.",
            },
        },
    })
}

/// How results are compared.
fn of_compare() -> Value {
    let texts =
        |description: &str| json!({ "type": "array", "items": { "type": "string" }, "description": description });
    json!({
        "type": "object",
        "description": "How `pipe compare` shows the results.",
        "additionalProperties": false,
        "properties": {
            "paper": { "type": "string", "description": "The table of paper.toml that is shown beside the results." },
            "reference": { "type": "string", "description": "The point that the others are compared with." },
            "metrics": texts("The metrics that are shown."),
            "differs": texts("What differs from the table of the paper."),
            "mean_over": texts("Parameters, STAGE.PARAMETER, over whose values means are taken, as over seeds."),
            "columns": {
                "type": "object",
                "description": "Numbers beside the metrics: STAGE.OUTPUT:NAME in the output's JSON file.",
                "additionalProperties": { "type": "string", "pattern": "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+:.+$" },
            },
        },
    })
}

/// What any stage may say: what it needs, how often it is tried, how long it may take.
fn of_every_stage() -> Map<String, Value> {
    let retries = json!({ "type": "integer", "minimum": 0, "default": 0, "description": "How often it is tried again after a failure that may pass." });
    let timeout =
        json!({ "type": "string", "pattern": "^[0-9]+[smhd]$", "description": "How long one attempt may take." });
    let named = [("resources", resources()), ("retries", retries), ("timeout", timeout), ("executor", executor())];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// A stage that is any program.
fn of_command() -> Value {
    let texts = |description: &str| json!({ "type": "object", "additionalProperties": { "type": "string" }, "description": description });
    let output = json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$" });
    let labelled = json!({ "type": "object", "additionalProperties": output });
    let strings = json!({ "type": "array", "items": { "type": "string" } });
    let mut properties = of_every_stage();
    let own = [
        ("uses", json!({ "const": "command", "description": "Any program." })),
        ("seed", json!({ "type": "integer", "minimum": 0 })),
        (
            "command",
            json!({ "minItems": 1, "description": "The program and its arguments.", "type": "array", "items": { "type": "string" } }),
        ),
        ("inputs", json!({ "type": "object", "additionalProperties": { "oneOf": [output, labelled] } })),
        ("files", texts("Files and folders outside the store that it reads.")),
        ("outputs", texts("The kind of each output, by name.")),
        (
            "tolerances",
            json!({
                "type": "object",
                "additionalProperties": { "type": "number", "minimum": 0 },
                "description": "By how much numbers in an output may differ when it is made again, by output.",
            }),
        ),
        ("parameters", json!({ "type": "object", "description": "Values for {parameters.NAME}." })),
        ("env", texts("Variables of its environment, which are part of its key.")),
        ("secret_env", strings),
    ];
    properties.extend(own.map(|(name, schema)| (name.to_owned(), schema)));
    json!({ "type": "object", "required": ["uses", "command", "outputs"], "additionalProperties": false, "properties": properties })
}

fn of_stage(stage: &Description) -> Value {
    let mut properties = Map::new();
    properties.insert("uses".to_owned(), json!({ "const": stage.name, "description": stage.about }));
    properties.insert("seed".to_owned(), json!({ "type": "integer", "minimum": 0 }));
    properties.insert("inputs".to_owned(), inputs(stage));
    properties.extend(of_every_stage());
    for port in stage.inputs.iter().filter(|port| port.external) {
        let mut path = json!({ "type": "string" });
        if port.several_paths {
            path = json!({ "oneOf": [path, { "type": "array", "items": path }] });
        }
        path["description"] = port.doc.clone().into();
        properties.insert(port.name.clone(), path);
    }
    let parameters = stage.parameters.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, parameter) in parameters {
        properties.insert(name, renamed(&parameter, &stage.name));
    }
    json!({ "type": "object", "required": ["uses"], "additionalProperties": false, "properties": properties })
}

fn inputs(stage: &Description) -> Value {
    let output = json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$" });
    let ports: Map<String, Value> = stage
        .inputs
        .iter()
        .map(|port| {
            let mut bound =
                if port.many { json!({ "type": "object", "additionalProperties": output }) } else { output.clone() };
            bound["description"] = format!("{} ({})", port.doc, port.kind.0).into();
            (port.name.clone(), bound)
        })
        .collect();
    json!({ "type": "object", "additionalProperties": false, "properties": ports })
}

fn resources() -> Value {
    let mut properties = job_resources();
    let own = [
        ("gpus", json!({ "type": "integer", "minimum": 0 })),
        ("threads", json!({ "type": "integer", "minimum": 0 })),
        ("ranks", json!({ "type": "integer", "minimum": 1 })),
        ("memory", json!({ "type": "string", "pattern": "^[0-9]+[KMGT]$" })),
        ("device", json!({ "enum": ["auto", "cpu", "cuda"] })),
    ];
    properties.extend(own.map(|(name, schema)| (name.to_owned(), schema)));
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

/// The same schema with references to a stage's own definitions under that stage's name.
fn renamed(schema: &Value, stage: &str) -> Value {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| match value.as_str().and_then(|text| text.strip_prefix("#/$defs/")) {
                Some(name) if key == "$ref" => (key.clone(), format!("#/$defs/{stage}.{name}").into()),
                _ => (key.clone(), renamed(value, stage)),
            })
            .collect::<Map<String, Value>>()
            .into(),
        Value::Array(values) => values.iter().map(|value| renamed(value, stage)).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}
