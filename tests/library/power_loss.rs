//! The power goes after every single operation of the store, and the disk has only what was flushed, or anything between.

use crate::engine::{self, Engine, audit, folder, watched};
use crate::power::{Loss, Point, Recorder};
use crate::soak;
use pipe::fs::{Disk, Operation, Watch};
use pipe::key::RunId;
use pipe::store::Store;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What was tried.
#[derive(Debug, Default)]
struct Tried {
    points: usize,
    images: usize,
    runs: usize,
    kept: usize,
}

/// Looks at every image of every point: what the user was told of is there, no cached result is wrong, and the next
/// run, made on every `stride`-th image, is right.
fn survive(engine: &Engine, points: &[Point], stride: usize, tried: &mut Tried) {
    let mut seen = BTreeSet::new();
    let space = folder();
    let lots = 2 + soak::cases(0) as u64;
    for (number, point) in points.iter().enumerate() {
        tried.points += 1;
        let mixed = (0..lots).map(|lot| Loss::Mixed(number as u64 * lots + lot));
        for loss in [Loss::Strict, Loss::Empty, Loss::Cut].into_iter().chain(mixed) {
            let image = point.image(loss);
            if !seen.insert(*image.fingerprint().as_bytes()) && !matches!(loss, Loss::Strict) {
                continue;
            }
            tried.images += 1;
            let context = format!("{loss:?} after {}", point.operation);
            let found = space.path().join("found");
            image.write(&found);
            look(engine, &found.join("artifacts"), &point.kept, &context, tried);
            if tried.images.is_multiple_of(stride) {
                tried.runs += 1;
                let next = engine.recover(&found.join("artifacts"), &context);
                assert!(point.kept.iter().all(|stage| next.cached.contains(stage)), "{context}: {next:?}");
            }
            std::fs::remove_dir_all(&found).unwrap();
        }
    }
}

fn look(engine: &Engine, root: &Path, kept: &[String], context: &str, tried: &mut Tried) {
    let store = Store::new(root.to_owned());
    for stage in kept {
        assert!(engine.has(&store, stage), "{context}: {stage} is lost");
        tried.kept += 1;
    }
    let wrong = audit(root).wrong;
    assert!(wrong.is_empty(), "{context}: {wrong:?}");
}

fn stride() -> usize {
    soak::long().map_or(12, |_| 1)
}

fn report(label: &str, tried: &Tried) {
    let Tried { points, images, runs, kept } = tried;
    eprintln!(
        "{label}: {points} points, {images} images, {runs} runs from them; {kept} results looked for, lost 0, wrong results 0"
    );
    assert!(*kept > 0 && *runs > 0 && *images > *points, "{label}: too little was tried");
}

#[test]
fn a_run_may_lose_power_after_any_operation() {
    let engine = Engine::new();
    let space = folder();
    let recorder = Recorder::new(space.path());
    let root = space.path().join("artifacts");
    let outcome = engine.run_told(&root, watched(&recorder), &[], &mut |stage| recorder.kept(stage));
    assert_eq!(outcome.ran.len(), 3, "{outcome:?}");
    let mut tried = Tried::default();
    survive(&engine, &recorder.points(), stride(), &mut tried);
    report("a run", &tried);
}

#[test]
fn a_repair_may_lose_power_after_any_operation() {
    let engine = Engine::new();
    let space = folder();
    let root = space.path().join("artifacts");
    engine.recover(&root, "before the damage");
    let artifact = engine.good["named"].outputs.values().next().unwrap();
    let file = root.join("store").join(artifact.digest.to_string()).join(&artifact.files[0].path);
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "d").unwrap();
    let recorder = Recorder::new(space.path());
    let outcome = engine.run_told(&root, watched(&recorder), &["total"], &mut |stage| recorder.kept(stage));
    assert_eq!(outcome.ran, ["named", "total"], "{outcome:?}");
    let mut tried = Tried::default();
    survive(&engine, &recorder.points(), stride(), &mut tried);
    report("a repair", &tried);
}

