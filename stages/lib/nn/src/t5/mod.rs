//! T5 (Raffel et al. 2020): an encoder and a decoder of RMSNorm, attention with relative positions and feed-forward
//! blocks; the decoder attends to the encoder too. Scores are not divided by √width, and nothing has a bias.

mod checkpoint;
mod config;
mod relative;

pub use config::T5Config;

use crate::attention::KvCache;
use crate::llama::Parameter;
use crate::projection::Projection;
use crate::{AttentionMask, Dropout, Torch, failed};
use config::{Activation, FeedForward};
use contract::Result;
use relative::{Buckets, added, causal};
use tch::{Device, Kind, Tensor};

/// A T5 with V tokens and width h.
#[derive(Debug)]
pub struct T5 {
    config: T5Config,
    feed_forward: FeedForward,
    /// `[V, h]`, of encoder and decoder.
    embedding: Tensor,
    encoder: Stack<EncoderBlock>,
    decoder: Stack<DecoderBlock>,
    /// Absent when the head is the embedding.
    head: Option<Tensor>,
    /// The kind of the activations.
    precision: Kind,
}

/// The blocks of one side.
#[derive(Debug)]
struct Stack<Block> {
    blocks: Vec<Block>,
    /// `[buckets, H]`, which all blocks share.
    relative: Tensor,
    norm: Tensor,
}

#[derive(Debug)]
struct EncoderBlock {
    attention_norm: Tensor,
    qkv: Projection,
    attention_out: Projection,
    inner: Inner,
}

#[derive(Debug)]
struct DecoderBlock {
    attention_norm: Tensor,
    qkv: Projection,
    attention_out: Projection,
    cross_norm: Tensor,
    cross_q: Projection,
    cross_kv: Projection,
    cross_out: Projection,
    inner: Inner,
}

/// A feed-forward block.
#[derive(Debug)]
struct Inner {
    norm: Tensor,
    up: Projection,
    down: Projection,
}

/// What the decoder sees of encoded sequences: keys and values `[B, H, S, width]` of each of its blocks.
#[derive(Debug)]
pub struct Memory {
    layers: Vec<(Tensor, Tensor)>,
    /// Added to the scores: `[B, 1, 1 or T, S]`.
    mask: Tensor,
}

/// Keys and values of what was decoded so far, and its positions.
#[derive(Debug)]
pub struct DecoderCache {
    keys_values: KvCache,
    positions: Vec<i64>,
}

impl DecoderCache {
    /// Number of tokens held.
    #[must_use]
    pub fn length(&self) -> usize {
        self.positions.len()
    }
}

impl Memory {
    /// The same sequences, seen through another mask: bool `[B, 1, 1 or T, S]`, true = may attend. Every row must have
    /// at least one true.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn masked(self, mask: &Tensor) -> Result<Self> {
        let kind = self.mask.kind();
        Ok(Self { mask: added(mask, kind).map_err(failed("mask the encoded sequence"))?, ..self })
    }
}

impl T5 {
    /// Its shape.
    #[must_use]
    pub fn config(&self) -> &T5Config {
        &self.config
    }

    /// Where it is.
    #[must_use]
    pub fn device(&self) -> Device {
        self.embedding.device()
    }

    /// Computes in that kind, whatever the kind of the weights; at first it is theirs.
    pub fn set_precision(&mut self, kind: Kind) {
        self.precision = kind;
    }

    /// An empty cache for its decoder.
    #[must_use]
    pub fn new_cache(&self) -> DecoderCache {
        DecoderCache { keys_values: KvCache::new(self.decoder.blocks.len()), positions: Vec::new() }
    }

    /// The encoder's last hidden states `[B, S, h]` of tokens i64 `[B, S]`.
    ///
    /// The mask is bool `[B, 1, 1 or S, S]`, true = may attend; every row must have at least one true.
    ///
    /// # Errors
    /// When shapes do not fit, a token is unknown, or the device has too little memory.
    pub fn encode(&self, ids: &Tensor, mask: &Tensor, dropout: &mut Dropout) -> Result<Tensor> {
        self.run_encoder(ids, mask, dropout).map_err(failed("run the encoder"))
    }

