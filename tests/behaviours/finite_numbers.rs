//! Embeddings that are not finite, or too large to compute with, are refused with their rows.

use crate::space::Space;

/// A codebook over embeddings that a command hands on: eight items of two numbers.
fn codebook(embeddings: [[f32; 2]; 8]) -> Space {
    let space = Space::new();
    let header = r#"{"items":{"dtype":"F32","shape":[8,2],"data_offsets":[0,64]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(embeddings.iter().flatten().flat_map(|number| number.to_le_bytes()));
    space.write("embeddings.safetensors", bytes);
    space.write(
        "p.toml",
        "name = 'p'\nseed = 1\n[stage.items]\nuses = 'command'\nfiles = { of = 'embeddings.safetensors' }\n\
         command = ['sh', '-c', 'cp {files.of} {outputs.items}/embeddings.safetensors']\n\
         outputs = { items = 'item-embeddings' }\n\
         [stage.codebook]\nuses = 'codebook'\ninputs = { items = 'items.items' }\nlevels = 2\ncodes = 2\nepochs = 2\n\
         llm_alignment = false\ncode_dim = 2\n",
    );
    space
}

/// Eight different rows of that size.
fn rows(size: f32) -> [[f32; 2]; 8] {
    std::array::from_fn(|row| [size * ((row as f32 + 1.0) / 8.0), size / (row as f32 + 1.0)])
}

#[test]
fn embeddings_that_are_not_finite_are_refused_with_their_rows() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut embeddings = rows(1.0);
        embeddings[3][1] = bad;
        let outcome = codebook(embeddings).pipe(&["run", "p"]);
        assert_eq!(outcome.code, 22, "{}{}", outcome.out, outcome.err);
        assert!(outcome.err.contains("1 of 8 rows") && outcome.err.contains("item 3"), "{}", outcome.err);
    }
}

#[test]
fn embeddings_whose_squares_overflow_are_refused() {
    let outcome = codebook(rows(1e38)).pipe(&["run", "p"]);
    assert_eq!(outcome.code, 22, "{}{}", outcome.out, outcome.err);
    assert!(outcome.err.contains("item 0 has an embedding of squared length"), "{}", outcome.err);
}

#[test]
fn embeddings_of_any_other_size_get_codes() {
    for size in [1e-30, 1.0, 1e14] {
        codebook(rows(size)).succeed(&["run", "p"]);
    }
}

#[test]
fn a_weight_that_is_not_finite_is_refused() {
    let space = Space::new();
    space.write(
        "p.toml",
        "name = 'p'\nseed = 1\n[stage.sample]\nuses = 'sample'\nusers = 120\nitems = 60\n\
         [stage.ingest]\nuses = 'ingest'\ninputs = { reviews = 'sample.reviews', metadata = 'sample.metadata' }\n\
         [stage.llm]\nuses = 'llama'\ninputs = { items = 'ingest.items' }\nvocabulary = 300\nhidden = 16\nlayers = 1\n\
         heads = 2\nkv_heads = 2\nintermediate = 16\n\
         [stage.broken]\nuses = 'command'\ninputs = { llm = 'llm.model' }\noutputs = { model = 'language-model' }\n\
         command = ['sh', '-c', 'cp {inputs.llm}/* {outputs.model}; cd {outputs.model}; chmod u+w *; \
         printf \"\\377\\377\\377\\377\" | dd of=model.safetensors bs=1 conv=notrunc seek=$(($(wc -c < model.safetensors) - 4))']\n\
         [stage.text]\nuses = 'text'\ninputs = { items = 'ingest.items', llm = 'broken.model' }\nlayer = 'last'\n",
    );
    let outcome = space.pipe(&["run", "p"]);
    assert_eq!(outcome.code, 22, "{}{}", outcome.out, outcome.err);
    assert!(outcome.err.contains("text failed") && outcome.err.contains("is not finite"), "{}", outcome.err);
}
