//! What `--help` shows of each command in use.

use clap::Command;

/// The examples of a command: what each does, and its command line.
type Examples = &'static [(&'static str, &'static str)];

/// The examples of every command, by its name after `pipe`.
const ALL: &[(&str, Examples)] = &[
    (
        "init",
        &[
            ("A pipeline to begin with, here", "pipe init"),
            ("A pipeline in a new folder for a file of your own", "pipe init my-shop --from ratings.csv"),
        ],
    ),
    (
        "run",
        &[
            ("Run what is not cached, then print the metrics", "pipe run sample"),
            ("Try another setting, under a name", "pipe run sample --set item-knn.top_k=50 --name longer-lists"),
            ("Run one stage again, and what follows it", "pipe run sample --from codebook"),
        ],
    ),
    (
        "plan",
        &[
            ("What would run, and why", "pipe plan sample"),
            ("What a change would run", "pipe plan sample --set codebook.levels=3"),
        ],
    ),
    (
        "lock",
        &[
            ("Write sample.lock beside the pipeline", "pipe lock sample"),
            ("Fail when it is stale", "pipe lock sample --check"),
        ],
    ),
    (
        "reproduce",
        &[
            ("Run again in an empty store and compare with this one", "pipe reproduce sample"),
            ("Compare with the pipeline's lock", "pipe reproduce sample --locked"),
        ],
    ),
    (
        "metrics",
        &[
            ("HR@10 and NDCG@10 of each model", "pipe metrics sample"),
            ("95 % intervals of every metric", "pipe metrics sample --table intervals"),
        ],
    ),
    (
        "compare",
        &[
            ("The points of a sweep beside the paper", "pipe compare tables/4-negatives --profile small"),
            ("The models of one pipeline, tested against one of them", "pipe compare sample --reference item-knn"),
            ("Two runs", "pipe compare latest~1 latest --metric HR@10,NDCG@10"),
        ],
    ),
    (
        "report",
        &[
            (
                "A pipeline with its sweep, beside the paper",
                "pipe report tables/4-negatives --profile small --output report.html",
            ),
            ("Two runs on one page", "pipe report run:first run:longer-lists --output runs.html"),
        ],
    ),
    (
        "diff",
        &[
            ("What changed in the last run", "pipe diff latest~1 latest"),
            ("Two runs by their names", "pipe diff first longer-lists"),
        ],
    ),
    (
        "tokenize",
        &[
            ("Print the codes of new items", "pipe tokenize games --items new.parquet"),
            ("Write them to a file", "pipe tokenize games --items new.parquet --output codes.parquet"),
        ],
    ),
    (
        "recommend",
        &[
            ("The list that the pipeline made for a user", "pipe recommend sample --user U1"),
            ("A list decoded now, for a history", "pipe recommend sample --history I1,I2,I3"),
        ],
    ),
    (
        "serve",
        &[("Answer over HTTP", "pipe serve sample"), ("With another store", "pipe serve sample --store /data/store")],
    ),
    (
        "ingest",
        &[
            ("What a file would be read as", "pipe ingest ratings.csv --dry-run"),
            ("By a rule of your own", "pipe ingest ratings.csv --dry-run --set min_rating=4"),
        ],
    ),
    (
        "peek",
        &[
            ("Six prompts as text", "pipe peek sample tasks -n 6"),
            ("The first rows of one output", "pipe peek sample codebook.codes"),
        ],
    ),
    (
        "export",
        &[
            ("The tuned model as a Hugging Face folder", "pipe export merged sample --output model"),
            ("All runs, for MLflow's pages", "pipe export mlflow --output mlruns"),
        ],
    ),
    (
        "export merged",
        &[
            ("The tuned model as a Hugging Face folder", "pipe export merged sample --output model"),
            ("Of one of several stages", "pipe export merged sample --stage finetune --output model"),
        ],
    ),
    (
        "export model",
        &[
            ("A GGUF file as a Hugging Face folder", "pipe export model model.gguf --output model"),
            ("With another worker", "pipe export model model.gguf --output model --worker bin/pipe-worker"),
        ],
    ),
    (
        "export mlflow",
        &[
            ("All runs, for MLflow's pages", "pipe export mlflow --output mlruns"),
            ("One of them", "pipe export mlflow longer-lists --output mlruns"),
        ],
    ),
    (
        "export tensorboard",
        &[
            ("All runs, for TensorBoard", "pipe export tensorboard --output events"),
            ("The latest run", "pipe export tensorboard latest --output events"),
        ],
    ),
    (
        "export ro-crate",
        &[
            ("All current results with what made them", "pipe export ro-crate sample --output crate"),
            (
                "The metrics, under a licence",
                "pipe export ro-crate sample metrics --output crate --licence https://spdx.org/licenses/CC-BY-4.0",
            ),
        ],
    ),
    (
        "export table",
        &[
            (
                "Ranked lists with users' and items' identifiers",
                "pipe export table sample precache.rankings --output lists.csv",
            ),
            ("The codes of the items, as Parquet", "pipe export table sample codebook.codes --output codes.parquet"),
        ],
    ),
    (
        "graph",
        &[
            ("Draw it in the terminal", "pipe graph sample"),
            ("As a picture for a browser", "pipe graph sample --format svg > sample.svg"),
        ],
    ),
    (
        "why",
        &[
            ("Why a stage would run, or what made its result", "pipe why sample finetune"),
            ("What differs from an earlier run", "pipe why sample finetune --against latest~1"),
        ],
    ),
    (
        "runs",
        &[
            ("All runs", "pipe runs"),
            ("The last five of a pipeline, by a metric", "pipe runs --pipeline sample --last 5 --metric HR@10"),
        ],
    ),
    (
        "show",
        &[("The latest run", "pipe show latest"), ("A run by its name, as JSON", "pipe show longer-lists --json")],
    ),
    (
        "logs",
        &[
            ("Follow a stage while it runs", "pipe logs finetune -f"),
            ("A stage of an earlier run", "pipe logs latest~1 finetune"),
        ],
    ),
    ("doctor", &[("Check this machine", "pipe doctor"), ("Check another store", "pipe doctor --store /data/store")]),
    ("list", &[("The pipelines that a name can mean here", "pipe list"), ("As JSON", "pipe list --json")]),
    ("stages", &[("All stages", "pipe stages"), ("Inputs, outputs and parameters of one", "pipe stages codebook")]),
    (
        "completions",
        &[
            ("For bash, in ~/.bashrc", "source <(pipe completions bash)"),
            ("For fish", "pipe completions fish > ~/.config/fish/completions/pipe.fish"),
        ],
    ),
    ("man", &[("Read the manual", "pipe man | man -l -"), ("Write all pages", "pipe man --out man/man1")]),
    (
        "cache",
        &[
            ("What takes how much space", "pipe cache stat"),
            ("What could be removed", "pipe cache gc --keep-runs 3 --dry-run"),
        ],
    ),
    (
        "cache ls",
        &[
            ("All results, the last used first", "pipe cache ls"),
            ("Those of one stage", "pipe cache ls --stage codebook"),
        ],
    ),
    (
        "cache path",
        &[
            ("The folder of an output", "pipe cache path sample codebook.codes"),
            ("Its files", "ls $(pipe cache path sample codebook.codes)"),
        ],
    ),
    (
        "cache verify",
        &[
            ("Look at the sizes of all files", "pipe cache verify"),
            ("Read every byte, and repair", "pipe cache verify --deep --repair"),
        ],
    ),
    (
        "cache gc",
        &[
            ("Say what nobody needs", "pipe cache gc --dry-run"),
            (
                "Keep the newest three runs of each pipeline and at most 20 GB",
                "pipe cache gc --keep-runs 3 --max-size 20G",
            ),
        ],
    ),
    (
        "cache export",
        &[
            ("All current results", "pipe cache export sample --to results"),
            ("One output", "pipe cache export sample metrics.metrics --to results"),
        ],
    ),
    (
        "cache stat",
        &[("How much is where", "pipe cache stat"), ("Of another store", "pipe cache stat --store /data/store")],
    ),
    (
        "cache push",
        &[
            ("All results, to a bucket", "pipe cache push --remote s3://bucket/team"),
            ("The current results of a pipeline, to the remote of its file", "pipe cache push sample"),
        ],
    ),
    (
        "cache pull",
        &[
            ("All results", "pipe cache pull --remote s3://bucket/team"),
            ("The current results of a pipeline, without running it", "pipe cache pull sample"),
        ],
    ),
    (
        "cache status",
        &[
            ("Compare the store with a bucket", "pipe cache status --remote s3://bucket/team"),
            ("Compare it with a folder", "pipe cache status --remote file:///mnt/team"),
        ],
    ),
    (
        "cache remote-gc",
        &[
            ("Say what nobody needs", "pipe cache remote-gc --remote s3://bucket/team --dry-run"),
            ("Keep the results of a year", "pipe cache remote-gc --remote s3://bucket/team --keep-days 365"),
        ],
    ),
    (
        "cache rebuild-index",
        &[
            ("Read all external inputs again", "pipe cache rebuild-index"),
            ("Of another store", "pipe cache rebuild-index --store /data/store"),
        ],
    ),
    ("pin", &[("Keep a pipeline's results", "pipe pin sample --name published"), ("What is kept", "pipe pin --list")]),
];

