//! Limits of the system: which one an error of the system means, and what to do about it.

use rustix::io::Errno;
use std::io;

const PROCESSES: (&str, &str) = (
    "no more processes or threads can be started",
    "raise the limit (ulimit -u, or pids.max of the control group), end other programs, or run fewer stages at once with -j",
);

/// The limit that an error of the system means, and what to do.
pub(super) fn reached(error: &io::Error) -> Option<(&'static str, &'static str)> {
    if error.kind() == io::ErrorKind::FileTooLarge {
        return Some((
            "the file would be larger than the limit for files",
            "raise the limit with ulimit -f unlimited, and run again",
        ));
    }
    match Errno::from_io_error(error)? {
        Errno::TOOBIG => Some((
            "its arguments and environment are longer than the system allows",
            "pass long values in a file: parameters.json in the folder of the stage has all parameters",
        )),
        Errno::MFILE => Some((
            "this process has as many open files as it may have",
            "raise the limit with ulimit -n, or run fewer stages at once with -j",
        )),
        Errno::NFILE => Some(("the machine has as many open files as it may have", "end other programs and run again")),
        Errno::AGAIN => Some(PROCESSES),
        Errno::NOMEM => Some(("there is not enough memory", "end other programs, or run fewer stages at once with -j")),
        _ => None,
    }
}

/// The same for an error of the system in a string: the message of another process, or the panic of a library that could not
/// start a thread.
pub(super) fn reached_in(text: &str) -> Option<(&'static str, &'static str)> {
    let number = ["os error ", "code: "].iter().find_map(|before| {
        let (_, after) = text.rsplit_once(before)?;
        let digits = after.find(|character: char| !character.is_ascii_digit()).unwrap_or(after.len());
        after[..digits].parse().ok()
    })?;
    reached(&io::Error::from_raw_os_error(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_found_in_what_another_process_printed() {
        assert_eq!(reached_in("sh cannot be started: Resource temporarily unavailable (os error 11)"), Some(PROCESSES));
        assert_eq!(reached_in("ThreadPoolBuildError { Os { code: 11, kind: WouldBlock } }"), Some(PROCESSES));
        assert!(reached_in("cannot be started: Argument list too long (os error 7)").is_some());
        assert_eq!(reached_in("cannot be started: No such file or directory (os error 2)"), None);
        assert_eq!(reached_in("no number here"), None);
    }
}
