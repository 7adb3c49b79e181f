//! Average pooling of embeddings over an item's tokens.

use contract::{Failure, FailureKind, Result};
use nn::failed;
use tch::Tensor;

/// The average of the rows of `embedding` `[V, h]` over each item's tokens, `[items, h]`; zeros
/// for one without tokens.
pub(crate) fn averages(embedding: &Tensor, tokens: &[Vec<i64>]) -> Result<Tensor> {
    const MEAN: i64 = 1;
    check_known(tokens, embedding.size()[0])?;
    let offsets: Vec<i64> = tokens
        .iter()
        .scan(0, |next, tokens| {
            let offset = *next;
            *next += tokens.len() as i64;
            Some(offset)
        })
        .collect();
    let pool = || {
        let flat = Tensor::f_from_slice(&tokens.concat())?.f_to_device(embedding.device())?;
        let offsets = Tensor::f_from_slice(&offsets)?.f_to_device(embedding.device())?;
        Tensor::f_embedding_bag(embedding, &flat, &offsets, false, MEAN, false, None::<&Tensor>, false)
    };
    pool().map(|(averages, ..)| averages).map_err(failed("average the embeddings"))
}

/// Refuses tokens that the model does not know: it has the first `known`.
pub(crate) fn check_known(tokens: &[Vec<i64>], known: i64) -> Result<()> {
    match tokens.iter().flatten().find(|&&token| token >= known) {
        Some(token) => Err(Failure::new(
            FailureKind::Conflict,
            format!("the tokenizer's token {token} is outside of the embedding, which has {known} rows"),
        )
        .hint("the tokenizer belongs to another model")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_get_the_average_of_their_tokens_or_zeros() {
        let embedding = Tensor::from_slice(&[0f32, 1.0, 2.0, 3.0, 4.0, 9.0]).view([3, 2]);
        let averages = averages(&embedding, &[vec![0, 1, 1], vec![], vec![2]]).unwrap();
        let expected = Tensor::from_slice(&[4f32 / 3.0, 7.0 / 3.0, 0.0, 0.0, 4.0, 9.0]).view([3, 2]);
        assert!(averages.allclose(&expected, 1e-6, 1e-6, false));
    }

    #[test]
    fn a_token_outside_of_the_embedding_is_refused() {
        let embedding = Tensor::from_slice(&[0f32, 1.0]).view([1, 2]);
        assert_eq!(averages(&embedding, &[vec![1]]).unwrap_err().kind, FailureKind::Conflict);
    }
}