/// The definition with the examples of each command below its long help.
pub(crate) fn with_examples(mut definition: Command) -> Command {
    for (command, examples) in ALL {
        definition = add(definition, &command.split(' ').collect::<Vec<_>>(), &text(examples));
    }
    definition
}

fn add(command: Command, path: &[&str], text: &str) -> Command {
    match path.split_first() {
        None => command.after_long_help(text.to_owned()),
        Some((first, rest)) => command.mut_subcommand(first, |inner| add(inner, rest, text)),
    }
}

fn text(examples: Examples) -> String {
    let lines = examples.iter().map(|(description, line)| format!("\n  # {description}\n  {line}\n"));
    format!("Examples:{}", lines.collect::<String>().trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Arguments, command_line};
    use clap::CommandFactory as _;
    use std::ffi::OsString;

    /// The names of all commands that the help lists.
    fn names(command: &Command, before: &str) -> Vec<String> {
        let mut found = Vec::new();
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            let name = format!("{before} {}", inner.get_name()).trim_start().to_owned();
            found.extend(names(inner, &name));
            found.push(name);
        }
        found
    }

    #[test]
    fn every_command_has_two_examples_that_are_commands() {
        let definition = Arguments::command();
        for name in names(&definition, "") {
            let (_, examples) =
                ALL.iter().find(|(command, _)| *command == name).unwrap_or_else(|| panic!("{name} has none"));
            assert!(examples.len() >= 2, "{name}");
            for (_, line) in *examples {
                let begun = line.find("pipe ").unwrap();
                let arguments = line[begun..].split([' ', ')']).take_while(|argument| !["|", ">"].contains(argument));
                let arguments: Vec<OsString> =
                    arguments.filter(|argument| !argument.is_empty()).map(OsString::from).collect();
                let arguments = command_line::with_forced_stages(arguments, &definition);
                definition.clone().try_get_matches_from(arguments).unwrap_or_else(|error| panic!("{line}: {error}"));
                assert!(line.contains(&format!("pipe {name}")), "'{line}' is no example of '{name}'");
            }
        }
    }
}
