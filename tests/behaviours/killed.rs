//! A run that is ended at any moment leaves whole results only, loses none that it told of, and its programs end with it.
//!
//! `PIPE_SOAK=N` kills N times.

use crate::soak;
use crate::space::Space;
use crate::space::live::{Ended, Live, process_in, wait_until_gone};
use pipe::fs::Disk;
use pipe::key::Key;
use pipe::store::{Lookup, Store};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// Six quick stages with the content that each makes: a, b and c side by side, then d, e and f.
const STAGES: [(&str, &[&str], &str); 6] = [
    ("a", &[], "a"),
    ("b", &[], "b"),
    ("c", &[], "c"),
    ("d", &["a", "b"], "abd"),
    ("e", &["c"], "ce"),
    ("f", &["d", "e"], "abdcef"),
];

fn quick_stages() -> Space {
    let mut text = "name = \"k\"\n".to_owned();
    for (name, uses, _) in STAGES {
        let inputs: Vec<String> = uses.iter().map(|from| format!("{from} = \"{from}.o\"")).collect();
        let read: String = uses.iter().map(|from| format!(" {{inputs.{from}}}/in/f")).collect();
        text += &format!(
            "[stage.{name}]\nuses = \"command\"\ninputs = {{ {} }}\noutputs = {{ o = \"text\" }}\n\
             command = [\"sh\", \"-c\", 'mkdir {{outputs.o}}/in; {{ cat /dev/null{read}; printf {name}; }} > {{outputs.o}}/in/f']\n",
            inputs.join(", ")
        );
    }
    let space = Space::new();
    space.write("k.toml", text);
    space
}

fn start(space: &Space) -> Live {
    space.start(&["run", "k"])
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after its start.
    After(Duration),
    /// So long after the n-th line that a stage begins or has ended.
    Line(usize, Duration),
}

/// What was tried and survived.
#[derive(Debug, Default)]
struct Counts {
    kills: usize,
    acknowledged: usize,
    repeated: usize,
    finished: usize,
}

/// Kills one run, then looks at all that it left and runs again.
fn kill_at(moment: Moment, counts: &mut Counts) {
    let space = quick_stages();
    let mut live = start(&space);
    match moment {
        Moment::After(delay) => std::thread::sleep(delay),
        Moment::Line(line, delay) => {
            live.wait_for(&["start", "stage"], line);
            std::thread::sleep(delay);
        }
    }
    live.signal(Signal::KILL);
    let killed = live.finish();
    counts.kills += 1;
    counts.finished += usize::from(killed.code == Some(0));
    let recorded = whole_records(&space.path("artifacts"));
    let again = start(&space).finish();
    assert_eq!(again.code, Some(0), "{moment:?}: {}", again.err);
    compare(&space, &killed, &again, recorded, moment);
    counts.acknowledged += killed.stages("done").len();
    let begun = killed.events.iter().filter(|event| event["event"] == "start");
    let begun: BTreeSet<&str> = begun.map(|event| event["stage"].as_str().unwrap()).collect();
    counts.repeated += again.stages("done").iter().filter(|stage| begun.contains(*stage)).count();
}

/// Every record can be read and every artifact is what its name says. Gives how many records there are.
fn whole_records(root: &Path) -> usize {
    let (store, disk) = (Store::new(root.to_owned()), Disk::default());
    let names = |folder: &str| {
        let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // Hidden names are of files that were about to be put in place.
        names.filter(|name| !name.starts_with('.')).collect::<Vec<_>>()
    };
    let records = names("actions");
    for record in &records {
        let key = Key::parse(record.strip_suffix(".json").unwrap()).unwrap();
        let Lookup::Cached(action) = store.lookup(key).unwrap() else { panic!("{record} is half there") };
        for artifact in action.outputs.values() {
            let damage = artifact.damage_in(&disk, &store.artifact(&artifact.digest)).unwrap();
            assert_eq!(damage, None, "{record} points to what is not whole");
        }
    }
    for artifact in names("store") {
        let sealed = store.seal(&root.join("store").join(&artifact)).unwrap().unwrap();
        assert_eq!(sealed.digest.to_string(), artifact, "an artifact is half there");
    }
    records.len()
}

