//! The fleet model: which strategies of building a run has measured, what a month of
//! CI jobs takes with each, and which is the least. `docs/choose.md` states the
//! model and its assumptions.
//!
//! A strategy is a variant, the nodes that it is built on, and what becomes of its
//! caches between two jobs. Times are those of a run's samples, round by round;
//! only native nodes that nobody had are a prediction, and called so.

mod answer;
mod bill;
mod cache_mount;
mod caches;
mod cell;
mod choice;
mod month;
mod prices;
#[cfg(test)]
mod simulation;
mod strategy;

pub use answer::{Answer, Fleet, FleetAnswer};
pub use bill::{Amount, Bill};
pub use cache_mount::CacheMount;
pub use caches::Caches;
pub use cell::Cell;
pub use choice::{Against, Basis, Choice, Compared, EQUAL_WITHIN};
pub use month::{Month, Part};
pub use prices::{ARCHITECTURES, JOB_KEYS, KEYS, PRICES_TEMPLATE, Prices, STORAGE_KEYS};
pub use strategy::{How, Nodes, Strategy};
