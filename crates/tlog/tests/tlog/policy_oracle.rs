//! The same policies in our grammar and in that of an independent implementation, whose only
//! difference is that it writes raw keys in hex where we write vkeys.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::prelude::*;
use tlog::{KeyType, NoteSigner as _, Policy, PolicyName};

use crate::keys::TestSigner;

const WITNESSES: usize = 8;

fn signers() -> &'static [TestSigner] {
    static SIGNERS: OnceLock<Vec<TestSigner>> = OnceLock::new();
    SIGNERS.get_or_init(|| {
        let witness = |i| {
            let name = format!("w{i}.example");
            TestSigner::new(&name, KeyType::CosignatureEd25519, &format!("oracle {i}"))
        };
        (0..WITNESSES).map(witness).collect()
    })
}

/// A group: a threshold word and members as indexes into whatever names are still free.
type Group = (u8, Vec<prop::sample::Index>);

/// Writes both texts. Names are members once; thresholds may be out of range on purpose.
fn texts(groups: &[Group], quorum: prop::sample::Index) -> (String, String) {
    let (mut ours, mut theirs) = (String::new(), String::new());
    let mut free: Vec<String> = Vec::new();
    let mut all: Vec<String> = Vec::new();
    for (i, signer) in signers().iter().enumerate() {
        ours += &format!("witness w{i} {}\n", signer.vkey());
        theirs += &format!("witness w{i} {}\n", hex::encode(signer.vkey().public_key()));
        free.push(format!("w{i}"));
        all.push(format!("w{i}"));
    }
    for (i, (word, members)) in groups.iter().enumerate() {
        let mut line = String::new();
        let mut count = 0;
        for member in members {
            if !free.is_empty() {
                line += &format!(" {}", free.swap_remove(member.index(free.len())));
                count += 1;
            }
        }
        if count == 0 {
            continue;
        }
        let threshold = match word % 3 {
            0 => "all".to_owned(),
            1 => "any".to_owned(),
            _ => (1 + usize::from(*word) % count).to_string(),
        };
        let line = format!("group g{i} {threshold}{line}\n");
        ours += &line;
        theirs += &line;
        free.push(format!("g{i}"));
        all.push(format!("g{i}"));
    }
    let quorum = format!("quorum {}\n", all[quorum.index(all.len())]);
    (ours + &quorum, theirs + &quorum)
}

proptest! {
    #[test]
    fn a_quorum_is_met_for_us_exactly_when_it_is_for_the_oracle(
        groups in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<prop::sample::Index>(), 1..5)), 0..5),
        quorum in any::<prop::sample::Index>(),
    ) {
        let (ours, theirs) = texts(&groups, quorum);
        let policy = Policy::parse(&ours).unwrap();
        let oracle = sigsum::Policy::parse(&theirs).unwrap();
        prop_assert_eq!(&Policy::parse(&policy.to_string()).unwrap(), &policy);
        for cosigned in 0u32..1 << WITNESSES {
            let chosen: Vec<usize> = (0..WITNESSES).filter(|i| cosigned >> i & 1 == 1).collect();
            let names: BTreeSet<PolicyName> =
                chosen.iter().map(|i| policy.witnesses()[*i].name().clone()).collect();
            let keyhashes: Vec<sigsum::Hash> =
                chosen.iter().map(|i| sigsum::Hash::new(signers()[*i].vkey().public_key())).collect();
            prop_assert_eq!(policy.is_satisfied(&names), oracle.check_quorum(&keyhashes));
        }
    }

    #[test]
    fn what_we_accept_the_oracle_accepts(
        lines in prop::collection::vec(prop::sample::select(vec![
            "witness a KEY0", "witness b KEY1", "witness a KEY1", "witness c KEY0 url", "witness d KEY2",
            "group g any a", "group g all a b", "group h 2 a b", "group h 1 g d", "group i 3 a b",
            "quorum a", "quorum g", "quorum h", "quorum none", "quorum", "# comment", "", " \t",
            "group j any a a", "witness none KEY3", "nonsense",
        ]), 0..8),
    ) {
        let (mut ours, mut theirs) = (String::new(), String::new());
        for line in lines {
            let (mut a, mut b) = (line.to_owned(), line.to_owned());
            for (i, signer) in signers().iter().enumerate() {
                a = a.replace(&format!("KEY{i}"), &signer.vkey().to_string());
                b = b.replace(&format!("KEY{i}"), &hex::encode(signer.vkey().public_key()));
            }
            ours += &format!("{a}\n");
            theirs += &format!("{b}\n");
        }
        // The oracle is laxer (members twice, thresholds out of range), never stricter.
        if Policy::parse(&ours).is_ok() {
            prop_assert!(sigsum::Policy::parse(&theirs).is_ok(), "{}", theirs);
        }
    }
}
