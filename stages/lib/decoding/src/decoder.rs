//! The language model behind a search: log-probabilities of the next code after a prompt and after each beam, and of items.

use crate::item_codes::ItemCodes;
use crate::item_head::ItemHead;
use crate::padded::Padded;
use crate::search;
use contract::{Failure, FailureKind, Result};
use frames::{Rows, check_finite};
use nn::{AttentionMask, KvCache, Llama, failed};
use recommender::beam::{Constraint, Fed, Leaf, LogProbabilities, Support};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, TchError, Tensor};

/// What items are ranked by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scoring {
    /// The log-probability of an item's codes, found by beam search.
    #[default]
    Beam,
    /// The items that the beam search finds, by a mean of both log-probabilities.
    Rerank,
    /// The log-probability of the item head, for all items.
    Head,
}

/// How items are searched and ranked.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What they are ranked by.
    pub scoring: Scoring,
    /// Which codes may follow each other in the beam search.
    pub constraint: Constraint,
    /// How many paths go on from level to level.
    pub beam: usize,
    /// With [`Scoring::Rerank`] the weight of the head's log-probability; the beam's has the rest to 1.
    pub head_weight: f64,
}

/// A tuned model that finds the items of a trie.
#[derive(Debug)]
pub struct Decoder<'a> {
    model: &'a Llama,
    codes: &'a ItemCodes<'a>,
    head: Option<&'a ItemHead>,
}

/// A batch of users whose prompts were read, and the beams fed behind them.
#[derive(Debug)]
pub(crate) struct Session {
    cache: KvCache,
    prompts: Padded,
    /// How many beams were fed for each user at each level so far.
    widths: Vec<usize>,
}

impl<'a> Decoder<'a> {
    /// The model with the tokens of the codes, and the item head where it has one.
    #[must_use]
    pub fn new(model: &'a Llama, codes: &'a ItemCodes<'a>, head: Option<&'a ItemHead>) -> Self {
        Self { model, codes, head }
    }

    /// The whole codes that are found for each of several prompts, none of them empty, in no particular order. Each user's
    /// support is added to the beam search. Prompts of unequal length are padded: then scores differ in their last digits from
    /// those of the prompts by themselves.
    ///
    /// # Errors
    /// When the settings need a head and there is none, a log-probability is not finite, or the device has too little memory.
    pub fn leaves(&self, prompts: &[&[i64]], settings: &Settings, supports: &[Support]) -> Result<Vec<Vec<Leaf>>> {
        let padded = Padded::of(prompts);
        if settings.scoring == Scoring::Head {
            let last = self.read(&padded, prompts, None)?;
            let log_p = self.item_log_probabilities(&last)?;
            let of_user = |row: &[f32]| {
                let leaves = self.codes.leaves().iter().zip(row);
                leaves.map(|(&node, &score)| Leaf { node: Some(node), score }).collect()
            };
            return Ok(log_p.chunks_exact(self.codes.leaves().len()).map(of_user).collect());
        }
        let mut cache = self.model.new_cache();
        let last = self.read(&padded, prompts, Some(&mut cache))?;
        let session = Session { cache, prompts: padded, widths: Vec::new() };
        let first = self.log_probabilities(&last, 0)?;
        let mut found = search::search(self, session, first, supports, settings.constraint, settings.beam)?;
        if settings.scoring == Scoring::Rerank {
            let log_p = self.item_log_probabilities(&last)?;
            let weight = settings.head_weight as f32;
            for (leaves, row) in found.iter_mut().zip(log_p.chunks_exact(self.codes.leaves().len())) {
                for leaf in leaves {
                    // The head knows nothing of codes that no item has.
                    let number = leaf.node.and_then(|node| self.codes.leaves().binary_search(&node).ok());
                    let of_head = number.map_or(f32::MIN, |number| row[number]);
                    leaf.score = (1.0 - weight) * leaf.score + weight * of_head;
                }
            }
        }
        Ok(found)
    }

    /// The codes, as tokens.
    pub(crate) fn codes(&self) -> &'a ItemCodes<'a> {
        self.codes
    }

    /// Reads prompts and gives their last hidden states `[users, 1, h]`.
    fn read(&self, padded: &Padded, prompts: &[&[i64]], cache: Option<&mut KvCache>) -> Result<Tensor> {
        let ids = self.matrix(&padded.ids(prompts), padded.users())?;
        let positions = self.matrix(&padded.positions(), padded.users())?;
        let embedded = match self.head {
            Some(head) => head.embed(self.model, &ids, &self.items_of(padded, prompts))?,
            None => self.model.embed(&ids)?,
        };
        let mask = match padded.mask() {
            Some(mask) => AttentionMask::Explicit(self.mask(&mask, padded.users(), padded.length)?),
            None => AttentionMask::Causal,
        };
        let hidden = self.model.forward_embedded(&embedded, &positions, &mask, cache, false)?;
        // A product with a part of a tensor would copy the other matrix for each user.
        let last = hidden.f_narrow(1, padded.length as i64 - 1, 1).and_then(|last| last.f_contiguous());
        last.map_err(failed("take the last hidden state"))
    }

