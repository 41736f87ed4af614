#![no_main]

mod explained;

use std::io::Write;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(data).expect("it can be written");
    if let Ok(Some(builds)) = buildrace::bundle::read(file.path()) {
        explained::explained(&builds);
    }
});
