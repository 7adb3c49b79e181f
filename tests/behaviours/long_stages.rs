//! Stages that take long: they are tried again, timed out, and go on where they were stopped.

use crate::space::live::Live;
use crate::space::{Space, wait_until};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A pipeline of one command with the other keys `more`. In its script `$n` is the number of the attempt.
fn with_script(script: &str, more: &str) -> Space {
    let space = Space::new();
    let notes = space.path("attempts");
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.a]\nuses = 'command'\noutputs = {{ out = 'text' }}\n\
             command = ['sh', '-c', '''echo x >> {}; n=$(wc -l < {0}); {script}''']\n{more}\n",
            notes.display()
        ),
    );
    space
}

fn attempts(space: &Space) -> usize {
    std::fs::read_to_string(space.path("attempts")).unwrap_or_default().lines().count()
}

fn record(space: &Space) -> Value {
    let sealed: Value =
        serde_json::from_slice(&std::fs::read(space.path("artifacts/p/a/action.json")).unwrap()).unwrap();
    sealed["action"].clone()
}

fn is_gone(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn a_stage_that_fails_twice_is_tried_a_third_time() {
    let space = with_script("[ $n = 3 ] || exit 7; echo $n > {outputs.out}/n", "retries = 2");
    let outcome = space.succeed(&["run", "p"]);
    assert!(outcome.err.contains("trying again"), "{}", outcome.err);
    assert_eq!(attempts(&space), 3);
    assert_eq!(record(&space)["provenance"]["attempts"], 3);
    assert_eq!(std::fs::read_to_string(space.path("artifacts/p/a/out/n")).unwrap(), "3\n");
}

#[test]
fn a_killed_stage_is_retried_from_empty_outputs() {
    let space = with_script(
        "[ $n = 1 ] && { echo half > {outputs.out}/half; kill -KILL $$; }; echo x > {outputs.out}/x",
        "retries = 1",
    );
    space.succeed(&["run", "p"]);
    let names: Vec<_> =
        std::fs::read_dir(space.path("artifacts/p/a/out")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["x"]);
}

#[test]
fn retries_are_used_up() {
    let space = with_script("exit 7", "retries = 1");
    assert_eq!(space.pipe(&["run", "p"]).code, 20);
    assert_eq!(attempts(&space), 2);
}

#[test]
fn a_broken_contract_is_not_tried_again() {
    let space = with_script("true", "retries = 3");
    assert_eq!(space.pipe(&["run", "p"]).code, 30);
    assert_eq!(attempts(&space), 1);
}

#[test]
fn a_timeout_ends_the_stage_and_all_that_it_started() {
    let space = Space::new();
    let pids = space.path("pids");
    let script =
        format!("trap '' TERM; sleep 1000 & echo $! > {0}; echo $$ >> {0}; sleep 1000; sleep 1000", pids.display());
    let pipeline = format!(
        "name = 'p'\n[stage.a]\nuses = 'command'\noutputs = {{ out = 'text' }}\ntimeout = '1s'\n\
         command = ['sh', '-c', \"\"\"{script}\"\"\"]\n"
    );
    space.write("p.toml", pipeline);
    let outcome = space.pipe(&["run", "p"]);
    assert_eq!(outcome.code, 33, "{}", outcome.err);
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2);
    wait_until("what it started is still there", || pids.lines().all(is_gone));
    assert!(space.stored("actions").is_empty());
}

#[test]
fn a_checkpoint_outlives_failed_attempts_and_not_success() {
    let script = "echo $n >> {checkpoint}/seen; [ $n = 3 ] || exit 7; cp {checkpoint}/seen {outputs.out}/";
    let space = with_script(script, "retries = 1");
    assert_eq!(space.pipe(&["run", "p"]).code, 20);
    let kept = space.stored("checkpoints");
    assert_eq!(kept.len(), 1);
    space.succeed(&["run", "p"]);
    assert_eq!(std::fs::read_to_string(space.path("artifacts/p/a/out/seen")).unwrap(), "1\n2\n3\n");
    assert!(space.stored("checkpoints").is_empty());
    let key = record(&space)["key"].clone();
    assert_eq!(key, *kept[0], "the folder is the key's");
}

