//! What is printed is read back as the same, and nothing makes a parser panic.

use std::sync::LazyLock;

use proptest::prelude::*;
use seal::{ContentOpener, Front, Header, Opened, SealError, Sealer};
use statement::{EpochPurpose, SampleId, StatementDigest};

use crate::cast::{address, keys, secret, seed};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_sealed_is_opened(
        sample in any::<[u8; 16]>(),
        region in "[a-z0-9-]{1,64}",
        policy in any::<[u8; 32]>(),
        file in prop::collection::vec(any::<u8>(), 1..3000),
        randomness in prop::array::uniform32(any::<u8>()),
    ) {
        let mut address = address("property", file.len() as u64);
        address.sample = SampleId::new(sample);
        address.region = region.parse().unwrap();
        address.policy = StatementDigest::of(&policy);
        let randomness: [u8; 64] = [randomness, randomness].concat().try_into().unwrap();
        let keys = keys();
        let sealer = Sealer::start(address.clone(), &keys, &seed("property"), &randomness).unwrap();
        let (sealed, ciphertext) = sealer.seal_all(&file).unwrap();
        let front = Front::parse(&sealed.front.to_bytes()).unwrap();
        prop_assert_eq!(&front, &sealed.front);
        prop_assert_eq!(front.header().address(), &address);
        let opener = secret(EpochPurpose::Analysis);
        let key = Opened::with_analysis_key(&front, &keys, &opener).unwrap().check_rest_wraps().unwrap();
        let opened = ContentOpener::new(front.header(), &key).open_all(&ciphertext, &sealed.seal).unwrap();
        prop_assert_eq!(&*opened, &file);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..6000)) {
        prop_assert!(Header::parse(&bytes).is_err());
        prop_assert!(Front::parse(&bytes).is_err());
    }

    #[test]
    fn a_header_with_one_character_replaced_is_another_header_or_none(
        at in 0..900usize,
        with in "\\PC|\n|[0-9a-f ]",
    ) {
        static TEXT: LazyLock<String> = LazyLock::new(|| {
            let (sealed, _) = crate::cast::sealed("replace", b"file");
            String::from_utf8(sealed.front.header().as_bytes().to_vec()).unwrap()
        });
        let text = TEXT.as_str();
        let at = at % text.len();
        let changed = format!("{}{with}{}", &text[..at], &text[at + 1..]);
        match Header::parse(changed.as_bytes()) {
            Ok(header) => prop_assert_eq!(header.as_bytes(), changed.as_bytes()),
            Err(SealError::Header(_) | SealError::Size { .. }) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
