//! Orders that wait, and how they collapse.
//!
//! While the supervisor is silent nothing ships, and builds pile up. When it is back one release comes
//! of them: of each line the newest order that can be released is proposed, and what was ordered before
//! it is dropped with a reason. A half-signed release of an older build is withdrawn first, because two
//! releases with one predecessor would be a public fault.
//!
//! ```text
//! queue.json  {"next":7,"pending":[{"number":6,"order":{...}}],"settled":[{"fate":{"dropped":{"reason":"..."}},...}]}
//! ```

use std::collections::BTreeMap;

use law::{Code, Included, Line, Refusal, Settled};
use serde::{Deserialize, Serialize};
use statement::{Predicate, Release, StatementDigest};
use store::{Files, StoreError};

use crate::{
    error::ReleaseError,
    limits::{MADE_WAY_MAX, QUEUE_BYTES_MAX, QUEUE_PENDING_MAX, QUEUE_SETTLED_MAX},
    log_access::CenterLog,
    propose::{Order, Tried},
    room::Room,
    step::Step,
};

const FILE: &str = "queue.json";

/// An order that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queued {
    /// Numbers ascend in the order of arrival.
    pub number: u64,
    /// What was ordered.
    pub order: Order,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was released.
    Released {
        /// Digest of the release.
        release: StatementDigest,
        /// Its number.
        seq: u64,
    },
    /// It will not be released.
    Dropped {
        /// Why.
        reason: String,
    },
}

/// An order that waits no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// The order.
    pub queued: Queued,
    /// What became of it.
    pub fate: Fate,
}

/// Everything that was ordered: what waits, and the newest of what does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    next: u64,
    /// In the order of arrival.
    pub pending: Vec<Queued>,
    /// Oldest first; only the newest are kept.
    pub settled: Vec<Settlement>,
}

impl Queue {
    fn load(files: &Files) -> Result<Self, ReleaseError> {
        let bytes = match files.read(FILE, QUEUE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        serde_json::from_slice(&bytes).map_err(|source| ReleaseError::QueueDamaged {
            path: files.root().join(FILE),
            source,
        })
    }

    fn save(&self, files: &Files) -> Result<(), ReleaseError> {
        let bytes = serde_json::to_vec(self).expect("texts and numbers are JSON");
        Ok(files.replace(FILE, &bytes)?)
    }

    fn settle(&mut self, number: u64, fate: Fate) -> Option<Settlement> {
        let at = self.pending.iter().position(|q| q.number == number)?;
        let settlement = Settlement {
            queued: self.pending.remove(at),
            fate,
        };
        if self.settled.len() == QUEUE_SETTLED_MAX {
            self.settled.remove(0);
        }
        self.settled.push(settlement.clone());
        Some(settlement)
    }

    /// Pending orders by what they would replace, newest first. An order whose source does not stand in
    /// the log yet has no line and waits.
    fn by_line(&self, view: Settled<'_>) -> Vec<Vec<Queued>> {
        let mut lines: BTreeMap<(Line, Option<String>), Vec<Queued>> = BTreeMap::new();
        for queued in self.pending.iter().rev() {
            if let Some(line) = line_of(view, &queued.order) {
                let key = (line, queued.order.artifact.clone());
                lines.entry(key).or_default().push(queued.clone());
            }
        }
        lines.into_values().collect()
    }
}

/// The line an order is for, by its source.
fn line_of(view: Settled<'_>, order: &Order) -> Option<Line> {
    let entries = view.entries_of_build(order.build);
    entries
        .iter()
        .find_map(|entry| match &entry.statement().predicate {
            Predicate::Source(source) => Some(Line {
                product: source.product.clone(),
                channel: order.channel.clone(),
                platform: source.platform.clone(),
            }),
            _ => None,
        })
}

impl<L: CenterLog> Room<'_, L> {
    /// Orders a release, durably; [`Room::drain`] does the rest. An order that waits already keeps its
    /// number.
    ///
    /// # Errors
    /// The queue is full or damaged, or the disk refuses.
    pub fn enqueue(&mut self, order: &Order) -> Result<u64, ReleaseError> {
        let mut queue = self.queue()?;
        if let Some(queued) = queue.pending.iter().find(|queued| queued.order == *order) {
            return Ok(queued.number);
        }
        if queue.pending.len() >= QUEUE_PENDING_MAX {
            return Err(ReleaseError::QueueFull {
                pending: queue.pending.len(),
            });
        }
        queue.next += 1;
        let number = queue.next;
        queue.pending.push(Queued {
            number,
            order: order.clone(),
        });
        queue.save(&self.orders)?;
        Ok(number)
    }

