//! `tokenizer.model`, SentencePiece's file of LLaMA and Llama 2, as the same tokenizer that `tokenizer.json` would give.

use contract::{Failure, FailureKind};
use prost::Message;
use serde_json::json;
use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Tokenizer};

/// What SentencePiece writes for a space.
const SPACE: &str = "\u{2581}";

/// The part of SentencePiece's `ModelProto` that byte pairs need, by the numbers of its published definition.
#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    trainer: Option<Trainer>,
    #[prost(message, optional, tag = "3")]
    normalizer: Option<Normalizer>,
}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(float, tag = "2")]
    score: f32,
    #[prost(enumeration = "PieceKind", optional, tag = "3")]
    kind: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum PieceKind {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

#[derive(Clone, PartialEq, Message)]
struct Trainer {
    #[prost(enumeration = "ModelKind", optional, tag = "3")]
    kind: Option<i32>,
    /// The piece that begins a string; none where negative.
    #[prost(int32, optional, tag = "41")]
    begin: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
enum ModelKind {
    Unigram = 1,
    BytePairs = 2,
    Word = 3,
    Character = 4,
}

#[derive(Clone, PartialEq, Message)]
struct Normalizer {
    /// Whether a space is put before a string.
    #[prost(bool, optional, tag = "3")]
    prepends: Option<bool>,
}

impl Piece {
    fn is(&self, kind: PieceKind) -> bool {
        self.kind.unwrap_or(PieceKind::Normal as i32) == kind as i32
    }
}

/// Reads a SentencePiece model of byte pairs.
///
/// # Errors
/// When the file is absent or damaged, or a model of another kind.
pub(crate) fn read(path: &Path) -> contract::Result<Tokenizer> {
    let bytes = fs_err::read(path).map_err(|error| Failure::reading(path, error))?;
    let decoded = Model::decode(bytes.as_slice()).map_err(|error| error.to_string());
    let model =
        decoded.and_then(|model| if model.pieces.is_empty() { Err("no pieces in it".into()) } else { Ok(model) });
    let model = model.map_err(|error| {
        Failure::reading(path, error)
            .hint("expected a SentencePiece model; where it is another format, as Llama 3's, give tokenizer.json")
    })?;
    let kind = model.trainer.as_ref().and_then(|trainer| trainer.kind).unwrap_or(ModelKind::Unigram as i32);
    if kind != ModelKind::BytePairs as i32 {
        let found = ModelKind::try_from(kind).map_or_else(|_| kind.to_string(), |kind| format!("{kind:?}"));
        let message = format!("{}: the SentencePiece model is of type {found}, expected BytePairs", path.display());
        return Err(Failure::new(FailureKind::Conflict, message).hint("give tokenizer.json"));
    }
    build(&model).map_err(|error| Failure::reading(path, error))
}

/// The tokenizer of pieces of byte pairs: text, score, and SentencePiece's number for the kind. It begins no sequence with a piece.
/// `prepends` says whether a space is put before a text; it is where that is not known.
///
/// # Errors
/// When no piece stands for what is unknown, or the pieces are no tokenizer.
pub(crate) fn from_pieces<'a>(
    pieces: impl Iterator<Item = (&'a str, f32, i32)>,
    prepends: Option<bool>,
) -> Result<Tokenizer, Box<dyn Error>> {
    let pieces = pieces.map(|(text, score, kind)| Piece { text: text.to_owned(), score, kind: Some(kind) }).collect();
    build(&Model { pieces, trainer: None, normalizer: Some(Normalizer { prepends }) })
}

fn build(model: &Model) -> Result<Tokenizer, Box<dyn Error>> {
    let pieces = &model.pieces;
    let unknown = pieces.iter().find(|piece| piece.is(PieceKind::Unknown));
    let unknown = unknown.ok_or("no piece stands for what is unknown")?;
    let vocabulary: HashMap<&str, u32> = (0..).zip(pieces).map(|(id, piece)| (piece.text.as_str(), id)).collect();
    let prepends = model.normalizer.as_ref().and_then(|normalizer| normalizer.prepends).unwrap_or(true);
    let mut normalizers = vec![json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE})];
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": SPACE}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prepends {
        normalizers.insert(0, json!({"type": "Prepend", "prepend": SPACE}));
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let mut tokenizer: Tokenizer = serde_json::from_value(json!({
        "version": "1.0",
        "normalizer": {"type": "Sequence", "normalizers": normalizers},
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE",
            "vocab": vocabulary,
            "merges": merges(pieces, &vocabulary),
            "unk_token": unknown.text,
            "fuse_unk": true,
            "byte_fallback": true,
        },
    }))?;
    let special = pieces.iter().filter(|piece| piece.is(PieceKind::Unknown) || piece.is(PieceKind::Control));
    tokenizer.add_special_tokens(&special.map(|piece| AddedToken::from(piece.text.as_str(), true)).collect::<Vec<_>>());
    if let Some((begin, id)) = begin(model) {
        let template = TemplateProcessing::builder()
            .try_single(format!("{begin} $A"))?
            .special_tokens(vec![(begin, id)])
            .build()?;
        tokenizer.with_post_processor(Some(template));
    }
    Ok(tokenizer)
}

