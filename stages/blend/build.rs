//! Tells the crate its code version.

fn main() {
    fingerprint::emit();
}
