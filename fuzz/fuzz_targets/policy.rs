//! Policies. White space and comments are not kept, so what is printed must read back as equal.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use tlog::Policy;

fuzz_target!(|text: &str| {
    if let Ok(policy) = Policy::parse(text) {
        let printed = policy.to_string();
        let again = Policy::parse(&printed).expect("what we print, we read");
        assert_eq!(again, policy);
        assert_eq!(again.to_string(), printed);
        let all: BTreeSet<_> = policy
            .witnesses()
            .iter()
            .map(|w| w.name().clone())
            .collect();
        assert!(
            policy.is_satisfied(&all),
            "every witness together meets every quorum"
        );
        assert_eq!(
            policy.is_satisfied(&BTreeSet::new()),
            policy.quorum().is_none()
        );
    }
});