    /// The items of prompts: where each ends in the rows laid out one after the other, and its code's number.
    fn items_of(&self, padded: &Padded, prompts: &[&[i64]]) -> Vec<(i64, i64)> {
        let of_user = |(user, prompt): (usize, &&[i64])| {
            let found = self.codes.find(prompt.iter().copied()).into_iter();
            let start = padded.start(user);
            found.map(move |(place, number)| ((start + place) as i64, i64::from(number))).collect::<Vec<_>>()
        };
        prompts.iter().enumerate().flat_map(of_user).collect()
    }

    /// log p of every whole code after hidden states `[users, 1, h]`: `[users, codes]`, row by row.
    fn item_log_probabilities(&self, last: &Tensor) -> Result<Vec<f32>> {
        let head = self.head.ok_or_else(|| {
            Failure::new(FailureKind::Conflict, "items are to be scored by the item head, but the model has none")
        })?;
        let scores = head.scores(&last.f_squeeze_dim(1).map_err(failed("score the items"))?)?;
        let values = || -> std::result::Result<Vec<f32>, TchError> {
            let flat = scores.f_log_softmax(-1, Kind::Float)?.f_contiguous()?.f_view(-1)?;
            Vec::try_from(flat)
        };
        let values = values().map_err(failed("score the items"))?;
        check(&values, self.codes.leaves().len())?;
        Ok(values)
    }

    /// Feeds the newest code of every beam, `beams[user][slot]`, and gives log p of the level after it.
    pub(crate) fn feed(&self, session: &mut Session, beams: &[Vec<Fed<'_>>]) -> Result<LogProbabilities> {
        let level = session.widths.len();
        let width = beams.iter().map(Vec::len).max().unwrap_or(0);
        session.widths.push(width);
        let users = session.prompts.users();
        let mut ids = vec![0_i64; users * width];
        for (row, beams) in ids.chunks_mut(width).zip(beams) {
            for (id, beam) in row.iter_mut().zip(beams) {
                *id = self.codes.tokens(level)[beam.column];
            }
        }
        let positions = session.prompts.positions_behind(level, width);
        let (ids, positions) = (self.matrix(&ids, users)?, self.matrix(&positions, users)?);
        let mask = session.prompts.mask_behind(beams, &session.widths);
        let mask = AttentionMask::Explicit(self.mask(&mask, users, width)?);
        let hidden = self.model.forward(&ids, &positions, &mask, Some(&mut session.cache), false)?;
        self.log_probabilities(&hidden, level + 1)
    }

    /// A mask `[users, 1, tokens, S]` on the model's device.
    fn mask(&self, cells: &[bool], users: usize, tokens: usize) -> Result<Tensor> {
        Tensor::f_from_slice(cells)
            .and_then(|mask| mask.f_view([users as i64, 1, tokens as i64, -1])?.f_to_device(self.model.device()))
            .map_err(failed("make the mask of the tokens"))
    }

    fn log_probabilities(&self, hidden: &Tensor, level: usize) -> Result<LogProbabilities> {
        let tokens = self.codes.tokens(level);
        let columns = tokens.len();
        let tokens = Tensor::f_from_slice(tokens).and_then(|tokens| tokens.f_to_device(self.model.device()));
        let tokens = tokens.map_err(failed("move tokens to the device"))?;
        let log_p = self.model.log_probabilities(hidden, &tokens)?;
        let values = log_p.f_contiguous().and_then(|log_p| Vec::try_from(log_p.f_view(-1)?));
        let values: Vec<f32> = values.map_err(failed("compute log-probabilities"))?;
        check(&values, columns)?;
        Ok(LogProbabilities { values, slots: hidden.size()[1] as usize, columns })
    }

    /// An i64 matrix of that many rows on the model's device.
    fn matrix(&self, values: &[i64], rows: usize) -> Result<Tensor> {
        Tensor::f_from_slice(values)
            .and_then(|values| values.f_view([rows as i64, -1])?.f_to_device(self.model.device()))
            .map_err(failed("move tokens to the device"))
    }
}

fn check(values: &[f32], columns: usize) -> Result<()> {
    check_finite("log-probabilities", values, columns, Rows::PLAIN).map_err(|found| {
        found.computed().hint("the training of the model diverged: tune it again with a lower learning rate")
    })
}
