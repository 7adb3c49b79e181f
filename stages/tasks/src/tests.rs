//! The stage as a whole, on a few users.

use super::*;
use contract::Spec;
use prompts::PromptTemplate;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Two users of three and one training items; items 3 and 4 are chosen in the test part alone.
fn material() -> Material {
    let codes = Codes { levels: vec![vec![0, 0, 1, 1, 2], vec![0, 1, 0, 1, 0]] };
    let of = |texts: [&str; 5]| texts.map(str::to_owned).to_vec();
    let items = Items {
        id: of(["p", "q", "r", "s", "t"]),
        title: of(["Lute", "", "Harp", "Drum", "Bell"]),
        description: of(["made of wood and gut", "", "", "", ""]),
        brand: of([""; 5]),
        categories: of([""; 5]),
    };
    let reviews = Reviews {
        user: vec![0, 0, 0, 1],
        item: vec![2, 0, 3, 1],
        text: ["warm and clear", " ", "held out", "fine"].map(str::to_owned).to_vec(),
    };
    Material {
        sequences: vec![vec![2, 0, 1], vec![1]],
        validation: vec![vec![3], vec![]],
        max_history: 2,
        item_texts: prompts::item_texts(&codes),
        is_trained: vec![true, true, true, true, false],
        items: Some(items),
        reviews: Some(reviews),
        preferences: Some(vec![vec!["old lutes".to_owned(), String::new()], vec![]]),
    }
}

fn samples(parameters: &Parameters, kind: TaskKind) -> Vec<Prompt> {
    let (prompts, _) = write_prompts(&material(), parameters, 7);
    prompts.0.into_iter().filter(|prompt| prompt.kind == kind).collect()
}

#[test]
fn each_training_item_after_the_first_is_a_label() {
    let parameters = Parameters { prompt_template: PromptTemplate::Continuation, ..Parameters::default() };
    let found = samples(&parameters, TaskKind::NextItem);
    let labels: Vec<&str> = found.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["<a_0><b_0>", "<a_0><b_1>"]);
    assert!(found[0].prompt.ends_with(":<a_1><b_0>") && found[1].prompt.ends_with(":<a_1><b_0><a_0><b_0>"));

    let longest = Parameters { histories: Histories::Longest, ..parameters };
    assert_eq!(samples(&longest, TaskKind::NextItem), found[1..]);
}

#[test]
fn a_sequence_is_told_backwards_in_a_group_of_its_own() {
    let forward = Parameters { prompt_template: PromptTemplate::Continuation, ..Parameters::default() };
    let both = Parameters { directions: Directions::Both, ..forward.clone() };
    let backwards = samples(&both, TaskKind::NextItem).split_off(samples(&forward, TaskKind::NextItem).len());
    let labels: Vec<&str> = backwards.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["<a_0><b_0>", "<a_1><b_0>"]);
    assert!(backwards[1].prompt.ends_with(":<a_0><b_1><a_0><b_0>"), "{}", backwards[1].prompt);
    assert!(backwards.iter().all(|one| one.group == 2));
    assert_eq!(samples(&both, TaskKind::Negative), samples(&forward, TaskKind::Negative));
}

#[test]
fn a_validation_item_is_asked_for_after_all_that_trains() {
    let parameters = Parameters { prompt_template: PromptTemplate::Continuation, ..Parameters::default() };
    let found = history::validation(&material(), &parameters, 7).0;
    assert_eq!(found.len(), 1);
    assert!(found[0].prompt.ends_with(":<a_0><b_0><a_0><b_1>"), "{}", found[0].prompt);
    assert_eq!((found[0].label.as_str(), found[0].kind), ("<a_1><b_1>", TaskKind::NextItem));
    let (trained, _) = write_prompts(&material(), &parameters, 7);
    assert!(trained.0.iter().all(|one| one.kind == TaskKind::Text || !one.prompt.contains("<a_1><b_1>")));
}

