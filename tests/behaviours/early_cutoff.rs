//! A change that leaves what a stage makes as it was stops there.

use crate::space::{Space, with_status};

/// A chain of seven commands: the first sorts a file, and each of the others adds its number.
fn chain(options: &str) -> String {
    let mut text = format!(
        "name = 'p'\n[stage.s1]\nuses = 'command'\nfiles = {{ words = 'words' }}\noutputs = {{ o = 'text' }}\n\
         command = ['sh', '-c', 'sort {options} {{files.words}} > {{outputs.o}}/v']\n"
    );
    for number in 2..=7 {
        let before = number - 1;
        text += &format!(
            "[stage.s{number}]\nuses = 'command'\ninputs = {{ i = 's{before}.o' }}\noutputs = {{ o = 'text' }}\n\
             command = ['sh', '-c', '(cat {{inputs.i}}/v; echo {number}) > {{outputs.o}}/v']\n"
        );
    }
    text
}

fn space() -> Space {
    let space = Space::new();
    space.write("words", "b\na\nc\n");
    space.write("p.toml", chain(""));
    assert_eq!(with_status(&space.statuses(&["p"]), "done").len(), 7);
    space
}

#[test]
fn early_cutoff_when_output_is_equal() {
    let space = space();
    space.write("words", "c\nb\na\n");
    let statuses = space.statuses(&["p"]);
    eprintln!("lines of the file in another order: {} of 7 stages ran", with_status(&statuses, "done").len());
    assert_eq!(with_status(&statuses, "done"), ["s1"]);
}

#[test]
fn code_that_makes_the_same_runs_one_stage_of_seven() {
    let space = space();
    space.write("p.toml", chain("--stable"));
    let statuses = space.statuses(&["p"]);
    eprintln!("another command with an equal result: {} of 7 stages ran", with_status(&statuses, "done").len());
    assert_eq!(with_status(&statuses, "done"), ["s1"]);
}

#[test]
fn a_change_that_shows_runs_all_that_it_reaches() {
    let space = space();
    space.write("words", "b\na\nd\n");
    assert_eq!(with_status(&space.statuses(&["p"]), "done").len(), 7);
    space.write("words", "c\nb\na\n");
    assert_eq!(with_status(&space.statuses(&["p"]), "done"), ["s1"], "the earlier results are still there");
}
