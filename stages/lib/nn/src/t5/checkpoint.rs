//! A T5 in the Hugging Face layout: `config.json` and `model.safetensors`, whole or in shards with an index.

use super::config::T5Config;
use super::{DecoderBlock, EncoderBlock, Inner, Parts, Stack, T5, relative_name};
use crate::checkpoint::read_weights;
use crate::projection::Projection;
use crate::{Torch, failed, safetensors_file};
use contract::{Failure, FailureKind, Result};
use std::path::Path;
use tch::{Device, Kind, Tensor};

const EMBEDDING: &str = "shared.weight";

impl T5 {
    /// Reads a model's folder to the device, in that kind.
    ///
    /// # Errors
    /// When a file is absent or damaged, a weight is missing or of another shape than `config.json` says, or the
    /// model is of a family that is not supported.
    pub fn load(folder: &Path, device: Device, kind: Kind) -> Result<Self> {
        let config = T5Config::read(folder)?;
        let mut weights = read_weights(folder, device, kind)?;
        // Some writers keep one of the names that share the embedding.
        if !weights.contains_key(EMBEDDING) {
            let others = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"];
            if let Some(embedding) = others.iter().find_map(|name| weights.remove(*name)) {
                weights.insert(EMBEDDING.to_owned(), embedding);
            }
        }
        Self::assemble(config, |name, shape, _| crate::checkpoint::take(&mut weights, folder, name, shape))
    }

    /// A model with random weights, as its authors drew them: normal with the standard deviations 1 for the embedding,
    /// (h · width)^-½ for queries and (inputs)^-½ for all others, times `initializer_factor`; norms at one. Seed
    /// libtorch before.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn random(config: T5Config, device: Device, kind: Kind) -> Result<Self> {
        let factor = config.initializer_factor;
        Self::assemble(config, |_, shape, std| {
            let fresh = || -> Torch<Tensor> {
                if shape.len() == 1 {
                    return Tensor::f_ones(shape, (kind, device));
                }
                Tensor::f_randn(shape, (kind, device))?.f_mul_scalar(factor * std)
            };
            fresh().map_err(failed("initialise the encoder-decoder"))
        })
    }

    /// Writes `config.json` and `model.safetensors`, in the kinds in which the weights are.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let mut config = self.config.clone();
        config.set_kind(self.embedding.kind());
        config.write(folder)?;
        let weights = self.weights().map_err(failed("collect the weights"))?;
        safetensors_file::write(&folder.join("model.safetensors"), &weights)
    }

    fn weights(&self) -> Torch<Vec<(String, Tensor)>> {
        let mut weights = vec![(EMBEDDING.to_owned(), self.embedding.shallow_clone())];
        self.encoder.weights("encoder", &mut weights, EncoderBlock::parts)?;
        self.decoder.weights("decoder", &mut weights, DecoderBlock::parts)?;
        if let Some(head) = &self.head {
            weights.push(("lm_head.weight".to_owned(), head.shallow_clone()));
        }
        Ok(weights)
    }

    /// Builds a model from weights that `take` hands out by name, shape and standard deviation.
    fn assemble(config: T5Config, mut take: impl FnMut(&str, &[i64], f64) -> Result<Tensor>) -> Result<Self> {
        let feed_forward = config.feed_forward().ok_or_else(|| {
            let message = format!("feed_forward_proj is '{}', which is not supported", config.feed_forward_proj);
            Failure::new(FailureKind::Conflict, message)
        })?;
        let embedding = take(EMBEDDING, &[config.vocab_size, config.d_model], 1.0)?;
        let mut builder = Builder { config: &config, gated: feed_forward.gated, take: &mut take };
        let mut encoder = Vec::new();
        for number in 0..config.num_layers {
            encoder.push(builder.encoder_block(&format!("encoder.block.{number}"))?);
        }
        let encoder = builder.stack("encoder", encoder)?;
        let mut decoder = Vec::new();
        for number in 0..config.decoder_layers() {
            decoder.push(builder.decoder_block(&format!("decoder.block.{number}"))?);
        }
        let decoder = builder.stack("decoder", decoder)?;
        let head = match config.tie_word_embeddings {
            true => None,
            false => Some(take("lm_head.weight", &[config.vocab_size, config.d_model], 1.0)?),
        };
        let precision = embedding.kind();
        Ok(Self { config, feed_forward, embedding, encoder, decoder, head, precision })
    }
}

