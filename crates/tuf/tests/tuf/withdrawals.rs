//! What a timestamp says about withdrawals.

use tuf::{Signed, Timestamp};

use crate::world::at;

#[test]
fn a_timestamp_may_name_a_list_of_withdrawals_by_size_and_digest() {
    let list = b"three withdrawals";
    let named = Timestamp::with_withdrawals(5, at(1), (4, b"snapshot"), list).unwrap();
    let read = Signed::<Timestamp>::parse(&named.to_bytes().unwrap()).unwrap();
    let file = read.signed().withdrawals().unwrap();
    assert_eq!((file.length(), *file.sha256()), (17, tlog::sha256(list)));
    assert_eq!(read.signed().snapshot().version(), 4);
    let plain = Timestamp::build(5, at(1), 4, b"snapshot").unwrap();
    assert!(plain.signed().withdrawals().is_none());
}