    /// What was ordered.
    ///
    /// # Errors
    /// The file is damaged, or the disk refuses.
    pub fn queue(&self) -> Result<Queue, ReleaseError> {
        Queue::load(&self.orders)
    }

    /// Proposes what can be proposed now and waits for nobody: of each line the newest order that can be
    /// released. Orders before it are dropped. Returns what was settled.
    ///
    /// # Errors
    /// The log or the disk refuses. What the law refuses stays in the queue, or is dropped with its
    /// reason when nothing that others do could change it.
    pub async fn drain(&mut self) -> Result<Vec<Settlement>, ReleaseError> {
        self.log.sync().await?;
        let mut settled = Vec::new();
        for orders in self.queue()?.by_line(self.log.view()?) {
            self.drain_line(&orders, &mut settled).await?;
        }
        Ok(settled)
    }

    async fn drain_line(
        &mut self,
        newest_first: &[Queued],
        settled: &mut Vec<Settlement>,
    ) -> Result<(), ReleaseError> {
        for (at, queued) in newest_first.iter().enumerate() {
            match self.attempt_with_room(queued).await? {
                Tried::Stands(release, seq) => {
                    self.settle(queued.number, Fate::Released { release, seq }, settled)?;
                }
                Tried::Signed => {}
                Tried::Blocked(_, refusal) | Tried::NotYet(refusal) => {
                    tracing::info!(order = queued.number, %refusal, "waits");
                    continue;
                }
                Tried::Never(reason) => {
                    self.settle(queued.number, Fate::Dropped { reason }, settled)?;
                    continue;
                }
            }
            for older in &newest_first[at + 1..] {
                let reason = format!(
                    "build {} was ordered after it (order {}) and takes its place",
                    queued.order.build, queued.number
                );
                self.settle(older.number, Fate::Dropped { reason }, settled)?;
            }
            break;
        }
        Ok(())
    }

    /// Tries an order, and makes way for it as often as that helps.
    async fn attempt_with_room(&mut self, queued: &Queued) -> Result<Tried, ReleaseError> {
        let mut tried = self.attempt(&queued.order).await?;
        for _ in 0..MADE_WAY_MAX {
            let Tried::Blocked(open, _) = &tried else {
                break;
            };
            if !self.make_way(open, queued).await? {
                break;
            }
            tried = self.attempt(&queued.order).await?;
        }
        Ok(tried)
    }

    fn settle(
        &mut self,
        number: u64,
        fate: Fate,
        settled: &mut Vec<Settlement>,
    ) -> Result<(), ReleaseError> {
        let mut queue = self.queue()?;
        if let Some(settlement) = queue.settle(number, fate) {
            queue.save(&self.orders)?;
            self.tell(Step::OrderSettled(Box::new(settlement.clone())));
            settled.push(settlement);
        }
        Ok(())
    }

    /// Withdraws a release that only we signed and that stands where a newer build should; false when
    /// it is not ours alone.
    async fn make_way(
        &mut self,
        open: &Included<Release>,
        newer: &Queued,
    ) -> Result<bool, ReleaseError> {
        let ours = open.standing().key() == self.keys.center();
        if !ours {
            return Ok(false);
        }
        let build = newer.order.build;
        let reason = format!("never complete; build {build} takes its place");
        let envelope = self.keys.sign_withdrawal(open, &reason, self.bounds())?;
        self.log.submit(&envelope).await?;
        self.log.sync().await?;
        self.tell(Step::WithdrawalLogged(open.digest()));
        Ok(true)
    }
}

/// Whether nothing that others do could change a refusal of an order.
pub(crate) const fn is_final(refusal: &Refusal) -> bool {
    matches!(
        refusal.code(),
        Code::ReleaseWithdrawn
            | Code::ReleaseFields
            | Code::ReleaseAttached
            | Code::EntryAudience
            | Code::EntryMalformed
    )
}
