#![no_main]

use buildrace::docker_cli::{Changed, Config};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let config = Config::new(Some(text.to_owned()));
    if let Ok(Changed::Text(with)) = config.with_hook("10s") {
        // What was switched on is on, and can be switched off.
        let on = Config::new(Some(with));
        assert!(on.hook().is_some());
        assert!(on.without_hook().is_ok());
    }
    let _ = config.without_hook();
});
