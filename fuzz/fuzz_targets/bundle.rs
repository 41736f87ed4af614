#![no_main]

mod explained;

use buildrace::bundle::{self, Found};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(Found::Builds(builds)) = bundle::read("x", data) {
        explained::explained(&builds);
    }
});
