//! A race, from scenarios to results and report: what `run`, `compare`,
//! `check` and `calibrate` have in common.

mod building;
mod causes;
mod draft;
mod eligibility;
mod fetched_sources;
mod fitness;
mod image_store;
mod input;
mod new_record;
mod observer;
mod prepared;
mod raced;
mod resume;
mod run_locks;
mod smoke_runner;
mod transfers;
mod writable;

pub use causes::Causes;
pub use eligibility::{Choice, no_emulator, no_image};
pub use input::RaceInput;
pub use prepared::{Prepared, race};
pub use raced::Raced;
pub use resume::resume;
pub use transfers::again as transfers_again;
pub use writable::{check_writable, keep_out_of_git};
