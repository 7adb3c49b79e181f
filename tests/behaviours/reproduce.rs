//! Running again in an empty store: what passes, what is caught, and what is reported.

use crate::space::chain::chain;
use crate::space::{Outcome, Space};
use serde_json::Value;
use std::collections::BTreeMap;

/// `base` is always the same, `noisy` writes `script` to its output, `after` copies it.
fn with_noise(script: &str, more: &str) -> Space {
    let space = Space::new();
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n\
             [stage.base]\nuses = 'command'\ncommand = ['sh', '-c', 'echo a > {{outputs.o}}/a']\noutputs = {{ o = 'text' }}\n\
             [stage.noisy]\nuses = 'command'\ncommand = ['bash', '-c', '''{script}''']\n\
             inputs = {{ from = 'base.o' }}\noutputs = {{ o = 'text' }}\n{more}\n\
             [stage.after]\nuses = 'command'\ncommand = ['sh', '-c', 'cp {{inputs.from}}/* {{outputs.o}}']\n\
             inputs = {{ from = 'noisy.o' }}\noutputs = {{ o = 'text' }}\n"
        ),
    );
    space
}

const CLOCK: &str = "printf 'same%s' $(date +%N) > {outputs.o}/value";

/// The report on each stage.
fn judged(outcome: &Outcome) -> BTreeMap<String, Value> {
    let events = outcome.events();
    let judged = events.into_iter().filter(|event| event["event"] == "reproduced");
    judged.map(|event| (event["stage"].as_str().unwrap().to_owned(), event)).collect()
}

#[test]
fn what_makes_the_same_again_passes_and_leaves_nothing_behind() {
    let space = chain();
    let outcome = space.succeed(&["reproduce", "chain", "--times", "2", "--json"]);
    assert_eq!(judged(&outcome).len(), 3);
    let last = outcome.events().pop().unwrap();
    assert_eq!((&last["time"], &last["same"], &last["against"]), (&2.into(), &3.into(), &"the store".into()), "{last}");
    assert_eq!(space.stored("tmp"), ["locks"]);
    assert_eq!(space.stored("actions").len(), 3, "what had no result was run first, in the store");
    let statuses = space.statuses(&["chain"]);
    assert!(statuses.values().all(|status| status == "cached"), "{statuses:?}");
}

#[test]
fn a_clock_in_an_output_is_found_with_its_offset() {
    let space = with_noise(CLOCK, "");
    let outcome = space.pipe(&["reproduce", "p", "--json"]);
    assert_eq!(outcome.code, 18, "{}", outcome.err);
    assert!(outcome.err.contains("noisy differs: o/value from byte "), "{}", outcome.err);
    let judged = judged(&outcome);
    assert_eq!((&judged["base"]["verdict"], &judged["noisy"]["verdict"]), (&"same".into(), &"differs".into()));
    assert_eq!(judged["noisy"]["files"][0]["file"], "value");
    assert!(judged["noisy"]["files"][0]["offset"].as_u64().unwrap() >= 4, "{}", judged["noisy"]);
    assert_eq!((&judged["after"]["verdict"], &judged["after"]["because"][0]), (&"follows".into(), &"noisy".into()));
    assert_eq!(space.stored("tmp"), ["locks"]);
}

#[test]
fn one_stage_runs_again_alone_with_what_entered_it() {
    let space = with_noise(CLOCK, "");
    let alone = |stage: &str| space.pipe(&["reproduce", "p", "--stage", stage, "--json"]);
    let after = alone("after");
    assert_eq!(after.code, 0, "{}", after.err);
    assert_eq!(judged(&after).keys().collect::<Vec<_>>(), ["after"]);
    let noisy = alone("noisy");
    assert_eq!((noisy.code, &judged(&noisy)["noisy"]["verdict"]), (18, &"differs".into()));
    assert_eq!(alone("nosy").code, 2);
    // Linked files are unchanged.
    space.succeed(&["cache", "verify"]);
}

