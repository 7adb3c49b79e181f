//! A panic in this program is an error like any other, with a place and an exit code.

use crate::error::{Error, Result, limits};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From here on panics are remembered for [`caught`] instead of being printed.
pub fn remember_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref().copied());
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let message = format!("{} (at {place})", text.unwrap_or("a panic without a message"));
        tracing::debug!("panic: {message}");
        LAST.with_borrow_mut(|last| *last = Some(message));
    }));
}

/// Does the work; a panic in it becomes an error. What the work has left half done must not be used again.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(error()))
}

fn error() -> Error {
    let text = LAST.with_borrow_mut(Option::take).unwrap_or_else(|| "a panic without a message".to_owned());
    match limits::reached_in(&text) {
        Some((limit, hint)) => Error::Limit { message: limit.to_owned(), hint },
        None => Error::Internal(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let bug = caught::<()>(|| panic!("index out of bounds")).unwrap_err();
        assert_eq!(bug.exit_code(), 70);
        assert_eq!(caught(|| Ok(1)).unwrap(), 1);
    }
}