    /// What the decoder sees of encoded sequences `[B, S, h]` through a mask: bool `[B, 1, 1 or T, S]`, for decoded
    /// sequences of T tokens. Every row must have at least one true.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn remember(&self, encoded: &Tensor, mask: &Tensor) -> Result<Memory> {
        let keys_values = |block: &DecoderBlock| -> Torch<(Tensor, Tensor)> {
            let both = self.heads(&block.cross_kv.forward(encoded, false)?, 2)?;
            let mut parts = both.f_chunk(2, 1)?;
            let values = parts.remove(1);
            Ok((parts.remove(0), values))
        };
        let memory = || -> Torch<Memory> {
            let layers = self.decoder.blocks.iter().map(keys_values).collect::<Torch<_>>()?;
            Ok(Memory { layers, mask: added(mask, self.precision)? })
        };
        memory().map_err(failed("prepare the encoded sequence"))
    }

    /// The decoder's last hidden states `[B, T, h]` of tokens i64 `[B, T]`, which are at these T positions in every row.
    ///
    /// With a cache, the tokens follow those that it holds, and are added to it.
    ///
    /// # Errors
    /// When shapes do not fit, a token is unknown, or the device has too little memory.
    pub fn decode(
        &self,
        ids: &Tensor,
        positions: &[i64],
        mask: &AttentionMask,
        memory: &Memory,
        cache: Option<&mut DecoderCache>,
        dropout: &mut Dropout,
    ) -> Result<Tensor> {
        self.run_decoder(ids, positions, mask, memory, cache, dropout).map_err(failed("run the decoder"))
    }

    /// Logits `[.., V]` of the decoder's hidden states `[.., h]`.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        let logits = || -> Torch<Tensor> {
            match &self.head {
                Some(head) => hidden.f_linear(&head.f_to_kind(hidden.kind())?, None::<&Tensor>),
                None => {
                    let scaled = hidden.f_mul_scalar((self.config.d_model as f64).powf(-0.5))?;
                    scaled.f_linear(&self.embedding.f_to_kind(hidden.kind())?, None::<&Tensor>)
                }
            }
        };
        logits().map_err(failed("compute logits"))
    }

    /// Trains every weight.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn train_all(&self) -> Result<Vec<Parameter>> {
        let mut parameters = vec![trained("shared", &self.embedding, true)?];
        self.encoder.collect("encoder", &mut parameters, EncoderBlock::parts)?;
        self.decoder.collect("decoder", &mut parameters, DecoderBlock::parts)?;
        if let Some(head) = &self.head {
            parameters.push(trained("lm_head", head, true)?);
        }
        Ok(parameters)
    }

    fn run_encoder(&self, ids: &Tensor, mask: &Tensor, dropout: &mut Dropout) -> Torch<Tensor> {
        let positions: Vec<i64> = (0..ids.size()[1]).collect();
        let bias = self.buckets(true).bias(&self.encoder.relative, &positions, &positions)?;
        let bias = bias.f_to_kind(self.precision)?.f_add(&added(mask, self.precision)?)?;
        let mut x = self.input(ids, dropout)?;
        for block in &self.encoder.blocks {
            let normed = self.normalise(&x, &block.attention_norm)?;
            let (queries, keys, values) = self.split_qkv(&block.qkv, &normed)?;
            let attended = self.attend(&queries, &keys, &values, &bias, dropout)?;
            x = x.f_add(&dropout.apply(&block.attention_out.forward(&attended, false)?)?)?;
            x = self.feed_forward(&block.inner, &x, dropout)?;
        }
        dropout.apply(&self.normalise(&x, &self.encoder.norm)?)
    }

    fn run_decoder(
        &self,
        ids: &Tensor,
        positions: &[i64],
        mask: &AttentionMask,
        memory: &Memory,
        mut cache: Option<&mut DecoderCache>,
        dropout: &mut Dropout,
    ) -> Torch<Tensor> {
        let past = cache.as_ref().map_or(&[][..], |cache| cache.positions.as_slice());
        let keys = [past, positions].concat();
        let bias = self.buckets(false).bias(&self.decoder.relative, positions, &keys)?.f_to_kind(self.precision)?;
        let bias = match mask {
            AttentionMask::Explicit(mask) => bias.f_add(&added(mask, self.precision)?)?,
            AttentionMask::Causal if positions.len() == 1 => bias,
            AttentionMask::Causal => {
                let mask = causal(positions.len() as i64, past.len() as i64, self.device())?;
                bias.f_add(&added(&mask, self.precision)?)?
            }
        };
        let mut x = self.input(ids, dropout)?;
        for (number, (block, (memory_keys, memory_values))) in
            self.decoder.blocks.iter().zip(&memory.layers).enumerate()
        {
            let normed = self.normalise(&x, &block.attention_norm)?;
            let (queries, mut keys, mut values) = self.split_qkv(&block.qkv, &normed)?;
            if let Some(cache) = cache.as_deref_mut() {
                (keys, values) = cache.keys_values.append(number, keys, values)?;
            }
            let attended = self.attend(&queries, &keys, &values, &bias, dropout)?;
            x = x.f_add(&dropout.apply(&block.attention_out.forward(&attended, false)?)?)?;

            let normed = self.normalise(&x, &block.cross_norm)?;
            let queries = self.heads(&block.cross_q.forward(&normed, false)?, 1)?;
            let attended = self.attend(&queries, memory_keys, memory_values, &memory.mask, dropout)?;
            x = x.f_add(&dropout.apply(&block.cross_out.forward(&attended, false)?)?)?;
            x = self.feed_forward(&block.inner, &x, dropout)?;
        }
        if let Some(cache) = cache {
            cache.positions.extend_from_slice(positions);
        }
        dropout.apply(&self.normalise(&x, &self.decoder.norm)?)
    }

    fn buckets(&self, bidirectional: bool) -> Buckets {
        Buckets {
            count: self.config.relative_attention_num_buckets,
            max_distance: self.config.relative_attention_max_distance,
            bidirectional,
        }
    }

    fn input(&self, ids: &Tensor, dropout: &mut Dropout) -> Torch<Tensor> {
        let rows = Tensor::f_embedding(&self.embedding, ids, -1, false, false)?;
        dropout.apply(&rows.f_to_kind(self.precision)?)
    }

    /// `[B, T, parts × H × width]` to `[B, parts × H, T, width]`.
    fn heads(&self, x: &Tensor, parts: i64) -> Torch<Tensor> {
        let size = x.size();
        x.f_view([size[0], size[1], parts * self.config.num_heads, self.config.d_kv])?.f_transpose(1, 2)
    }

    fn split_qkv(&self, qkv: &Projection, x: &Tensor) -> Torch<(Tensor, Tensor, Tensor)> {
        let mut parts = self.heads(&qkv.forward(x, false)?, 3)?.f_chunk(3, 1)?;
        let (values, keys) = (parts.remove(2), parts.remove(1));
        Ok((parts.remove(0), keys, values))
    }

    /// softmax(Q Kᵀ + bias) V, heads joined: `[B, T, H × width]`.
    fn attend(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        bias: &Tensor,
        dropout: &mut Dropout,
    ) -> Torch<Tensor> {
        let mut scores = queries.f_matmul(&keys.f_transpose(2, 3)?)?;
        let weights = dropout.apply(&scores.f_add_(bias)?.f_softmax(-1, self.precision)?)?;
        weights.f_matmul(values)?.f_transpose(1, 2)?.f_flatten(2, 3)
    }

    /// x + wo(f(wi norm(x))).
    fn feed_forward(&self, inner: &Inner, x: &Tensor, dropout: &mut Dropout) -> Torch<Tensor> {
        let up = inner.up.forward(&self.normalise(x, &inner.norm)?, false)?;
        let (first, second) = match self.feed_forward.gated {
            true => {
                let mut parts = up.f_chunk(2, -1)?;
                let second = parts.remove(1);
                (parts.remove(0), Some(second))
            }
            false => (up, None),
        };
        let active = match self.feed_forward.activation {
            Activation::Relu => first.f_relu()?,
            Activation::Gelu => first.f_gelu("tanh")?,
            Activation::Silu => first.f_silu()?,
        };
        let active = match second {
            Some(second) => active.f_mul(&second)?,
            None => active,
        };
        let out = inner.down.forward(&dropout.apply(&active)?, false)?;
        x.f_add(&dropout.apply(&out)?)
    }

    fn normalise(&self, x: &Tensor, weight: &Tensor) -> Torch<Tensor> {
        x.f_rms_norm([self.config.d_model], Some(weight.f_to_kind(x.kind())?), self.config.layer_norm_epsilon)
    }
}

