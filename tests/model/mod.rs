//! A model of `pipe`: pipelines at random, what they make, what the store must hold, and what may happen to it.

pub(crate) mod dag;
pub(crate) mod reference;
pub(crate) mod timeline;
pub(crate) mod world;