#[test]
fn a_history_keeps_its_newest_items() {
    let all = Material { max_history: 1, ..material() };
    let parameters = Parameters { prompt_template: PromptTemplate::Continuation, ..Parameters::default() };
    let (prompts, _) = write_prompts(&all, &parameters, 7);
    let last = prompts.0.iter().rfind(|one| one.kind == TaskKind::NextItem).unwrap();
    assert!(last.prompt.ends_with(":<a_0><b_0>"), "{}", last.prompt);
}

#[test]
fn negatives_are_items_that_the_user_did_not_train_on() {
    let parameters = Parameters { negatives: 2, ..Parameters::default() };
    let found = samples(&parameters, TaskKind::Negative);
    let labels: BTreeSet<&str> = found.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(found.len(), 4);
    assert_eq!(labels, BTreeSet::from(["<a_1><b_1>", "<a_2><b_0>"]));

    let longest = Parameters { negative_histories: Histories::Longest, ..parameters };
    assert_eq!(samples(&longest, TaskKind::Negative).len(), 2);
    assert_eq!(samples(&longest, TaskKind::NextItem).len(), 2);
}

#[test]
fn texts_and_training_reviews_ask_for_their_item() {
    let parameters = Parameters { description_words: 3, query_words: 2, ..Parameters::default() };
    let texts = samples(&parameters, TaskKind::Text);
    assert_eq!(texts.len(), 4);
    assert!(texts[0].prompt.contains("made of wood") && !texts[0].prompt.contains("gut"));
    let of_trained = Parameters { text_of_new_items: false, item_text: true, ..parameters.clone() };
    assert_eq!(samples(&of_trained, TaskKind::Text), texts[..3]);
    assert!(samples(&of_trained, TaskKind::ItemText).iter().all(|one| one.label != "Bell"));
    let queries = samples(&parameters, TaskKind::Query);
    let labels: Vec<&str> = queries.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["<a_1><b_0>", "<a_0><b_1>"]);
    assert!(queries[0].prompt.contains("warm and") && !queries[0].prompt.contains("clear"));
    let groups: BTreeSet<u32> = texts.iter().chain(&queries).map(|one| one.group).collect();
    assert_eq!(groups, (2..8).collect());
    let one = samples(&Parameters { query_samples: 1, ..parameters }, TaskKind::Query);
    assert!(one.len() == 1 && queries.iter().any(|query| query.prompt == one[0].prompt));
}

#[test]
fn lc_recs_tasks_answer_in_text_and_ask_from_titles() {
    let off = Parameters::default();
    let on = Parameters { item_text: true, text_history: true, preference: true, description_words: 3, ..off.clone() };
    assert!(samples(&off, TaskKind::ItemText).is_empty() && samples(&off, TaskKind::Preference).is_empty());
    let texts = samples(&on, TaskKind::ItemText);
    let labels: Vec<&str> = texts.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["Lute", "made of wood", "Harp", "Drum", "Bell"]);
    assert!(texts[0].prompt.contains("<a_0><b_0>"));
    // The first history is harp before lute; the second, harp and lute before an item without a title, is left out.
    let histories = samples(&on, TaskKind::TextHistory);
    assert_eq!(histories.len(), 1);
    assert!(histories[0].prompt.contains("Harp") && histories[0].label == "<a_0><b_0>", "{histories:?}");
    let one = Parameters { text_history_samples: 1, ..on.clone() };
    assert!(samples(&one, TaskKind::TextHistory).len() <= 1);
    let preferences = samples(&on, TaskKind::Preference);
    assert_eq!(preferences.len(), 1);
    assert!(preferences[0].prompt.contains("<a_0><b_0>, <a_0><b_1>") && preferences[0].label == "old lutes");
}

