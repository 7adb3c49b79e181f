//! How the nodes of a graph look, by kind and state; each format translates it.

use crate::report::graph::drawing::Kind;
use crate::store::StageState;
use anstyle::AnsiColor;

/// How a node looks.
pub(super) struct Style {
    /// The colour of its area.
    pub(super) fill: &'static str,
    /// The colour of its border.
    pub(super) line: &'static str,
    pub(super) border: Border,
    /// The sign in a terminal.
    pub(super) sign: &'static str,
    /// The colour in a terminal.
    pub(super) colour: anstyle::Style,
}

/// The line around a node.
pub(super) enum Border {
    Plain,
    Thick,
    Dashed,
    Dotted,
}

impl Style {
    pub(super) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Stage { state, .. } => Self::of_state(*state),
            Kind::External => Self {
                fill: "#f1f1f1",
                line: "#777777",
                border: Border::Plain,
                sign: "□",
                colour: anstyle::Style::new().dimmed(),
            },
        }
    }

    pub(super) fn of_state(state: StageState) -> Self {
        match state {
            StageState::Cached | StageState::Done => Self {
                fill: "#e3f4dd",
                line: "#3f8a33",
                border: Border::Plain,
                sign: "●",
                colour: AnsiColor::Green.on_default(),
            },
            StageState::Run => Self {
                fill: "#fff0c9",
                line: "#b7791f",
                border: Border::Thick,
                sign: "▶",
                colour: AnsiColor::Yellow.on_default(),
            },
            StageState::Waiting | StageState::Skipped => Self {
                fill: "#ffffff",
                line: "#b7791f",
                border: Border::Dashed,
                sign: "○",
                colour: AnsiColor::Cyan.on_default(),
            },
            StageState::Blocked | StageState::Failed => Self {
                fill: "#fde0dd",
                line: "#c53030",
                border: Border::Dotted,
                sign: "✗",
                colour: AnsiColor::Red.on_default(),
            },
        }
    }
}
