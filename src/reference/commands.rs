//! The commands and their arguments, from the definition of the command line.

use crate::arguments::Arguments;
use clap::{Arg, Command, CommandFactory as _};

/// `docs/commands.md`.
pub fn commands() -> String {
    let mut text = "# Commands\n\nMade from the code; do not edit.\n".to_owned();
    let root = Arguments::command();
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        text += &section(command);
    }
    text
}

fn section(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text =
        format!("\n## `pipe {}`\n\n{about}.\n\n| argument | what it does |\n|---|---|\n", command.get_name());
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        text += &format!("| `{}` | {}.{} |\n", form(argument), help.replace('|', "\\|"), environment(argument));
    }
    text
}

fn form(argument: &Arg) -> String {
    let value = || {
        let names = argument.get_value_names().unwrap_or_default();
        names.first().map_or_else(|| argument.get_id().to_string().to_uppercase(), ToString::to_string)
    };
    let takes_value = argument.get_action().takes_values();
    match (argument.get_short(), argument.get_long()) {
        (None, None) => value(),
        (short, Some(long)) => {
            let short = short.map(|short| format!("-{short}, ")).unwrap_or_default();
            let optional = argument.get_num_args().is_some_and(|range| range.min_values() == 0);
            match (takes_value, optional) {
                (false, _) => format!("{short}--{long}"),
                (true, true) => format!("{short}--{long}[={}]", value()),
                (true, false) => format!("{short}--{long} {}", value()),
            }
        }
        (Some(short), None) => format!("-{short}"),
    }
}

fn environment(argument: &Arg) -> String {
    argument.get_env().map(|name| format!(" Also `{}`.", name.to_string_lossy())).unwrap_or_default()
}
