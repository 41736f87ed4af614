//! What runs that were killed left on this machine.

use crate::escape;
use crate::report::number;
use crate::temporary;

/// Removes temporary folders that dead runs left: they may be gigabytes. What
/// cannot be removed is left to `buildrace clean`, which says why.
pub fn sweep() {
    for path in temporary::left_in(&std::env::temp_dir(), temporary::PREFIX) {
        let bytes = number::bytes(temporary::bytes_in(&path));
        if temporary::remove(&path).is_ok() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = escape::terminal(&name, 200);
            errln!("note: removed the temporary folder {name} of a run that was killed ({bytes})");
        }
    }
}
