#![no_main]

mod explained;

use buildrace::buildkit::StoredLog;
use buildrace::trace::{Recorded, Trace};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut trace = Trace::new();
    for status in StoredLog::new(data).map_while(Result::ok) {
        trace.push(&status);
    }
    explained::explained(&[Recorded {
        trace,
        ..Recorded::default()
    }]);
});
