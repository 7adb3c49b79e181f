//! A GGUF file is the model, the embedding and the tokenizer that its Hugging Face folder has, or is refused with a reason.

#[path = "../../../gguf/tests/gguf_bytes/mod.rs"]
mod gguf_bytes;

use super::*;
use crate::llama_config::tests::tiny;
use crate::{AttentionMask, Llama};
use gguf_bytes::{BOOL, F32, I32, file_of, list, number, pair, text, texts};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

type Tensors = Vec<(String, Vec<u64>, Vec<f32>)>;

/// Twenty-three tokens, as many as the model has rows: two special ones, bytes and what they merge to.
const TOKENS: [&str; 23] = [
    "<|end|>",
    "<|begin|>",
    "l",
    "u",
    "t",
    "e",
    "s",
    "Ġ",
    "1",
    "2",
    "lu",
    "te",
    "lute",
    "Ġlute",
    "a",
    "b",
    "c",
    "d",
    "f",
    "g",
    "h",
    "i",
    "<user>",
];

/// The metadata of the model that `tiny` describes, by key.
fn metadata() -> BTreeMap<&'static str, Vec<u8>> {
    let kinds: Vec<Vec<u8>> = (0..23)
        .map(|id| {
            if id < 2 {
                3
            } else if id == 22 {
                4
            } else {
                1_i32
            }
        })
        .map(|kind| kind.to_le_bytes().to_vec())
        .collect();
    let pairs = [
        ("general.architecture", text("general.architecture", "llama")),
        ("llama.block_count", number("llama.block_count", 2)),
        ("llama.embedding_length", number("llama.embedding_length", 16)),
        ("llama.feed_forward_length", number("llama.feed_forward_length", 24)),
        ("llama.attention.head_count", number("llama.attention.head_count", 4)),
        ("llama.attention.head_count_kv", number("llama.attention.head_count_kv", 2)),
        (
            "llama.attention.layer_norm_rms_epsilon",
            pair("llama.attention.layer_norm_rms_epsilon", F32, &1e-6_f32.to_le_bytes()),
        ),
        ("tokenizer.ggml.model", text("tokenizer.ggml.model", "gpt2")),
        ("tokenizer.ggml.pre", text("tokenizer.ggml.pre", "smollm")),
        ("tokenizer.ggml.tokens", texts("tokenizer.ggml.tokens", &TOKENS)),
        ("tokenizer.ggml.token_type", list("tokenizer.ggml.token_type", I32, &kinds)),
        ("tokenizer.ggml.merges", texts("tokenizer.ggml.merges", &["l u", "t e", "lu te", "Ġ lute"])),
        ("tokenizer.ggml.bos_token_id", number("tokenizer.ggml.bos_token_id", 1)),
        ("tokenizer.ggml.eos_token_id", number("tokenizer.ggml.eos_token_id", 0)),
        ("tokenizer.ggml.add_bos_token", pair("tokenizer.ggml.add_bos_token", BOOL, &[0])),
    ];
    BTreeMap::from(pairs)
}

/// The weights of a model under the names, and in the order of rows, that llama.cpp gives them.
fn tensors(model: &Llama) -> Tensors {
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path()).unwrap();
    let weights = safetensors_file::read(&folder.path().join("model.safetensors")).unwrap();
    let rename = |name: &str| {
        let parts = [
            ("model.embed_tokens", "token_embd"),
            ("model.norm", "output_norm"),
            ("lm_head", "output"),
            ("model.layers", "blk"),
            ("input_layernorm", "attn_norm"),
            ("post_attention_layernorm", "ffn_norm"),
            ("self_attn.o_proj", "attn_output"),
            ("self_attn.", "attn_"),
            ("mlp.", "ffn_"),
            ("_proj", ""),
        ];
        parts.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
    };
    let stored = |(name, weight): (String, Tensor)| {
        let heads = if name.contains("q_proj") { 4 } else { 2 };
        let rotated = name.contains("q_proj") || name.contains("k_proj");
        let weight = match rotated {
            true => weight.view([heads, 2, 2, 16]).transpose(1, 2).reshape(weight.size()),
            false => weight,
        };
        let shape = weight.size().iter().map(|&size| size.cast_unsigned()).collect();
        (rename(&name), shape, Vec::<f32>::try_from(weight.contiguous().view(-1)).unwrap())
    };
    weights.into_iter().map(stored).collect()
}

fn random(other: &Value) -> Llama {
    tch::manual_seed(6);
    Llama::random(tiny(other), 0.3, Device::Cpu, Kind::Float).unwrap()
}

fn write(folder: &Path, metadata: &BTreeMap<&str, Vec<u8>>, tensors: &Tensors) -> PathBuf {
    let path = folder.join("tiny.gguf");
    fs_err::write(&path, file_of(&metadata.values().cloned().collect::<Vec<_>>(), tensors)).unwrap();
    path
}

