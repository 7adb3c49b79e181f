//! The items whose texts are near those of the user's history: what a text alone tells, of new items too.

use crate::ranking::{inputs, list_outputs};
use contract::{Context, InputPort, OutputPort, Result, Stage, Threads};
use frames::{Embeddings, EmbeddingsOf, Interactions, Rankings, kinds};
use recommender::{Candidates, ChoiceSplit, Parallel, rank_among, same_ingest, tested_users};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Histories that are compared with all texts at once: a text is read once for all of them.
const BLOCK: usize = 16;

/// Ranks by the cosine of a text embedding to the mean of the history's.
#[derive(Debug)]
pub struct TextKnn;

/// The parameters of [`TextKnn`].
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TextKnnParameters {
    /// How many items each list has.
    #[schemars(range(min = 1))]
    pub top_k: usize,
    /// How many of the latest items of a history are looked at; 0 for all.
    pub history: usize,
    /// Whether the mean of all texts is taken from each first: what all have in common tells nothing of one.
    pub centred: bool,
    /// Which items lists may have. With `new` there are no lists for held-out items, which are not new.
    pub candidates: Candidates,
}

impl Default for TextKnnParameters {
    fn default() -> Self {
        Self { top_k: 20, history: 20, centred: true, candidates: Candidates::All }
    }
}

impl Stage for TextKnn {
    const NAME: &'static str = "text-knn";
    const ABOUT: &'static str = "Ranks items by how near their texts are to those of a user's history.";
    const VERSION: &'static str = env!("STAGE_VERSION");
    const SEEDED: bool = false;
    const THREADS: Threads = Threads::All;
    type Parameters = TextKnnParameters;

    fn inputs() -> Vec<InputPort> {
        let text = InputPort::required("text", kinds::TEXT_EMBEDDINGS, "Embeddings of the items' text.");
        inputs().into_iter().chain([text]).collect()
    }

    fn outputs() -> Vec<OutputPort> {
        list_outputs()
    }

    fn run(parameters: Self::Parameters, context: &Context) -> Result<()> {
        let interactions = Interactions::read(context.input("interactions")?)?;
        let text = Embeddings::read(context.input("text")?, EmbeddingsOf::Items)?;
        same_ingest(("interactions", interactions.dataset.items), ("text", text.len()))?;
        let texts = Texts::new(text, parameters.centred);
        let may_be = parameters.candidates.of(&interactions)?;
        let lists = |users: &[u32], histories: &[Vec<u32>]| {
            let score = |users: &[u32], scores: &mut [f32]| {
                let of_user = |&user: &u32| latest(&histories[user as usize], parameters.history);
                texts.score(&users.iter().map(of_user).collect::<Vec<_>>(), scores);
                Ok(())
            };
            let scorer = Parallel { items: texts.len(), block: BLOCK, score };
            rank_among(&scorer, users, histories, parameters.top_k, |item| may_be[item as usize])
        };
        recommender::thread_pool(context)?.install(|| {
            lists(&tested_users(&interactions)?, &interactions.before_test())?.write(context.output("rankings"))?;
            let split = ChoiceSplit::of(&interactions).filter(|_| parameters.candidates == Candidates::All);
            let validation = match split.as_ref().and_then(|split| Some((split, split.validation(1)?))) {
                Some((split, held_out)) => lists(held_out.users(), &split.histories())?,
                None => Rankings::default(),
            };
            validation.write(context.output("validation"))
        })
    }
}

/// The last `count` items, or all where that is 0.
fn latest(history: &[u32], count: usize) -> &[u32] {
    let skipped = if count == 0 { 0 } else { history.len().saturating_sub(count) };
    &history[skipped..]
}

/// Text embeddings of length 1; those of items without text are zeros.
#[derive(Debug)]
struct Texts(Embeddings);

