//! The HTTP interface: paths, bodies, errors, and what happens to every request.

mod answers;
mod extract;
mod health;
mod items;
mod layers;
mod openapi;
mod problem;
mod recommendations;
mod rendering;
mod routes;

pub(crate) use answers::{ItemName, SimilarBy, StatusAnswer, names};
pub(crate) use extract::Query;
pub(crate) use health::status_of;
pub(crate) use items::similar_items;
pub(crate) use problem::{Problem, ProblemKind};
pub(crate) use routes::{PATHS, router};
