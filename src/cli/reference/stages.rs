//! The stages with their ports and parameters, from what they say of themselves.

use crate::plan::parameters;
use contract::{Description, InputPort};

/// `docs/reference/parameters.md`.
///
/// # Errors
/// A message, when a stage's schema has a form that no parameter of ours has.
pub fn stages(descriptions: &[Description]) -> Result<String, String> {
    let mut text = "# Stages, their ports and parameters\n\nMade from the code; do not edit.\n".to_owned();
    for stage in descriptions {
        text += &format!("\n## `{}`\n\n{}\n", stage.name, sentence(&stage.about));
        text += &ports(stage);
        text += &settings(stage)?;
    }
    Ok(text)
}

fn ports(stage: &Description) -> String {
    let mut text = String::new();
    if !stage.inputs.is_empty() {
        text += "\n| input | kind | | what enters |\n|---|---|---|---|\n";
        for port in &stage.inputs {
            text += &format!("| `{}` | {} | {} | {} |\n", port.name, port.kind.0, traits(port), cell(&port.doc));
        }
    }
    text += "\n| output | kind | what leaves |\n|---|---|---|\n";
    for port in &stage.outputs {
        text += &format!("| `{}` | {} | {} |\n", port.name, port.kind.0, cell(&port.doc));
    }
    text
}

/// What is special about an input port, as text.
pub(crate) fn traits(port: &InputPort) -> String {
    let notes = [
        (!port.required, "optional"),
        (port.many, "several, each with a label"),
        (port.external && !port.several_paths, "or a path"),
        (port.several_paths, "or one or several paths"),
    ];
    notes.iter().filter(|(holds, _)| *holds).map(|(_, note)| *note).collect::<Vec<_>>().join(", ")
}

fn settings(stage: &Description) -> Result<String, String> {
    let parameters = parameters(&stage.parameters).map_err(|message| format!("stage '{}': {message}", stage.name))?;
    if parameters.is_empty() {
        return Ok("\nIt has no parameters.\n".to_owned());
    }
    let mut text = "\n| parameter | default | expected | what it is |\n|---|---|---|---|\n".to_owned();
    for parameter in parameters {
        let expected = parameter.expected.to_string();
        text += &format!(
            "| `{}` | `{}` | {} | {} |\n",
            parameter.name,
            parameter.default,
            cell(&expected),
            cell(&parameter.about)
        );
    }
    Ok(text)
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
