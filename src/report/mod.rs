//! Reports: one view model, and renderers that turn it into text. Renderers
//! are pure; writing files is their callers' work.

mod address;
pub mod article;
#[cfg(test)]
pub(crate) mod awkward;
pub mod chart;
mod check;
pub mod choose;
mod ci;
mod document;
mod edit;
mod environment;
pub mod explanation;
mod failure_rates;
mod figures;
#[cfg(test)]
pub(crate) mod fixture;
mod jobs;
mod json;
pub mod list;
mod markdown;
mod names;
pub mod number;
mod page;
mod paint;
mod parts;
mod prose;
mod questions;
mod reading;
pub mod remembered;
mod round_summary;
pub mod runs;
mod sentence;
mod side_by_side;
pub mod site;
mod successive;
mod table;
mod terminal;
mod view;
mod words;
mod wrap;

pub use address::PageAddress;
pub use check::{CheckOutcome, CheckView, Finding, Level, Rule, check_on_terminal};
pub use ci::{Format, UnknownFormat};
pub use document::{Document, NoDocument};
pub use figures::figures;
pub use jobs::rows as job_rows;
pub use json::json;
pub use markdown::markdown;
pub use page::{PageLinks, page};
pub use sentence::sentence;
pub use terminal::terminal;
pub use view::{
    BaseImageView, Cell, CulpritView, EmulatorView, FailureRate, FailureView, PairView, RollUp,
    SampleView, ScenarioView, Successive, VariantView, View,
};

#[cfg(test)]
mod tests;
