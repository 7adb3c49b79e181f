//! Lists for users, by one tuned model.

use crate::blocks::{Batches, Blocks};
use crate::gathering;
use crate::parameters::{Parameters, UserSelection};
use crate::prompt::PromptEncoder;
use contract::{Context, Failure, FailureKind, Result};
use decoding::{Decoder, ItemCodes, ItemHead, Scoring};
use frames::{Codes, Interactions, RankedList, Rankings};
use nn::Llama;
use ranks::Ranks;
use recommender::ChoiceSplit;
use recommender::beam::{Leaf, Support, Supporters, Trie, ranked_items};
use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;
use tch::{Device, Kind};

/// A tuned model and all that it needs to rank.
pub(crate) struct Ranker<'a> {
    model: Llama,
    prompts: PromptEncoder,
    codes: ItemCodes<'a>,
    head: Option<ItemHead>,
    parameters: &'a Parameters,
}

/// A user and the tokens that the model is given.
#[derive(Debug)]
struct UserPrompt {
    user: u32,
    ids: Vec<i64>,
}

/// Whom lists are made for, and by what.
#[derive(Debug)]
pub(crate) struct Users {
    users: Vec<u32>,
    /// By user.
    histories: Vec<Vec<u32>>,
    max_history: usize,
    /// Another model's lists, without items of the history.
    support: HashMap<u32, Vec<(u32, f32)>>,
}

impl Users {
    /// Those that are selected, after what precedes their test item; a user without one has the whole history.
    pub(crate) fn selected(
        selection: UserSelection,
        interactions: &Interactions,
        support: Option<Rankings>,
    ) -> Result<Self> {
        let users = match selection {
            UserSelection::Tested => recommender::tested_users(interactions)?,
            UserSelection::All => (0..).take(interactions.dataset.users).collect(),
        };
        Ok(Self::of(users, interactions.before_test(), interactions, support))
    }

    /// All with a held-out item.
    pub(crate) fn held_out(split: &ChoiceSplit, interactions: &Interactions, support: Option<Rankings>) -> Self {
        let users = split.validation(1).map(|validation| validation.users().to_vec()).unwrap_or_default();
        Self::of(users, split.histories(), interactions, support)
    }

    fn of(users: Vec<u32>, histories: Vec<Vec<u32>>, interactions: &Interactions, support: Option<Rankings>) -> Self {
        let lists = support.into_iter().flat_map(|rankings| rankings.excluded);
        let support = lists.map(|list| (list.user, list.items)).collect();
        Self { users, histories, max_history: interactions.dataset.max_history, support }
    }

    /// The first of them by a hash of their numbers.
    pub(crate) fn sample(&self, most: usize) -> Self {
        let mut users = self.users.clone();
        users.sort_by_key(|&user| recommender::tie_order(user));
        users.truncate(most);
        users.sort_unstable();
        let (histories, support) = (self.histories.clone(), self.support.clone());
        Self { users, histories, max_history: self.max_history, support }
    }

    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether another model's lists are known.
    pub(crate) fn is_supported(&self) -> bool {
        !self.support.is_empty()
    }
}

impl<'a> Ranker<'a> {
    /// Reads a tuned model.
    ///
    /// # Errors
    /// When it does not fit the codes, or lacks the item head by which it is to rank.
    pub(crate) fn open(
        folder: &Path,
        base: &Path,
        device: Device,
        codes: &'a Codes,
        trie: &'a Trie,
        parameters: &'a Parameters,
    ) -> Result<Self> {
        let (model, tokenizer) = nn::load_tuned(base, folder, device, parameters.precision)?;
        let item_codes = ItemCodes::new(trie, &tokenizer)?;
        let head = ItemHead::read(folder, &item_codes, &model)?;
        if head.is_none() && parameters.scoring != Scoring::Beam {
            let scoring = if parameters.scoring == Scoring::Head { "head" } else { "rerank" };
            let message = format!("scoring is \"{scoring}\", but the tuned model has no item head");
            return Err(Failure::new(FailureKind::Conflict, message)
                .hint("set item_head = true in finetune, or scoring = \"beam\" in precache"));
        }
        let prompts = PromptEncoder::new(tokenizer, codes, parameters.prompt_template, parameters.prompt_variant)?;
        Ok(Self { model, prompts, codes: item_codes, head, parameters })
    }

    /// The whole codes found for histories, of which the newest `max_history` items count, without support.
    pub(crate) fn leaves(&self, histories: &[&[u32]], max_history: usize) -> Result<Vec<Vec<Leaf>>> {
        let _no_gradients = tch::no_grad_guard();
        let prompts = self.prompts.encode(histories, max_history)?;
        let ids: Vec<&[i64]> = prompts.iter().map(Vec::as_slice).collect();
        let supports: Vec<Support> = histories.iter().map(|_| Support::none()).collect();
        Decoder::new(&self.model, &self.codes, self.head.as_ref()).leaves(&ids, &self.parameters.settings(), &supports)
    }