#[test]
fn a_lock_is_compared_with_also_where_the_store_has_nothing() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    space.succeed(&["lock", "chain"]);
    let outcome = space.succeed(&["reproduce", "chain", "--locked", "--store", "empty", "--json"]);
    assert_eq!(outcome.events().pop().unwrap()["against"], "the lock");
    let changed = space.pipe(&["reproduce", "chain", "--locked", "--set", "base.word=b"]);
    assert_eq!(changed.code, 17);
    assert!(changed.err.contains("base: parameter word"), "{}", changed.err);

    let space = with_noise(CLOCK, "");
    space.succeed(&["run", "p"]);
    space.succeed(&["lock", "p"]);
    let offset = space.pipe(&["reproduce", "p", "--locked"]);
    assert_eq!(offset.code, 18);
    assert!(offset.out.contains("o/value from byte"), "{}", offset.out);
    let digest = space.pipe(&["reproduce", "p", "--locked", "--store", "empty"]);
    assert_eq!(digest.code, 18);
    assert!(digest.out.contains("o has another digest, and what it was is not in the store"), "{}", digest.out);
}

#[test]
fn files_that_come_and_go_are_named() {
    let space = with_noise("touch {outputs.o}/here $(mktemp -u {outputs.o}/XXXXXX)", "");
    let outcome = space.pipe(&["reproduce", "p", "--json"]);
    assert_eq!(outcome.code, 18, "{}", outcome.err);
    let files = judged(&outcome)["noisy"]["files"].clone();
    let changes: Vec<&str> = files.as_array().unwrap().iter().map(|file| file["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["removed", "added"]);
}

/// Writes a number near 1 that is another one each time, as JSON.
const NEAR: &str = r#"echo "{\"loss\": [1, 1.00$(date +%N)]}" > {outputs.o}/curve.json"#;

#[test]
fn a_tolerance_lets_numbers_differ_and_nothing_else() {
    let allowed = |script: &str, tolerance: &str| {
        let space = with_noise(script, &format!("tolerances = {{ o = {tolerance} }}"));
        let outcome = space.pipe(&["reproduce", "p", "--stage", "noisy", "--json"]);
        (outcome.code, judged(&outcome).remove("noisy").unwrap())
    };
    let (code, within) = allowed(NEAR, "0.01");
    assert_eq!((code, &within["verdict"]), (0, &"within".into()), "{within}");
    assert!(within["largest"].as_f64().unwrap() <= 0.01, "{within}");
    let (code, beyond) = allowed(NEAR, "1e-12");
    assert_eq!((code, &beyond["files"][0]["largest"]["part"]), (18, &"loss.1".into()), "{beyond}");
    let (code, _) = allowed(&NEAR.replace("[1,", "[\\\"$(date +%N)\\\","), "0.01");
    assert_eq!(code, 18, "a string is not within any tolerance");
    let (code, _) = allowed(CLOCK, "1000000000");
    assert_eq!(code, 18, "bytes that are no numbers are not within any tolerance");
}

#[test]
fn a_tolerance_is_not_in_the_key() {
    let space = with_noise("echo a > {outputs.o}/a", "");
    space.succeed(&["run", "p"]);
    let pipeline = std::fs::read_to_string(space.path("p.toml")).unwrap();
    let with = |tolerance: &str| pipeline.replace("[stage.after]", &format!("tolerances = {tolerance}\n[stage.after]"));
    space.write("p.toml", with("{ o = 0.5 }"));
    assert!(space.statuses(&["p"]).values().all(|status| status == "cached"));
    for (tolerance, code) in [("{ out = 0.5 }", 12), ("{ o = -1 }", 11), ("{ o = 'x' }", 11)] {
        space.write("p.toml", with(tolerance));
        let outcome = space.pipe(&["plan", "p"]);
        assert_eq!(outcome.code, code, "{tolerance}: {}", outcome.err);
    }
}

/// A stage whose metrics are another each time, within what its interval says or not.
fn with_metrics(last: &str) -> Space {
    let space = Space::new();
    let row = r#"[{"model":"m","HR@10":0.4'$(date +%N)'}]"#;
    let interval = format!(r#"[{{"model":"m","metric":"HR@10","value":0.45,"low":0.4,"high":{last}}}]"#);
    space.write(
        "p.toml",
        format!(
            "name = 'p'\n[stage.m]\nuses = 'command'\noutputs = {{ metrics = 'metrics', log = 'text' }}\n\
             command = ['bash', '-c', '''echo '{row}' > {{outputs.metrics}}/metrics.json; \
             echo '{interval}' > {{outputs.metrics}}/intervals.json; date +%N > {{outputs.log}}/log''']\n"
        ),
    );
    space.succeed(&["run", "p"]);
    space.succeed(&["lock", "p"]);
    let lock = std::fs::read_to_string(space.path("p.lock")).unwrap();
    let hardware = lock.lines().find(|line| line.starts_with("m hardware ")).unwrap();
    space.write("p.lock", lock.replace(hardware, "m hardware riscv64 Other vector cpu"));
    space
}

#[test]
fn on_other_hardware_metrics_are_compared_within_their_intervals() {
    let space = with_metrics("0.5");
    let outcome = space.pipe(&["reproduce", "p", "--locked", "--json"]);
    assert_eq!(outcome.code, 0, "{}{}", outcome.out, outcome.err);
    let stage = judged(&outcome).remove("m").unwrap();
    assert_eq!(
        (&stage["verdict"], &stage["compared"], &stage["metrics"]),
        (&"expected".into(), &"metrics".into(), &1.into())
    );
    let text = space.succeed(&["reproduce", "p", "--locked"]);
    assert!(text.out.contains("bytes not compared, the reference is from riscv64 Other vector cpu"), "{}", text.out);
    assert!(text.out.contains("1 by metrics"), "{}", text.out);

    let space = with_metrics("0.4");
    let outcome = space.pipe(&["reproduce", "p", "--locked"]);
    assert_eq!(outcome.code, 18, "{}{}", outcome.out, outcome.err);
    assert!(outcome.err.contains("m.HR@10 is 0.4"), "{}", outcome.err);
}

/// A safetensors file of two numbers, the second of which is another each time.
const TENSOR: &str = r#"printf '\x38\0\0\0\0\0\0\0{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  \0\0\0\0\0' > {outputs.o}/w.safetensors; printf "\x$((RANDOM % 10))\x$((RANDOM % 10))\x3f" >> {outputs.o}/w.safetensors"#;

#[test]
fn the_tensor_that_differs_most_is_named() {
    let space = with_noise(TENSOR, "tolerances = { o = 1e-9 }");
    let outcome = space.pipe(&["reproduce", "p", "--stage", "noisy", "--times", "3", "--json"]);
    assert_eq!(outcome.code, 18, "{}{}", outcome.out, outcome.err);
    let stage = judged(&outcome).remove("noisy").unwrap();
    let largest = &stage["files"][0]["largest"];
    assert_eq!(largest["part"], "w", "{stage} {}", outcome.err);
    assert!(largest["difference"].as_f64().unwrap() > 1e-9, "{stage}");
}

#[test]
fn each_failed_attempt_keeps_its_log() {
    let space = with_noise("echo said; mkdir $HOME/once && echo a > {outputs.o}/a", "");
    let outcome = space.command(&["reproduce", "p"]).env("HOME", space.path("")).output().unwrap();
    assert_eq!(outcome.status.code(), Some(20));
    let log = std::fs::read_to_string(space.path("artifacts/tmp/reproduce-noisy.log")).unwrap();
    assert!(log.contains("said"), "{log}");
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("reproduce-noisy.log"));
}
