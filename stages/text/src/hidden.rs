//! The mean of the last hidden states at an item's tokens.
//!
//! Texts of equal length are computed together, so that nothing is padded. On the CPU each text is computed by itself
//! and by one thread: how a matrix product adds up depends on its size and on the threads, and a vector must not.

use crate::pooling::check_known;
use contract::Result;
use nn::{AttentionMask, Llama, failed};
use std::collections::BTreeMap;
use tch::{Kind, TchError, Tensor};

/// Tokens that a GPU computes at once.
pub(crate) const GPU_TOKENS: usize = 16_384;

/// The mean of the last hidden states of each text, f32 `[texts, h]`; zeros for one without tokens. At most
/// `batch_tokens` are computed at once, but at least one text.
pub(crate) fn last_hidden(
    model: &Llama,
    tokens: &[Vec<i64>],
    batch_tokens: usize,
    mut report: impl FnMut(usize),
) -> Result<Tensor> {
    check_known(tokens, model.tokens())?;
    let device = model.device();
    let on_gpu = device.is_cuda();
    if !on_gpu {
        tch::set_num_threads(1);
    }
    let mut of_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (text, tokens) in tokens.iter().enumerate().filter(|(_, tokens)| !tokens.is_empty()) {
        of_length.entry(tokens.len()).or_default().push(text);
    }
    let shape = [tokens.len() as i64, model.config().hidden_size];
    let mut vectors = Tensor::f_zeros(shape, (Kind::Float, device)).map_err(failed("allocate the vectors"))?;
    let mut done = 0;
    for (length, texts) in of_length {
        let at_once = if on_gpu { (batch_tokens / length).max(1) } else { 1 };
        for batch in texts.chunks(at_once) {
            let ids: Vec<i64> = batch.iter().flat_map(|&text| &tokens[text]).copied().collect();
            let means = means(model, &ids, length as i64)?;
            let rows: Vec<i64> = batch.iter().map(|&text| text as i64).collect();
            Tensor::f_from_slice(&rows)
                .and_then(|rows| vectors.f_index_copy_(0, &rows.f_to_device(device)?, &means))
                .map(drop)
                .map_err(failed("keep the vectors"))?;
            done += batch.len();
            report(done);
        }
    }
    Ok(vectors)
}

/// The means `[B, h]` over texts of `length` tokens each, one after the other in `ids`.
fn means(model: &Llama, ids: &[i64], length: i64) -> Result<Tensor> {
    let device = model.device();
    let place = || -> std::result::Result<(Tensor, Tensor), TchError> {
        let ids = Tensor::f_from_slice(ids)?.f_view([-1, length])?.f_to_device(device)?;
        let positions = Tensor::f_arange(length, (Kind::Int64, device))?.f_expand(ids.size(), false)?;
        Ok((ids, positions))
    };
    let (ids, positions) = place().map_err(failed("place tokens on the device"))?;
    let states = tch::no_grad(|| model.forward(&ids, &positions, &AttentionMask::Causal, None, false))?;
    states.f_mean_dim([1_i64].as_slice(), false, Kind::Float).map_err(failed("average the hidden states"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn::LlamaConfig;
    use tch::Device;

    fn model() -> Llama {
        let config = serde_json::json!({
            "model_type": "llama", "vocab_size": 23, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 64,
        });
        let config: LlamaConfig = serde_json::from_value(config).unwrap();
        nn::with_seed(4, || Llama::random(config, 0.3, Device::Cpu, Kind::Float).unwrap())
    }

    #[test]
    fn a_batch_does_not_change_a_texts_vector() {
        let model = model();
        let tokens = vec![vec![3, 1, 4], vec![], vec![1, 5, 9], vec![2], vec![6, 5, 3, 5, 8, 9, 7, 9]];
        let all = last_hidden(&model, &tokens, 8, |_| ()).unwrap();
        assert_eq!(all.get(1).abs().sum(Kind::Float).double_value(&[]), 0.0);
        for (text, one) in tokens.iter().enumerate().filter(|(_, one)| !one.is_empty()) {
            let ids = Tensor::from_slice(one).view([1, -1]);
            let positions = Tensor::arange(one.len() as i64, (Kind::Int64, Device::Cpu)).view([1, -1]);
            let states = model.forward(&ids, &positions, &AttentionMask::Causal, None, false).unwrap();
            assert_eq!(all.get(text as i64), states.get(0).mean_dim([0_i64].as_slice(), false, Kind::Float));
        }
        for (batch_tokens, threads) in [(1, 1), (16, 2), (1000, 4)] {
            tch::set_num_threads(threads);
            assert_eq!(last_hidden(&model, &tokens, batch_tokens, |_| ()).unwrap(), all);
        }
    }

    #[test]
    fn texts_of_one_length_computed_together_have_the_same_vectors() {
        let model = model();
        let together = means(&model, &[3, 1, 4, 1, 5, 9], 3).unwrap();
        let alone = Tensor::cat(&[means(&model, &[3, 1, 4], 3).unwrap(), means(&model, &[1, 5, 9], 3).unwrap()], 0);
        assert!(together.allclose(&alone, 1e-5, 1e-6, false));
    }
}