#[test]
fn a_checkpoint_outlives_a_run_that_is_killed() {
    let script =
        "echo $n >> {checkpoint}/seen; echo begun; [ $n = 1 ] && sleep 1000; cp {checkpoint}/seen {outputs.out}/";
    let space = with_script(script, "");
    let mut run = space.start(&["run", "p"]);
    run.wait_for_log("begun");
    run.kill();
    space.succeed(&["run", "p"]);
    assert_eq!(std::fs::read_to_string(space.path("artifacts/p/a/out/seen")).unwrap(), "1\n2\n");
    assert!(space.stored("checkpoints").is_empty());
}

/// A group of processes with little memory, removed in the end. `None`, and the reason, where none can be made.
struct SmallGroup(PathBuf);

impl SmallGroup {
    fn new() -> Option<Self> {
        let limits = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        for (root, limit) in limits {
            let folder = Path::new(root).join(format!("pipe-test-{}", std::process::id()));
            if std::fs::create_dir(&folder).is_err() {
                continue;
            }
            let group = Self(folder);
            if group.0.join(limit).exists() && std::fs::write(group.0.join(limit), (256_u64 << 20).to_string()).is_ok()
            {
                // Memory that is swapped out is not wanting.
                for swap in ["memory.swap.max", "memory.swappiness"] {
                    drop(std::fs::write(group.0.join(swap), "0"));
                }
                return Some(group);
            }
        }
        eprintln!("skipped: no control group for memory can be made under /sys/fs/cgroup");
        None
    }
}

impl Drop for SmallGroup {
    fn drop(&mut self) {
        drop(std::fs::remove_dir(&self.0));
    }
}

#[test]
fn out_of_memory_has_its_own_exit_code() {
    let Some(group) = SmallGroup::new() else { return };
    // The run itself is what enters the group, so its stages are in it.
    let space = with_script("exec tail /dev/zero", "");
    let enter = format!("echo $$ > '{}/cgroup.procs' && exec \"$@\"", group.0.display());
    let output = Command::new("sh")
        .args(["-c", &enter, "sh", env!("CARGO_BIN_EXE_pipe"), "run", "p"])
        .current_dir(space.path(""))
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(32), "{message}");
    assert!(message.contains("memory"), "{message}");
}

/// The made-up shop up to the fine-tuning of a tiny model, in the manner of pipelines/sample.toml.
const TRAINING: &str = r#"
name = "p"
seed = 2024

[stage.sample]
uses = "sample"
users = 120
items = 60

[stage.ingest]
uses = "ingest"
inputs = { reviews = "sample.reviews", metadata = "sample.metadata" }
max_history = 10

[stage.dccf]
uses = "dccf"
inputs = { interactions = "ingest.interactions" }
dim = 8
stopping = "epochs"
epochs = 2
batch = 1024

[stage.llm]
uses = "llama"
inputs = { items = "ingest.items", reviews = "ingest.reviews" }
vocabulary = 512
hidden = 32
layers = 1
heads = 2
kv_heads = 1
intermediate = 64

[stage.text]
uses = "text"
inputs = { items = "ingest.items", llm = "llm.model" }

[stage.codebook]
uses = "codebook"
inputs = { items = "dccf.items", text = "text.embeddings" }
levels = 2
codes = 8
llm_alignment = true

[stage.tasks]
uses = "tasks"
inputs = { interactions = "ingest.interactions", codes = "codebook.codes", items = "ingest.items", reviews = "ingest.reviews" }
negatives = 1

[stage.finetune]
uses = "finetune"
inputs = { tasks = "tasks.prompts", codes = "codebook.codes", llm = "llm.model" }
train = "all"
learning_rate = 2e-3
epochs = 2
batch_tokens = 4096
resources = { threads = 1 }
"#;

const PRECACHE: &str = r#"
[stage.precache]
uses = "precache"
inputs = { interactions = "ingest.interactions", codes = "codebook.codes", llm = "llm.model", model = "finetune.model" }
top_k = 10
batch = 1
resources = { threads = 1 }
"#;

