//! Metrics of a run on one class of hardware, compared with those of another.

use crate::report::lock::{Metric, Metrics};
use crate::report::reproduce::Verdict;

/// Each metric that has an interval in the reference has to lie in it. Where the reference has no interval at all, every
/// metric has to be the same.
pub(super) fn compare(reference: &Metrics, now: &Metrics) -> Verdict {
    let has_intervals = reference.values().any(|metric| metric.interval.is_some());
    let judged: Vec<(&String, &Metric)> =
        reference.iter().filter(|(_, metric)| metric.interval.is_some() == has_intervals).collect();
    if judged.is_empty() {
        return Verdict::NotCompared;
    }
    let unexpected: Vec<String> = judged
        .iter()
        .filter_map(|(name, metric)| {
            let [low, high] = metric.interval.unwrap_or([metric.value; 2]);
            match now.get(*name) {
                Some(found) if (low..=high).contains(&found.value) => None,
                Some(found) if low == high => Some(format!("{name} is {}, expected {low}", found.value)),
                Some(found) => Some(format!("{name} is {}, expected {low} to {high}", found.value)),
                None => Some(format!("{name} is not there, expected {}", metric.value)),
            }
        })
        .collect();
    if unexpected.is_empty() { Verdict::Expected(judged.len()) } else { Verdict::Unexpected(unexpected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(all: &[(&str, f64, Option<[f64; 2]>)]) -> Metrics {
        all.iter()
            .map(|(name, value, interval)| ((*name).to_owned(), Metric { value: *value, interval: *interval }))
            .collect()
    }

    #[test]
    fn a_figure_has_to_lie_in_its_interval() {
        let reference = metrics(&[("HR", 0.4, Some([0.38, 0.43])), ("users", 10.0, None)]);
        assert_eq!(compare(&reference, &metrics(&[("HR", 0.43, None)])), Verdict::Expected(1));
        let low = compare(&reference, &metrics(&[("HR", 0.3799, None)]));
        assert_eq!(low, Verdict::Unexpected(vec!["HR is 0.3799, expected 0.38 to 0.43".to_owned()]));
        let none = compare(&reference, &metrics(&[]));
        assert_eq!(none, Verdict::Unexpected(vec!["HR is not there, expected 0.4".to_owned()]));
    }

    #[test]
    fn without_intervals_metrics_have_to_be_the_same() {
        let reference = metrics(&[("HR", 0.4, None)]);
        assert_eq!(compare(&reference, &reference), Verdict::Expected(1));
        let other = compare(&reference, &metrics(&[("HR", 0.5, None)]));
        assert_eq!(other, Verdict::Unexpected(vec!["HR is 0.5, expected 0.4".to_owned()]));
        assert_eq!(compare(&Metrics::new(), &Metrics::new()), Verdict::NotCompared);
    }
}
