//! Independent streams of random numbers, named by what they are for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

/// What a stream is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The order of an epoch's samples.
    Samples,
    /// What dropout drops.
    Dropout,
    /// The users that epochs are chosen on.
    ValidationUsers,
}

/// The stream of a seed, a purpose, and a number such as that of the step.
pub(crate) fn stream(seed: u64, purpose: Purpose, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number.wrapping_mul(3).wrapping_add(purpose as u64));
    rng
}
