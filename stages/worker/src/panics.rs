//! A panic is a failure like any other, with a place and a hint.

use contract::{Failure, FailureKind, Result};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::{Mutex, PoisonError};

/// The message of the first panic, and its place.
static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Does the work and turns a panic in it into a [`Failure`].
///
/// # Errors
/// When the work fails or panics.
pub(crate) fn as_failures(work: impl FnOnce() -> Result<()>) -> Result<()> {
    let before = take_hook();
    set_hook(Box::new(remember));
    // What the work leaves half done is not looked at again: the process ends with its failure.
    let result = catch_unwind(AssertUnwindSafe(work));
    set_hook(before);
    result.unwrap_or_else(|_| Err(failure()))
}

/// A thread that panics because another one did tells less than the first.
fn remember(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref().copied());
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let message = format!("{} (at {place})", text.unwrap_or("a panic without a message"));
    FIRST.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
}

fn failure() -> Failure {
    let message = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
    let message = message.unwrap_or_else(|| "a panic without a message".to_owned());
    Failure::new(FailureKind::Stage, format!("the stage panicked: {message}"))
        .hint("this is a bug in the stage: please report it with this message and the pipeline file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_that_names_its_place() {
        let failure = as_failures(|| panic!("shape [2, 3] is not [3, 2]")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Stage);
        assert!(failure.message.contains("shape [2, 3] is not [3, 2] (at "), "{failure}");
        assert!(failure.message.contains("panics.rs:"), "{failure}");
        assert!(failure.hint.is_some());
        assert_eq!(as_failures(|| Ok(())), Ok(()));
    }
}
