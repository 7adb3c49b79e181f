//! The words that this program was started with.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use std::ffi::{OsStr, OsString};

/// The option whose value may be a word of its own: `--force STAGE` as well as `--force=STAGE`.
const FORCE: &str = "--force";

/// The words of the command line as text. A path may have bytes that are not UTF-8, for which a sign stands here.
pub(super) fn command_line() -> impl Iterator<Item = String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned())
}

/// The words of the command line, with `--force STAGE` written as `--force=STAGE`.
///
/// `--force` alone forces all stages, so the word after it may be the pipeline. It is a stage when the command has its pipeline
/// without it.
pub(super) fn with_forced_stages(words: Vec<OsString>, definition: &Command) -> Vec<OsString> {
    let Some(command) = words.get(1).and_then(|name| definition.find_subcommand(name)) else { return words };
    let mut positional = Vec::new();
    let (mut place, mut ended) = (2, false);
    while let Some(word) = words.get(place) {
        let text = word.to_string_lossy();
        if ended || !text.starts_with('-') || text == "-" {
            positional.push(place);
        } else if text == "--" {
            ended = true;
        } else if takes_next(command, &text) {
            place += 1;
        }
        place += 1;
    }
    let spare = positional.len().saturating_sub(command.get_positionals().count());
    let is_forced = |place: &&usize| words[**place - 1] == OsStr::new(FORCE);
    let stages: Vec<usize> = positional.iter().filter(is_forced).take(spare).copied().collect();
    let mut joined: Vec<OsString> = Vec::with_capacity(words.len());
    for (place, word) in words.into_iter().enumerate() {
        match joined.last_mut().filter(|_| stages.contains(&place)) {
            Some(option) => {
                option.push("=");
                option.push(word);
            }
            None => joined.push(word),
        }
    }
    joined
}

/// The same error with the usage of the whole command. The usage that it comes with has every option that a variable of the
/// environment sets, as if it were required.
pub(super) fn with_whole_usage(
    mut error: clap::Error,
    words: &[OsString],
    definition: impl FnOnce() -> Command,
) -> clap::Error {
    if error.get(ContextKind::Usage).is_none() {
        return error;
    }
    let mut definition = definition();
    definition.build();
    let mut command = &definition;
    for word in words.iter().skip(1) {
        let Some(found) = command.find_subcommand(word) else { break };
        command = found;
    }
    let usage = command.clone().render_usage();
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
    error
}

/// Whether the word after an option is its value.
fn takes_next(command: &Command, option: &str) -> bool {
    let is_meant = |argument: &&Arg| match option.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long),
        None => argument.get_short().is_some_and(|short| option.chars().eq(['-', short])),
    };
    command.get_arguments().find(is_meant).is_some_and(|argument| {
        matches!(argument.get_action(), ArgAction::Set | ArgAction::Append) && !argument.is_require_equals_set()
    })
}

#[cfg(test)]
mod tests {
    use crate::cli::Arguments;
    use clap::CommandFactory as _;
    use std::ffi::OsString;

    fn joined(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let words = super::with_forced_stages(words, &Arguments::command());
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_word_after_force_is_a_stage_where_there_is_a_pipeline_too() {
        assert_eq!(joined("pipe run toys --force finetune"), "pipe run toys --force=finetune");
        assert_eq!(joined("pipe run --force finetune toys"), "pipe run --force=finetune toys");
        assert_eq!(joined("pipe run --force a toys --force b"), "pipe run --force=a toys --force=b");
        assert_eq!(joined("pipe plan toys --set a.b=1 --force a -j 2"), "pipe plan toys --set a.b=1 --force=a -j 2");
    }

    #[test]
    fn force_alone_leaves_the_pipeline_where_it_is() {
        for line in
            ["pipe run --force toys", "pipe run toys --force", "pipe run --force --store s toys", "pipe --version"]
        {
            assert_eq!(joined(line), line);
        }
    }
}
