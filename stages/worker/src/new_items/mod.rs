//! Codes for items that were not there at training, for `pipe tokenize`.
//!
//! The runner says where the stage is that made the codebook, with all that is upstream of it; what that means is known
//! here alone: which input is text, which stage embedded it, and with which language model.

pub(crate) mod coded;
mod table;

use codebook::{Projection, Tokenizer};
use contract::questions::{CodeSource, Lineage, Tokenize, Tokenized, TokenizedItem};
use contract::{Context, Failure, FailureKind, Result, Spec};
use frames::Codes;
use std::collections::BTreeMap;
use table::NewItems;
use tch::{Device, Tensor};
use text::Embedder;

/// The codes of each new item, in the order of the file.
///
/// # Errors
/// When the table is not usable, or the codebook can give no codes from what it has.
pub(crate) fn answer(request: &Tokenize) -> Result<Tokenized> {
    let tokenizer = Tokenizer::read(request.stage.output("codebook")?)?;
    let items = NewItems::read(&request.items, tokenizer.dim())?;
    let rows = rows(&items, &tokenizer, request)?;
    if let Some(output) = &request.output {
        let codes: Vec<&[u32]> = rows.iter().map(|row| row.codes.as_slice()).collect();
        table::write(output, &items.ids, &items.titles, &codes)?;
    }
    Ok(Tokenized { items: rows })
}

fn rows(items: &NewItems, tokenizer: &Tokenizer, request: &Tokenize) -> Result<Vec<TokenizedItem>> {
    let with: Vec<&[f32]> = items.embeddings.iter().flatten().map(Vec::as_slice).collect();
    let texts: Vec<String> = items.texts_without_embedding().map(str::to_owned).collect();
    let mut from_embedding = match with.is_empty() {
        true => Vec::new(),
        false => each(&tokenizer.from_embeddings(&tensor(&with)?)?),
    }
    .into_iter();
    let mut from_text = match texts.is_empty() {
        true => Vec::new(),
        false => each(&of_texts(&texts, tokenizer, request)?),
    }
    .into_iter();
    let owners = owners(request)?;
    let row = |(id, embedding): (&String, &Option<Vec<f32>>)| {
        let (from, codes) = match embedding {
            Some(_) => (CodeSource::Embedding, from_embedding.next()),
            None => (CodeSource::Text, from_text.next()),
        };
        let codes = codes.unwrap_or_default();
        let collides_with = owners.get(&codes).cloned().unwrap_or_default();
        TokenizedItem { item: id.clone(), codes, from, collides_with }
    };
    Ok(items.ids.iter().zip(&items.embeddings).map(row).collect())
}

/// Codes of texts, embedded as the pipeline embeds those of its own items.
fn of_texts(texts: &[String], tokenizer: &Tokenizer, request: &Tokenize) -> Result<Codes> {
    let parameters: codebook::Parameters = request.stage.parameters()?;
    if tokenizer.has_projection() && parameters.projection == Projection::Pca {
        return Err(Failure::new(
            FailureKind::Conflict,
            "the codebook's projection is \"pca\": it compresses texts, and does not lead from a text to an item's embedding",
        )
        .hint("give embeddings, or train the codebook with projection = \"ridge\""));
    }
    if !tokenizer.has_projection() {
        // It says what is missing.
        return tokenizer.from_text(&Tensor::from_slice(&[0.0_f32]).unsqueeze(0));
    }
    let text = embedding_stage(&request.stage)?;
    let embedder = Embedder::open(text.input("llm")?, &text.parameters()?, device(&request.device)?)?;
    tokenizer.from_text(&embedder.embed(texts, |_| ())?)
}

/// The stage that embedded the texts of the pipeline's own items.
fn embedding_stage(codebook: &Lineage) -> Result<&Lineage> {
    codebook.producer("text")?.filter(|stage| stage.uses == "text").ok_or_else(|| {
        let message = format!("the input 'text' of '{}' is not an output of a stage that uses 'text'", codebook.name);
        Failure::new(FailureKind::Conflict, message)
            .hint("give embeddings: texts cannot be embedded as those of the pipeline's items were")
    })
}

