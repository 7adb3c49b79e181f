//! A misspelled placeholder in a command is an error when the pipeline is planned, and never reaches the program.

use crate::space::Space;

fn with_word(word: &str) -> Space {
    let space = Space::new();
    let text = format!(
        "name = \"p\"\n\n[stage.a]\nuses = \"command\"\ncommand = [\"sh\", \"-c\", \"printf '%s' \\\"$1\\\" > \\\"$2\\\"/word\", \"sh\", \
         '{word}', \"{{outputs.o}}\"]\noutputs.o = \"word\"\nparameters = {{ k = 1 }}\n"
    );
    space.write("p.toml", text);
    space
}

#[test]
fn a_misspelled_placeholder_is_refused_with_the_one_that_is_meant() {
    for (word, meant) in [
        ("{input.x}", "{inputs.x}"),
        ("--k={parameter.k}", "{parameters.k}"),
        ("{output}", "{outputs.NAME}"),
        ("{seeds}", "{seed}"),
        ("{Threads}", "{threads}"),
    ] {
        let outcome = with_word(word).pipe(&["plan", "p"]);
        assert_eq!(outcome.code, 12, "{word}: {}", outcome.err);
        assert!(outcome.err.contains("there is no placeholder '{"), "{}", outcome.err);
        assert!(outcome.err.contains(&format!("did you mean '{meant}'?")), "{word}: {}", outcome.err);
        assert!(outcome.err.contains("p.toml:5:"), "{}", outcome.err);
    }
}

#[test]
fn other_braces_reach_the_program_as_they_are() {
    for word in ["{print $1}", "${HOME}", "{\"inputs\": 1}", "{user.name}", "{}", "{i}"] {
        let space = with_word(word);
        space.succeed(&["run", "p"]);
        assert_eq!(space.result("p/a/o/word"), word);
    }
}
