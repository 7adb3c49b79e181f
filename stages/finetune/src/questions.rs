//! Questions about held-out items, and the NDCG@10 of the lists that the model answers them with.
//!
//! A question holds a user's history and its answer the held-out item. All items are ranked but those in the question. Items of one code
//! are told apart by nothing, so the answer stands in the middle of those of its code; where a question has some of them, the
//! others may still be the answer: items that are always bought together often share a code.
//! `NDCG@10` is the mean of 1 / log2(rank + 1) over the questions, 0 where the rank is above 10.

use crate::samples::Samples;
use contract::{Failure, FailureKind, Result};
use decoding::{Decoder, ItemCodes, Scoring, Settings};
use ranks::Ranks;
use recommender::beam::{Constraint, Leaf, Support};
use recommender::{best_first, tie_order};

/// The k of the measure.
const CUTOFF: usize = 10;

/// Questions that are asked at once.
const BATCH: usize = 128;

/// Paths of the beam search, as `precache` has them by default.
const BEAM: usize = 20;

/// Questions, and what answers them.
#[derive(Debug)]
pub(crate) struct Questions<'a> {
    decoder: Decoder<'a>,
    codes: &'a ItemCodes<'a>,
    scoring: Scoring,
    /// By length.
    questions: Vec<Question>,
}

#[derive(Debug)]
struct Question {
    tokens: Vec<i64>,
    /// Numbers of the codes in it, ascending, each as often as it is there.
    seen: Vec<u32>,
    /// The number of the answer's code.
    answer: u32,
}

impl<'a> Questions<'a> {
    /// At most `most` of the samples as questions, drawn by a hash of their number.
    ///
    /// # Errors
    /// When no sample's answer is an item.
    pub(crate) fn of(
        samples: &Samples,
        most: usize,
        decoder: Decoder<'a>,
        codes: &'a ItemCodes<'a>,
        scoring: Scoring,
    ) -> Result<Self> {
        let numbered = (0_u32..).zip(samples.groups.iter().flatten());
        let mut all: Vec<(u64, Question)> = numbered
            .filter_map(|(number, sample)| {
                let tokens: Vec<i64> = sample.tokens.iter().copied().map(i64::from).collect();
                let &(_, answer) = codes.find(tokens[sample.label..].iter().copied()).first()?;
                let tokens = tokens[..sample.label].to_vec();
                let mut seen: Vec<u32> = codes.find(tokens.iter().copied()).iter().map(|found| found.1).collect();
                seen.sort_unstable();
                Some((tie_order(number), Question { tokens, seen, answer }))
            })
            .collect();
        if all.is_empty() {
            let message = format!("none of {} held-out questions is answered by an item", samples.read);
            return Err(
                Failure::new(FailureKind::NothingUsable, message).hint("bind the codes that the tasks were given")
            );
        }
        all.sort_by_key(|(order, _)| *order);
        all.truncate(most);
        let mut questions: Vec<Question> = all.into_iter().map(|(_, question)| question).collect();
        questions.sort_by(|a, b| (a.tokens.len(), &a.tokens).cmp(&(b.tokens.len(), &b.tokens)));
        Ok(Self { decoder, codes, scoring, questions })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.questions.len()
    }

    /// NDCG@10 of the model as it is now; each rank asks a part of the questions.
    pub(crate) fn ndcg(&self, ranks: &Ranks) -> Result<f64> {
        let settings = Settings { scoring: self.scoring, constraint: Constraint::Trie, beam: BEAM, head_weight: 0.0 };
        let mut sum = 0.0;
        let equal = self.questions.chunk_by(|a, b| a.tokens.len() == b.tokens.len());
        let batches: Vec<&[Question]> = equal.flat_map(|equal| equal.chunks(BATCH)).collect();
        let sizes: Vec<usize> =
            batches.iter().map(|batch| batch.iter().map(|question| question.tokens.len()).sum()).collect();
        for batch in ranks.part_of(&sizes).into_iter().map(|place| batches[place]) {
            let prompts: Vec<&[i64]> = batch.iter().map(|question| question.tokens.as_slice()).collect();
            let supports: Vec<Support> = batch.iter().map(|_| Support::none()).collect();
            let found = self.decoder.leaves(&prompts, &settings, &supports)?;
            sum += batch.iter().zip(found).map(|(question, leaves)| self.gain(question, &leaves)).sum::<f64>();
        }
        let [sum] = ranks.sum_few([sum])?;
        Ok(sum / self.questions.len() as f64)
    }

