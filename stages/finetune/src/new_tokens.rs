//! The codes' tokens: added before the training, looked at after it.

use crate::conflict;
use crate::parameters::{NewTokens, Parameters, Train};
use crate::samples::Samples;
use contract::{Failure, FailureKind, Result};
use frames::Codes;
use nn::{Llama, failed};
use serde::Serialize;
use std::path::Path;
use tch::{Kind, TchError, Tensor};
use tokenizers::{AddedToken, Tokenizer};

/// The tokens that were added: `count` from `first` on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Added {
    pub(crate) first: u32,
    pub(crate) count: u32,
}

/// Adds a token for each code in use to tokenizer and model; those that the tokenizer has already are left.
pub(crate) fn add(tokenizer: &mut Tokenizer, model: &mut Llama, codes: &Codes, std: f64) -> Result<Added> {
    let known = tokenizer.get_vocab_size(true);
    let tokens: Vec<AddedToken> = prompts::code_tokens(codes)
        .into_iter()
        .filter(|token| tokenizer.token_to_id(token).is_none())
        .map(|token| AddedToken::from(token, false).normalized(false))
        .collect();
    let count = tokenizer.add_tokens(&tokens);
    if count != tokens.len() || tokenizer.get_vocab_size(true) != known + count {
        return Err(conflict(format!("the tokenizer took {count} of {} new tokens", tokens.len())));
    }
    if let Some(first) = tokens.first()
        && tokenizer.token_to_id(&first.content) != u32::try_from(known).ok()
    {
        return Err(conflict("the tokenizer's numbers have gaps, so that new tokens cannot be appended to them"));
    }
    if count > 0 {
        model.add_tokens(known as i64, count as i64, std)?;
    }
    Ok(Added { first: known as u32, count: count as u32 })
}

/// Makes the new tokens' rows from the codebook's vectors, where that is asked for.
pub(crate) fn map(
    model: &mut Llama,
    tokenizer: &Tokenizer,
    added: &Added,
    codebook: Option<&Path>,
    how: NewTokens,
) -> Result<()> {
    let layers = match how {
        NewTokens::Mean => return Ok(()),
        NewTokens::Mlp2 => 2,
        NewTokens::Mlp3 => 3,
    };
    let Some(folder) = codebook else {
        return Err(conflict("new_tokens asks for the codebook's vectors, but no codebook is bound")
            .hint("bind codebook = \"codebook.codebook\""));
    };
    if added.count == 0 {
        return Err(conflict(
            "new_tokens asks for the codebook's vectors, but the model has the codes' tokens already",
        ));
    }
    let path = folder.join("codebook.safetensors");
    let levels = nn::safetensors_file::read(&path)?;
    let mut vectors = Vec::with_capacity(added.count as usize);
    for id in added.first..added.first + added.count {
        let token = tokenizer.id_to_token(id).unwrap_or_default();
        let vector = prompts::parse_code_token(&token).and_then(|(level, code)| {
            let vectors = levels.get(&format!("level_{}", level + 1))?;
            vectors.f_get(i64::from(code)).ok()
        });
        vectors
            .push(vector.ok_or_else(|| conflict(format!("{} has no vector for the token {token}", path.display())))?);
    }
    let vectors = Tensor::f_stack(&vectors, 0).map_err(failed("read the codebook"))?;
    model.map_added_tokens(&vectors, layers)
}

/// The rows of embedding and head before the training: copies of the new tokens' rows, and the sums of the old ones, of which
/// there may be many.
#[derive(Debug)]
pub(crate) struct Rows {
    new: (Tensor, Tensor),
    old: (Tensor, Tensor),
}

/// What the training did to the tokens' rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// Tokens that were added.
    new_tokens: usize,
    /// Those of them whose rows changed.
    new_tokens_moved: usize,
    /// Those of them that no sample has.
    new_tokens_never_seen: usize,
    /// Older tokens whose rows changed; none with adapters.
    old_tokens_moved: usize,
}

impl Check {
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} of {} new tokens moved, {} occur in no sample; {} old ones moved",
            self.new_tokens_moved, self.new_tokens, self.new_tokens_never_seen, self.old_tokens_moved
        )
    }
}

impl Rows {
    /// The rows as they are now.
    pub(crate) fn copy(model: &Llama, added: &Added) -> Result<Self> {
        let (embedding, head) = model.token_rows_from(i64::from(added.first))?;
        let copy = || Ok((embedding.f_detach_copy()?, head.f_detach_copy()?));
        Ok(Self { new: copy().map_err(failed("copy the tokens' rows"))?, old: old_sums(model, added)? })
    }

    /// Compares them with the rows after training.
    ///
    /// # Errors
    /// When a new token that occurs in samples did not move, or an old one did though only new ones train.
    pub(crate) fn compare(
        &self,
        model: &Llama,
        added: &Added,
        samples: &Samples,
        parameters: &Parameters,
    ) -> Result<Check> {
        let now = model.token_rows_from(i64::from(added.first))?;
        let of_new = changed_rows(&self.new, &now, |differs| differs.f_any_dim(1, false))?;
        let of_old = changed_rows(&self.old, &old_sums(model, added)?, Ok)?;
        let new = added.first..added.first + added.count;
        let moved = |token: &u32| of_new[(*token - added.first) as usize];
        // The item head alone moves the tokens of histories, not those that are only answers.
        let must_move = |token: &u32| parameters.token_weight > 0.0 && samples.seen.contains(token);
        let still = new.clone().find(|token| must_move(token) && !moved(token));
        if let Some(token) = still {
            return Err(Failure::new(FailureKind::Stage, format!("training did not move the new token {token}"))
                .hint("raise learning_rate or epochs"));
        }
        let old_tokens_moved = of_old.iter().filter(|changed| **changed).count();
        if parameters.train == Train::Lora && old_tokens_moved > 0 {
            let message = format!("training moved {old_tokens_moved} old tokens, though only new ones are trained");
            return Err(Failure::new(FailureKind::Stage, message));
        }
        Ok(Check {
            new_tokens: added.count as usize,
            new_tokens_moved: new.clone().filter(moved).count(),
            new_tokens_never_seen: new.filter(|token| !samples.seen.contains(token)).count(),
            old_tokens_moved,
        })
    }
}

/// The sums of the old tokens' rows.
fn old_sums(model: &Llama, added: &Added) -> Result<(Tensor, Tensor)> {
    let (embedding, head) = model.old_row_sums()?;
    let old = |sums: Tensor| sums.f_detach()?.f_narrow(0, 0, i64::from(added.first));
    let both = || Ok((old(embedding)?, old(head)?));
    both().map_err(failed("compare the tokens' rows"))
}

/// For each row whether it differs in the embedding or in the head; `any` makes one truth of those of a row.
fn changed_rows(
    before: &(Tensor, Tensor),
    after: &(Tensor, Tensor),
    any: impl Fn(Tensor) -> std::result::Result<Tensor, TchError>,
) -> Result<Vec<bool>> {
    let differs = |before: &Tensor, after: &Tensor| any(before.f_ne_tensor(after)?);
    let either = || {
        let either = differs(&before.0, &after.0)?.f_logical_or(&differs(&before.1, &after.1)?)?;
        Vec::<bool>::try_from(either.f_to_kind(Kind::Bool)?)
    };
    either().map_err(failed("compare the tokens' rows"))
}