#[test]
fn a_task_without_its_text_is_counted_as_none_and_reported() {
    let material = Material { items: None, reviews: None, ..material() };
    let (prompts, report) = write_prompts(&material, &Parameters::default(), 7);
    assert!(prompts.0.iter().all(|one| matches!(one.kind, TaskKind::NextItem | TaskKind::Negative)));
    let lines = report.lines().join("\n");
    assert!(lines.contains("0 text, 0 query") && lines.contains("no items are bound"), "{lines}");
    let report = serde_json::to_value(&report).unwrap();
    assert_eq!(
        report["samples"],
        json!({
            "next-item": 2, "negative": 4, "text": 0, "query": 0, "item-text": 0, "text-history": 0, "preference": 0
        })
    );
    assert_eq!(report["left_out"], json!({"short-history": 1, "items-not-bound": 1, "reviews-not-bound": 1}));
}

#[test]
fn equal_runs_write_equal_bytes_and_other_seeds_draw_other_negatives() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, seed: u64, parameters: &Value| {
        let of = |port: &str| folder.path().join(name).join(port);
        ["prompts", "validation", "report", "choice", "choice_questions"]
            .map(&of)
            .iter()
            .for_each(|path| std::fs::create_dir_all(path).unwrap());
        let inputs =
            ["interactions", "codes"].map(|port| (port.to_owned(), [(String::new(), folder.path().into())].into()));
        let spec = Spec {
            uses: "tasks".into(),
            parameters: parameters.as_object().unwrap().clone(),
            inputs: inputs.into(),
            outputs: ["prompts", "validation", "report", "choice", "choice_questions"]
                .map(|port| (port.to_owned(), of(port)))
                .into(),
            seed,
            threads: 1,
            device: "cpu".into(),
            rank: contract::Rank::default(),
            checkpoint: None,
        };
        (contract::Erased::of::<Tasks>().run)(spec)
            .map(|()| std::fs::read(of("prompts").join("prompts.parquet")).unwrap())
    };
    write_inputs(folder.path(), 60);
    let parameters = json!({"negatives": 1});
    assert_eq!(run("a", 1, &parameters).unwrap(), run("b", 1, &parameters).unwrap());
    assert_ne!(run("a", 1, &parameters).unwrap(), run("c", 2, &parameters).unwrap());
    let nothing = run("d", 1, &json!({"negatives": 0, "next_item": false})).unwrap_err();
    assert_eq!(nothing.kind, FailureKind::NothingUsable);
    Codes { levels: vec![vec![0; 59]] }.write(folder.path()).unwrap();
    let conflict = run("e", 1, &parameters).unwrap_err();
    assert!(conflict.message.contains("59 items, 'interactions' has 60"), "{conflict}");
}

fn write_inputs(folder: &Path, items: u32) {
    let dataset = frames::Dataset {
        users: 1,
        items: items as usize,
        interactions: 3,
        max_history: 20,
        holdout: "last".into(),
        split_digest: String::new(),
    };
    let split = vec![Split::Train, Split::Train, Split::Test];
    let table = Interactions {
        dataset,
        user: vec![0; 3],
        item: vec![5, 7, 9],
        position: vec![0, 1, 2],
        time: vec![0, 1, 2],
        split,
    };
    table.write(folder).unwrap();
    Codes { levels: vec![(0..items).collect()] }.write(folder).unwrap();
}

#[test]
fn the_samples_of_the_choice_lack_each_users_last_training_item() {
    let parameters = Parameters { prompt_template: PromptTemplate::Continuation, ..Parameters::default() };
    let mut held = material();
    (held.sequences, held.validation) = (vec![vec![2, 0], vec![1]], vec![vec![1], vec![]]);
    let (choice, _) = write_prompts(&held, &parameters, 7);
    let of = |kind| choice.0.iter().filter(move |one| one.kind == kind);
    assert!(of(TaskKind::NextItem).all(|one| one.label == "<a_0><b_0>"));
    assert_eq!(of(TaskKind::NextItem).count(), 1);
    let questions = history::validation(&held, &parameters, 7).0;
    assert!(questions.len() == 1 && questions[0].prompt.ends_with(":<a_1><b_0><a_0><b_0>"), "{questions:?}");
    assert_eq!(questions[0].label, "<a_0><b_1>");
}
