#![no_main]

mod explained;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(builds) = buildrace::trace::plain::builds(data) {
        explained::explained(&builds);
    }
});
