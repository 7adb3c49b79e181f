//! The decoder: blocks of RMSNorm, rotary attention and SwiGLU.

use crate::attention::{AttentionMask, KernelMask, KvCache, attend};
use crate::dropout::drop_numbers;
use crate::llama_config::LlamaConfig;
use crate::lora::{Lora, LoraConfig};
use crate::mapped_rows::MappedRows;
use crate::projection::{Part, Projection};
use crate::rotary::{Rotary, Rotation};
use crate::token_table::{Added, TokenTable};
use crate::{Torch, failed};
use contract::{Failure, FailureKind, Result};
use tch::{Device, Kind, TchError, Tensor, no_grad};

/// A LLaMA with V tokens and width h, optionally with low-rank adapters and added tokens.
#[derive(Debug)]
pub struct Llama {
    pub(crate) config: LlamaConfig,
    pub(crate) embedding: TokenTable,
    pub(crate) blocks: Vec<Block>,
    pub(crate) norm: Tensor,
    /// Absent when the head is the embedding.
    pub(crate) head: Option<TokenTable>,
    pub(crate) rotary: Rotary,
    pub(crate) lora: Option<LoraConfig>,
    pub(crate) dropout: f64,
    /// The kind of the activations.
    pub(crate) precision: Kind,
}

/// A weight that is trained.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value, shared with the model.
    pub tensor: Tensor,
    /// Whether weight decay applies: to matrices, not to norms.
    pub decays: bool,
}

impl Parameter {
    /// A copy of its value, which the model does not share.
    ///
    /// # Errors
    /// When libtorch cannot make it, for lack of memory.
    pub fn copied(&self) -> std::result::Result<Tensor, TchError> {
        no_grad(|| self.tensor.f_detach_copy())
    }
}

#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) attention_norm: Tensor,
    pub(crate) qkv: Projection,
    pub(crate) attention_out: Projection,
    pub(crate) feed_forward_norm: Tensor,
    pub(crate) gate_up: Projection,
    pub(crate) down: Projection,
}

impl Block {
    pub(crate) fn projections(&self) -> [&Projection; 4] {
        [&self.qkv, &self.attention_out, &self.gate_up, &self.down]
    }

    pub(crate) fn projections_mut(&mut self) -> [&mut Projection; 4] {
        [&mut self.qkv, &mut self.attention_out, &mut self.gate_up, &mut self.down]
    }
}

impl Llama {
    /// Its shape.
    #[must_use]
    pub fn config(&self) -> &LlamaConfig {
        &self.config
    }

    /// Where it is.
    #[must_use]
    pub fn device(&self) -> Device {
        self.norm.device()
    }

    /// Number of tokens that it knows, those added included.
    #[must_use]
    pub fn tokens(&self) -> i64 {
        self.config.vocab_size
    }

    /// Ratio of the residual stream's inputs that is dropped in training; 0 at first, as LLaMA has it.
    pub fn set_dropout(&mut self, ratio: f64) {
        self.dropout = ratio;
    }

    /// The kind that it computes in.
    #[must_use]
    pub fn precision(&self) -> Kind {
        self.precision
    }

    /// Computes in that kind, whatever the kind of the weights; at first it is theirs. Gradients reach the weights in
    /// their own kind.
    pub fn set_precision(&mut self, kind: Kind) {
        self.precision = kind;
    }

    /// An empty cache for this model.
    #[must_use]
    pub fn new_cache(&self) -> KvCache {
        KvCache::new(self.blocks.len())
    }

    /// The last hidden states `[B, T, h]`, after the final norm, of tokens i64 `[B, T]` at positions i64 `[B, T]`.
    ///
    /// With a cache, the tokens follow those that it holds, and are added to it.
    ///
    /// # Errors
    /// When shapes do not fit, a token is unknown, or the device has too little memory.
    pub fn forward(
        &self,
        ids: &Tensor,
        positions: &Tensor,
        mask: &AttentionMask,
        cache: Option<&mut KvCache>,
        train: bool,
    ) -> Result<Tensor> {
        self.forward_embedded(&self.embed(ids)?, positions, mask, cache, train)
    }

    /// [`Llama::forward`] from input embeddings `[B, T, h]`, such as those of [`Llama::embed`].
    ///
    /// # Errors
    /// When shapes do not fit, or the device has too little memory.
    pub fn forward_embedded(
        &self,
        embedded: &Tensor,
        positions: &Tensor,
        mask: &AttentionMask,
        cache: Option<&mut KvCache>,
        train: bool,
    ) -> Result<Tensor> {
        self.run(embedded, positions, mask, cache, train).map_err(failed("run the language model"))
    }

