//! Making later writes through memory maps show in a file's time stamps.
//!
//! The kernel sets the time stamps of a file at the first write through a map to each page, and not again before that page
//! was written out: until then the page stays writable and nobody learns of more writes to it. Starting to write the
//! dirty pages out makes them read-only, so the next write to each sets the time stamps again.

use std::fs::File;
use std::os::fd::AsRawFd as _;

/// Starts to write out the dirty pages of a file. Whatever is written through a map from here on moves the time stamps.
///
/// It waits neither for the disk nor for the journal, so a file that is clean costs microseconds. A file system that
/// keeps no pages to write out (tmpfs) never sets the time stamps for writes through maps, and this does not change it.
#[expect(unsafe_code, reason = "no safe binding has sync_file_range, and fdatasync waits for the journal: 4 ms a file")]
pub(crate) fn flush_pages(file: &File) {
    // Pages that are being written out may have been written to again meanwhile, so those are waited for.
    let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE;
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and no memory is passed.
    let done = unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, flags) };
    if done != 0 && file.sync_data().is_err() {
        tracing::debug!("a file's pages could not be flushed: {}", std::io::Error::last_os_error());
    }
}
