//! From files to blocks of whole lines, and from blocks to what readers make of them, on several threads.

mod bad_rows;
mod blocks;
mod files;
mod parallel;

pub(crate) use bad_rows::{BadRow, BadRows};
pub(crate) use blocks::{Block, Blocks, Lines};
pub(crate) use files::{Files, head};
pub(crate) use parallel::{Outcome, read_blocks};
