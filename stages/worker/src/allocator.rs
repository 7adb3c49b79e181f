//! The allocator of the worker, and of libtorch in it, set to keep the memory of freed tensors for the next ones.
//! `docs/concepts/decisions.md` has the measurements.

/// Reuses the memory of freed tensors of any size, where the C library's heap falls into pieces.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What jemalloc reads before its first allocation: large blocks are kept like others, and what was not used for some seconds stays with
/// the process until the system wants it.
#[expect(unsafe_code, reason = "the name must be the one that jemalloc looks for")]
// SAFETY: jemalloc reads a pointer of this name to a C string, which this is; no other crate defines it.
#[unsafe(export_name = "malloc_conf")]
static SETTINGS: &[u8; SETTINGS_BYTES] = b"oversize_threshold:0,muzzy_decay_ms:-1\0";

/// The length of [`SETTINGS`], for a pointer to an array is as thin as one of C.
const SETTINGS_BYTES: usize = 39;
