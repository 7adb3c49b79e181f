//! The arguments that this program was started with.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use std::ffi::{OsStr, OsString};

/// The option whose value may be an argument of its own: `--force STAGE` as well as `--force=STAGE`.
const FORCE: &str = "--force";

/// The arguments of the command line as text. A path may have bytes that are not UTF-8, for which a sign stands here.
pub(super) fn command_line() -> impl Iterator<Item = String> {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned())
}

/// The arguments of the command line, with `--force STAGE` written as `--force=STAGE`.
///
/// `--force` alone forces all stages, so the argument after it may be the pipeline. It is a stage when the command has its pipeline
/// without it.
pub(super) fn with_forced_stages(arguments: Vec<OsString>, definition: &Command) -> Vec<OsString> {
    let Some(command) = arguments.get(1).and_then(|name| definition.find_subcommand(name)) else { return arguments };
    let mut positional = Vec::new();
    let (mut place, mut ended) = (2, false);
    while let Some(argument) = arguments.get(place) {
        let text = argument.to_string_lossy();
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
    let is_forced = |place: &&usize| arguments[**place - 1] == OsStr::new(FORCE);
    let stages: Vec<usize> = positional.iter().filter(is_forced).take(spare).copied().collect();
    let mut joined: Vec<OsString> = Vec::with_capacity(arguments.len());
    for (place, argument) in arguments.into_iter().enumerate() {
        match joined.last_mut().filter(|_| stages.contains(&place)) {
            Some(option) => {
                option.push("=");
                option.push(argument);
            }
            None => joined.push(argument),
        }
    }
    joined
}

/// The same error with the usage of the whole command. The usage that it comes with has every option that a variable of the
/// environment sets, as if it were required.
pub(super) fn with_whole_usage(
    mut error: clap::Error,
    arguments: &[OsString],
    definition: impl FnOnce() -> Command,
) -> clap::Error {
    if error.get(ContextKind::Usage).is_none() {
        return error;
    }
    let mut definition = definition();
    definition.build();
    let mut command = &definition;
    for argument in arguments.iter().skip(1) {
        let Some(found) = command.find_subcommand(argument) else { break };
        command = found;
    }
    let usage = command.clone().render_usage();
    error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
    error
}

/// Whether the argument after an option is its value.
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
        let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let arguments = super::with_forced_stages(arguments, &Arguments::command());
        arguments.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn force_takes_a_stage_after_it() {
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
