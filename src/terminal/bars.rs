//! A run on a terminal: a bar for each stage that runs, a line for each that has ended.

use crate::key::StageName;
use crate::run::{Ending, Observer};
use crate::terminal::lines::text;
use contract::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::time::Duration;

/// Draws bars on standard error.
#[derive(Debug, Default)]
pub struct Bars {
    all: MultiProgress,
    bars: BTreeMap<StageName, ProgressBar>,
}

impl Bars {
    fn print(&self, stage: &StageName, text: &str) {
        // A terminal that has gone away does not stop the run.
        drop(self.all.println(format!("{stage:<12} {text}")));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Observer for Bars {
    fn started(&mut self, stage: &StageName, reason: &str) {
        let bar = self.all.add(ProgressBar::new_spinner());
        bar.set_style(style("{prefix:<12} {spinner} {msg} {elapsed}"));
        bar.set_prefix(stage.to_string());
        bar.set_message(format!("run: {reason}"));
        bar.enable_steady_tick(Duration::from_millis(120));
        self.bars.insert(stage.clone(), bar);
    }

    fn printed(&mut self, stage: &StageName, event: &Event) {
        match event {
            Event::Progress { done, total, message } => {
                let Some(bar) = self.bars.get(stage) else { return };
                if *total > 0 && bar.length() != Some(*total) {
                    bar.set_style(style("{prefix:<12} {bar:16} {pos}/{len} {per_sec} {eta} left {wide_msg}"));
                    bar.set_length(*total);
                }
                bar.set_position(*done);
                bar.set_message(message.clone());
            }
            Event::Log { message } => self.print(stage, &format!("  {message}")),
            Event::Failed { .. } | Event::Done => {}
        }
    }

    fn waits(&mut self, stage: &StageName, message: &str) {
        self.print(stage, message);
    }

    fn ended(&mut self, stage: &StageName, ending: &Ending<'_>) {
        if let Some(bar) = self.bars.remove(stage) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        self.print(stage, &text(ending));
    }
}
