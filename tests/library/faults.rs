//! Every single operation of the store on its disk fails in every way, once or from then on. Nothing wrong, nothing lost.

use crate::engine::{Engine, audit, copy, folder, names, watched};
use crate::soak;
use pipe::error::Error;
use pipe::fs::{Operation, Watch};
use pipe::key::RunId;
use pipe::store::{Lookup, Store};
use rustix::io::Errno;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// In which way an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Once, with this answer of the system.
    Once(Errno),
    /// Half of the bytes are written, then the disk is full.
    Half,
    /// The disk is full and stays full: what needs space fails from here on.
    Full,
    /// The disk is gone: everything fails from here on.
    Gone,
}

const FAULTS: [Fault; 8] = [
    Fault::Once(Errno::IO),
    Fault::Once(Errno::NOSPC),
    Fault::Half,
    Fault::Once(Errno::MFILE),
    Fault::Full,
    Fault::Once(Errno::ACCESS),
    Fault::Gone,
    Fault::Once(Errno::INTR),
];

/// A disk on which one operation fails.
#[derive(Debug)]
struct Failing {
    at: usize,
    fault: Fault,
    count: AtomicUsize,
    reached: AtomicBool,
    struck: AtomicBool,
}

impl Failing {
    fn new(at: usize, fault: Fault) -> Arc<Self> {
        let (count, reached, struck) = (AtomicUsize::new(0), AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { at, fault, count, reached, struck })
    }

    fn errno(&self, operation: Operation<'_>, is_first: bool) -> Option<Errno> {
        match self.fault {
            Fault::Once(errno) => (is_first && can_answer(operation, errno)).then_some(errno),
            Fault::Half => (is_first && write_half(operation)).then_some(Errno::NOSPC),
            Fault::Full => can_answer(operation, Errno::NOSPC).then_some(Errno::NOSPC),
            Fault::Gone => Some(Errno::IO),
        }
    }
}

impl Watch for Failing {
    fn before(&self, operation: Operation<'_>) -> std::io::Result<()> {
        let number = self.count.fetch_add(1, Ordering::SeqCst);
        if number < self.at {
            return Ok(());
        }
        self.reached.store(true, Ordering::SeqCst);
        let Some(errno) = self.errno(operation, number == self.at) else { return Ok(()) };
        self.struck.store(true, Ordering::SeqCst);
        Err(errno.into())
    }
}

/// Whether a system can give this answer to an operation.
fn can_answer(operation: Operation<'_>, errno: Errno) -> bool {
    use Operation::{Append, Link, List, Lock, MakeFolder, Open, Read, Rename, Sync, Write};
    match errno {
        Errno::NOSPC => {
            matches!(operation, MakeFolder(_) | Write(..) | Append(..) | Rename(..) | Link(_) | Lock(_) | Sync(_))
        }
        Errno::MFILE => {
            matches!(operation, Read(_) | Open(_) | List(_) | Write(..) | Append(..) | Sync(_) | Lock(_))
        }
        _ => true,
    }
}

fn write_half(operation: Operation<'_>) -> bool {
    let (mut file, bytes) = match operation {
        Operation::Write(path, bytes) => (std::fs::File::create(path).unwrap(), bytes),
        Operation::Append(path, bytes) => {
            (std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap(), bytes)
        }
        _ => return false,
    };
    file.write_all(&bytes[..bytes.len() / 2]).unwrap();
    true
}

/// The exit codes that an error after this fault may have.
fn codes(fault: Fault) -> &'static [u8] {
    match fault {
        Fault::Once(Errno::NOSPC) | Fault::Half | Fault::Full => &[41],
        Fault::Once(Errno::ACCESS) => &[40, 42],
        Fault::Once(Errno::INTR) => &[],
        Fault::Once(Errno::MFILE) => &[45],
        Fault::Once(_) | Fault::Gone => &[42],
    }
}

fn assert_clean(error: &Error, fault: Fault, context: &str) {
    assert!(codes(fault).contains(&error.exit_code()), "{context}: exit {}: {error}", error.exit_code());
    assert!(!error.to_string().is_empty());
}

/// What was tried in one loop.
#[derive(Default)]
struct Tried {
    faults: usize,
    failed_runs: usize,
}

/// Runs the chain over a copy of `template`, once for every operation and way to fail, until a run passes without
/// reaching the operation. `bad` are the names that may be quarantined.
fn every_operation_fails(engine: &Engine, template: &Path, bad: &[String], offset: usize) -> Tried {
    let space = folder();
    let mut tried = Tried::default();
    for number in 0.. {
        let mut reached = false;
        for (index, fault) in FAULTS.into_iter().enumerate() {
            // The short form tries one way for each operation.
            if soak::long().is_none() && (number + offset) % FAULTS.len() != index {
                continue;
            }
            let root = space.path().join("artifacts");
            copy(template, &root);
            let disk = Failing::new(number, fault);
            let context = format!("operation {number} fails with {fault:?}");
            let before = stages_there(engine, &root);
            let outcome = engine.run(&root, watched(&disk), &[]);
            reached |= disk.reached.load(Ordering::SeqCst);
            let struck = disk.struck.load(Ordering::SeqCst);
            match &outcome.failure {
                Some(error) => assert_clean(error, fault, &context),
                None => assert!(engine.outputs_missed(&outcome).is_empty(), "{context}: {outcome:?}"),
            }
            assert!(struck || outcome.failure.is_none(), "{context}: {:?}", outcome.failure);
            let audit = audit(&root);
            assert_eq!(audit.wrong, Vec::<String>::new(), "{context}: wrong results");
            assert!(audit.damaged.len() <= bad.len(), "{context}: {:?}", audit.damaged);
            let store = Store::new(root.clone());
            for stage in before.iter().chain(&outcome.ran) {
                assert!(engine.has(&store, stage), "{context}: {stage} is lost");
            }
            let next = engine.recover(&root, &context);
            assert!(before.iter().chain(&outcome.ran).all(|stage| next.cached.contains(stage)), "{context}: {next:?}");
            assert_only_bad_quarantined(&root, bad, &context);
            std::fs::remove_dir_all(&root).unwrap();
            tried.faults += usize::from(struck);
            tried.failed_runs += usize::from(outcome.failure.is_some());
        }
        if !reached {
            return tried;
        }
    }
    tried
}

