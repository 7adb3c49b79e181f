//! What the engine does when this process calls it as a library, over disks that fail, lose power or damage what they hold.
//!
//! Apart from `behaviours`: a run in this process ends all processes below it, those of other tests too.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and says what it tried")]

mod corruption;
mod engine;
mod faults;
mod power;
mod power_loss;
#[path = "../behaviours/soak/mod.rs"]
mod soak;
