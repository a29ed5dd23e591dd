//! Locks of environments: one form.
#![no_main]

use conveyer::Lock;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(lock) = Lock::parse(text) {
        assert_eq!(lock.to_text(), text);
        assert_eq!(lock.digest(), tlog::sha256(text.as_bytes()));
        let (inputs, files) = (lock.inputs().to_vec(), lock.files().to_vec());
        let again = Lock::new(lock.name(), inputs, files).expect("the same parts");
        assert_eq!(again, lock);
    }
});
