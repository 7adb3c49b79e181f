//! Gives the crate its version, a digest of its sources, and the way to libtorch where it needs it.

fn main() {
    fingerprint::emit();
}
