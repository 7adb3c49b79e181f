//! Metrics refuse a cutoff that lies beyond the end of the ranked lists.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says why it skips")]

mod space;

use space::Space;

#[test]
fn a_cutoff_beyond_the_end_of_the_lists_is_refused() {
    let space = Space::quick();
    let outcome = space.pipe(&["run", "quick", "--set", "metrics.cutoffs=[10, 50]"]);
    assert_eq!(outcome.code, 25, "{}{}", outcome.out, outcome.err);
    assert!(outcome.err.contains("cutoffs has 50, but the lists of 'popularity'"), "{}", outcome.err);
    assert!(outcome.err.contains("end after 20 of"), "{}", outcome.err);
    assert!(outcome.err.contains("set top_k of the stage that makes 'popularity' to 50 or more"), "{}", outcome.err);
}

#[test]
fn a_cutoff_within_the_lists_or_of_all_items_is_measured() {
    let space = Space::quick();
    space.succeed(&["run", "quick", "--set", "metrics.cutoffs=[10, 20]"]);
    space.succeed(&["run", "quick", "--set", "metrics.cutoffs=[50]", "--set", "popularity.top_k=50"]);
    space.succeed(&["run", "quick", "--set", "metrics.cutoffs=[100]", "--set", "popularity.top_k=100"]);
}
