//! TUF metadata of the role `root`: one form, with signatures or without.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tuf::{Root, Signed, signing_bytes, verify_first_root, verify_next_root};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = Signed::<Root>::parse(bytes) {
        assert_eq!(file.to_bytes().expect("what we read, we print"), bytes);
        signing_bytes(file.signed()).expect("what we read can be signed");
        let unsigned = Signed::new(file.signed().clone()).expect("it was checked");
        assert_eq!(unsigned.signed(), file.signed());
        let root = file.signed();
        assert!(verify_next_root(root, bytes).is_err(), "its own successor");
        if let Ok((first, _)) = verify_first_root(bytes) {
            assert!(!first.signatures().is_empty(), "in force unsigned");
        }
    }
});
