//! Average pooling of embeddings over an item's tokens.

use contract::{Failure, FailureKind, Result};
use frames::Items;
use nn::failed;
use tch::{Kind, Tensor};
use tokenizers::Tokenizer;

/// The tokens of each item's title and description, without special tokens; none where both are empty.
pub(crate) fn tokens(items: &Items, tokenizer: &Tokenizer) -> Result<Vec<Vec<i64>>> {
    let texts: Vec<String> = items
        .title
        .iter()
        .zip(&items.description)
        .map(|(title, description)| format!("{title} {description}").trim().to_owned())
        .collect();
    let encodings = tokenizer
        .encode_batch_fast(texts, false)
        .map_err(|error| Failure::other("tokenize the items' texts", error))?;
    Ok(encodings.iter().map(|encoding| encoding.get_ids().iter().copied().map(i64::from).collect()).collect())
}

/// The average of the rows of `embedding` `[V, h]` over each item's tokens, `[items, h]`; items without tokens get the
/// average of those with some.
pub(crate) fn averages(embedding: &Tensor, tokens: &[Vec<i64>]) -> Result<Tensor> {
    const MEAN: i64 = 1;
    let known = embedding.size()[0];
    if let Some(token) = tokens.iter().flatten().find(|&&token| token >= known) {
        return Err(Failure::new(
            FailureKind::Conflict,
            format!("the tokenizer's token {token} is outside of the embedding, which has {known} rows"),
        ));
    }
    let offsets: Vec<i64> = tokens
        .iter()
        .scan(0, |next, tokens| {
            let offset = *next;
            *next += tokens.len() as i64;
            Some(offset)
        })
        .collect();
    let pool = || {
        let flat = Tensor::f_from_slice(&tokens.concat())?;
        let offsets = Tensor::f_from_slice(&offsets)?;
        let (averages, ..) =
            Tensor::f_embedding_bag(embedding, &flat, &offsets, false, MEAN, false, None::<&Tensor>, false)?;
        let present: Vec<bool> = tokens.iter().map(|tokens| !tokens.is_empty()).collect();
        let present = Tensor::f_from_slice(&present)?.f_unsqueeze(1)?;
        let count = present.f_sum(Kind::Float)?;
        // Items without tokens are zero here, so they add nothing to the sum.
        let mean = averages.f_sum_dim_intlist(0, true, Kind::Float)?.f_div(&count)?;
        averages.f_where_self(&present, &mean)
    };
    pool().map_err(failed("average the embeddings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_get_the_average_of_their_tokens_or_of_the_others() {
        let embedding = Tensor::from_slice(&[0f32, 1.0, 2.0, 3.0, 4.0, 9.0]).view([3, 2]);
        let averages = averages(&embedding, &[vec![0, 1, 1], vec![], vec![2]]).unwrap();
        let expected = Tensor::from_slice(&[4f32 / 3.0, 7.0 / 3.0, 8.0 / 3.0, 17.0 / 3.0, 4.0, 9.0]).view([3, 2]);
        assert!(averages.allclose(&expected, 1e-6, 1e-6, false));
    }

    #[test]
    fn a_token_outside_of_the_embedding_is_refused() {
        let embedding = Tensor::from_slice(&[0f32, 1.0]).view([1, 2]);
        assert_eq!(averages(&embedding, &[vec![1]]).unwrap_err().kind, FailureKind::Conflict);
    }
}