/// What the output of a stage is linked to, which its digest names.
fn linked(space: &Space, output: &str) -> PathBuf {
    std::fs::read_link(space.path(&format!("artifacts/p/{output}"))).unwrap()
}

/// Runs the pipeline up to a stage and kills the run as soon as an event of that stage is the one waited for.
fn kill_in_the_middle(space: &Space, stage: &str, is_waited_for: impl Fn(&Value) -> bool) {
    let mut command = space.command(&["run", "p", "--until", stage, "--json"]);
    command.env("PIPE_CHECKPOINT_SECONDS", "0");
    let mut run = Live::start(command);
    run.wait_until("the stage never came so far", |event| event["stage"] == stage && is_waited_for(event));
    run.kill();
    assert_eq!(space.stored("checkpoints").len(), 1);
}

/// Whether the stage came to its third step.
fn is_third_step(event: &Value) -> bool {
    event["event"] == "progress" && event["done"].as_u64().unwrap_or(0) >= 3
}

fn says(event: &Value, text: &str) -> bool {
    event["message"].as_str().is_some_and(|message| message.contains(text))
}

/// Runs the pipeline up to the stage, which goes on where it was killed, as its log says, and ends in the same bytes as in a run that
/// was not killed.
fn goes_on_to_the_same_bytes(killed: &Space, whole: &Space, stage: &str, log: &str, outputs: &[&str]) {
    let again = killed.succeed(&["run", "p", "--until", stage, "--json"]);
    assert!(again.events().iter().any(|event| says(event, log)), "{}", again.out);
    whole.succeed(&["run", "p", "--until", stage]);
    for output in outputs {
        let output = format!("{stage}/{output}");
        assert_eq!(linked(killed, &output), linked(whole, &output), "{output}");
    }
    assert!(killed.stored("checkpoints").is_empty());
}

/// Two spaces with that pipeline.
fn twice(pipeline: &str) -> (Space, Space) {
    let spaces = (Space::new(), Space::new());
    spaces.0.write("p.toml", pipeline);
    spaces.1.write("p.toml", pipeline);
    spaces
}

#[test]
fn a_killed_training_goes_on_and_ends_in_the_same_bytes() {
    let (whole, killed) = twice(TRAINING);
    kill_in_the_middle(&killed, "finetune", is_third_step);
    goes_on_to_the_same_bytes(&killed, &whole, "finetune", "going on from step", &["model"]);
}

/// The shop and two models that are trained epoch by epoch, and choose their number first.
const BY_EPOCHS: &str = r#"
[stage.sasrec]
uses = "sasrec"
inputs = { interactions = "ingest.interactions" }
dim = 16
batch = 64
epochs = 6
resources = { threads = 1 }

[stage.residual]
uses = "codebook"
inputs = { items = "dccf.items" }
levels = 2
codes = 8
llm_alignment = false

[stage.tiger]
uses = "tiger"
inputs = { interactions = "ingest.interactions", codes = "residual.codes" }
dim = 16
heads = 2
head_dim = 8
inner_dim = 32
layers = 1
batch = 64
epochs = 4
validation_users = 40
resources = { threads = 1 }
"#;

#[test]
fn a_killed_training_by_epochs_goes_on_and_ends_in_the_same_bytes() {
    let shop = &TRAINING[..TRAINING.find("[stage.llm]").unwrap()];
    for (stage, during) in [("sasrec", "choice of the epochs, epoch 3"), ("tiger", "training, epoch 2")] {
        let (whole, killed) = twice(&format!("{shop}{BY_EPOCHS}"));
        kill_in_the_middle(&killed, stage, |event| says(event, during));
        let outputs = ["rankings", "validation", "report"];
        goes_on_to_the_same_bytes(&killed, &whole, stage, "going on behind epoch", &outputs);
    }
}

#[test]
fn a_killed_search_for_lists_goes_on_and_ends_in_the_same_bytes() {
    let (whole, killed) = twice(&(TRAINING.replace("epochs = 2", "epochs = 1") + PRECACHE));
    kill_in_the_middle(&killed, "precache", is_third_step);
    goes_on_to_the_same_bytes(&killed, &whole, "precache", "going on behind the lists", &["rankings"]);
}
