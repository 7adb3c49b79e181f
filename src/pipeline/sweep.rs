//! A sweep: the axes along which a pipeline varies, and the points that they make.

use crate::error::{Error, Result};
use crate::key::{Digest, PointName};
use crate::source::{Place, Placed};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many points a sweep may have.
const MOST_POINTS: usize = 10_000;

/// The longest name of a point, so that it can be part of the name of a file.
const LONGEST_NAME: usize = 120;

/// `[sweep]`: the product of its axes, without what is excluded, with what is included.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Where it stands.
    pub place: Place,
    /// Each point has one choice of each.
    pub axes: Vec<Axis>,
    /// Points of the product that are left out: those with all of these values.
    pub exclude: Vec<Choice>,
    /// Points beside the product.
    pub include: Vec<Choice>,
    /// How many of the points are drawn at random, where not all are wanted.
    pub trials: Option<usize>,
}

/// An axis: `"tasks.negatives" = [0, 1]`, several that go together (`zip`), or explicit `points`.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Where it stands.
    pub place: Place,
    /// What it is called in messages.
    pub title: String,
    /// Its choices.
    pub choices: Vec<Choice>,
}

/// Values that go together.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Where it stands.
    pub place: Place,
    /// Its name; made of the values when it has none.
    pub name: Option<String>,
    /// What it sets.
    pub assignments: Vec<Assignment>,
}

/// `"tasks.negatives" = 3`.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// `seed`, `STAGE.seed` or `STAGE.PARAMETER`.
    pub target: Placed<String>,
    /// The value.
    pub value: Placed<Value>,
}

/// A point: one choice of each axis.
#[derive(Clone, Debug)]
pub struct PointEntry {
    /// Its name, such as `tasks.negatives=3,seed=1`. Empty for a pipeline without a sweep.
    pub name: PointName,
    /// Where it comes from.
    pub place: Place,
    /// Its choices.
    pub choices: Vec<Choice>,
}

impl PointEntry {
    /// Everything that it sets.
    pub fn assignments(&self) -> impl Iterator<Item = &Assignment> {
        self.choices.iter().flat_map(|choice| &choice.assignments)
    }
}

impl Choice {
    /// Its name, or else `target=value` of each assignment, in letters that the name of a file may have.
    pub fn label(&self) -> String {
        let of = |assignment: &Assignment| format!("{}={}", assignment.target.value, plain(&assignment.value.value));
        self.name.clone().unwrap_or_else(|| self.assignments.iter().map(of).collect::<Vec<_>>().join(","))
    }

    fn value(&self, target: &str) -> Option<&Value> {
        self.assignments.iter().find(|own| own.target.value == target).map(|own| &own.value.value)
    }
}

impl Sweep {
    /// All its points, the last axis turning fastest, the included ones at the end.
    ///
    /// # Errors
    /// When there are none or too many, when two have one name, and when `exclude` leaves nothing out.
    pub fn points(&self) -> Result<Vec<PointEntry>> {
        self.check_size()?;
        let mut points = Vec::new();
        if !self.axes.is_empty() {
            points.push(Vec::new());
        }
        for axis in &self.axes {
            let with = |point: &Vec<Choice>| {
                let choices = axis.choices.iter();
                choices.map(|choice| [point.as_slice(), std::slice::from_ref(choice)].concat()).collect::<Vec<_>>()
            };
            points = points.iter().flat_map(with).collect();
        }
        for excluded in &self.exclude {
            let before = points.len();
            points.retain(|point| !is_excluded(point, excluded));
            if points.len() == before {
                let message = format!("no point has {}", excluded.label());
                return fault(message, &excluded.place, "`exclude` names values that the axes have");
            }
        }
        points.extend(self.include.iter().map(|choice| vec![choice.clone()]));
        if points.is_empty() {
            return fault(
                "the sweep has no points".to_owned(),
                &self.place,
                "name an axis: \"STAGE.PARAMETER\" = [...]",
            );
        }
        let points = named(points, &self.place)?;
        Ok(match self.trials {
            Some(trials) => sample(points, trials),
            None => points,
        })
    }

    /// Whether an axis or a point sets this.
    pub fn sets(&self, target: &str) -> bool {
        let choices = self.axes.iter().flat_map(|axis| &axis.choices).chain(&self.include);
        choices.flat_map(|choice| &choice.assignments).any(|assignment| assignment.target.value == target)
    }

    fn check_size(&self) -> Result<()> {
        let lengths: Vec<usize> = self.axes.iter().map(|axis| axis.choices.len()).collect();
        let product = lengths.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
        if product.is_some_and(|product| product.saturating_add(self.include.len()) <= MOST_POINTS) {
            return Ok(());
        }
        let axes: Vec<String> =
            self.axes.iter().map(|axis| format!("{} of {}", axis.choices.len(), axis.title)).collect();
        let message = format!("more than {MOST_POINTS} points: {}", axes.join(" × "));
        fault(message, &self.place, "shorten an axis, or let axes go together with `zip`")
    }
}

fn is_excluded(point: &[Choice], excluded: &Choice) -> bool {
    let value = |target: &str| point.iter().find_map(|choice| choice.value(target));
    excluded.assignments.iter().all(|own| value(&own.target.value) == Some(&own.value.value))
}

