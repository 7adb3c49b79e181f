//! The difference of two runs for people.

use crate::report::diff::{How, RunDifference};
use crate::terminal::table;
use serde_json::{Map, Value};

impl RunDifference {
    /// The difference in lines; of the metrics only those that changed.
    pub fn text(&self) -> String {
        let mut text = format!("{} → {}\n", self.old, self.new);
        for stage in &self.stages {
            let how = match stage.how {
                How::Own => "differs itself",
                How::Before => "differs only because of what came before",
                How::OldOnly => "is in the earlier run only",
                How::NewOnly => "is in the later run only",
                How::Unknown => "differs; what it was is no longer known",
            };
            text += &format!("{} {how}\n", stage.stage);
            for difference in &stage.differences {
                text += &format!("  {difference}\n");
            }
        }
        text += &match self.same {
            1 => "1 stage is the same\n".to_owned(),
            same => format!("{same} stages are the same\n"),
        };
        for gone in &self.gone {
            text += &format!("the result of {gone} is no longer in the store, nor are its metrics\n");
        }
        let rows: Vec<Map<String, Value>> =
            self.metrics.iter().filter(|metric| metric.old != metric.new).map(row).collect();
        if rows.is_empty() {
            let none = if self.metrics.is_empty() { "there are no metrics" } else { "no metric changed" };
            text + none + "\n"
        } else {
            text + "\n" + &table(&rows)
        }
    }
}

fn row(metric: &super::MetricDifference) -> Map<String, Value> {
    let mut row = Map::from_iter([("point".to_owned(), metric.point.as_str().into())]);
    row.extend(metric.identity.iter().map(|(name, text)| (name.clone(), text.as_str().into())));
    row.insert("metric".to_owned(), metric.metric.as_str().into());
    let change = metric.old.zip(metric.new).map(|(old, new)| new - old);
    for (name, number) in [("old", metric.old), ("new", metric.new), ("change", change)] {
        row.insert(name.to_owned(), number.into());
    }
    row
}
