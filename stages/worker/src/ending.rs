//! The end of the process, without tearing down what it loaded.

/// Ends the process at once with this exit code. What counts is written by then, every line of the output with its
/// end; libtorch would take a tenth of a second to forget its operators one by one.
pub(crate) fn at_once(code: i32) -> ! {
    #[expect(unsafe_code, reason = "the standard library only has an exit that tears down")]
    // SAFETY: the process ends, whatever its state.
    unsafe {
        libc::_exit(code)
    }
}
