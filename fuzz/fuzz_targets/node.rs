#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| { gradbound::fuzz::node(bytes); });
