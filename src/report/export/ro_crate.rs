//! Results as a research object: RO-Crate 1.1 with what made each, <https://w3id.org/ro/crate/1.1>.
//!
//! The crate has the pipeline file, a folder for each output, and in `ro-crate-metadata.json` an action for each stage: its
//! parameters, its inputs and outputs, when it ran and on what machine.

use crate::error::{Error, Result};
use crate::store::{Action, Exported};
use fs_err as fs;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The licence that is written where none is given: none.
pub const NO_LICENCE: &str = "https://choosealicense.com/no-permission/";

/// The file with the description.
const METADATA: &str = "ro-crate-metadata.json";

/// The pipeline file within the crate.
const PIPELINE: &str = "pipeline.toml";

/// What a crate is made of. The copies of the results are in its folder already.
#[derive(Clone, Copy, Debug)]
pub struct Crate<'a> {
    /// The pipeline.
    pub pipeline: &'a str,
    /// The text of its file.
    pub text: &'a str,
    /// The results, in the order of their stages.
    pub results: &'a [Exported],
    /// The licence of the data, as an address.
    pub licence: &'a str,
}

impl Crate<'_> {
    /// Writes the description and the pipeline file.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|error| Error::io("writing", &path, error))
        };
        put(PIPELINE, self.text)?;
        put(METADATA, &format!("{:#}\n", self.metadata()))
    }

    fn metadata(&self) -> Value {
        let mut parts = vec![reference(PIPELINE)];
        let mut described = Vec::new();
        let mut producers: BTreeMap<String, String> = BTreeMap::new();
        for result in self.results {
            for (port, artifact) in result.action.outputs.iter().filter(|(port, _)| result.ports.contains(*port)) {
                let id = format!("{}/{port}/", result.stage);
                parts.push(reference(&id));
                producers.insert(artifact.digest.to_string(), id.clone());
                let files = artifact.files.iter().map(|file| (format!("{id}{}", file.path), file.size, file.digest));
                let files: Vec<_> = files.collect();
                described.push(json!({
                    "@id": id, "@type": "Dataset", "name": format!("{}.{port}", result.stage),
                    "description": format!("Output {port} of stage {}", result.stage),
                    "identifier": format!("blake3:{}", artifact.digest),
                    "hasPart": files.iter().map(|(id, ..)| reference(id)).collect::<Vec<_>>(),
                }));
                described.extend(files.into_iter().map(|(id, size, digest)| {
                    json!({
                        "@id": id, "@type": "File", "name": id, "contentSize": size.to_string(),
                        "encodingFormat": format_of(&id), "identifier": format!("blake3:{digest}"),
                    })
                }));
            }
        }
        let actions = self.results.iter().map(|result| action(result, &producers));
        let actions: Vec<Vec<Value>> = actions.collect();
        let mentions: Vec<Value> = self.results.iter().map(|result| reference(&action_id(result))).collect();
        let newest = self.results.iter().map(|result| ended(&result.action)).max().unwrap_or_default();
        let mut graph = vec![
            json!({
                "@id": METADATA, "@type": "CreativeWork", "about": reference("./"),
                "conformsTo": reference("https://w3id.org/ro/crate/1.1"),
            }),
            json!({
                "@id": "./", "@type": "Dataset", "name": format!("Results of the pipeline {}", self.pipeline),
                "description": format!("What the stages of the pipeline {} made, and from what.", self.pipeline),
                "datePublished": moment(newest), "license": reference(self.licence), "hasPart": parts, "mentions": mentions,
            }),
            json!({ "@id": self.licence, "@type": "CreativeWork", "name": "Licence", "description": "The licence of these data." }),
            json!({
                "@id": PIPELINE, "@type": "File", "name": format!("The pipeline {}", self.pipeline),
                "encodingFormat": "application/toml", "contentSize": self.text.len().to_string(),
            }),
            json!({
                "@id": "#pipe", "@type": "SoftwareApplication", "name": "pipe", "version": env!("CARGO_PKG_VERSION"),
                "url": "https://arxiv.org/abs/2412.13771",
            }),
        ];
        graph.extend(described);
        graph.extend(actions.into_iter().flatten());
        json!({ "@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph })
    }
}

/// What a stage did, and its parameters.
fn action(result: &Exported, producers: &BTreeMap<String, String>) -> Vec<Value> {
    let Action { manifest, outputs, provenance, key, .. } = &result.action;
    let parameters: Vec<(String, &Value)> =
        manifest.parameters.iter().map(|(name, value)| (format!("#{}.{name}", result.stage), value)).collect();
    let inputs = manifest.inputs.values().filter_map(|digest| producers.get(&digest.to_string()));
    let objects: Vec<Value> =
        inputs.map(|id| reference(id)).chain(parameters.iter().map(|(id, _)| reference(id))).collect();
    let made = outputs.keys().filter(|port| result.ports.contains(*port));
    let made: Vec<Value> = made.map(|port| reference(&format!("{}/{port}/", result.stage))).collect();
    let mut all = vec![json!({
        "@id": action_id(result), "@type": "CreateAction", "name": format!("Stage {} ({})", result.stage, manifest.stage),
        "description": format!("Run {} on {} with {} threads; key {}", provenance.run, provenance.host, provenance.threads, key),
        "instrument": reference("#pipe"), "object": objects, "result": made,
        "startTime": moment(provenance.started), "endTime": moment(ended(&result.action)),
    })];
    all.extend(parameters.into_iter().map(|(id, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        json!({ "@id": id, "@type": "PropertyValue", "name": id.trim_start_matches('#'), "value": text })
    }));
    all
}

fn action_id(result: &Exported) -> String {
    format!("#{}", result.stage)
}

fn reference(id: &str) -> Value {
    json!({ "@id": id })
}

fn ended(action: &Action) -> u64 {
    action.provenance.started + action.provenance.seconds.round() as u64
}

/// Seconds since 1970 as ISO 8601.
fn moment(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.unwrap_or_default().to_string()
}

fn format_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("parquet") => "application/vnd.apache.parquet",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain",
        _ => "application/octet-stream",
    }
}