/// The parts of a block: norms and projections by their names in the layout, without `.weight`.
struct Parts<'a> {
    norms: Vec<(&'static str, &'a Tensor)>,
    projections: Vec<&'a Projection>,
}

impl EncoderBlock {
    fn parts(&self) -> Parts<'_> {
        Parts {
            norms: vec![("layer.0.layer_norm", &self.attention_norm), ("layer.1.layer_norm", &self.inner.norm)],
            projections: vec![&self.qkv, &self.attention_out, &self.inner.up, &self.inner.down],
        }
    }
}

impl DecoderBlock {
    fn parts(&self) -> Parts<'_> {
        Parts {
            norms: vec![
                ("layer.0.layer_norm", &self.attention_norm),
                ("layer.1.layer_norm", &self.cross_norm),
                ("layer.2.layer_norm", &self.inner.norm),
            ],
            projections: vec![
                &self.qkv,
                &self.attention_out,
                &self.cross_q,
                &self.cross_kv,
                &self.cross_out,
                &self.inner.up,
                &self.inner.down,
            ],
        }
    }
}

/// The name of the weight with the relative positions of a side.
fn relative_name(side: &str) -> String {
    format!("{side}.block.0.layer.0.SelfAttention.relative_attention_bias")
}

impl<Block> Stack<Block> {
    /// Adds what is trained of a side; stacked projections under the name of their first.
    fn collect(&self, side: &str, parameters: &mut Vec<Parameter>, parts: impl Fn(&Block) -> Parts<'_>) -> Result<()> {
        parameters.push(trained(&relative_name(side), &self.relative, true)?);
        for (number, block) in self.blocks.iter().enumerate() {
            let Parts { norms, projections } = parts(block);
            for (name, norm) in norms {
                parameters.push(trained(&format!("{side}.block.{number}.{name}"), norm, false)?);
            }
            for projection in projections {
                parameters.push(trained(&projection.parts[0].name, &projection.weight, true)?);
            }
        }
        parameters.push(trained(&format!("{side}.final_layer_norm"), &self.norm, false)?);
        Ok(())
    }
}

