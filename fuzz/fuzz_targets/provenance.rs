#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(mut found) = buildrace::provenance::read(data) {
        let again = found.clone();
        found.add(again);
    }
});
