//! TUF metadata of the role `targets`: one form, with signatures or without.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tuf::{Signed, Targets, signing_bytes};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(file) = Signed::<Targets>::parse(bytes) {
        assert_eq!(file.to_bytes().expect("what we read, we print"), bytes);
        signing_bytes(file.signed()).expect("what we read can be signed");
        let unsigned = Signed::new(file.signed().clone()).expect("it was checked");
        assert_eq!(unsigned.signed(), file.signed());
    }
});
