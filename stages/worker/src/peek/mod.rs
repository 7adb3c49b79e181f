//! A part of what is in a stage's outputs, for `pipe peek`: samples, rows, tensors, reports.

mod rows;

use crate::names::Names;
use contract::questions::{Content, Peek, PeekOutput, PeekedFile, Sample, TensorSummary};
use contract::{Failure, Result};
use frames::{Prompts, TaskKind};
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// JSON that is longer is only named.
const LONGEST_JSON: u64 = 64 * 1024;

/// How many numbers of a tensor are shown.
const NUMBERS: i64 = 4;

/// What is in each file of each output.
///
/// # Errors
/// When a file cannot be read.
pub(crate) fn answer(request: &Peek) -> Result<Vec<PeekedFile>> {
    let names = Names::of(&request.names);
    let mut answer = Vec::new();
    for output in &request.outputs {
        if output.kind.as_ref().is_some_and(|kind| kind.0 == "prompts") {
            answer.push(named(output, "prompts.parquet", samples(&output.folder, request.rows)?));
            continue;
        }
        for path in files(&output.folder)? {
            let name = path.strip_prefix(&output.folder).unwrap_or(&path).display().to_string();
            answer.push(named(output, &name, content(&path, request.rows, &names)?));
        }
    }
    Ok(answer)
}

fn named(output: &PeekOutput, name: &str, content: Content) -> PeekedFile {
    PeekedFile { output: output.port.clone(), name: name.to_owned(), content }
}

/// The files beneath a folder, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error| Failure::reading(folder, error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

/// Prompts, of each kind of task about as many, spread over all of them.
fn samples(folder: &Path, count: usize) -> Result<Content> {
    let prompts = Prompts::read(folder)?.0;
    let of_kind = |kind| (0..prompts.len()).filter(|&place| prompts[place].kind == kind).collect::<Vec<_>>();
    let kinds: Vec<Vec<usize>> = TaskKind::ALL.map(of_kind).into_iter().filter(|places| !places.is_empty()).collect();
    let mut places: Vec<usize> = Vec::new();
    for (number, of_kind) in kinds.iter().enumerate() {
        let rows = (count / kinds.len() + usize::from(number < count % kinds.len())).min(of_kind.len());
        places.extend((0..rows).map(|step| of_kind[step * of_kind.len() / rows]));
    }
    places.sort_unstable();
    let sample = |place: usize| {
        let prompt = &prompts[place];
        Sample {
            kind: prompt.kind.as_str().to_owned(),
            group: prompt.group,
            prompt: prompt.prompt.clone(),
            label: prompt.label.clone(),
        }
    };
    Ok(Content::Prompts { of: prompts.len(), samples: places.into_iter().map(sample).collect() })
}

fn content(path: &Path, count: usize, names: &Names<'_>) -> Result<Content> {
    let bytes = std::fs::metadata(path).map_err(|error| Failure::reading(path, error))?.len();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => rows::first(path, count, names),
        Some("safetensors") => tensors(path),
        Some("json") if bytes <= LONGEST_JSON => {
            let text = std::fs::read_to_string(path).map_err(|error| Failure::reading(path, error))?;
            serde_json::from_str(&text).map(Content::Json).map_err(|error| Failure::reading(path, error))
        }
        _ => Ok(Content::Other { bytes }),
    }
}

fn tensors(path: &Path) -> Result<Content> {
    let mut found = Vec::new();
    nn::safetensors_file::read_each(path, |name, tensor| {
        found.push(TensorSummary {
            tensor: name.to_owned(),
            kind: format!("{:?}", tensor.kind()).to_lowercase(),
            shape: format!("{:?}", tensor.size()),
            first: numbers(&tensor).map_err(nn::failed("read a tensor"))?,
        });
        Ok(())
    })?;
    Ok(Content::Tensors(found))
}

fn numbers(tensor: &Tensor) -> std::result::Result<String, tch::TchError> {
    let count = NUMBERS.min(tensor.numel() as i64);
    let first = tensor.f_flatten(0, -1)?.f_narrow(0, 0, count)?.f_to_kind(Kind::Double)?;
    let numbers: Vec<String> = Vec::<f64>::try_from(first)?.iter().map(|number| format!("{number:.4}")).collect();
    Ok(numbers.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use frames::{Codes, Prompt};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    #[test]
    fn samples_are_spread_and_files_are_shown_by_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let prompt = |group: u32| Prompt {
            group,
            kind: if group < 9 { TaskKind::NextItem } else { TaskKind::Text },
            prompt: "after <a_1>".to_owned(),
            label: "<a_2>".to_owned(),
        };
        ["tasks", "codes", "codebook"].iter().for_each(|name| std::fs::create_dir(at(name)).unwrap());
        Prompts((0..12).map(prompt).collect()).write(&at("tasks")).unwrap();
        Codes { levels: vec![vec![5, 6, 7], vec![0, 0, 1]] }.write(&at("codes")).unwrap();
        let tensor = Tensor::from_slice(&[1.0f32, 2.5]).view([1, 2]);
        nn::safetensors_file::write(&at("codebook/level.safetensors"), &[("level_1".to_owned(), tensor)]).unwrap();
        std::fs::write(at("codebook/report.json"), "{\"items\": 3}").unwrap();
        let output = |port: &str, kind: &str| PeekOutput {
            port: port.to_owned(),
            kind: Some(contract::Kind(kind.to_owned())),
            folder: at(port),
        };
        let outputs = [output("tasks", "prompts"), output("codes", "codes"), output("codebook", "codebook")];
        let answer = answer(&Peek { outputs: outputs.into(), rows: 2, names: BTreeMap::new() }).unwrap();
        let found: Value = serde_json::to_value(answer).unwrap();
        let samples = &found[0]["content"]["prompts"];
        assert_eq!((samples["of"].as_u64(), samples["samples"][1]["group"].as_u64()), (Some(12), Some(9)));
        assert_eq!(
            found[1]["content"]["table"],
            json!({ "of": 3, "rows": [
            { "item": 0, "level_1": 5, "level_2": 0 }, { "item": 1, "level_1": 6, "level_2": 0 }
        ] })
        );
        assert_eq!(found[2]["content"]["tensors"][0]["first"], "1.0000 2.5000");
        assert_eq!(found[3]["content"]["json"]["items"], 3);
    }
}
