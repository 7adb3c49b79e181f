//! The words that this program was started with.

/// The words of the command line as text. A path may have bytes that are not UTF-8, for which a sign stands here.
pub(super) fn command_line() -> impl Iterator<Item = String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned())
}
