#![no_main]

use buildrace::bake::Escapes;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for version in ["", "github.com/docker/buildx v0.13.1 1", "github.com/docker/buildx v0.29.1 1"] {
        let _ = buildrace::bake::read(data, Escapes::of_version(version));
    }
});
