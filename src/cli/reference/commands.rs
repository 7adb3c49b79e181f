//! The commands and their arguments, from the definition of the command line.

use crate::cli::Arguments;
use clap::{Arg, Command, CommandFactory as _};

/// `docs/reference/commands.md`.
pub fn commands() -> String {
    let mut text = "# Commands\n\nMade from the code; do not edit.\n".to_owned();
    let root = Arguments::command();
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        text += &section(command, "pipe");
    }
    text
}

/// A command with its arguments, then the commands within it.
fn section(command: &Command, before: &str) -> String {
    let name = format!("{before} {}", command.get_name());
    let mut text = format!("\n## `{name}`\n\n{}\n", about(command));
    let arguments: Vec<&Arg> = command.get_arguments().filter(|argument| !argument.is_hide_set()).collect();
    if !arguments.is_empty() {
        text += "\n| argument | what it does |\n|---|---|\n";
    }
    for argument in arguments {
        let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        text += &format!(
            "| `{}` | {}{}{} |\n",
            form(argument).replace('|', "\\|"),
            sentence(&help).replace('|', "\\|"),
            values(argument),
            environment(argument)
        );
    }
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        text += &section(command, &name);
    }
    text
}

/// What a command is for: its long help where it has one, with its examples as blocks of code.
fn about(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    command.get_long_about().map_or_else(|| sentence(&about), |long| long.to_string().trim_end().to_owned())
}

fn sentence(text: &str) -> String {
    if text.ends_with(['.', ':']) { text.to_owned() } else { format!("{text}.") }
}

/// The values that an argument may have, where its help does not name them.
fn values(argument: &Arg) -> String {
    let names: Vec<String> = argument
        .get_possible_values()
        .into_iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let is_named = names.iter().all(|name| help.contains(name.trim_matches('`')));
    if is_named || !argument.get_action().takes_values() {
        String::new()
    } else {
        format!(" One of {}.", names.join(", "))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_within_commands_have_sections_of_their_own() {
        let clean =
            Command::new("clean").about("Remove what nobody needs").arg(Arg::new("days").long("days").help("Age"));
        let cache = Command::new("cache").about("Look after the store").subcommand(clean);
        let text = section(&cache, "pipe");
        assert_eq!(
            text,
            "\n## `pipe cache`\n\nLook after the store.\n\n## `pipe cache clean`\n\nRemove what nobody needs.\n\n\
             | argument | what it does |\n|---|---|\n| `--days DAYS` | Age. |\n"
        );
    }
}
