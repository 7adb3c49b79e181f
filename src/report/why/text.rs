//! An explanation for people.

use crate::plan::{Outlook, Reason};
use crate::report::why::{Cause, Changed, Explanation, Source};
use crate::terminal::{ago, duration, local};

/// How many files of a folder are named.
const NAMED: usize = 10;

impl Explanation {
    /// The explanation in lines.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.headline());
        if let Some(past) = &self.against {
            let made = format!("run {}, {}", past.run, ago(past.started));
            text += &match self.changes.len() {
                0 if matches!(self.outlook, Outlook::Waiting(_)) => format!("nothing of its own differs from {made}\n"),
                0 => format!("nothing differs from {made}\n"),
                1 => format!("1 thing differs from {made}:\n"),
                count => format!("{count} things differ from {made}:\n"),
            };
        }
        add_changes(&mut text, &self.changes, 1);
        if !self.upstream.is_empty() {
            text += "\nWhether it runs depends on the results of these stages:\n";
            for upstream in &self.upstream {
                text += &format!("\n{}", upstream.text());
            }
        }
        text
    }

    fn headline(&self) -> String {
        let stage = &self.stage;
        match &self.outlook {
            Outlook::Cached(action) => {
                let made = &action.provenance;
                format!(
                    "{stage} is cached\n  made by   run {} of {}\n  when      {}, {}\n  where     {}, {}, {} threads\n  \
                     took      {}\n  key       {}",
                    made.run,
                    made.pipeline,
                    local(made.started),
                    ago(made.started),
                    made.host,
                    made.device,
                    made.threads,
                    duration(made.seconds),
                    action.key.0.short()
                )
            }
            // What changed follows line by line.
            Outlook::Run(Reason::Changed(_)) => format!("{stage} would run: it changed"),
            Outlook::Run(reason) => format!("{stage} would run: {reason}"),
            Outlook::Waiting(_) if !self.changes.is_empty() => format!("{stage} would run: it changed itself"),
            Outlook::Waiting(_) => format!("{stage} is waiting {}", self.outlook.reason()),
            Outlook::Blocked(_) => format!("{stage} is blocked: {}", self.outlook.reason()),
        }
    }
}

fn add_changes(text: &mut String, changes: &[Changed], depth: usize) {
    let indent = "  ".repeat(depth);
    for Changed { difference, source } in changes {
        let from = match source {
            None => String::new(),
            Some(Source::Output { stage, port, .. }) => format!("  (from {stage}.{port})"),
            Some(Source::External { path, .. }) => format!("  (from {})", path.display()),
        };
        *text += &format!("{indent}{difference}{from}\n");
        match source {
            Some(Source::External { files, more, .. }) => {
                for change in files.iter().take(NAMED) {
                    *text += &format!("{indent}  {change}\n");
                }
                let left = files.len().saturating_sub(NAMED) + more;
                if left > 0 {
                    *text += &format!("{indent}  and {left} more\n");
                }
            }
            Some(Source::Output { stage, port, cause }) => {
                add_cause(text, &format!("{stage}.{port}"), cause, depth + 1);
            }
            None => {}
        }
    }
}

fn add_cause(text: &mut String, output: &str, cause: &Cause, depth: usize) {
    let indent = "  ".repeat(depth);
    let stage = output.split_once('.').map_or(output, |(stage, _)| stage);
    let line = match cause {
        Cause::RanAgain(_) => format!("{output} differs because {stage} ran again:"),
        Cause::AsSaid => format!("{output} differs because {stage} ran again, as reported above"),
        Cause::NotReproducible => {
            format!("{output} differs though nothing of {stage} changed: it is not reproducible")
        }
        Cause::Unknown => format!("what made the earlier {output} is no longer known"),
    };
    *text += &format!("{indent}{line}\n");
    if let Cause::RanAgain(changes) = cause {
        add_changes(text, changes, depth + 1);
    }
}
