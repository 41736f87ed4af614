#![no_main]

mod explained;

use buildrace::trace::Builds;
use buildrace::trace::rawjson::Reader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut builds = Builds::new();
    for status in Reader::new(data).map_while(Result::ok) {
        builds.push(&status);
    }
    explained::explained(&builds.end(false));
});
