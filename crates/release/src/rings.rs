//! Widening a release ring by ring, and the way around in an emergency.

use law::Ring;
use statement::{Predicate, StatementDigest};

use crate::{
    error::ReleaseError,
    log_access::CenterLog,
    propose::{Order, Proposed},
    room::Room,
    step::Step,
};

impl<L: CenterLog> Room<'_, L> {
    /// Releases a build in the narrowest ring that does not have it yet, then the next time in the next
    /// wider one, and last in the channel itself. `percents` are the rings of the channel, ascending.
    ///
    /// # Errors
    /// [`law::Code::ReleaseRing`] when the ring before has not had it long enough, or as
    /// [`Room::propose`].
    pub async fn widen(
        &mut self,
        order: &Order,
        percents: &[u64],
    ) -> Result<Proposed, ReleaseError> {
        self.log.sync().await?;
        let channels = channels_of(&order.channel, percents);
        // Everywhere already: proposing it once more in the channel itself says so.
        let mut next = order.clone();
        for channel in channels {
            if !self.has_release(order, &channel)? {
                next.channel = channel;
                break;
            }
        }
        self.propose(&next).await
    }

    /// Releases a build to everybody at once: the reason is logged first, then one release per ring,
    /// narrow to wide. Again after a crash, it goes on.
    ///
    /// # Errors
    /// As [`Room::propose`].
    pub async fn emergency(
        &mut self,
        order: &Order,
        percents: &[u64],
        reason: &str,
    ) -> Result<Vec<Proposed>, ReleaseError> {
        self.log.sync().await?;
        if self.emergency_of(order.build)?.is_none() {
            let envelope = self
                .keys
                .sign_emergency(order.build, reason, self.bounds())?;
            self.log.submit(&envelope).await?;
            self.log.sync().await?;
            self.tell(Step::EmergencyLogged(order.build));
        }
        let mut proposed = Vec::new();
        for channel in channels_of(&order.channel, percents) {
            let order = Order {
                channel,
                ..order.clone()
            };
            proposed.push(self.propose(&order).await?);
        }
        Ok(proposed)
    }

    fn emergency_of(
        &self,
        build: StatementDigest,
    ) -> Result<Option<StatementDigest>, ReleaseError> {
        let entries = self.log.view()?.entries_of_build(build);
        let found = entries
            .iter()
            .find(|entry| matches!(entry.statement().predicate, Predicate::Emergency(_)));
        Ok(found.map(|entry| entry.digest()))
    }

    fn has_release(&self, order: &Order, channel: &str) -> Result<bool, ReleaseError> {
        Ok(self.log.view()?.released().iter().any(|quorum| {
            let release = quorum.release();
            let named = order.artifact.as_ref();
            release.channel == channel
                && release.build == order.build
                && named.is_none_or(|name| *name == release.file)
        }))
    }
}

/// The channels of the rings, narrow to wide, the channel itself last.
fn channels_of(base: &str, percents: &[u64]) -> Vec<String> {
    let rings = percents.iter().map(|percent| Ring {
        base: base.to_owned(),
        percent: *percent,
    });
    let mut channels: Vec<String> = rings.map(|ring| ring.channel()).collect();
    channels.push(base.to_owned());
    channels.dedup();
    channels
}

#[cfg(test)]
mod tests {
    use super::channels_of;

    #[test]
    fn the_channel_itself_is_the_widest_ring() {
        assert_eq!(
            channels_of("stable", &[1, 10]),
            ["stable.r1", "stable.r10", "stable"]
        );
        assert_eq!(channels_of("stable", &[]), ["stable"]);
        assert_eq!(channels_of("stable", &[5, 100]), ["stable.r5", "stable"]);
    }
}
