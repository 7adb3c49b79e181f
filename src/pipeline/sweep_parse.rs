//! Reading `[sweep]` and `[search]`.

use crate::error::Result;
use crate::key::{did_you_mean, is_plain};
use crate::pipeline::search::{Better, Search};
use crate::pipeline::sweep::{Assignment, Axis, Choice, Sweep};
use crate::pipeline::values::Reader;
use crate::source::Placed;
use std::borrow::Cow;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Key<'k> = Spanned<Cow<'k, str>>;
type Entry<'v> = Spanned<DeValue<'v>>;

impl Reader<'_> {
    /// `[sweep]`: axes, `zip`, `points`, `include` and `exclude`.
    pub(super) fn sweep(&self, span: Range<usize>, value: &Entry<'_>) -> Result<Sweep> {
        self.axes(span, self.table(value, "sweep")?, &[])
    }

    /// `[search]`: `metric`, `better`, `trials`, and the axes of a sweep.
    pub(super) fn search(&self, span: Range<usize>, value: &Entry<'_>) -> Result<(Search, Sweep)> {
        let table = self.table(value, "search")?;
        let Some(metric) = table.get("metric") else {
            let hint = "name a number that a stage reports: metric = \"STAGE.OUTPUT:POINTER\"".to_owned();
            return Err(self.error(span, "the search has no metric".to_owned(), Some(hint)));
        };
        let better = table.get("better").map(|value| self.better(value)).transpose()?.unwrap_or_default();
        let trials = table.get("trials").map(|value| self.trials(value)).transpose()?;
        let sweep = Sweep { trials, ..self.axes(span.clone(), table, &["metric", "better", "trials"])? };
        Ok((Search { place: self.place(span), metric: self.number(metric, "metric")?, better }, sweep))
    }

    fn better(&self, value: &Entry<'_>) -> Result<Better> {
        let name = self.text(value, "better")?;
        let known = Better::ALL.into_iter().find(|better| better.name() == name);
        known.ok_or_else(|| {
            let message = format!("'{name}' is not a direction: expected \"higher\" or \"lower\"");
            self.error(value.span(), message, did_you_mean(&name, Better::ALL.map(Better::name)))
        })
    }

    fn trials(&self, value: &Entry<'_>) -> Result<usize> {
        let trials = self.count(value, "trials")?;
        if trials == 0 {
            let hint = "leave it away to try all points".to_owned();
            return Err(self.error(value.span(), "a search of 0 trials finds nothing".to_owned(), Some(hint)));
        }
        Ok(trials)
    }

    /// The axes of a table, in which the keys `other` mean something else.
    fn axes(&self, span: Range<usize>, table: &DeTable<'_>, other: &[&str]) -> Result<Sweep> {
        let place = self.place(span);
        let mut sweep = Sweep { place, axes: Vec::new(), exclude: Vec::new(), include: Vec::new(), trials: None };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                known if other.contains(&known) => {}
                "zip" => {
                    let zips = value.get_ref().as_array().map_or_else(|| vec![value], |zips| zips.iter().collect());
                    for zip in zips {
                        sweep.axes.push(self.zip(zip)?);
                    }
                }
                "points" => {
                    let choices = self.choices(value, "points")?;
                    sweep.axes.push(
                        self.not_empty(
                            key,
                            Axis { place: self.place(key.span()), title: "points".to_owned(), choices },
                        )?,
                    );
                }
                "include" => sweep.include = self.choices(value, "include")?,
                "exclude" => sweep.exclude = self.choices(value, "exclude")?,
                _ => sweep.axes.push(self.axis(key, value)?),
            }
        }
        Ok(sweep)
    }

    /// `"tasks.negatives" = [0, 1, 2]`.
    fn axis(&self, key: &Key<'_>, value: &Entry<'_>) -> Result<Axis> {
        let target = self.target(key)?;
        let values =
            value.get_ref().as_array().ok_or_else(|| self.mistyped(value, key.get_ref(), "a list of values"))?;
        let choice = |value: &Entry<'_>| {
            let assignment = self.assignment(&target, value)?;
            Ok(Choice { place: self.place(value.span()), name: None, assignments: vec![assignment] })
        };
        let choices = values.iter().map(choice).collect::<Result<_>>()?;
        self.not_empty(key, Axis { place: self.place(key.span()), title: target.value.clone(), choices })
    }

    /// `{ "codebook.levels" = [2, 3], "codebook.codes" = [512, 256] }`: the first with the first, and so on.
    fn zip(&self, value: &Entry<'_>) -> Result<Axis> {
        let mut axes = Vec::new();
        for (key, values) in self.table(value, "zip")? {
            axes.push(self.axis(key, values)?);
        }
        let Some(first) = axes.first() else {
            return Err(self.error(value.span(), "'zip' names no axis".to_owned(), None));
        };
        if let Some(other) = axes.iter().find(|axis| axis.choices.len() != first.choices.len()) {
            let (a, b) = (first.choices.len(), other.choices.len());
            let message =
                format!("'{}' has {a} values and '{}' has {b}; they go together one by one", first.title, other.title);
            return Err(self.error(value.span(), message, Some("give both as many".to_owned())));
        }
        let together = |at: usize| Choice {
            place: first.choices[at].place.clone(),
            name: None,
            assignments: axes.iter().flat_map(|axis| axis.choices[at].assignments.clone()).collect(),
        };
        let titles: Vec<&str> = axes.iter().map(|axis| axis.title.as_str()).collect();
        let choices = (0..first.choices.len()).map(together).collect();
        Ok(Axis { place: self.place(value.span()), title: titles.join(" with "), choices })
    }

    /// A list of tables `{ name = "small", "codebook.codes" = 64 }`.
    fn choices(&self, value: &Entry<'_>, key: &str) -> Result<Vec<Choice>> {
        let tables = value.get_ref().as_array().ok_or_else(|| self.mistyped(value, key, "a list of tables"))?;
        tables.iter().map(|table| self.choice(table.span(), self.table(table, key)?)).collect()
    }

    fn choice(&self, span: Range<usize>, table: &DeTable<'_>) -> Result<Choice> {
        let mut choice = Choice { place: self.place(span), name: None, assignments: Vec::new() };
        for (key, value) in table {
            if key.get_ref() == "name" {
                choice.name = Some(self.point_name(value)?);
            } else {
                let target = self.target(key)?;
                choice.assignments.push(self.assignment(&target, value)?);
            }
        }
        Ok(choice)
    }

    fn point_name(&self, value: &Entry<'_>) -> Result<String> {
        let name = self.text(value, "name")?;
        if is_plain(&name.replace(['.', '='], "")) {
            return Ok(name);
        }
        let message = format!("'{name}' cannot name a point: expected letters, digits, '-', '_', '.' and '='");
        Err(self.error(value.span(), message, None))
    }

    fn target(&self, key: &Key<'_>) -> Result<Placed<String>> {
        let target = key.get_ref();
        if target == "seed" || target.split_once('.').is_some_and(|(stage, rest)| is_plain(stage) && is_plain(rest)) {
            return Ok(Placed { value: target.to_string(), place: self.place(key.span()) });
        }
        let hint = "expected seed, \"STAGE.PARAMETER\" in quotes, zip, points, include or exclude".to_owned();
        let message = format!("'{}' names nothing that can vary", target.escape_debug());
        Err(self.error(key.span(), message, Some(hint)))
    }

    fn assignment(&self, target: &Placed<String>, value: &Entry<'_>) -> Result<Assignment> {
        let value = Placed { value: self.json(value)?, place: self.place(value.span()) };
        Ok(Assignment { target: target.clone(), value })
    }

    fn not_empty(&self, key: &Key<'_>, axis: Axis) -> Result<Axis> {
        if axis.choices.is_empty() {
            let message = format!("the axis '{}' is empty", axis.title);
            return Err(self.error(key.span(), message, Some("give it values, or remove it".to_owned())));
        }
        Ok(axis)
    }
}