fn stages_there(engine: &Engine, root: &Path) -> Vec<String> {
    let store = Store::new(root.to_owned());
    engine.good.keys().filter(|stage| engine.has(&store, stage)).cloned().collect()
}

fn assert_only_bad_quarantined(root: &Path, bad: &[String], context: &str) {
    let aside = names(&root.join("quarantine"));
    let good: Vec<&String> = aside.iter().filter(|name| !bad.iter().any(|bad| **name == format!("{bad}.0"))).collect();
    assert!(good.is_empty(), "{context}: quarantined although good: {good:?}");
}

fn report(label: &str, tried: &Tried) {
    eprintln!(
        "{label}: {} faults, {} runs failed cleanly and the others went on; wrong results 0, lost 0",
        tried.faults, tried.failed_runs
    );
    assert!(tried.faults > 20 && tried.failed_runs > 0, "{label}: the faults did not strike");
}

#[test]
fn a_first_run_survives_every_fault() {
    let engine = Engine::new();
    let empty = folder();
    report("a first run", &every_operation_fails(&engine, empty.path(), &[], 0));
}

#[test]
fn a_run_after_a_change_survives_every_fault() {
    let (before, engine) = (Engine::with_unit("cm"), Engine::new());
    let template = folder();
    before.recover(template.path(), "before the change");
    report("a run after a change", &every_operation_fails(&engine, template.path(), &[], 3));
}

#[test]
fn the_repair_of_a_damaged_result_survives_every_fault() {
    let engine = Engine::new();
    let template = folder();
    engine.recover(template.path(), "before the damage");
    let action = &engine.good["named"];
    let artifact = action.outputs.values().next().unwrap();
    let file = template.path().join("store").join(artifact.digest.to_string()).join(&artifact.files[0].path);
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, "d").unwrap();
    let bad = [format!("{}.json", action.key), artifact.digest.to_string()];
    report("a repair", &every_operation_fails(&engine, template.path(), &bad, 6));
}

/// Everything that a store does besides running: each step's error ends it.
fn all_but_running(engine: &Engine, store: &Store) -> Result<usize, Error> {
    store.prepare()?;
    let mut found = 0;
    let mut needs = store.needs()?;
    for (stage, action) in &engine.good {
        if let Lookup::Cached(cached) = store.lookup(action.key)? {
            assert_eq!(cached.outputs, action.outputs);
            needs.add_result(&cached)?;
            store.link("chain", &pipe::key::StageName::new(stage.as_str()), &cached, false)?;
            found += 1;
        }
        if let Some(lease) = store.lease(action.key)? {
            drop(lease);
        }
        store.checkpoint(action.key)?;
        store.forget_checkpoint(action.key);
    }
    let scratch = store.scratch(&RunId::new("run"))?;
    needs.write_down(&scratch)?;
    scratch.attempt("stage")?;
    needs.add_key(engine.good["total"].key)?;
    let needed = store.needed()?.keys;
    assert!(
        engine.good.values().all(|action| needed.contains(&action.key)),
        "what a live run needs is not written down"
    );
    assert_eq!(engine.plan(store)?, engine.good.len());
    Ok(found)
}

#[test]
fn looking_up_planning_linking_and_leasing_survive_every_fault() {
    let engine = Engine::new();
    let template = folder();
    engine.recover(template.path(), "before");
    let space = folder();
    let mut tried = Tried::default();
    for number in 0.. {
        let mut reached = false;
        for fault in FAULTS {
            let root = space.path().join("artifacts");
            copy(template.path(), &root);
            let disk = Failing::new(number, fault);
            let context = format!("operation {number} fails with {fault:?}");
            match all_but_running(&engine, &Store::on(root.clone(), watched(&disk))) {
                Ok(found) => assert_eq!(found, engine.good.len(), "{context}"),
                Err(error) => {
                    assert_clean(&error, fault, &context);
                    tried.failed_runs += 1;
                }
            }
            reached |= disk.reached.load(Ordering::SeqCst);
            tried.faults += usize::from(disk.struck.load(Ordering::SeqCst));
            assert_eq!(all_but_running(&engine, &Store::new(root.clone())).unwrap(), engine.good.len(), "{context}");
            let audit = audit(&root);
            assert!(audit.wrong.is_empty() && audit.damaged.is_empty(), "{context}");
            assert_only_bad_quarantined(&root, &[], &context);
            std::fs::remove_dir_all(&root).unwrap();
        }
        if !reached {
            break;
        }
    }
    report("looking up, planning, linking, leasing", &tried);
}