    /// Logits `[.., V]` of hidden states `[.., h]`.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        self.head.as_ref().unwrap_or(&self.embedding).scores(hidden).map_err(failed("compute logits"))
    }

    /// log p f32 `[.., n]` of those tokens i64 `[n]` after hidden states `[.., h]`, over all tokens. The logits of a large vocabulary are
    /// never held together.
    ///
    /// # Errors
    /// When a token is unknown or the device has too little memory.
    pub fn log_probabilities(&self, hidden: &Tensor, tokens: &Tensor) -> Result<Tensor> {
        let table = self.head.as_ref().unwrap_or(&self.embedding);
        table.log_probabilities(hidden, tokens).map_err(failed("compute log-probabilities"))
    }

    /// The input-layer embeddings `[B, T, h]` of tokens `[B, T]`.
    ///
    /// # Errors
    /// When a token is unknown.
    pub fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        self.embedding.lookup(ids).map_err(failed("look tokens up"))
    }

    /// The rows `[V, h]` of the embedding and of the head, which are the same where they are tied.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn token_rows(&self) -> Result<(Tensor, Tensor)> {
        self.of_tables(TokenTable::rows)
    }

    /// The rows `[n, h]` of the tokens from `first` on, of the embedding and of the head, which are the same where they are
    /// tied.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn token_rows_from(&self, first: i64) -> Result<(Tensor, Tensor)> {
        self.of_tables(|table| table.rows_from(first))
    }

    /// The sums `[V]` of the rows of tokens that were not added, of the embedding and of the head: by them a change is seen
    /// without a copy of the rows.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn old_row_sums(&self) -> Result<(Tensor, Tensor)> {
        self.of_tables(|table| table.base.f_sum_dim_intlist([1_i64].as_slice(), false, Kind::Float))
    }

    fn of_tables(&self, take: impl Fn(&TokenTable) -> Torch<Tensor>) -> Result<(Tensor, Tensor)> {
        let both = || {
            let embedding = take(&self.embedding)?;
            let head = self.head.as_ref().map_or_else(|| Ok(embedding.shallow_clone()), &take)?;
            Ok((embedding, head))
        };
        both().map_err(failed("copy the tokens' rows"))
    }

    /// Gives the tokens from `first` on, `count` of them, new rows: the mean of the rows before plus normal noise of
    /// that standard deviation. Spare rows from `first` on, which some checkpoints have, are dropped.
    ///
    /// The new rows are kept apart, so that they can be trained alone; [`Llama::train_all`] joins them to the others.
    ///
    /// # Errors
    /// When tokens were added before, the model has fewer than `first` tokens, or too little memory is left.
    pub fn add_tokens(&mut self, first: i64, count: i64, std: f64) -> Result<()> {
        if self.embedding.added.is_some() {
            return Err(Failure::new(FailureKind::Conflict, "tokens can be added to a model once only"));
        }
        if first > self.tokens() {
            return Err(Failure::new(
                FailureKind::Conflict,
                format!("the tokenizer has {first} tokens, but the model's embedding only {}", self.tokens()),
            )
            .hint("the tokenizer belongs to another model"));
        }
        self.embedding.extend(first, count, std).map_err(failed("add tokens"))?;
        if let Some(head) = &mut self.head {
            head.extend(first, count, std).map_err(failed("add tokens"))?;
        }
        self.config.vocab_size = first + count;
        Ok(())
    }

    /// Makes the rows of added tokens in the embedding from vectors `[n, d]`, one for each of them in their order, by a
    /// perceptron of that many layers, which is trained with them (Table 7 of the paper). The head's rows stay free,
    /// unless it is the embedding.
    ///
    /// # Errors
    /// When there are not as many vectors as added tokens, or too little memory is left.
    pub fn map_added_tokens(&mut self, vectors: &Tensor, layers: usize) -> Result<()> {
        let (device, width) = (self.device(), self.config.hidden_size);
        let added = self.tokens() - self.embedding.base.size()[0];
        if vectors.size()[0] != added {
            let message = format!("there are {added} new tokens, but {} vectors to make them from", vectors.size()[0]);
            return Err(Failure::new(FailureKind::Conflict, message));
        }
        let mapped = MappedRows::fresh(vectors, layers, width, device).map_err(failed("map the new tokens"))?;
        self.embedding.added = Some(Added::Mapped(mapped));
        Ok(())
    }

    /// Puts fresh adapters on the projections that the settings name and trains them and the added tokens' rows.
    ///
    /// # Errors
    /// When a target names no projection.
    pub fn train_lora(&mut self, config: &LoraConfig) -> Result<Vec<Parameter>> {
        self.check_targets(config)?;
        let device = self.device();
        for projection in self.blocks.iter_mut().flat_map(Block::projections_mut) {
            let inputs = projection.weight.size()[1];
            for part in &mut projection.parts {
                if config.targets(&part.name) {
                    let lora = Lora::fresh(config, inputs, part.outputs, device).map_err(failed("add adapters"))?;
                    part.lora = Some(lora);
                }
            }
        }
        self.lora = Some(config.clone());
        let mut parameters = Vec::new();
        for part in self.blocks.iter().flat_map(Block::projections).flat_map(|projection| &projection.parts) {
            if let Some(lora) = &part.lora {
                parameters.push(trained(&format!("{}.lora_A", part.name), &lora.a, true)?);
                parameters.push(trained(&format!("{}.lora_B", part.name), &lora.b, true)?);
            }
        }
        parameters.extend(self.train_added()?);
        Ok(parameters)
    }

    /// What makes the rows of added tokens.
    fn train_added(&self) -> Result<Vec<Parameter>> {
        let mut parameters = Vec::new();
        for (name, table) in [("embed_tokens", Some(&self.embedding)), ("lm_head", self.head.as_ref())] {
            match table.and_then(|table| table.added.as_ref()) {
                Some(Added::Rows(rows)) => parameters.push(trained(name, rows, true)?),
                Some(Added::Mapped(mapped)) => {
                    for (part, tensor, decays) in mapped.parameters() {
                        parameters.push(trained(&format!("{name}.{part}"), tensor, decays)?);
                    }
                }
                None => {}
            }
        }
        Ok(parameters)
    }

    /// Trains every weight; added tokens become rows like all others, unless they are made from vectors.
    ///
    /// # Errors
    /// When the device has too little memory.
    pub fn train_all(&mut self) -> Result<Vec<Parameter>> {
        for table in [Some(&mut self.embedding), self.head.as_mut()].into_iter().flatten() {
            if let Some(Added::Rows(_)) = table.added {
                *table = TokenTable::new(table.rows().map_err(failed("join the added tokens"))?);
            }
        }
        let mut parameters = vec![trained("embed_tokens", &self.embedding.base, true)?];
        parameters.extend(self.train_added()?);
        for (number, block) in self.blocks.iter().enumerate() {
            parameters.push(trained(&format!("layers.{number}.attention_norm"), &block.attention_norm, false)?);
            parameters.push(trained(&format!("layers.{number}.feed_forward_norm"), &block.feed_forward_norm, false)?);
            for projection in block.projections() {
                parameters.push(trained(&projection.parts[0].name, &projection.weight, true)?);
            }
        }
        parameters.push(trained("norm", &self.norm, false)?);
        if let Some(head) = &self.head {
            parameters.push(trained("lm_head", &head.base, true)?);
        }
        Ok(parameters)
    }

    pub(crate) fn check_targets(&self, config: &LoraConfig) -> Result<()> {
        let names = self.blocks.first().map(Block::projections).into_iter().flatten();
        let names: Vec<&str> = names.flat_map(|projection| &projection.parts).map(Part::short_name).collect();
        match config.target_modules.iter().find(|target| !names.contains(&target.as_str())) {
            Some(unknown) => Err(Failure::new(
                FailureKind::Conflict,
                format!("no projection is called '{unknown}'; there are {}", names.join(", ")),
            )),
            None => Ok(()),
        }
    }

    fn run(
        &self,
        embedded: &Tensor,
        positions: &Tensor,
        mask: &AttentionMask,
        mut cache: Option<&mut KvCache>,
        train: bool,
    ) -> Torch<Tensor> {
        let mut x = self.input(embedded, train)?;
        let past = cache.as_ref().map_or(0, |cache| cache.length());
        let mask = KernelMask::new(mask, embedded.size()[1], past, x.kind(), x.device())?;
        let rotation = self.rotary.at(positions, x.kind())?;
        for (number, block) in self.blocks.iter().enumerate() {
            x = self.block(block, &x, &rotation, &mask, cache.as_deref_mut().map(|cache| (cache, number)), train)?;
        }
        self.normalise(&x, &self.norm)
    }

    /// What the first block is given.
    pub(crate) fn input(&self, embedded: &Tensor, train: bool) -> Torch<Tensor> {
        self.drop(embedded.f_to_kind(self.precision)?, train)
    }

    /// What a block makes of its input `[B, T, h]`.
    pub(crate) fn block(
        &self,
        block: &Block,
        x: &Tensor,
        rotation: &Rotation,
        mask: &KernelMask,
        cache: Option<(&mut KvCache, usize)>,
        train: bool,
    ) -> Torch<Tensor> {
        let normed = self.normalise(x, &block.attention_norm)?;
        let attended = self.attention(block, &normed, rotation, mask, cache, train)?;
        let x = x.f_add(&self.drop(attended, train)?)?;
        let normed = self.normalise(&x, &block.feed_forward_norm)?;
        x.f_add(&self.drop(self.feed_forward(block, &normed, train)?, train)?)
    }

    fn attention(
        &self,
        block: &Block,
        x: &Tensor,
        rotation: &Rotation,
        mask: &KernelMask,
        cache: Option<(&mut KvCache, usize)>,
        train: bool,
    ) -> Torch<Tensor> {
        let (batch, tokens) = (x.size()[0], x.size()[1]);
        let (heads, kv_heads, width) =
            (self.config.num_attention_heads, self.config.kv_heads(), self.config.head_width());
        let qkv = block.qkv.forward(x, train)?.f_view([batch, tokens, heads + 2 * kv_heads, width])?;
        let (rotated, values) = split(&qkv, [heads + kv_heads, kv_heads], 2)?;
        let (queries, keys) = split(&rotation.apply(&rotated)?, [heads, kv_heads], 2)?;
        let (queries, mut keys, mut values) =
            (queries.f_transpose(1, 2)?, keys.f_transpose(1, 2)?, values.f_transpose(1, 2)?);
        if let Some((cache, number)) = cache {
            (keys, values) = cache.append(number, keys, values)?;
        }
        let attended = attend(&queries, &keys, &values, mask)?;
        let joined = attended.f_transpose(1, 2)?.f_reshape([batch, tokens, heads * width])?;
        block.attention_out.forward(&joined, train)
    }

    /// SwiGLU: down(silu(gate(x)) · up(x)).
    fn feed_forward(&self, block: &Block, x: &Tensor, train: bool) -> Torch<Tensor> {
        let width = self.config.intermediate_size;
        let (gate, up) = split(&block.gate_up.forward(x, train)?, [width, width], -1)?;
        block.down.forward(&gate.f_silu()?.f_mul(&up)?, train)
    }

    pub(crate) fn normalise(&self, x: &Tensor, weight: &Tensor) -> Torch<Tensor> {
        x.f_rms_norm([self.config.hidden_size], Some(weight.f_to_kind(x.kind())?), self.config.rms_norm_eps)
    }

    fn drop(&self, x: Tensor, train: bool) -> Torch<Tensor> {
        if train && self.dropout > 0.0 { drop_numbers(&x, self.dropout) } else { Ok(x) }
    }
}

