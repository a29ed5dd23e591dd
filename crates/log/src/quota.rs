//! How many entries one key may add: a stolen key must not fill the log, nor hold up the others.
//!
//! Only what would be written counts: entries that the law refuses or that stand already cost
//! nothing, and since the signature is judged before, nobody can use up the quota of another key.
//! A `revocation` is never held up: a thief who floods with a key must not keep its owner from
//! revoking it.

use std::collections::HashMap;
use std::time::Duration;

use statement::KeyId;

/// Keys remembered before those that have their whole quota again are forgotten.
const KEYS_MAX: usize = 1024;

/// An allowance that fills up steadily. It keeps one moment per key: when the key would have its
/// whole quota again.
#[derive(Debug)]
pub(crate) struct Quota {
    /// Time in which one entry is earned.
    earns_one_in: Duration,
    /// Time in which the whole quota is earned.
    earns_all_in: Duration,
    full_at: HashMap<KeyId, Duration>,
}

impl Quota {
    /// At most `burst` entries at once, and `per_minute` in the long run; each at least 1.
    pub(crate) fn new(burst: u32, per_minute: u32) -> Self {
        let earns_one_in = Duration::from_secs(60) / per_minute.max(1);
        Self {
            earns_one_in,
            earns_all_in: earns_one_in * burst.max(1),
            full_at: HashMap::new(),
        }
    }

    /// Takes one entry of `key` at `now`, a time since any fixed moment; or says how long to wait.
    pub(crate) fn take(&mut self, key: KeyId, now: Duration) -> Result<(), Duration> {
        if self.full_at.len() >= KEYS_MAX {
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        let full_at = self.full_at.get(&key).map_or(now, |at| now.max(*at));
        let next = full_at + self.earns_one_in;
        let latest = now + self.earns_all_in;
        if next > latest {
            return Err(next - latest);
        }
        self.full_at.insert(key, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> KeyId {
        KeyId::of(&[n; 32])
    }

    #[test]
    fn a_key_may_add_its_burst_and_then_as_much_as_it_earns() {
        let mut quota = Quota::new(3, 60);
        let now = Duration::from_secs(100);
        for _ in 0..3 {
            assert_eq!(quota.take(key(1), now), Ok(()));
        }
        assert_eq!(quota.take(key(1), now), Err(Duration::from_secs(1)));
        assert_eq!(quota.take(key(2), now), Ok(()), "another key has its own");
        let later = now + Duration::from_millis(400);
        assert_eq!(quota.take(key(1), later), Err(Duration::from_millis(600)));
        let later = now + Duration::from_secs(1);
        assert_eq!(quota.take(key(1), later), Ok(()));
        assert_eq!(quota.take(key(1), later), Err(Duration::from_secs(1)));
        let rested = now + Duration::from_secs(1000);
        for _ in 0..3 {
            assert_eq!(quota.take(key(1), rested), Ok(()));
        }
        assert!(
            quota.take(key(1), rested).is_err(),
            "no more than its burst"
        );
    }

    #[test]
    fn keys_that_have_rested_are_forgotten_first() {
        let mut quota = Quota::new(1, 60);
        for n in 0..u16::try_from(KEYS_MAX).unwrap_or(u16::MAX) {
            let id = KeyId::of(&n.to_be_bytes());
            assert_eq!(quota.take(id, Duration::ZERO), Ok(()));
        }
        assert!(quota.take(key(7), Duration::from_secs(2)).is_ok());
        assert_eq!(quota.full_at.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_was_earned(pauses in proptest::collection::vec(0u64..3000, 1..60)) {
            let mut quota = Quota::new(5, 120);
            let (mut now, mut taken) = (Duration::ZERO, 0u128);
            for pause in pauses {
                now += Duration::from_millis(pause);
                taken += u128::from(quota.take(key(1), now).is_ok());
                proptest::prop_assert!(taken <= 5 + now.as_millis() / 500);
            }
        }
    }
}
