//! Results: artifacts and the records that name them; committing, linking, exporting.

pub(super) mod action;
pub(super) mod artifact;
pub(super) mod commit;
pub(super) mod export;
pub(super) mod link_into;
pub(super) mod links;
pub(super) mod remote;
pub(super) mod transfer;