/// The very moment in which the store says that a result is kept, without a run around it.
#[test]
fn a_recorded_result_is_on_the_disk() {
    let engine = Engine::new();
    let space = folder();
    let recorder = Recorder::new(space.path());
    let store = Store::on(space.path().join("artifacts"), watched(&recorder));
    store.prepare().unwrap();
    let scratch = store.scratch(&RunId::new("run")).unwrap();
    let reference = engine.reference();
    for (stage, action) in &engine.good {
        for (port, good) in &action.outputs {
            let made = scratch.folder().join(stage).join(port.as_str());
            engine::copy(&reference.artifact(&good.digest), &made);
            let artifact = store.seal(&made).unwrap().unwrap();
            assert_eq!(&artifact, good);
            store.keep(&made, &artifact).unwrap();
        }
        store.record(action).unwrap();
        recorder.kept(stage);
    }
    let mut tried = Tried::default();
    survive(&engine, &recorder.points(), stride() * 2, &mut tried);
    report("results alone", &tried);
}

/// A process that is killed at an operation: it does nothing from there on.
#[derive(Debug)]
struct Killed {
    recorder: Arc<Recorder>,
    left: AtomicUsize,
}

impl Watch for Killed {
    fn before(&self, _: Operation<'_>) -> std::io::Result<()> {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| rustix::io::Errno::IO.into())
    }

    fn after(&self, operation: Operation<'_>) {
        self.recorder.after(operation);
    }
}

/// What a killed process had not flushed is there for the next one, which must not take it for safe.
#[test]
fn a_kill_and_then_a_loss_of_power_lose_nothing() {
    let engine = Engine::new();
    let mut tried = Tried::default();
    // Every operation of making the store, and in the short form some of the others.
    let step = soak::long().map_or(3, |_| 1);
    for at in (0..20).chain((20..).step_by(step)) {
        let space = folder();
        // The store's parent folder is made by the run as well.
        let root = space.path().join("project/artifacts");
        let recorder = Recorder::new(space.path());
        let killed = Arc::new(Killed { recorder: Arc::clone(&recorder), left: AtomicUsize::new(at) });
        let first = engine.run(&root, watched(&killed), &[]);
        recorder.points();
        let outcome = engine.run_told(&root, watched(&recorder), &[], &mut |stage| recorder.kept(stage));
        assert!(outcome.failure.is_none(), "{outcome:?}");
        let points = recorder.points();
        let found = folder();
        let image = points.last().unwrap().image(Loss::Strict);
        image.write(found.path());
        tried.points += 1;
        tried.images += 1;
        look(&engine, &found.path().join("project/artifacts"), &outcome.ran, &format!("killed at {at}"), &mut tried);
        tried.runs += 1;
        engine.recover(&found.path().join("project/artifacts"), &format!("killed at {at}"));
        if first.failure.is_none() {
            break;
        }
    }
    tried.images += 1;
    report("a kill and then a loss of power", &tried);
}

/// The model itself: a store that flushes nothing is caught.
#[test]
fn a_disk_that_only_says_that_it_flushed_is_caught() {
    #[derive(Debug)]
    struct Lying(Arc<Recorder>);
    impl Watch for Lying {
        fn after(&self, operation: Operation<'_>) {
            if !matches!(operation, Operation::Sync(path) if path.ends_with("actions")) {
                self.0.after(operation);
            }
        }
    }
    let engine = Engine::new();
    let space = folder();
    let recorder = Recorder::new(space.path());
    let root = space.path().join("artifacts");
    let disk = Disk::watched(Arc::new(Lying(Arc::clone(&recorder))));
    engine.run_told(&root, disk, &[], &mut |stage| recorder.kept(stage));
    let last = recorder.points().pop().unwrap();
    assert_eq!(last.kept.len(), 3);
    let found = folder();
    last.image(Loss::Strict).write(found.path());
    let store = Store::new(found.path().join("artifacts"));
    assert!(!engine.has(&store, "total"), "a result that was not flushed was found after a loss of power");
}
