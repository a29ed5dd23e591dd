//! Locks of environments: one form.
#![no_main]

use conveyer::Lock;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(lock) = Lock::parse(text) {
        assert_eq!(lock.to_text(), text);
        assert_eq!(lock.digest(), tlog::sha256(text.as_bytes()));
        let (inputs, archives) = (lock.inputs().to_vec(), lock.archives().to_vec());
        let files = lock.files().to_vec();
        let again = Lock::new(lock.name(), inputs, archives, files).expect("the same parts");
        assert_eq!(again, lock);
    }
});