fn logits(model: &Llama) -> Tensor {
    let ids = Tensor::from_slice(&[1i64, 5, 9, 2]).view([1, 4]);
    let positions = Tensor::arange(4, (Kind::Int64, Device::Cpu)).view([1, 4]);
    model.logits(&model.forward(&ids, &positions, &AttentionMask::Causal, None, false).unwrap()).unwrap()
}

#[test]
fn a_file_and_its_folder_are_the_model_that_was_written() {
    for tied in [true, false] {
        let model = random(&json!({"tie_word_embeddings": tied}));
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), &metadata(), &tensors(&model));
        for place in [path.as_path(), folder.path()] {
            assert_eq!(logits(&Llama::load(place, Device::Cpu, Kind::Float).unwrap()), logits(&model), "tied: {tied}");
        }
        assert_eq!(crate::read_embedding(&path).unwrap(), model.token_rows().unwrap().0);
        let config = Llama::load(&path, Device::Cpu, Kind::Float).unwrap().config().clone();
        assert_eq!(config.other["eos_token_id"], json!(0));
    }
}

#[test]
fn the_hugging_face_folder_of_a_file_is_the_same_model_and_tokenizer() {
    let model = random(&json!({"tie_word_embeddings": true}));
    let (folder, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = write(folder.path(), &metadata(), &tensors(&model));
    crate::write_hugging_face(&path, None, output.path()).unwrap();
    assert_eq!(logits(&Llama::load(output.path(), Device::Cpu, Kind::Float).unwrap()), logits(&model));
    let texts = ["lute lutes12", "<|begin|>lute<user>"];
    for text in texts {
        let ids = |place: &Path| crate::read_tokenizer(place).unwrap().encode(text, true).unwrap().get_ids().to_vec();
        assert_eq!(ids(output.path()), ids(&path));
    }
    let settings = fs_err::read_to_string(output.path().join("tokenizer_config.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&settings).unwrap()["bos_token"], "<|begin|>");
}

#[test]
fn the_first_blocks_of_a_file_are_those_of_the_whole() {
    let mut model = random(&json!({"tie_word_embeddings": true}));
    let (folder, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = write(folder.path(), &metadata(), &tensors(&model));
    crate::write_hugging_face(&path, Some(1), output.path()).unwrap();
    model.blocks.truncate(1);
    let cut = Llama::load(output.path(), Device::Cpu, Kind::Float).unwrap();
    assert_eq!((logits(&cut), cut.config().num_hidden_layers), (logits(&model), 1));
    let failure = crate::write_hugging_face(&path, Some(3), output.path()).unwrap_err();
    assert!(failure.message.contains("layers is 3, but") && failure.message.contains("has 2 blocks"), "{failure}");
}

#[test]
fn texts_are_cut_and_merged_as_the_metadata_says() {
    let tensors = tensors(&random(&json!({"tie_word_embeddings": true})));
    let folder = tempfile::tempdir().unwrap();
    let mut metadata = metadata();
    let tokens = |metadata: &BTreeMap<&str, Vec<u8>>, text: &str| {
        let path = write(folder.path(), metadata, &tensors);
        crate::read_tokenizer(&path).unwrap().encode(text, true).unwrap().get_tokens().to_vec()
    };
    assert_eq!(tokens(&metadata, "lutes lute12"), ["lute", "s", "Ġlute", "1", "2"]);
    assert_eq!(tokens(&metadata, "te<|end|><user>"), ["te", "<|end|>", "<user>"]);
    metadata.insert("tokenizer.ggml.add_bos_token", pair("tokenizer.ggml.add_bos_token", BOOL, &[1]));
    metadata.insert("tokenizer.ggml.pre", text("tokenizer.ggml.pre", "llama-bpe"));
    assert_eq!(tokens(&metadata, "lute 12"), ["<|begin|>", "lute", "Ġ", "1", "2"]);
}

#[test]
fn sentencepiece_vocabularies_are_read_with_their_scores() {
    let folder = tempfile::tempdir().unwrap();
    let mut tokens = TOKENS.map(|token| token.replace('Ġ', "▁"));
    (tokens[0], tokens[1]) = ("<unk>".to_owned(), "<s>".to_owned());
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let kinds: Vec<_> = (0..23).map(|id| [2_i32, 3, 1][id.min(2)].to_le_bytes().to_vec()).collect();
    let scores: Vec<_> = (0..23).map(|id| (-(id as f32)).to_le_bytes().to_vec()).collect();
    let mut metadata = metadata();
    metadata.insert("tokenizer.ggml.model", text("tokenizer.ggml.model", "llama"));
    metadata.insert("tokenizer.ggml.tokens", texts("tokenizer.ggml.tokens", &tokens));
    metadata.insert("tokenizer.ggml.token_type", list("tokenizer.ggml.token_type", I32, &kinds));
    metadata.insert("tokenizer.ggml.scores", list("tokenizer.ggml.scores", F32, &scores));
    metadata.insert("tokenizer.ggml.add_bos_token", pair("tokenizer.ggml.add_bos_token", BOOL, &[1]));
    let path = write(folder.path(), &metadata, &tensors(&random(&json!({"tie_word_embeddings": true}))));
    let encoded = crate::read_tokenizer(&path).unwrap().encode("lute lute", true).unwrap();
    assert_eq!(encoded.get_tokens(), ["<s>", "▁lute", "▁lute"]);
}

/// The failure of loading model and tokenizer of a file with that metadata and those tensors.
fn refused(metadata: &BTreeMap<&str, Vec<u8>>, tensors: &Tensors) -> Failure {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), metadata, tensors);
    let model = Llama::load(&path, Device::Cpu, Kind::Float).map(|_| ());
    let failure = model.and_then(|()| crate::read_tokenizer(&path).map(|_| ())).unwrap_err();
    assert!(failure.message.contains("tiny.gguf"), "{failure}");
    failure
}

#[test]
fn what_is_not_supported_or_contradicts_itself_is_refused_by_name() {
    let whole = tensors(&random(&json!({"tie_word_embeddings": true})));
    let with = |key: &'static str, value: Vec<u8>| {
        let mut metadata = metadata();
        metadata.insert(key, value);
        refused(&metadata, &whole)
    };
    let of_text = |key: &'static str, value: &str| with(key, text(key, value)).message;
    assert!(of_text("general.architecture", "qwen2").contains("the architecture is qwen2"));
    assert!(of_text("tokenizer.ggml.pre", "tekken").contains("tokenizer.ggml.pre is tekken"));
    assert!(of_text("tokenizer.ggml.model", "bert").contains("expected gpt2 or llama"));
    assert!(of_text("llama.rope.scaling.type", "yarn").contains("llama.rope.scaling.type is yarn"));
    let of_number = |key: &'static str, value: u32| with(key, number(key, value)).message;
    assert!(of_number("llama.expert_count", 8).contains("8 experts"));
    assert!(of_number("llama.embedding_length", 32).contains("[23, 32]"));
    assert!(of_number("llama.embedding_length", 4_000_000_000).contains("at most 1000000000"));
    assert!(of_number("llama.block_count", 3).contains("has no weight 'blk.2."));
    assert!(of_number("llama.attention.head_count", 0).contains("0 attention heads"));
    let fewer: Tensors = whole.iter().filter(|tensor| tensor.0 != "output_norm.weight").cloned().collect();
    assert!(refused(&metadata(), &fewer).message.contains("has no weight 'output_norm.weight'"));
    let mut broken = whole.clone();
    broken[0].2[0] = f32::NAN;
    assert_eq!(refused(&metadata(), &broken).kind, FailureKind::MalformedRow);
}

#[test]
fn a_vocabulary_that_does_not_match_is_refused() {
    let whole = tensors(&random(&json!({"tie_word_embeddings": true})));
    let with = |tokens: &[&str]| {
        let mut metadata = metadata();
        metadata.insert("tokenizer.ggml.tokens", texts("tokenizer.ggml.tokens", tokens));
        if tokens.len() != TOKENS.len() {
            metadata.remove("tokenizer.ggml.token_type");
        }
        refused(&metadata, &whole)
    };
    let more = with(&[&TOKENS[..], &["x"]].concat());
    assert!(more.message.contains("the tokenizer has 24 tokens, token_embd.weight has 23 rows"), "{more}");
    assert_eq!(more.hint.as_deref(), Some("the tokenizer belongs to another model"));
    let mut twice = TOKENS;
    twice[21] = "h";
    assert!(with(&twice).message.contains("1 tokens are there twice"));
    assert_eq!(with(&TOKENS[..5]).kind, FailureKind::DamagedFile, "a merge of tokens that are not there");
}

#[test]
fn a_cut_file_another_format_and_an_unread_quantisation_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), &metadata(), &tensors(&random(&json!({"tie_word_embeddings": true}))));
    let bytes = fs_err::read(&path).unwrap();
    let load = |bytes: &[u8]| {
        fs_err::write(&path, bytes).unwrap();
        Llama::load(folder.path(), Device::Cpu, Kind::Float).map(|_| ()).unwrap_err()
    };
    let cut = load(&bytes[..bytes.len() - 40]);
    assert_eq!((cut.kind, cut.hint.as_deref()), (FailureKind::DamagedFile, Some("fetch the file again")));
    assert!(cut.message.contains("tiny.gguf: it is cut short: the tensor '"), "{cut}");
    let other = load(b"\x80\x02}q\x00(X");
    assert!(other.message.contains("it is no GGUF file") && other.hint.is_some(), "{other}");
    assert!(load(b"").message.contains("cut short"));
    // The type of the first tensor is behind its name and two sizes.
    let name = b"output_norm.weight";
    let place = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4 + 8;
    let mut quantised = bytes;
    quantised[place] = 10;
    let unread = load(&quantised);
    assert_eq!(unread.kind, FailureKind::Conflict);
    assert!(unread.message.contains("'output_norm.weight' has the quantisation Q2_K"), "{unread}");
    fs_err::write(folder.path().join("second.gguf"), b"GGUF").unwrap();
    let several = Llama::load(folder.path(), Device::Cpu, Kind::Float).unwrap_err();
    assert!(several.message.contains("has 2 GGUF files, expected one"), "{several}");
}
