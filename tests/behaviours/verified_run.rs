//! `pipe run --verify` finds an edit of a stored file that keeps its size, and makes the result again.

use crate::space::chain::{chain, folder};
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn an_edit_of_the_same_size_is_found_and_made_again() {
    let space = chain();
    space.succeed(&["run", "chain"]);
    let stored = folder(&space, "double.text", &[]).join("text");
    std::fs::set_permissions(&stored, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&stored, "xx").unwrap();
    assert_eq!(space.statuses(&["chain"])["double"], "cached", "sizes alone do not show it");
    let outcome = space.succeed(&["run", "chain", "--verify"]);
    assert!(outcome.err.contains("damaged, so it is made again: "), "{}", outcome.err);
    assert_eq!(space.result("chain/double/text/text"), "aa");
    assert_eq!(space.stored("quarantine").len(), 2, "the artifact and its record");
    let outcome = space.succeed(&["run", "chain", "--verify"]);
    assert!(!outcome.err.contains("damaged") && outcome.err.contains("verified"), "{}", outcome.err);
}