/// The token that LLaMA begins every sequence with.
fn begin(model: &Model) -> Option<(String, u32)> {
    let id = u32::try_from(model.trainer.as_ref()?.begin.unwrap_or(1)).ok()?;
    Some((model.pieces.get(id as usize)?.text.clone(), id))
}

/// Which pairs of pieces make a piece: all ways to cut it in two, those of the best piece first.
///
/// A SentencePiece model scores pieces; a merge list ranks pairs. Pairs of one piece are in the order that the
/// transformers library gives them, longer beginnings first.
fn merges<'a>(pieces: &'a [Piece], vocabulary: &HashMap<&str, u32>) -> Vec<(&'a str, &'a str)> {
    let mut scored: Vec<(f32, &str, &str)> = Vec::new();
    for piece in pieces.iter().filter(|piece| piece.is(PieceKind::Normal)) {
        let whole = piece.text.as_str();
        let cuts = whole.char_indices().skip(1).map(|(place, _)| whole.split_at(place));
        let known = cuts.filter(|(left, right)| vocabulary.contains_key(left) && vocabulary.contains_key(right));
        scored.extend(known.map(|(left, right)| (piece.score, left, right)));
    }
    let length = |text: &str| text.chars().count();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| length(b.1).cmp(&length(a.1))));
    scored.into_iter().map(|(_, left, right)| (left, right)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, score: f32, kind: PieceKind) -> Piece {
        Piece { text: text.to_owned(), score, kind: Some(kind as i32) }
    }

    /// Special pieces, all bytes, and the pieces that lead to "▁lute".
    fn model(kind: ModelKind) -> Model {
        let mut pieces = vec![
            piece("<unk>", 0.0, PieceKind::Unknown),
            piece("<s>", 0.0, PieceKind::Control),
            piece("</s>", 0.0, PieceKind::Control),
        ];
        pieces.extend((0..=255).map(|byte| piece(&format!("<0x{byte:02X}>"), 0.0, PieceKind::Byte)));
        let words = ["lu", "te", "lute", "▁lute", "▁", "l", "u", "t", "e"];
        pieces.extend(words.iter().zip(0..).map(|(text, place)| piece(text, -(place as f32), PieceKind::Normal)));
        Model { pieces, trainer: Some(Trainer { kind: Some(kind as i32), begin: Some(1) }), normalizer: None }
    }

    fn read_back(model: &Model) -> contract::Result<Tokenizer> {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("tokenizer.model"), model.encode_to_vec()).unwrap();
        crate::read_tokenizer(folder.path())
    }

    #[test]
    fn texts_become_pieces_and_come_back() {
        let tokenizer = read_back(&model(ModelKind::BytePairs)).unwrap();
        let encoded = tokenizer.encode("lute lutte ö", true).unwrap();
        assert_eq!(encoded.get_tokens(), ["<s>", "▁lute", "▁", "lu", "t", "te", "▁", "<0xC3>", "<0xB6>"]);
        assert_eq!(tokenizer.decode(encoded.get_ids(), true).unwrap(), "lute lutte ö");
    }

    #[test]
    fn another_model_or_format_is_refused_with_the_way_out() {
        let failure = read_back(&model(ModelKind::Unigram)).unwrap_err();
        assert!(failure.message.contains("is of type Unigram, expected BytePairs"), "{failure}");
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("tokenizer.model"), "IQ== 0\nIg== 1\n").unwrap();
        let failure = crate::read_tokenizer(folder.path()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::DamagedFile);
        assert!(failure.hint.unwrap().contains("tokenizer.json"));
        assert!(crate::read_tokenizer(&folder.path().join("none")).unwrap_err().message.contains("neither"));
    }
}