fn named(points: Vec<Vec<Choice>>, sweep: &Place) -> Result<Vec<PointEntry>> {
    let mut seen: BTreeMap<PointName, Place> = BTreeMap::new();
    let mut entries = Vec::with_capacity(points.len());
    for choices in points {
        let labels: Vec<String> = choices.iter().map(Choice::label).collect();
        let name = PointName::new(labels.join(","));
        let place = choices.last().map_or_else(|| sweep.clone(), |choice| choice.place.clone());
        if name.as_str().len() > LONGEST_NAME {
            let message = format!("the name of this point is longer than {LONGEST_NAME} letters: {name}");
            return fault(message, &place, "give it a shorter one: points = [{ name = \"...\", ... }]");
        }
        if seen.insert(name.clone(), place.clone()).is_some() {
            let message = format!("two points have the name '{name}'");
            return fault(message, &place, "remove one, or give each a name: points = [{ name = \"...\", ... }]");
        }
        entries.push(PointEntry { name, place, choices });
    }
    Ok(entries)
}

/// A random sample of points without repetition, in their order. A larger sample contains a smaller one.
///
/// The order of drawing is that of the digests of the points' names, so it depends on nothing else.
fn sample(points: Vec<PointEntry>, count: usize) -> Vec<PointEntry> {
    let mut drawn: Vec<(Digest, usize)> =
        points.iter().enumerate().map(|(at, point)| (Digest::of(point.name.as_str().as_bytes()), at)).collect();
    drawn.sort_unstable();
    drawn.truncate(count);
    let mut is_drawn = vec![false; points.len()];
    for (_, at) in drawn {
        is_drawn[at] = true;
    }
    points.into_iter().zip(is_drawn).filter_map(|(point, is_drawn)| is_drawn.then_some(point)).collect()
}

fn fault<T>(message: String, place: &Place, hint: &str) -> Result<T> {
    Err(Error::Syntax { message, place: place.clone(), hint: Some(hint.to_owned()) })
}

/// A value in letters that the name of a file may have.
fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let kept = |c: char| if c.is_ascii_alphanumeric() || "._+-".contains(c) { c } else { '-' };
    let text: String = text.chars().map(kept).collect();
    // The brackets of a list go; the sign of a number stays.
    if value.is_number() { text } else { text.trim_matches('-').to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::pipeline::{Pipeline, parse};
    use crate::source::Source;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn pipeline(sweep: &str) -> Pipeline {
        let text = format!("name = 'p'\n[stage.s]\nuses = 'x'\n[sweep]\n{sweep}\n");
        parse(&Arc::new(Source::File { path: "test.toml".into(), text })).unwrap()
    }

    fn names(sweep: &str) -> Result<Vec<String>, String> {
        let points = pipeline(sweep).sweep.unwrap().points().map_err(|error| error.to_string())?;
        Ok(points.iter().map(|point| point.name.to_string()).collect())
    }

    #[test]
    fn axes_multiply_and_the_last_turns_fastest() {
        let found = names("'s.a' = [1, 2]\nseed = [7, 8]").unwrap();
        assert_eq!(found, ["s.a=1,seed=7", "s.a=1,seed=8", "s.a=2,seed=7", "s.a=2,seed=8"]);
    }

    #[test]
    fn a_zip_goes_together_and_explicit_points_multiply() {
        let found =
            names("zip = { 's.a' = [1, 2], 's.b' = ['x', 'y'] }\npoints = [{ name = 'n', 's.c' = 3 }, { 's.c' = 4 }]");
        assert_eq!(found.unwrap(), ["s.a=1,s.b=x,n", "s.a=1,s.b=x,s.c=4", "s.a=2,s.b=y,n", "s.a=2,s.b=y,s.c=4"]);
    }

    #[test]
    fn exclude_and_include_apply_in_order() {
        let sweep = "'s.a' = [1, 2]\n's.b' = [1, 2]\nexclude = [{ 's.a' = 2, 's.b' = 1 }]\ninclude = [{ name = 'far', 's.a' = 9 }]";
        assert_eq!(names(sweep).unwrap(), ["s.a=1,s.b=1", "s.a=1,s.b=2", "s.a=2,s.b=2", "far"]);
        assert!(names("'s.a' = [1]\nexclude = [{ 's.a' = 2 }]").unwrap_err().contains("no point has s.a=2"));
    }

    #[test]
    fn names_clash_or_are_too_many_before_anything_runs() {
        assert!(names("'s.a' = [1, 1]").unwrap_err().contains("two points have the name 's.a=1'"));
        let long = format!("{:?}", (0..1000).collect::<Vec<_>>());
        let error = names(&format!("'s.a' = {long}\n's.b' = {long}")).unwrap_err();
        assert!(error.contains("1000 of s.a × 1000 of s.b"), "{error}");
    }

    proptest! {
        #[test]
        fn points_are_as_many_as_the_product_and_differ(lengths in proptest::collection::vec(1_usize..5, 1..4)) {
            let axis = |(axis, length): (usize, &usize)| format!("'s.a{axis}' = {:?}\n", (0..*length).collect::<Vec<_>>());
            let found = names(&lengths.iter().enumerate().map(axis).collect::<String>()).unwrap();
            prop_assert_eq!(found.len(), lengths.iter().product::<usize>());
        }
    }
}