fn trained(name: &str, tensor: &Tensor, decays: bool) -> Result<Parameter> {
    let tensor = tensor.f_set_requires_grad(true).map_err(failed("prepare training"))?;
    Ok(Parameter { name: name.to_owned(), tensor, decays })
}

#[cfg(test)]
mod tests {
    use super::config::tests::tiny;
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng as _;
    use serde_json::json;

    fn model(other: &serde_json::Value) -> T5 {
        tch::manual_seed(3);
        T5::random(tiny(other), Device::Cpu, Kind::Float).unwrap()
    }

    fn source() -> (Tensor, Tensor) {
        let ids = Tensor::from_slice(&[1i64, 5, 9, 2, 22, 7, 4, 8, 0, 0]).view([2, 5]);
        let mask = ids.not_equal(0).view([2, 1, 1, 5]);
        (ids, mask)
    }

    fn target() -> Tensor {
        Tensor::from_slice(&[0i64, 3, 9, 4, 0, 8, 8, 1]).view([2, 4])
    }

    fn close(a: &Tensor, b: &Tensor) -> bool {
        a.allclose(b, 1e-4, 1e-5, false)
    }

    fn hidden(model: &T5) -> Tensor {
        let (ids, mask) = source();
        let memory = model.remember(&model.encode(&ids, &mask, &mut Dropout::off()).unwrap(), &mask).unwrap();
        model.decode(&target(), &[0, 1, 2, 3], &AttentionMask::Causal, &memory, None, &mut Dropout::off()).unwrap()
    }

