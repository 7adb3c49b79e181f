//! Whether the inputs of a stage number the same items.

use contract::{Failure, FailureKind, Result};

/// Refuses an input whose number of items differs from that of the input that it is used with.
///
/// Items are numbered by `ingest`, so artifacts of two ingests do not belong together. Each input is the name of its
/// port and how many items it has; `reference` is usually `interactions`.
///
/// # Errors
/// [`FailureKind::Conflict`] when the numbers differ.
pub fn same_ingest(reference: (&str, usize), input: (&str, usize)) -> Result<()> {
    if input.1 == reference.1 {
        return Ok(());
    }
    let message = format!("'{}' has {} items, '{}' has {}", input.0, input.1, reference.0, reference.1);
    Err(Failure::new(FailureKind::Conflict, message).hint("both must come from the same ingest"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_different_sizes_are_refused() {
        assert!(same_ingest(("interactions", 4), ("codes", 4)).is_ok());
        let failure = same_ingest(("interactions", 4), ("codes", 3)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert_eq!(failure.message, "'codes' has 3 items, 'interactions' has 4");
    }
}
