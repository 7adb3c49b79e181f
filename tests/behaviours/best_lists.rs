//! The pipelines that give the best lists: one file of settings for any set, even for one with fewer items than an embedding has dimensions.

use crate::space::walkers::{TINY_LANGUAGE_MODEL, pipe, walkers};

/// The settings that make every other stage quick.
const QUICK: [&str; 5] =
    ["sasrec.epochs=1", "sasrec.epoch_steps=1", "fmlp.epochs=1", "fmlp.epoch_steps=1", "finetune.epoch_steps=5"];

/// The arguments of a quick run, and of these settings.
fn settings<'a>(more: &[&'a str]) -> Vec<&'a str> {
    TINY_LANGUAGE_MODEL.iter().chain(&QUICK).chain(more).flat_map(|setting| ["--set", setting]).collect()
}

#[test]
fn every_set_plans() {
    let space = walkers();
    for (pipeline, profile) in [
        ("baselines.toml", None),
        ("best.toml", None),
        ("best.toml", Some("toys")),
        ("best-text.toml", None),
        ("instruments.toml", None),
        ("toys.toml", None),
        ("ablation-ranking.toml", None),
        ("ablation-ranking.toml", Some("toys")),
        ("ablation-recipe.toml", None),
        ("ablation-recipe.toml", Some("toys")),
        ("blend-parts.toml", None),
    ] {
        let arguments: Vec<&str> = profile.iter().flat_map(|profile| ["--profile", profile]).collect();
        let plan = pipe(&space, "plan", pipeline, &arguments);
        assert_eq!(plan.code, 0, "{pipeline} {profile:?}: {}{}", plan.out, plan.err);
    }
}

#[test]
fn the_language_model_and_the_blend_have_lists_for_toys() {
    let space = walkers();
    let arguments = settings(&[]);
    let run = pipe(&space, "run", "toys.toml", &arguments);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let metrics = pipe(&space, "metrics", "toys.toml", &arguments);
    let hit_ratio = |model: &str| {
        let row = metrics.out.lines().find(|line| line.split_whitespace().next() == Some(model));
        let row = row.unwrap_or_else(|| panic!("{model} is not measured:\n{}", metrics.out));
        row.split_whitespace().nth(1).unwrap().trim_end_matches('*').parse::<f64>().unwrap()
    };
    // Everybody walks on to the next item, which counting finds at once.
    assert_eq!(hit_ratio("markov-chain"), 1.0);
    assert_eq!(hit_ratio("blend"), 1.0);
    for model in ["pipe", "fmlp", "sasrec", "item-knn", "text-knn"] {
        assert!(hit_ratio(model) > hit_ratio("popularity"), "{model}:\n{}", metrics.out);
    }
    let blend = std::fs::read_to_string(space.path("artifacts/toys/blend/report/report.json")).unwrap();
    assert!(blend.contains("\"pipe\"") && blend.contains("\"text-knn\""), "{blend}");
}

#[test]
fn the_item_before_the_last_can_choose_the_epochs() {
    let space = walkers();
    let arguments = settings(&["ingest.holdout=\"last-two\""]);
    let run = pipe(&space, "run", "best.toml", &arguments);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let report = std::fs::read_to_string(space.path("artifacts/best/finetune/curve/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let measured = report["validation"].as_array().unwrap();
    assert!(measured.len() > 1 && measured.iter().all(|epoch| epoch["ndcg"].is_f64()), "{report:#}");
    assert_eq!(report["choice"], serde_json::Value::Null, "one training: its validation items are nobody's history");
}