impl Texts {
    fn new(mut text: Embeddings, centred: bool) -> Self {
        let is_empty = |row: &[f32]| row.iter().all(|&value| value == 0.0);
        if centred {
            let mut mean = vec![0.0_f64; text.dim];
            let rows = || text.values.chunks_exact(text.dim).filter(|row| !is_empty(row));
            rows().for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value)));
            let count = rows().count().max(1) as f64;
            for row in text.values.chunks_exact_mut(text.dim).filter(|row| !is_empty(row)) {
                row.iter_mut().zip(&mean).for_each(|(value, sum)| *value -= (sum / count) as f32);
            }
        }
        text.values.chunks_exact_mut(text.dim).for_each(normalise);
        Self(text)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn row(&self, item: u32) -> &[f32] {
        &self.0.values[item as usize * self.0.dim..][..self.0.dim]
    }

    /// Adds to the scores `[histories, items]` each item's cosine to the mean of the history's; nothing where that has no direction.
    fn score(&self, histories: &[&[u32]], scores: &mut [f32]) {
        let means: Vec<Vec<f32>> = histories.iter().map(|history| self.direction(history)).collect();
        for (item, row) in self.0.values.chunks_exact(self.0.dim).enumerate() {
            for (place, mean) in means.iter().enumerate() {
                scores[place * self.len() + item] += dot(mean, row);
            }
        }
    }

    /// The mean of the items' vectors, at length 1.
    fn direction(&self, items: &[u32]) -> Vec<f32> {
        let mut mean = vec![0.0; self.0.dim];
        for &item in items {
            mean.iter_mut().zip(self.row(item)).for_each(|(sum, value)| *sum += value);
        }
        normalise(&mut mean);
        mean
    }
}

fn normalise(row: &mut [f32]) {
    let length = dot(row, row).sqrt();
    if length > 0.0 {
        row.iter_mut().for_each(|value| *value /= length);
    }
}

/// The sum of products, in eight parts, which the CPU adds at once.
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (left, right) in left.iter().zip(right) {
        (0..8).for_each(|place| sums[place] += left[place] * right[place]);
    }
    sums.iter().sum::<f32>() + left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{run_bound, three_users};
    use contract::FailureKind;
    use frames::RankedList;
    use std::path::Path;

    /// Items 0 and 1 are nearly alike, 3 and 4 as well, and 2 has no text.
    fn text(folder: &Path) {
        let values = vec![3.0, 1.0, 4.0, 1.0, 0.0, 0.0, -1.0, 2.0, -1.0, 3.0];
        Embeddings { dim: 2, values }.write(folder, EmbeddingsOf::Items, None).unwrap();
    }

    fn items(lists: &[RankedList]) -> Vec<Vec<u32>> {
        lists.iter().map(|list| list.items.iter().map(|item| item.0).collect()).collect()
    }

    #[test]
    fn items_of_like_texts_come_first() {
        let of = |history, candidates| {
            let parameters = TextKnnParameters { history, centred: false, candidates, top_k: 5 };
            run_bound::<TextKnn>(&three_users(), parameters, &[("text", &text)], 2).unwrap()
        };
        // User 0 has 0 1 2 before the test item, user 1 has 1 2; item 2 says nothing.
        let outputs = of(0, Candidates::All);
        assert_eq!(items(&outputs.rankings("rankings").excluded), [vec![4, 3], vec![0, 4, 3]]);
        assert_eq!(items(&outputs.rankings("validation").excluded), [vec![2, 4, 3], vec![0, 2, 4, 3]]);
        let of_nothing = of(1, Candidates::All).rankings("rankings");
        assert!(of_nothing.kept.iter().flat_map(|list| &list.items).all(|&(_, score)| score == 0.0));
        let new = of(0, Candidates::New);
        assert_eq!(items(&new.rankings("rankings").kept), [[3], [3]]);
        assert!(new.rankings("validation").kept.is_empty());
    }

    #[test]
    fn texts_of_other_items_are_refused_and_where_nothing_is_new_there_are_no_new_candidates() {
        let other = |folder: &Path| {
            Embeddings { dim: 1, values: vec![1.0; 3] }.write(folder, EmbeddingsOf::Items, None).unwrap();
        };
        let refused = run_bound::<TextKnn>(&three_users(), TextKnnParameters::default(), &[("text", &other)], 1);
        assert_eq!(refused.unwrap_err().kind, FailureKind::Conflict);
        let mut all_trained = three_users();
        all_trained.split[3] = frames::Split::Train;
        let parameters = TextKnnParameters { candidates: Candidates::New, ..Default::default() };
        let refused = run_bound::<TextKnn>(&all_trained, parameters, &[("text", &text)], 1).unwrap_err();
        assert_eq!(refused.kind, FailureKind::NothingUsable);
        assert!(refused.message.contains("all 5 items have a training interaction"), "{refused}");
    }

    #[test]
    fn centring_takes_away_what_all_texts_share() {
        let embeddings = || Embeddings { dim: 2, values: vec![10.0, 1.0, 10.0, -1.0, 0.0, 0.0] };
        let scores = |centred| {
            let mut scores = vec![0.0; 3];
            Texts::new(embeddings(), centred).score(&[&[0]], &mut scores);
            scores
        };
        assert_eq!(scores(true), [1.0, -1.0, 0.0]);
        assert!(scores(false)[1] > 0.9);
    }
}
