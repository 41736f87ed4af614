//! What a race builds on: one builder, or each value of a matrix.

mod again;
mod builders;
mod cell_set;
mod driver_options;
mod emulators;
mod opening;

pub use again::matrix_again;
pub use cell_set::Cells;
pub use emulators::keep as keep_emulators;
