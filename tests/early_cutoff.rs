//! A change that leaves an output equal stops there, however long the chain is that follows.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use space::{Space, with_status};

/// Seven stages, one after another. The first makes a text of which its parameter says nothing but whether it is large.
fn chain() -> String {
    let stage = |number: usize, script: &str, inputs: &str, parameters: &str| {
        format!(
            "[stage.s{number}]\nuses = \"command\"\ncommand = [\"sh\", \"-c\", '{script}']\noutputs = {{ o = \"text\" }}\n\
             {inputs}{parameters}\n"
        )
    };
    let first = r#"if [ {parameters.p} -gt 9 ]; then echo large; else echo small; fi > {outputs.o}/f"#;
    let next = "{ cat {inputs.i}/f; echo next; } > {outputs.o}/f";
    let rest: String =
        (2..=7).map(|number| stage(number, next, &format!("inputs = {{ i = \"s{}.o\" }}\n", number - 1), "")).collect();
    format!("name = \"chain\"\n{}{rest}", stage(1, first, "", "parameters = { p = 1 }\n"))
}

#[test]
fn a_change_that_leaves_the_first_output_equal_runs_one_of_seven() {
    let space = Space::new();
    space.write("chain.toml", chain());
    assert_eq!(with_status(&space.statuses(&["chain"]), "ran").len(), 7);
    let statuses = space.statuses(&["chain", "--set", "s1.p=2"]);
    assert_eq!(with_status(&statuses, "ran"), ["s1"]);
    assert_eq!(with_status(&statuses, "hit"), ["s2", "s3", "s4", "s5", "s6", "s7"]);
    assert_eq!(with_status(&space.statuses(&["chain", "--set", "s1.p=10"]), "ran").len(), 7);
    assert_eq!(with_status(&space.statuses(&["chain", "--set", "s1.p=11"]), "ran"), ["s1"]);
    assert_eq!(
        with_status(&space.statuses(&["chain"]), "ran"),
        Vec::<&str>::new(),
        "the first results are still there"
    );
}