/// Takes the weights of blocks.
struct Builder<'a, Take> {
    config: &'a T5Config,
    gated: bool,
    take: &'a mut Take,
}

impl<Take: FnMut(&str, &[i64], f64) -> Result<Tensor>> Builder<'_, Take> {
    fn stack<Block>(&mut self, side: &str, blocks: Vec<Block>) -> Result<Stack<Block>> {
        let shape = [self.config.relative_attention_num_buckets, self.config.num_heads];
        let std = (self.config.d_model as f64).powf(-0.5);
        let relative = (self.take)(&format!("{}.weight", relative_name(side)), &shape, std)?;
        Ok(Stack { blocks, relative, norm: self.norm(&format!("{side}.final_layer_norm"))? })
    }

    fn encoder_block(&mut self, path: &str) -> Result<EncoderBlock> {
        let (qkv, attention_out) = self.self_attention(&format!("{path}.layer.0.SelfAttention"))?;
        Ok(EncoderBlock {
            attention_norm: self.norm(&format!("{path}.layer.0.layer_norm"))?,
            qkv,
            attention_out,
            inner: self.inner(&format!("{path}.layer.1"))?,
        })
    }

    fn decoder_block(&mut self, path: &str) -> Result<DecoderBlock> {
        let (hidden, inner) = (self.config.d_model, self.config.inner());
        let (qkv, attention_out) = self.self_attention(&format!("{path}.layer.0.SelfAttention"))?;
        let cross = format!("{path}.layer.1.EncDecAttention");
        Ok(DecoderBlock {
            attention_norm: self.norm(&format!("{path}.layer.0.layer_norm"))?,
            qkv,
            attention_out,
            cross_norm: self.norm(&format!("{path}.layer.1.layer_norm"))?,
            cross_q: self.projection(&cross, &[("q", self.query_std())], inner, hidden)?,
            cross_kv: self.projection(&cross, &["k", "v"].map(|name| (name, inputs(hidden))), inner, hidden)?,
            cross_out: self.projection(&cross, &[("o", inputs(inner))], hidden, inner)?,
            inner: self.inner(&format!("{path}.layer.2"))?,
        })
    }

    fn self_attention(&mut self, path: &str) -> Result<(Projection, Projection)> {
        let (hidden, inner) = (self.config.d_model, self.config.inner());
        let qkv = [("q", self.query_std()), ("k", inputs(hidden)), ("v", inputs(hidden))];
        let qkv = self.projection(path, &qkv, inner, hidden)?;
        Ok((qkv, self.projection(path, &[("o", inputs(inner))], hidden, inner)?))
    }

    fn inner(&mut self, path: &str) -> Result<Inner> {
        let (hidden, wide) = (self.config.d_model, self.config.d_ff);
        let names: &[&str] = if self.gated { &["wi_0", "wi_1"] } else { &["wi"] };
        let up: Vec<(&str, f64)> = names.iter().map(|name| (*name, inputs(hidden))).collect();
        let path_of_all = format!("{path}.DenseReluDense");
        Ok(Inner {
            norm: self.norm(&format!("{path}.layer_norm"))?,
            up: self.projection(&path_of_all, &up, wide, hidden)?,
            down: self.projection(&path_of_all, &[("wo", inputs(wide))], hidden, wide)?,
        })
    }

    /// Stacks projections of one input, each with its standard deviation.
    fn projection(&mut self, path: &str, parts: &[(&str, f64)], outputs: i64, inputs: i64) -> Result<Projection> {
        let mut weights = Vec::with_capacity(parts.len());
        for (name, std) in parts {
            let name = format!("{path}.{name}");
            let weight = (self.take)(&format!("{name}.weight"), &[outputs, inputs], *std)?;
            weights.push((name, weight));
        }
        Projection::stack(weights).map_err(failed("stack the projections"))
    }

    fn norm(&mut self, name: &str) -> Result<Tensor> {
        (self.take)(&format!("{name}.weight"), &[self.config.d_model], 0.0)
    }

    /// Queries are drawn small, since scores are not divided by √width.
    fn query_std(&self) -> f64 {
        inputs(self.config.d_model * self.config.d_kv)
    }
}