    fn gain(&self, question: &Question, leaves: &[Leaf]) -> f64 {
        let scored = |leaf: &Leaf| Some((self.codes.leaves().binary_search(&leaf.node?).ok()? as u32, leaf.score));
        let list: Vec<(u32, f32)> = leaves.iter().filter_map(scored).collect();
        let Some(answer) = list.iter().find(|(code, _)| *code == question.answer) else { return 0.0 };
        let unseen = |code: u32| self.items_of(code).saturating_sub(count(&question.seen, code)) as f64;
        let better = list.iter().filter(|other| best_first(other, answer).is_lt()).map(|&(code, _)| unseen(code));
        let alike = unseen(answer.0);
        if alike == 0.0 {
            return 0.0;
        }
        let rank = 1.0 + better.sum::<f64>() + (alike - 1.0) / 2.0;
        if rank <= CUTOFF as f64 { 1.0 / (rank + 1.0).log2() } else { 0.0 }
    }

    /// How many items have a code.
    fn items_of(&self, code: u32) -> usize {
        self.codes.trie().node(self.codes.leaves()[code as usize]).items.len()
    }
}

/// How often an ascending list has a number.
fn count(ascending: &[u32], number: u32) -> usize {
    let below = |bound: u32| ascending.partition_point(|&one| one < bound);
    below(number + 1) - below(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use frames::Codes;
    use nn::LlamaConfig;
    use recommender::beam::Trie;
    use tch::{Device, Kind};

    #[test]
    fn items_of_one_code_are_told_apart_by_what_is_in_the_question() {
        // Items 0, 1 and 2 have code 0, item 3 code 1, items 4 and 5 code 2.
        let trie = Trie::of(&Codes { levels: vec![vec![0, 0, 0, 1, 2, 2]] });
        let codes = ItemCodes::with_tokens(&trie, vec![vec![1, 2, 3]]);
        let fields = serde_json::json!({"model_type": "llama", "vocab_size": 4, "hidden_size": 8, "intermediate_size": 8,
            "num_hidden_layers": 1, "num_attention_heads": 2});
        let config: LlamaConfig = serde_json::from_value(fields).unwrap();
        let model = nn::Llama::random(config, 0.3, Device::Cpu, Kind::Float).unwrap();
        let decoder = Decoder::new(&model, &codes, None);
        let questions = Questions { decoder, codes: &codes, scoring: Scoring::Beam, questions: Vec::new() };
        let leaves: Vec<Leaf> = [-1.0, -3.0, -2.0]
            .iter()
            .zip(codes.leaves())
            .map(|(&score, &node)| Leaf { node: Some(node), score })
            .collect();
        let gain = |seen: &[u32], answer| {
            questions.gain(&Question { tokens: Vec::new(), seen: seen.to_vec(), answer }, &leaves)
        };
        let of_rank = |rank: f64| 1.0 / (rank + 1.0).log2();
        // Before item 3 are the five others.
        assert!((gain(&[], 1) - of_rank(6.0)).abs() < 1e-12);
        // Two of the first code and one of the last are in the question.
        assert!((gain(&[0, 0, 2], 1) - of_rank(3.0)).abs() < 1e-12);
        // The twin of an item in the question, and one of three that nothing tells apart.
        assert!((gain(&[0, 0], 0) - of_rank(1.0)).abs() < 1e-12);
        assert!((gain(&[], 0) - of_rank(2.0)).abs() < 1e-12);
        assert!(gain(&[1], 1).abs() < 1e-12);
    }
}
