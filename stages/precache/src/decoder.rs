//! The language model behind a beam search: log-probabilities of the next code after a prompt and after each beam.

use contract::{Failure, FailureKind, Result};
use frames::{Rows, check_finite};
use nn::{AttentionMask, KvCache, Llama, failed};
use prompts::code_token;
use recommender::beam::{Fed, LogProbabilities, Trie, ancestors};
use tch::{Kind, TchError, Tensor};
use tokenizers::Tokenizer;

/// A model and the tokens of the codes in use.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    model: &'a Llama,
    /// By level and column.
    tokens: Vec<Vec<i64>>,
}

/// A batch of users whose prompts were read, and the beams fed behind them.
#[derive(Debug)]
pub(crate) struct Session {
    cache: KvCache,
    users: usize,
    prompt: usize,
    /// How many beams were fed for each user at each level so far.
    widths: Vec<usize>,
}

impl<'a> Decoder<'a> {
    /// The model with the token of every code of the trie.
    ///
    /// # Errors
    /// When the tokenizer lacks one of them.
    pub(crate) fn new(model: &'a Llama, tokenizer: &Tokenizer, trie: &Trie) -> Result<Self> {
        let token = |level: usize, &code: &u32| {
            let name = code_token(level, code);
            tokenizer.token_to_id(&name).map(i64::from).ok_or_else(|| {
                Failure::new(FailureKind::Conflict, format!("the tuned model's tokenizer has no token '{name}'"))
                    .hint("the model must be tuned on the same codes: bind the same 'codes' to finetune and precache")
            })
        };
        let level = |(level, codes): (usize, &Vec<u32>)| codes.iter().map(|code| token(level, code)).collect();
        Ok(Self { model, tokens: trie.levels.iter().enumerate().map(level).collect::<Result<_>>()? })
    }

    #[cfg(test)]
    pub(crate) fn with_tokens(model: &'a Llama, tokens: Vec<Vec<i64>>) -> Self {
        Self { model, tokens }
    }

    /// Reads prompts of equal length, not 0, and gives log p of the first level, with one slot.
    pub(crate) fn read(&self, prompts: &[&[i64]]) -> Result<(Session, LogProbabilities)> {
        let (users, length) = (prompts.len(), prompts[0].len());
        let mut session = Session { cache: self.model.new_cache(), users, prompt: length, widths: Vec::new() };
        let positions: Vec<i64> = (0..length as i64).collect();
        let ids = self.matrix(&prompts.concat(), users)?;
        let positions = self.matrix(&positions.repeat(users), users)?;
        let hidden = self.model.forward(&ids, &positions, &AttentionMask::Causal, Some(&mut session.cache), false)?;
        let last = hidden.f_narrow(1, length as i64 - 1, 1).map_err(failed("take the last hidden state"))?;
        Ok((session, self.log_probabilities(&last, 0)?))
    }

    /// Feeds the newest code of every beam, `beams[user][slot]`, and gives log p of the level after it.
    pub(crate) fn feed(&self, session: &mut Session, beams: &[Vec<Fed<'_>>]) -> Result<LogProbabilities> {
        let level = session.widths.len();
        let width = beams.iter().map(Vec::len).max().unwrap_or(0);
        session.widths.push(width);
        let mut ids = vec![0_i64; session.users * width];
        for (row, beams) in ids.chunks_mut(width).zip(beams) {
            for (id, beam) in row.iter_mut().zip(beams) {
                *id = self.tokens[level][beam.column];
            }
        }
        let positions = vec![(session.prompt + level) as i64; ids.len()];
        let (ids, positions) = (self.matrix(&ids, session.users)?, self.matrix(&positions, session.users)?);
        let mask = AttentionMask::Explicit(self.mask(session, beams)?);
        let hidden = self.model.forward(&ids, &positions, &mask, Some(&mut session.cache), false)?;
        self.log_probabilities(&hidden, level + 1)
    }

    /// The mask `[users, 1, width, S]` by which a beam sees the prompt, its ancestors and itself.
    fn mask(&self, session: &Session, beams: &[Vec<Fed<'_>>]) -> Result<Tensor> {
        let mask = ancestors(beams, &session.widths, session.prompt);
        let width = session.widths.last().copied().unwrap_or(0) as i64;
        Tensor::f_from_slice(&mask)
            .and_then(|mask| mask.f_view([session.users as i64, 1, width, -1])?.f_to_device(self.model.device()))
            .map_err(failed("make the mask of the beams"))
    }

    fn log_probabilities(&self, hidden: &Tensor, level: usize) -> Result<LogProbabilities> {
        let logits = self.model.logits(hidden)?;
        let tokens = &self.tokens[level];
        let values = self.normalised(&logits, tokens).map_err(failed("compute log-probabilities"))?;
        check_finite("log-probabilities", &values, tokens.len(), Rows::PLAIN).map_err(|found| {
            found.computed().hint("the training of the model diverged: tune it again with a lower learning rate")
        })?;
        Ok(LogProbabilities { values, slots: hidden.size()[1] as usize, columns: tokens.len() })
    }

    fn normalised(&self, logits: &Tensor, tokens: &[i64]) -> std::result::Result<Vec<f32>, TchError> {
        let logits = logits.f_to_kind(Kind::Float)?;
        let sum = logits.f_logsumexp(-1, true)?;
        let tokens = Tensor::f_from_slice(tokens)?.f_to_device(self.model.device())?;
        let chosen = logits.f_index_select(-1, &tokens)?.f_sub(&sum)?.f_contiguous()?;
        Vec::try_from(chosen.f_view(-1)?)
    }

    /// An i64 matrix of that many rows on the model's device.
    fn matrix(&self, values: &[i64], rows: usize) -> Result<Tensor> {
        Tensor::f_from_slice(values)
            .and_then(|values| values.f_view([rows as i64, -1])?.f_to_device(self.model.device()))
            .map_err(failed("move tokens to the device"))
    }
}
