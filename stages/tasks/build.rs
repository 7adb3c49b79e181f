//! Takes the version of the code that this is built from.

fn main() {
    fingerprint::emit();
}