/// Nothing that was told of is lost, nothing that was recorded is repeated, and the bytes are right.
fn compare(space: &Space, killed: &Ended, again: &Ended, recorded: usize, moment: Moment) {
    let cached = again.stages("cached");
    for stage in killed.stages("done") {
        assert!(cached.contains(&stage), "{moment:?}: '{stage}' was told of and is lost");
    }
    assert_eq!(cached.len(), recorded, "{moment:?}: a recorded result is not used, or one came from nowhere");
    assert_eq!(again.stages("done").len(), STAGES.len() - recorded, "{moment:?}");
    for (name, _, content) in STAGES {
        let path = space.path("artifacts/k").join(name).join("o/in/f");
        assert_eq!(std::fs::read_to_string(path).unwrap(), content, "{moment:?}: the result of '{name}' is wrong");
    }
    // A run that starts nothing cleans nothing up, and a process that was just being started when its parent died holds the
    // parent's locks for an instant longer. The next run that writes finds all of it.
    if !is_clean(space) {
        space.succeed(&["run", "k", "--force=a"]);
        assert_clean(space);
    }
}

fn is_clean(space: &Space) -> bool {
    space.stored("tmp").iter().all(|name| name == "locks")
}

fn assert_clean(space: &Space) {
    assert!(is_clean(space), "{:?}", space.stored("tmp"));
}

/// Moments from the start of a run to its end: a third in the first 10 ms, a third spread evenly, a third just after lines.
fn moments(count: usize) -> Vec<Moment> {
    let space = quick_stages();
    let begun = Instant::now();
    let whole = start(&space).finish();
    assert_eq!(whole.code, Some(0), "{}", whole.err);
    let (whole, part) = (begun.elapsed(), count.div_ceil(3));
    let lines = STAGES.len() * 2;
    let spread = |number: usize, over: Duration| over.mul_f64((number as f64 + 0.5) / part as f64);
    let first = (0..part).map(|number| Moment::After(spread(number, Duration::from_millis(10))));
    let even = (0..part).map(|number| Moment::After(spread(number, whole)));
    // After "start" the command runs and its result is kept; after "stage" the next is on its way.
    let close = (0..part).map(|number| {
        let iterations = part.div_ceil(lines);
        let delay =
            Duration::from_millis(25).mul_f64((number / lines) as f64 / iterations as f64 + (number % 5) as f64 / 50.0);
        Moment::Line(number % lines + 1, delay)
    });
    first.chain(even).chain(close).collect()
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_told() {
    let mut counts = Counts::default();
    for moment in moments(soak::cases(40)) {
        kill_at(moment, &mut counts);
    }
    let Counts { kills, acknowledged, repeated, finished } = counts;
    eprintln!(
        "{kills} kills ({finished} came after the end): 0 of {acknowledged} results that were told of lost, 0 wrong, 0 half \
         there; {repeated} stages that had begun ran again"
    );
    assert!(acknowledged > 0 && finished < kills, "the moments miss the run");
}

/// How a command may start a program in the background: in its own group, or in a session of its own.
const BACKGROUND: [&str; 2] = ["sleep 300 & echo $!", "setsid -f sh -c \"echo \\$\\$; exec sleep 300\""];

/// A stage that starts a program in the background, says which, and then does what `then` says.
fn background(start: &str, then: &str) -> Space {
    let space = Space::new();
    space.write(
        "k.toml",
        format!(
            "name = \"k\"\n[stage.a]\nuses = \"command\"\noutputs = {{ o = \"text\" }}\n\
             command = [\"sh\", \"-c\", '{start} > {0}; while [ ! -s {0} ]; do sleep 0.01; done; {then}']\n",
            space.path("process").display()
        ),
    );
    space
}

#[test]
fn child_processes_end_with_the_run() {
    for (signal, code) in [(Signal::KILL, None), (Signal::TERM, Some(130)), (Signal::INT, Some(130))] {
        for (start_in, then) in BACKGROUND.into_iter().zip(["wait", "trap \"\" TERM INT HUP; sleep 300"]) {
            let space = background(start_in, then);
            let live = start(&space);
            let process = process_in(&space.path("process"));
            live.signal(signal);
            let ended = live.finish();
            assert_eq!(ended.code, code, "{signal:?}: {}", ended.err);
            wait_until_gone(process);
            assert!(space.stored("actions").is_empty(), "nothing is kept of what did not end");
            if code.is_some() {
                assert_clean(&space);
                assert!(space.stored("tmp/locks").is_empty());
            }
        }
    }
}

#[test]
fn what_a_command_started_ends_when_the_command_ends() {
    for (then, code) in [("echo a > {outputs.o}/f", 0), ("exit 3", 20), ("kill -9 $$", 31)] {
        for start_in in BACKGROUND {
            let space = background(start_in, then);
            let ended = start(&space).finish();
            assert_eq!(ended.code, Some(code), "{then}: {}", ended.err);
            wait_until_gone(process_in(&space.path("process")));
            assert_clean(&space);
        }
    }
}
