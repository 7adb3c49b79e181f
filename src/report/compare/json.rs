//! A comparison for programs.

use crate::report::compare::line::{Cell, Line};
use crate::report::compare::table::Comparison;
use serde_json::{Map, Value, json};

impl Comparison {
    /// The comparison as an object, with every number whole.
    pub fn json(&self) -> Value {
        let lines = |lines: &[Line]| lines.iter().map(|line| self.line(line)).collect::<Value>();
        json!({
            "columns": self.columns,
            "reference": self.reference.name(),
            "lines": lines(&self.lines),
            "baselines": lines(&self.baselines),
            "paper": self.paper.as_ref().map(|paper| json!({
                "title": paper.title, "varies": paper.varies, "data": paper.data, "model": paper.model, "text": paper.text,
            })),
            "differs": self.differs,
        })
    }

    fn line(&self, line: &Line) -> Value {
        let identity: Map<String, Value> =
            line.identity.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect();
        let cells: Map<String, Value> =
            self.columns.iter().filter_map(|column| Some((column.clone(), cell(line.cells.get(column)?)))).collect();
        json!({ "point": line.subject, "identity": identity, "n": line.seeds, "values": cells })
    }
}

fn cell(cell: &Cell) -> Value {
    let found = cell.significance.as_ref().map(|found| {
        json!({
            "users": found.users, "difference": found.difference, "low": found.low, "high": found.high, "p": found.p,
            "adjusted": found.adjusted,
        })
    });
    json!({ "mean": cell.mean, "std": cell.std, "best": cell.best, "against_reference": found, "paper": cell.paper })
}
