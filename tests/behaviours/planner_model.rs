//! The engine against a model of it: pipelines of commands made at random, and timelines of edits, losses, damage and
//! kills. After each step a real run has to make what a run from nothing would make (never stale), and has to run exactly
//! what has no whole result (never in vain).

use crate::coarse;
use crate::model::{Edit, Function, ITEMS, Stage, World};
use crate::soak;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::cell::Cell;

fn function() -> impl Strategy<Value = Function> {
    prop_oneof![3 => Just(Function::Join), 1 => Just(Function::Linked), 2 => Just(Function::First), 1 => Just(Function::Constant)]
}

/// The stage at `place` uses stages before it, and external inputs that others may use as well.
fn stage(place: usize) -> impl Strategy<Value = Stage> {
    let uses = proptest::sample::subsequence((0..place).collect::<Vec<_>>(), 0..=place.min(3));
    let items = proptest::sample::subsequence((0..ITEMS.len()).collect::<Vec<_>>(), 0..=2);
    (function(), 0..3_u8, uses, items).prop_map(move |(function, parameter, uses, items)| Stage {
        name: format!("s{place}"),
        function,
        parameter,
        uses,
        items,
    })
}

fn stages() -> impl Strategy<Value = Vec<Stage>> {
    (1..=7_usize).prop_flat_map(|count| (0..count).map(|place| stage(place).boxed()).collect::<Vec<_>>())
}

fn edit() -> impl Strategy<Value = Edit> {
    let stage = || 0..7_usize;
    let word = || "[ab]{0,2}";
    prop_oneof![
        3 => (stage(), 0..3_u8).prop_map(|(stage, value)| Edit::Parameter(stage, value)),
        1 => (stage(), function()).prop_map(|(stage, function)| Edit::Function(stage, function)),
        3 => (0..ITEMS.len(), word()).prop_map(|(item, text)| Edit::Write(item, text)),
        1 => (0..ITEMS.len()).prop_map(Edit::Touch),
        1 => ("[xyz]", word()).prop_map(|(name, text)| Edit::AddFile(name, text)),
        1 => "[xyz]".prop_map(Edit::RemoveFile),
        1 => stage().prop_map(Edit::Rename),
        1 => stage().prop_map(Edit::LoseArtifact),
        1 => (stage(), any::<bool>()).prop_map(|(stage, longer)| Edit::DamageArtifact(stage, longer)),
        1 => stage().prop_map(Edit::LoseRecord),
        1 => (stage(), any::<u16>(), any::<bool>()).prop_map(|(stage, at, cut)| Edit::DamageRecord(stage, at, cut)),
        1 => stage().prop_map(Edit::Force),
        1 => stage().prop_map(Edit::From),
        2 => (0..150_u64).prop_map(Edit::Kill),
        2 => (0..ITEMS.len()).prop_map(Edit::SameSize),
        2 => (0..ITEMS.len()).prop_map(Edit::Mapped),
        1 => (0..ITEMS.len(), word()).prop_map(|(item, text)| Edit::OtherName(item, text)),
        1 => (0..ITEMS.len(), word()).prop_map(|(item, text)| Edit::Replace(item, text)),
        1 => (0..ITEMS.len(), any::<bool>()).prop_map(|(item, yes)| Edit::Executable(item, yes)),
        1 => "[uv]".prop_map(Edit::MakeFolder),
        1 => "[uv]".prop_map(Edit::RemoveFolder),
        1 => word().prop_map(Edit::WriteKept),
        1 => Just(Edit::LoseIndex),
        1 => Just(Edit::DamageIndex),
    ]
}

#[test]
fn every_timeline_ends_as_the_model_says() {
    run_timelines(soak::cases(14), World::new);
}

#[test]
fn coarse_time_stamps_follow_the_model() {
    let Some(disk) = coarse::CoarseDisk::mount() else { return };
    let items = |stages| {
        let root = tempfile::tempdir_in(disk.path()).unwrap().keep();
        World::with_items_in(&root, stages)
    };
    run_timelines(soak::long().map_or(4, |cases| cases.div_ceil(4)), items);
}

fn run_timelines(cases: usize, world: impl Fn(Vec<Stage>) -> World) {
    let cases = u32::try_from(cases).unwrap();
    let seed = soak::long().map_or(RngSeed::Fixed(2024), |_| RngSeed::Random);
    let config =
        Config { cases, max_shrink_iters: 300, failure_persistence: None, rng_seed: seed, ..Config::default() };
    let (steps, ran, cached) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let strategy = (stages(), proptest::collection::vec(edit(), 1..=6));
    let outcome = TestRunner::new(config).run(&strategy, |(stages, edits)| {
        let mut world = world(stages);
        world.run(&[]).map_err(TestCaseError::fail)?;
        for (number, edit) in edits.iter().enumerate() {
            let told = |why| TestCaseError::fail(format!("step {number}, {edit:?}: {why}\n{}", world_text(&edits)));
            world.step(edit).map_err(told)?;
        }
        steps.set(steps.get() + edits.len());
        ran.set(ran.get() + world.ran);
        cached.set(cached.get() + world.cached);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let (steps, ran, cached) = (steps.get(), ran.get(), cached.get());
    eprintln!("{cases} pipelines, {steps} steps; {ran} stages ran, {cached} were cached; stale 0, in vain 0");
}

fn world_text(edits: &[Edit]) -> String {
    edits.iter().map(|edit| format!("  {edit:?}\n")).collect()
}
