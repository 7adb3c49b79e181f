//! Figures of a run on one class of hardware, compared with those of another.

use crate::report::lock::{Figure, Figures};
use crate::report::reproduce::Verdict;

/// Each figure that has an interval in the reference has to lie in it. Where the reference has no interval at all, every
/// figure has to be the same.
pub(super) fn compare(reference: &Figures, now: &Figures) -> Verdict {
    let has_intervals = reference.values().any(|figure| figure.interval.is_some());
    let judged: Vec<(&String, &Figure)> =
        reference.iter().filter(|(_, figure)| figure.interval.is_some() == has_intervals).collect();
    if judged.is_empty() {
        return Verdict::NotCompared;
    }
    let unexpected: Vec<String> = judged
        .iter()
        .filter_map(|(name, figure)| {
            let [low, high] = figure.interval.unwrap_or([figure.value; 2]);
            match now.get(*name) {
                Some(found) if (low..=high).contains(&found.value) => None,
                Some(found) if low == high => Some(format!("{name} is {}, expected {low}", found.value)),
                Some(found) => Some(format!("{name} is {}, expected {low} to {high}", found.value)),
                None => Some(format!("{name} is not there, expected {}", figure.value)),
            }
        })
        .collect();
    if unexpected.is_empty() { Verdict::Expected(judged.len()) } else { Verdict::Unexpected(unexpected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(all: &[(&str, f64, Option<[f64; 2]>)]) -> Figures {
        all.iter()
            .map(|(name, value, interval)| ((*name).to_owned(), Figure { value: *value, interval: *interval }))
            .collect()
    }

    #[test]
    fn a_figure_has_to_lie_in_its_interval() {
        let reference = figures(&[("HR", 0.4, Some([0.38, 0.43])), ("users", 10.0, None)]);
        assert_eq!(compare(&reference, &figures(&[("HR", 0.43, None)])), Verdict::Expected(1));
        let low = compare(&reference, &figures(&[("HR", 0.3799, None)]));
        assert_eq!(low, Verdict::Unexpected(vec!["HR is 0.3799, expected 0.38 to 0.43".to_owned()]));
        let none = compare(&reference, &figures(&[]));
        assert_eq!(none, Verdict::Unexpected(vec!["HR is not there, expected 0.4".to_owned()]));
    }

    #[test]
    fn without_intervals_figures_have_to_be_the_same() {
        let reference = figures(&[("HR", 0.4, None)]);
        assert_eq!(compare(&reference, &reference), Verdict::Expected(1));
        let other = compare(&reference, &figures(&[("HR", 0.5, None)]));
        assert_eq!(other, Verdict::Unexpected(vec!["HR is 0.5, expected 0.4".to_owned()]));
        assert_eq!(compare(&Figures::new(), &Figures::new()), Verdict::NotCompared);
    }
}