/// The items in use of each sequence of codes.
fn owners(request: &Tokenize) -> Result<BTreeMap<Vec<u32>, Vec<u32>>> {
    let codes = Codes::read(request.stage.output("codes")?)?;
    let mut owners: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
    for (number, codes) in (0..).zip(each(&codes)) {
        owners.entry(codes).or_default().push(number);
    }
    Ok(owners)
}

fn each(codes: &Codes) -> Vec<Vec<u32>> {
    (0..codes.items()).map(|item| codes.of(item)).collect()
}

fn tensor(rows: &[&[f32]]) -> Result<Tensor> {
    Tensor::f_from_slice(&rows.concat())
        .and_then(|flat| flat.f_view([rows.len() as i64, -1]))
        .map_err(nn::failed("make a tensor of the embeddings"))
}

fn device(name: &str) -> Result<Device> {
    nn::start(&Context::new(Spec {
        uses: "tokenize".to_owned(),
        parameters: serde_json::Map::new(),
        inputs: BTreeMap::new(),
        outputs: BTreeMap::new(),
        seed: 0,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        device: name.to_owned(),
        rank: contract::Rank::default(),
        checkpoint: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::path::Path;

    /// Two levels of two codes over the plane, and two items in use, of which the first has the codes (0, 1).
    fn request(folder: &Path, items: &Path) -> Value {
        let level = |values: &[f32]| Tensor::from_slice(values).view([2, 2]);
        let tensors = [
            ("level_1".to_owned(), level(&[0.0, 0.0, 10.0, 0.0])),
            ("level_2".to_owned(), level(&[1.0, 0.0, 0.0, 1.0])),
        ];
        nn::safetensors_file::write(&folder.join("codebook.safetensors"), &tensors).unwrap();
        Codes { levels: vec![vec![0, 1], vec![1, 0]] }.write(folder).unwrap();
        json!({
            "stage": {
                "name": "codebook", "uses": "codebook", "parameters": {}, "inputs": {},
                "outputs": { "codebook": folder, "codes": folder },
            },
            "items": items, "output": folder.join("out.parquet"), "device": "cpu",
        })
    }

    fn ask(vectors: &[(&str, Option<&[f64]>)]) -> Result<Value> {
        let folder = tempfile::tempdir().unwrap();
        let items = folder.path().join("items.parquet");
        table::tests::write_embeddings(&items, vectors);
        let answer = answer(&serde_json::from_value(request(folder.path(), &items)).unwrap());
        assert_eq!(folder.path().join("out.parquet").is_file(), answer.is_ok());
        answer.map(|answer| serde_json::to_value(answer).unwrap())
    }

    #[test]
    fn embeddings_get_the_nearest_codes_and_collisions_are_told() {
        let answer = ask(&[("near", Some(&[0.0, 0.9])), ("far", Some(&[10.0, 1.2]))]).unwrap();
        let expected = json!({ "items": [
            { "item": "near", "codes": [0, 1], "from": "embedding", "collides_with": [0] },
            { "item": "far", "codes": [1, 1], "from": "embedding", "collides_with": [] },
        ] });
        assert_eq!(answer, expected);
    }

    #[test]
    fn embeddings_that_cannot_be_are_refused_by_row() {
        let cases: [(Option<&[f64]>, &str); 3] = [
            (Some(&[0.0]), "the embedding of 'b' has 1 numbers, the codebook was trained on 2"),
            (Some(&[0.0, f64::NAN]), "the embedding of 'b' holds NaN"),
            (None, "'b' has neither an embedding nor a title or description"),
        ];
        for (vector, message) in cases {
            let failure = ask(&[("a", Some(&[0.0, 0.0])), ("b", vector)]).unwrap_err();
            assert_eq!(failure.kind, FailureKind::MalformedRow);
            assert!(failure.message.contains(&format!("row 1: {message}")), "{failure}");
        }
    }
}