    #[test]
    fn token_by_token_with_a_cache_equals_all_at_once() {
        let model = model(&json!({"feed_forward_proj": "gated-gelu"}));
        let (ids, mask) = source();
        let memory = model.remember(&model.encode(&ids, &mask, &mut Dropout::off()).unwrap(), &mask).unwrap();
        let mut cache = model.new_cache();
        let mut parts = Vec::new();
        for (start, length) in [(0, 1), (1, 2), (3, 1)] {
            let positions: Vec<i64> = (start..start + length).collect();
            let ids = target().narrow(1, start, length);
            let part =
                model.decode(&ids, &positions, &AttentionMask::Causal, &memory, Some(&mut cache), &mut Dropout::off());
            parts.push(part.unwrap());
        }
        assert_eq!(cache.length(), 4);
        assert!(close(&Tensor::cat(&parts, 1), &hidden(&model)));
    }

    #[test]
    fn padding_of_the_encoded_sequence_changes_nothing() {
        let model = model(&json!({}));
        let (ids, mask) = source();
        let padded = hidden(&model).narrow(0, 1, 1);
        let (ids, mask) = (ids.narrow(0, 1, 1).narrow(1, 0, 3), mask.narrow(0, 1, 1).narrow(3, 0, 3));
        let memory = model.remember(&model.encode(&ids, &mask, &mut Dropout::off()).unwrap(), &mask).unwrap();
        let ids = target().narrow(0, 1, 1);
        let alone =
            model.decode(&ids, &[0, 1, 2, 3], &AttentionMask::Causal, &memory, None, &mut Dropout::off()).unwrap();
        assert!(close(&alone, &padded));
    }

    #[test]
    fn two_sequences_in_one_row_equal_two_rows() {
        let model = model(&json!({}));
        let (ids, mask) = source();
        let (ids, mask) = (ids.narrow(0, 0, 1), mask.narrow(0, 0, 1));
        let encoded = model.encode(&ids, &mask, &mut Dropout::off()).unwrap();
        let memory = model.remember(&encoded, &mask).unwrap();
        let run = |ids: &Tensor, positions: &[i64], mask: &AttentionMask| {
            model.decode(ids, positions, mask, &memory, None, &mut Dropout::off()).unwrap()
        };
        let rows = [0, 1].map(|row| run(&target().narrow(0, row, 1), &[0, 1, 2, 3], &AttentionMask::Causal));
        let side = |at: i64| Tensor::ones([4, 4], (Kind::Bool, Device::Cpu)).tril(0).constant_pad_nd([at, 4 - at]);
        let own = Tensor::cat(&[side(0), side(4)], 0).view([1, 1, 8, 8]);
        let joined = run(&target().view([1, 8]), &[0, 1, 2, 3, 0, 1, 2, 3], &AttentionMask::Explicit(own));
        assert!(close(&joined, &Tensor::cat(&rows, 1)));
    }

    #[test]
    fn every_weight_gets_a_gradient_and_dropout_acts_in_training_only() {
        for (fields, expected) in [(json!({}), 1), (json!({"tie_word_embeddings": false}), 2)] {
            let model = model(&fields);
            let parameters = model.train_all().unwrap();
            assert_eq!(parameters.len(), expected + 2 + 2 + 2 * 6 + 3 * 10);
            model
                .logits(&hidden(&model))
                .unwrap()
                .log_softmax(-1, Kind::Float)
                .select(2, 5)
                .sum(Kind::Float)
                .backward();
            for parameter in &parameters {
                assert!(parameter.tensor.grad().abs().sum(Kind::Float).double_value(&[]) > 0.0, "{}", parameter.name);
            }
            let (ids, mask) = source();
            let encode = |dropout: &mut Dropout| model.encode(&ids, &mask, dropout).unwrap();
            let training = |seed| Dropout::training(0.5, ChaCha8Rng::seed_from_u64(seed));
            assert_eq!(encode(&mut Dropout::off()), encode(&mut Dropout::off()));
            assert_eq!(encode(&mut training(1)), encode(&mut training(1)));
            assert_ne!(encode(&mut training(1)), encode(&mut training(2)));
        }
    }
}
