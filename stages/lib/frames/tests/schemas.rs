//! Written files have the form that the reference for users shows.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use frames::kinds;
use frames::{
    Codes, Dataset, Embeddings, EmbeddingsOf, Hits, Interactions, Items, Measured, Prompt, Prompts, RankedList,
    Rankings, Ranks, Reviews, Seen, Split, TaskKind, UserRank, Users,
};
use polars::prelude::{ParquetReader, SerReader as _};
use std::path::Path;

/// The names and types of the columns of a file, in order.
fn types(path: &Path) -> Vec<(String, String)> {
    let frame = ParquetReader::new(std::fs::File::open(path).unwrap()).finish().unwrap();
    frame.columns().iter().map(|column| (column.name().to_string(), column.dtype().to_string())).collect()
}

/// An artifact of that kind with one row.
fn write(kind: &str, folder: &Path) {
    let texts = || vec!["a".to_owned()];
    match kind {
        kinds::INTERACTIONS => Interactions {
            dataset: Dataset {
                users: 1,
                items: 1,
                interactions: 1,
                max_history: 1,
                holdout: "last".into(),
                split_digest: "0".into(),
            },
            user: vec![0],
            item: vec![0],
            position: vec![0],
            time: vec![0],
            split: vec![Split::Train],
        }
        .write(folder),
        kinds::ITEMS => {
            Items { id: texts(), title: texts(), description: texts(), brand: texts(), categories: texts() }
                .write(folder)
        }
        kinds::USERS => Users { id: texts() }.write(folder),
        kinds::REVIEWS => Reviews { user: vec![0], item: vec![0], text: texts() }.write(folder),
        kinds::CODES => Codes { levels: vec![vec![3]] }.write(folder),
        kinds::PROMPTS => {
            let prompt = Prompt { group: 0, kind: TaskKind::ALL[0], prompt: "a".into(), label: "b".into() };
            Prompts(vec![prompt]).write(folder)
        }
        kinds::RANKINGS | kinds::VALIDATION_RANKINGS => {
            let kept = vec![RankedList { user: 0, items: vec![(0, 1.0)] }];
            Rankings { kept, excluded: Vec::new() }.write(folder)
        }
        kinds::RANKS => {
            let measured = Measured { model: "a".into(), seen: Seen::Kept, hits: Hits::Item };
            Ranks { of: vec![(measured, vec![UserRank::one(0, 1, Some(1))])] }.write(folder)
        }
        kinds::USER_EMBEDDINGS => Embeddings { dim: 1, values: vec![0.5] }.write(folder, EmbeddingsOf::Users, None),
        _ => Embeddings { dim: 1, values: vec![0.5] }.write(folder, EmbeddingsOf::Items, None),
    }
    .unwrap();
}

#[test]
fn written_files_have_the_form_that_the_reference_shows() {
    for schema in frames::schemas() {
        for kind in &schema.kinds {
            let folder = tempfile::tempdir().unwrap();
            write(kind, folder.path());
            if schema.file.ends_with(".parquet") {
                let found = types(&folder.path().join(&schema.file));
                let expected: Vec<(String, String)> =
                    schema.fields.iter().map(|field| (field.name.clone(), field.form.clone())).collect();
                assert_eq!(found, expected, "{kind}");
            } else {
                let bytes = std::fs::read(folder.path().join(&schema.file)).unwrap();
                let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
                assert_eq!(tensors.names(), [&schema.fields[0].name], "{kind}");
            }
        }
    }
}
