//! Whether a stream gets colours, by the conventions that clap's own help follows too.

use std::env::var;
use std::io::IsTerminal;

/// `NO_COLOR` forbids colours, `CLICOLOR_FORCE` wants them anywhere; otherwise a terminal gets them, unless `CLICOLOR` is 0
/// or `TERM` says that it has none.
pub fn coloured(stream: &impl IsTerminal) -> bool {
    decide(|name| var(name).ok(), stream.is_terminal())
}

fn decide(variable: impl Fn(&str) -> Option<String>, is_terminal: bool) -> bool {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let is_zero = |name: &str| variable(name).is_some_and(|value| value == "0");
    if is_set("NO_COLOR") {
        false
    } else if is_set("CLICOLOR_FORCE") && !is_zero("CLICOLOR_FORCE") {
        true
    } else {
        is_terminal && !is_zero("CLICOLOR") && variable("TERM").is_some_and(|term| term != "dumb")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidding_is_stronger_than_forcing_and_forcing_than_the_stream() {
        let with = |set: &'static [(&str, &str)], is_terminal| {
            let find = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            decide(find, is_terminal)
        };
        assert!(with(&[("TERM", "xterm")], true));
        assert!(!with(&[("TERM", "xterm")], false));
        assert!(!with(&[("TERM", "dumb")], true));
        assert!(!with(&[("TERM", "xterm"), ("CLICOLOR", "0")], true));
        assert!(!with(&[("TERM", "xterm"), ("NO_COLOR", "1")], true));
        assert!(with(&[("TERM", "xterm"), ("NO_COLOR", "")], true));
        assert!(with(&[("CLICOLOR_FORCE", "1")], false));
        assert!(!with(&[("CLICOLOR_FORCE", "0")], false));
        assert!(!with(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true));
    }
}