    /// The lists of users, with that weight of the support; those that `blocks` has are not made again.
    ///
    /// Each rank makes a part of them, and the first gets all; the others get none.
    pub(crate) fn rank(
        &self,
        users: &Users,
        weight: f64,
        mut blocks: Blocks,
        ranks: &Ranks,
        context: &Context,
    ) -> Result<Rankings> {
        if weight > 0.0 && !users.is_supported() {
            let message = format!("the weight of the support is {weight}, but no lists are bound to support the beams");
            return Err(Failure::new(FailureKind::Conflict, message)
                .hint("bind support, and with validation_model validation_support, or set support_weight = 0"));
        }
        let _no_gradients = tch::no_grad_guard();
        let Parameters { top_k, batch, support_floor, .. } = *self.parameters;
        let trie = self.codes.trie();
        let decoder = Decoder::new(&self.model, &self.codes, self.head.as_ref());
        let supporters = Supporters::new(trie, weight, support_floor);
        let Users { users, histories, max_history, support } = users;
        let prompts = self.by_length(users, histories, *max_history)?;
        // Prompts of one length need no padding, and come sorted by length. In bf16, where lists differ in last digits anyway, batches are
        // filled whatever the lengths: a CPU compiles a product for each number of rows.
        let fills = self.model.precision() == Kind::BFloat16;
        let together = prompts.chunk_by(|a, b| fills || a.ids.len() == b.ids.len());
        let batches: Vec<&[UserPrompt]> = together.flat_map(|prompts| prompts.chunks(batch)).collect();
        let in_batches: Vec<Vec<u32>> =
            batches.iter().map(|batch| batch.iter().map(|prompt| prompt.user).collect()).collect();
        let kept = blocks.read(&in_batches, context);
        ranks.agree("the number of lists that are kept", kept.len() as u64)?;
        let left: Vec<usize> = (0..batches.len()).filter(|number| !kept.contains_key(number)).collect();
        let sizes: Vec<usize> =
            left.iter().map(|&number| batches[number].len() * batches[number][0].ids.len()).collect();
        let own: Vec<usize> = ranks.part_of(&sizes).into_iter().map(|place| left[place]).collect();
        let users_of = |batches: &[usize]| batches.iter().map(|&number| in_batches[number].len()).sum::<usize>() as u64;
        let progress = context.progress(users_of(&own));
        let mut done = 0;
        let mut made = Batches::new();
        let begun = Instant::now();
        for number in own {
            let batch = batches[number];
            let ids: Vec<&[i64]> = batch.iter().map(|prompt| prompt.ids.as_slice()).collect();
            let list = |prompt: &UserPrompt| support.get(&prompt.user).map_or(&[][..], Vec::as_slice);
            let supports: Vec<Support> = batch.iter().map(|prompt| supporters.of(list(prompt))).collect();
            let found = decoder.leaves(&ids, &self.parameters.settings(), &supports)?;
            let mut rankings = Rankings::default();
            for (UserPrompt { user, .. }, leaves) in batch.iter().zip(found) {
                let (kept, excluded) = ranked_items(trie, &leaves, &histories[*user as usize], top_k);
                rankings.kept.push(RankedList { user: *user, items: kept });
                rankings.excluded.push(RankedList { user: *user, items: excluded });
            }
            done += batch.len() as u64;
            progress.set(done, if ranks.count() == 1 { "users" } else { "users of the first rank" });
            blocks.keep(number, &rankings, context);
            made.insert(number, rankings);
        }
        let seconds = begun.elapsed().as_secs_f64().max(1e-9);
        context.log(format!("{done} users in {seconds:.1} s: {:.2} users a second", done as f64 / seconds));
        let mut all = gathering::on_first(made, ranks)?;
        if ranks.is_first() {
            all.extend(kept);
        }
        Ok(gathering::in_order(all))
    }

    /// The prompts of users, sorted by length, then by user.
    fn by_length(&self, users: &[u32], histories: &[Vec<u32>], max_history: usize) -> Result<Vec<UserPrompt>> {
        let of_users: Vec<&[u32]> = users.iter().map(|&user| histories[user as usize].as_slice()).collect();
        let encoded = self.prompts.encode(&of_users, max_history)?;
        let mut prompts: Vec<UserPrompt> =
            users.iter().zip(encoded).map(|(&user, ids)| UserPrompt { user, ids }).collect();
        prompts.sort_by_key(|prompt| (prompt.ids.len(), prompt.user));
        Ok(prompts)
    }
}