fn inputs(count: i64) -> f64 {
    (count as f64).powf(-0.5)
}

impl<Block> Stack<Block> {
    fn weights(
        &self,
        side: &str,
        weights: &mut Vec<(String, Tensor)>,
        parts: impl Fn(&Block) -> Parts<'_>,
    ) -> Torch<()> {
        weights.push((format!("{}.weight", relative_name(side)), self.relative.shallow_clone()));
        for (number, block) in self.blocks.iter().enumerate() {
            let Parts { norms, projections } = parts(block);
            for (name, norm) in norms {
                weights.push((format!("{side}.block.{number}.{name}.weight"), norm.shallow_clone()));
            }
            for projection in projections {
                for (name, weight) in projection.unstack()? {
                    weights.push((format!("{name}.weight"), weight));
                }
            }
        }
        weights.push((format!("{side}.final_layer_norm.weight"), self.norm.shallow_clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::tiny;
    use super::*;
    use crate::checkpoint::Weights;
    use crate::{AttentionMask, Dropout};
    use serde_json::json;

    fn logits(model: &T5) -> Tensor {
        let ids = Tensor::from_slice(&[1i64, 5, 9, 2]).view([1, 4]);
        let mask = Tensor::ones([1, 1, 1, 4], (Kind::Bool, Device::Cpu));
        let memory = model.remember(&model.encode(&ids, &mask, &mut Dropout::off()).unwrap(), &mask).unwrap();
        let hidden =
            model.decode(&ids, &[0, 1, 2, 3], &AttentionMask::Causal, &memory, None, &mut Dropout::off()).unwrap();
        model.logits(&hidden).unwrap()
    }

    fn random(other: &serde_json::Value) -> T5 {
        tch::manual_seed(5);
        T5::random(tiny(other), Device::Cpu, Kind::Float).unwrap()
    }

    #[test]
    fn a_saved_model_comes_back() {
        for fields in [json!({}), json!({"tie_word_embeddings": false, "feed_forward_proj": "gated-gelu"})] {
            let folder = tempfile::tempdir().unwrap();
            let model = random(&fields);
            model.save(folder.path()).unwrap();
            let read = T5::load(folder.path(), Device::Cpu, Kind::Float).unwrap();
            assert_eq!(logits(&read), logits(&model));
        }
    }

    #[test]
    fn the_embedding_is_found_by_any_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let model = random(&json!({}));
        model.save(folder.path()).unwrap();
        let file = folder.path().join("model.safetensors");
        let mut weights: Weights = safetensors_file::read(&file).unwrap();
        let embedding = weights.remove(EMBEDDING).unwrap();
        // The published small T5 has this weight, which nothing uses.
        let unused = Tensor::ones([32, 4], (Kind::Float, Device::Cpu));
        weights.insert("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight".to_owned(), unused);
        weights.insert("decoder.embed_tokens.weight".to_owned(), embedding);
        safetensors_file::write(&file, &weights.into_iter().collect::<Vec<_>>()).unwrap();
        let read = T5::load(folder.path(), Device::Cpu, Kind::Float).unwrap();
        assert_eq!(logits(&read), logits(&model));
    }

    #[test]
    fn a_missing_weight_and_another_shape_are_named() {
        let folder = tempfile::tempdir().unwrap();
        random(&json!({})).save(folder.path()).unwrap();
        tiny(&json!({"num_decoder_layers": 4})).write(folder.path()).unwrap();
        let missing = T5::load(folder.path(), Device::Cpu, Kind::Float).unwrap_err();
        assert_eq!(missing.kind, FailureKind::MissingField);
        assert!(missing.message.contains("decoder.block.3.layer.0.SelfAttention.q.weight"), "{missing}");
        tiny(&json!({"vocab_size": 99})).write(folder.path()).unwrap();
        let other = T5::load(folder.path(), Device::Cpu, Kind::Float).unwrap_err();
        assert_eq!(other.kind, FailureKind::Conflict);
        assert!(other.message.contains("shared.weight") && other.message.contains("99"), "{other}");
    }
}