/// Both parts of a tensor. As one operation, for the gradients of two slices would each be as large as the whole.
fn split(x: &Tensor, sizes: [i64; 2], dimension: i64) -> Torch<(Tensor, Tensor)> {
    let mut parts = x.f_split_with_sizes(sizes, dimension)?;
    let second = parts.remove(1);
    Ok((parts.remove(0), second))
}

fn trained(name: &str, tensor: &Tensor, decays: bool) -> Result<Parameter> {
    let tensor = tensor.f_set_requires_grad(true).map_err(failed("prepare training"))?;
    Ok(Parameter { name: name.to_owned(), tensor, decays })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llama_config::tests::tiny;
    use serde_json::json;
    use tch::Kind;

    fn model(other: &serde_json::Value) -> Llama {
        tch::manual_seed(3);
        Llama::random(tiny(other), 0.3, Device::Cpu, Kind::Float).unwrap()
    }

    fn ids() -> (Tensor, Tensor) {
        let ids = Tensor::from_slice(&[1i64, 5, 9, 2, 22, 0, 4, 4, 7, 11]).view([2, 5]);
        (ids, Tensor::arange(5, (Kind::Int64, Device::Cpu)).expand([2, 5], false))
    }

    fn logits(model: &Llama) -> Tensor {
        let (ids, positions) = ids();
        model.logits(&model.forward(&ids, &positions, &AttentionMask::Causal, None, false).unwrap()).unwrap()
    }

    fn close(a: &Tensor, b: &Tensor) -> bool {
        a.allclose(b, 1e-4, 1e-5, false)
    }

    #[test]
    fn token_by_token_with_a_cache_equals_all_at_once() {
        let model = model(&json!({}));
        let (ids, positions) = ids();
        let full = model.forward(&ids, &positions, &AttentionMask::Causal, None, false).unwrap();
        let mut cache = model.new_cache();
        let mut parts = Vec::new();
        for (start, length) in [(0, 2), (2, 1), (3, 2)] {
            let (ids, positions) = (ids.narrow(1, start, length), positions.narrow(1, start, length));
            parts.push(model.forward(&ids, &positions, &AttentionMask::Causal, Some(&mut cache), false).unwrap());
        }
        assert_eq!(cache.length(), 5);
        assert!(close(&Tensor::cat(&parts, 1), &full));
    }

    #[test]
    fn selected_cache_rows_continue_their_own_sequence() {
        let model = model(&json!({"num_key_value_heads": 4}));
        let (ids, positions) = ids();
        let mut cache = model.new_cache();
        let (start, next) = (ids.narrow(1, 0, 4), ids.narrow(1, 4, 1));
        let at = positions.narrow(1, 0, 4);
        drop(model.forward(&start, &at, &AttentionMask::Causal, Some(&mut cache), false).unwrap());
        let rows = Tensor::from_slice(&[1i64, 0, 1]);
        cache.select(&rows).unwrap();
        let (next, at) = (next.index_select(0, &rows), positions.narrow(1, 4, 1).index_select(0, &rows));
        let continued = model.forward(&next, &at, &AttentionMask::Causal, Some(&mut cache), false).unwrap();
        let full = model.forward(&ids, &positions, &AttentionMask::Causal, None, false).unwrap();
        assert!(close(&continued, &full.narrow(1, 4, 1).index_select(0, &rows)));
    }

    #[test]
    fn shared_key_heads_equal_as_many_equal_ones() {
        let shared = model(&json!({}));
        let mut full = model(&json!({"num_key_value_heads": 4}));
        for (shared, full) in shared.blocks.iter().zip(&mut full.blocks) {
            let weight = shared.qkv.weight.split_with_sizes([16, 8, 8], 0);
            let repeat = |w: &Tensor| w.view([2, 4, 16]).repeat_interleave_self_int(2, 0, None).view([16, 16]);
            full.qkv.weight = Tensor::cat(&[weight[0].shallow_clone(), repeat(&weight[1]), repeat(&weight[2])], 0);
            full.attention_out.weight = shared.attention_out.weight.shallow_clone();
            full.gate_up.weight = shared.gate_up.weight.shallow_clone();
            full.down.weight = shared.down.weight.shallow_clone();
        }
        full.embedding = TokenTable::new(shared.embedding.base.shallow_clone());
        full.head = shared.head.as_ref().map(|head| TokenTable::new(head.base.shallow_clone()));
        assert!(close(&logits(&full), &logits(&shared)));
    }

    #[test]
    fn a_fresh_adapter_and_new_tokens_leave_the_old_logits() {
        let mut model = model(&json!({}));
        let before = logits(&model);
        model.add_tokens(23, 3, 0.02).unwrap();
        let targets = vec!["q_proj".to_owned(), "up_proj".to_owned()];
        let config = LoraConfig { r: 2, alpha: 4.0, dropout: 0.0, target_modules: targets };
        let parameters = model.train_lora(&config).unwrap();
        assert_eq!(parameters.len(), 2 * 2 * 2 + 2);
        let after = logits(&model);
        assert_eq!(after.size(), [2, 5, 26]);
        assert!(close(&after.narrow(2, 0, 23), &before));
        let unknown = LoraConfig { target_modules: vec!["query".to_owned()], ..config };
        assert!(model.train_lora(&unknown).unwrap_err().message.contains("query"));
    }

    #[test]
    fn old_rows_get_no_gradient_while_new_ones_do() {
        let mut model = model(&json!({"tie_word_embeddings": true}));
        model.add_tokens(23, 2, 0.02).unwrap();
        let config = LoraConfig { r: 2, alpha: 4.0, dropout: 0.1, target_modules: vec!["v_proj".to_owned()] };
        let parameters = model.train_lora(&config).unwrap();
        let ids = Tensor::from_slice(&[1i64, 23, 24, 2]).view([1, 4]);
        let positions = Tensor::arange(4, (Kind::Int64, Device::Cpu)).view([1, 4]);
        let hidden = model.forward(&ids, &positions, &AttentionMask::Causal, None, true).unwrap();
        model.logits(&hidden).unwrap().log_softmax(-1, Kind::Float).select(2, 24).sum(Kind::Float).backward();
        assert!(!model.embedding.base.grad().defined());
        let added = parameters.iter().find(|parameter| parameter.name == "embed_tokens").unwrap();
        assert!(f64::try_from(added.tensor.grad().abs().sum(Kind::Float)).unwrap() > 0.0);
    }
}
