//! Lists of items for users, by beam search in the trie of the items' tokens.

use super::network::{Network, Replica};
use crate::language::{Language, PAD};
use contract::Result;
use frames::{RankedList, Rankings, Rows, check_finite};
use nn::{AttentionMask, DecoderCache, Dropout, Memory, T5, failed};
use rayon::prelude::*;
use recommender::beam::{Constraint, Fed, LogProbabilities, NextCode, ancestors, beam_search, ranked_items};
use recommender::top_k;
use tch::{Kind, TchError, Tensor, no_grad};

/// Users that are decoded together.
const BLOCK: usize = 64;

/// How lists are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoding<'a> {
    pub(crate) beam: usize,
    pub(crate) top_k: usize,
    /// `[items]` the scores for a user without history.
    pub(crate) unknown: &'a [f32],
}

impl Decoding<'_> {
    /// The lists of `users`, with and without the items of their histories (`histories[user]`).
    pub(crate) fn rank(self, network: &mut Network<'_>, users: &[u32], histories: &[Vec<u32>]) -> Result<Rankings> {
        let mut order: Vec<u32> = users.to_vec();
        // Histories of about one length need little padding.
        order.sort_by_key(|&user| (histories[user as usize].len(), user));
        let blocks: Vec<&[u32]> = order.chunks(BLOCK).collect();
        let language = network.language;
        let parts = network.replicas.len();
        let in_turn = |(number, replica): (usize, &mut Replica)| -> Result<Vec<(RankedList, RankedList)>> {
            let mut lists = Vec::new();
            for block in blocks.iter().skip(number).step_by(parts) {
                lists.extend(no_grad(|| self.block(replica, language, block, histories))?);
            }
            Ok(lists)
        };
        let found = network.replicas.par_iter_mut().enumerate().map(in_turn).collect::<Result<Vec<_>>>()?;
        let mut lists: Vec<(RankedList, RankedList)> = found.into_iter().flatten().collect();
        lists.sort_by_key(|(kept, _)| kept.user);
        let (kept, excluded) = lists.into_iter().unzip();
        Ok(Rankings { kept, excluded })
    }

    fn block(
        self,
        replica: &Replica,
        language: &Language,
        users: &[u32],
        histories: &[Vec<u32>],
    ) -> Result<Vec<(RankedList, RankedList)>> {
        let history = |user: u32| histories[user as usize].as_slice();
        let known: Vec<(u32, &[u32])> =
            users.iter().map(|&user| (user, history(user))).filter(|(_, items)| !items.is_empty()).collect();
        let mut lists = Vec::with_capacity(users.len());
        for &user in users.iter().filter(|&&user| history(user).is_empty()) {
            let items = top_k(self.unknown, self.top_k, |_| false);
            lists.push((RankedList { user, items: items.clone() }, RankedList { user, items }));
        }
        if known.is_empty() {
            return Ok(lists);
        }
        let mut session = Session::read(replica, language, &known)?;
        let first = session.first()?;
        let found = beam_search(&mut session, first, known.len(), &language.trie, Constraint::Trie, self.beam)?;
        for (&(user, seen), leaves) in known.iter().zip(&found) {
            let (kept, excluded) = ranked_items(&language.trie, leaves, seen, self.top_k);
            lists.push((RankedList { user, items: kept }, RankedList { user, items: excluded }));
        }
        Ok(lists)
    }
}

/// A block of users whose histories were read, and the beams fed so far.
struct Session<'a> {
    replica: &'a Replica,
    language: &'a Language,
    memory: Memory,
    cache: DecoderCache,
    users: usize,
    /// How many beams were fed for each user at each level.
    widths: Vec<usize>,
}

impl<'a> Session<'a> {
    fn read(replica: &'a Replica, language: &'a Language, histories: &[(u32, &[u32])]) -> Result<Self> {
        let model: &T5 = &replica.model;
        let (source, mask) = replica.source(language, histories)?;
        let memory = model.remember(&model.encode(&source, &mask, &mut Dropout::off())?, &mask)?;
        Ok(Self { replica, language, memory, cache: model.new_cache(), users: histories.len(), widths: Vec::new() })
    }

    /// log p of the first level.
    fn first(&mut self) -> Result<LogProbabilities> {
        let start = vec![PAD; self.users];
        self.decode(&start, 1, 0, &AttentionMask::Causal)
    }

    /// log p of the codes of a level, after tokens `[users, width]`.
    fn decode(&mut self, tokens: &[i64], width: usize, level: usize, mask: &AttentionMask) -> Result<LogProbabilities> {
        let ids = self.replica.rows(tokens, self.users)?;
        let positions = vec![level as i64; width];
        let model = &self.replica.model;
        let cache = Some(&mut self.cache);
        let hidden = model.decode(&ids, &positions, mask, &self.memory, cache, &mut Dropout::off())?;
        let logits = model.logits(&hidden)?;
        let columns = &self.language.tokens[level];
        let values = normalised(&logits, columns).map_err(failed("compute log-probabilities"))?;
        check_finite("log-probabilities", &values, columns.len(), Rows::PLAIN)
            .map_err(|found| found.computed().hint("the training diverged: set a lower learning_rate"))?;
        Ok(LogProbabilities { values, slots: width, columns: columns.len() })
    }
}

impl NextCode for Session<'_> {
    fn feed(&mut self, beams: &[Vec<Fed<'_>>]) -> Result<LogProbabilities> {
        let level = self.widths.len();
        let width = beams.iter().map(Vec::len).max().unwrap_or(0);
        self.widths.push(width);
        let mut tokens = vec![PAD; self.users * width];
        for (row, beams) in tokens.chunks_mut(width).zip(beams) {
            for (token, beam) in row.iter_mut().zip(beams) {
                *token = self.language.tokens[level][beam.column];
            }
        }
        let mask = Tensor::f_from_slice(&ancestors(beams, &self.widths, 1))
            .and_then(|mask| {
                mask.f_view([self.users as i64, 1, width as i64, -1])?.f_to_device(self.replica.model.device())
            })
            .map_err(failed("make the mask of the beams"))?;
        self.decode(&tokens, width, level + 1, &AttentionMask::Explicit(mask))
    }
}

/// Of logits `[users, width, V]`, log p of those tokens.
fn normalised(logits: &Tensor, tokens: &[i64]) -> std::result::Result<Vec<f32>, TchError> {
    let chosen = Tensor::f_from_slice(tokens)?.f_to_device(logits.device())?;
    let logits = logits.f_log_softmax(-1, Kind::Float)?.f_index_select(-1, &chosen)?;
    Vec::try_from(logits.f_contiguous()?.f_view(-1)?)
}
