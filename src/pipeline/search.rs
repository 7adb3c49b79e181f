//! A search: points are trials, and only the one with the best metric on held-out items runs to its end.

use crate::pipeline::number::Number;
use crate::source::Place;
use std::cmp::Ordering;

/// What `[search]` says beside its axes, which become the pipeline's sweep.
#[derive(Clone, Debug)]
pub struct Search {
    /// Where it is in the file.
    pub place: Place,
    /// The number in an output by which trials are compared.
    pub metric: Number,
    /// Which numbers are better.
    pub better: Better,
}

/// Which of two numbers is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Better {
    /// The higher one, as for NDCG.
    #[default]
    Higher,
    /// The lower one, as for a loss.
    Lower,
}

impl Better {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Higher, Self::Lower];

    /// Its name in a pipeline file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
        }
    }

    /// The place of the best number. Of equal ones it is the first; numbers that are missing or NaN are never the best.
    pub fn best(self, numbers: &[Option<f64>]) -> Option<usize> {
        let known = numbers.iter().enumerate().filter_map(|(at, number)| Some((at, number.filter(|n| !n.is_nan())?)));
        let is_better = |new: f64, old: f64| match self {
            Self::Higher => new.total_cmp(&old) == Ordering::Greater,
            Self::Lower => new.total_cmp(&old) == Ordering::Less,
        };
        known.reduce(|old, new| if is_better(new.1, old.1) { new } else { old }).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Pipeline, parse};
    use crate::source::Source;
    use std::sync::Arc;

    fn pipeline(search: &str) -> Result<Pipeline, String> {
        let text = format!("name = 'p'\n[stage.s]\nuses = 'x'\n[search]\n{search}\n");
        parse(&Arc::new(Source::File { path: "test.toml".into(), text })).map_err(|error| error.to_string())
    }

    fn names(trials: usize) -> Vec<String> {
        let pipeline =
            pipeline(&format!("metric = 's.report:/x'\ntrials = {trials}\n's.a' = [1, 2, 3, 4]\n's.b' = [1, 2, 3]"));
        let points = pipeline.unwrap().sweep.unwrap().points().unwrap();
        points.iter().map(|point| point.name.to_string()).collect()
    }

    #[test]
    fn the_best_number_is_the_first_of_equal_ones() {
        let numbers = [None, Some(1.0), Some(f64::NAN), Some(3.0), Some(3.0), Some(0.5)];
        assert_eq!(Better::Higher.best(&numbers), Some(3));
        assert_eq!(Better::Lower.best(&numbers), Some(5));
        assert_eq!(Better::Higher.best(&[None, Some(f64::NAN)]), None);
    }

    #[test]
    fn a_larger_sample_contains_a_smaller_one() {
        assert_eq!(names(12).len(), 12);
        assert_eq!(names(100).len(), 12);
        let mut before = Vec::new();
        for count in 1..=12 {
            let sample = names(count);
            assert_eq!(sample.len(), count);
            assert!(before.iter().all(|name| sample.contains(name)), "{before:?} {sample:?}");
            before = sample;
        }
    }

    #[test]
    fn a_search_without_a_metric_or_beside_a_sweep_is_an_error() {
        assert!(pipeline("'s.a' = [1]").unwrap_err().contains("the search has no metric"));
        let both = pipeline("metric = 's.report:x'\n's.a' = [1]\n[sweep]\n's.b' = [1]").unwrap_err();
        assert!(both.contains("both a sweep and a search"), "{both}");
        let better = pipeline("metric = 's.report:x'\nbetter = 'larger'\n's.a' = [1]").unwrap_err();
        assert!(better.contains("'larger' is not a direction: expected \"higher\" or \"lower\""), "{better}");
    }
}
