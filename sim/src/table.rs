//! The table as one process sees it.

use std::pin::Pin;
use std::sync::Arc;

use log::{Batch, Fence, LogError, Mark, SignedTree, State, Table, Work, may_follow};

use crate::fate::Dice;
use crate::life::Life;
use crate::stores::{Defect, Luck, Rows, Stores};

/// How often one who wants to lead tries, in milliseconds.
const LEAD_POLL: u64 = 400;

/// See the module.
#[derive(Debug)]
pub(crate) struct SimTable {
    pub(crate) stores: Arc<Stores>,
    pub(crate) life: Arc<Life>,
}

impl SimTable {
    fn dice(&self, action: &'static str, about: &[u8]) -> Dice {
        let life = self.life.number.to_be_bytes();
        let name = self.life.name.as_bytes();
        self.stores
            .fate
            .dice(&[b"table", name, &life, action.as_bytes(), about])
    }

    /// A call that changes rows or reads them, in one transaction.
    async fn call<T: Send + 'static>(
        &self,
        action: &'static str,
        about: &[u8],
        work: impl FnOnce(&mut Rows, Defect) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let dice = self.dice(action, about);
        let effect = move |stores: &Stores, luck: Luck, _: Dice| {
            if luck == Luck::Refused {
                return Err(Stores::table_failed(action));
            }
            let done = work(&mut stores.rows(), stores.defect)?;
            match luck {
                Luck::Unheard => Err(Stores::table_failed(action)),
                _ => Ok(done),
            }
        };
        let stores = Arc::clone(&self.stores);
        stores
            .call((Arc::clone(&self.life), action, dice), effect, |_| {})
            .await
    }

    async fn take_lead(&self) -> Result<Fence, LogError> {
        let (number, is_local) = (self.life.number, self.stores.is_local);
        loop {
            let led = self.call("lead", b"", move |rows, _| {
                let is_free = rows.leader.is_none_or(|leader| leader == number);
                if !is_free && !is_local {
                    return Ok(None);
                }
                rows.leader = Some(number);
                rows.fence += 1;
                Ok(Some(Fence(rows.fence)))
            });
            if let Some(fence) = led.await? {
                let name = &self.life.name;
                self.stores.note(format!("{name} leads as {}", fence.0));
                return Ok(fence);
            }
            let mut dice = self.dice("poll", b"");
            self.stores.hub.sleep(LEAD_POLL, &mut dice).await;
        }
    }
}

/// Whether a write may be made: the fence, unless it is ignored on purpose.
fn admit(rows: &Rows, fence: Fence, defect: Defect) -> Result<(), LogError> {
    match defect.ignores_leader() {
        true => Ok(()),
        false => fence.check(rows.fence),
    }
}

fn append(
    rows: &mut Rows,
    (fence, batch, integrated): (Fence, Batch, Mark),
    defect: Defect,
) -> Result<(), LogError> {
    admit(rows, fence, defect)?;
    if rows.sequenced != batch.first() && !defect.ignores_leader() {
        return Err(LogError::Moved {
            expected: batch.first(),
            found: rows.sequenced,
        });
    }
    rows.sequenced = batch.end();
    rows.tail.retain(|first, _| *first < batch.first());
    rows.tail.insert(batch.first(), batch);
    if rows.integrated.size < integrated.size {
        rows.integrated = integrated;
        let kept = integrated.size;
        rows.tail.retain(|_, batch| batch.end() > kept);
    }
    if defect == Defect::TailForgotten && rows.sequenced > 40 {
        rows.tail.pop_first();
    }
    Ok(())
}

fn keep_signed(
    rows: &mut Rows,
    (fence, previous, next): (Fence, Option<Mark>, SignedTree),
    defect: Defect,
) -> Result<(), LogError> {
    admit(rows, fence, defect)?;
    if !defect.ignores_leader() {
        let found = rows.signed.as_ref().map(|signed| signed.mark);
        may_follow(found, previous, &next.mark)?;
        if next.mark.size > rows.sequenced {
            return Err(LogError::Moved {
                expected: next.mark.size,
                found: rows.sequenced,
            });
        }
    }
    rows.signed = Some(next);
    Ok(())
}

impl Table for SimTable {
    fn lead(&self) -> Work<'_, Fence> {
        Box::pin(self.take_lead())
    }

    fn state(&self) -> Work<'_, State> {
        Box::pin(self.call("read the state", b"", |rows, _| {
            Ok(State {
                fence: Fence(rows.fence),
                sequenced: rows.sequenced,
                integrated: rows.integrated,
                signed: rows.signed.clone(),
            })
        }))
    }

    fn append<'a>(&'a self, fence: Fence, batch: &'a Batch, integrated: Mark) -> Work<'a, ()> {
        let about = tlog::sha256(batch.bytes());
        let given = (fence, batch.clone(), integrated);
        if self.stores.defect == Defect::TableAnswersEarly {
            return Box::pin(async move {
                // The answer comes at once; the rows change when the next ones are written.
                let stores = Arc::clone(&self.stores);
                let life = Arc::clone(&self.life);
                let mut dice = self.dice("append early", about.as_bytes());
                self.call("look", about.as_bytes(), |_, _| Ok(())).await?;
                let hub = Arc::clone(&stores.hub);
                hub.after(40, &mut dice, move || {
                    if !life.is_over() {
                        append(&mut stores.rows(), given, stores.defect).ok();
                    }
                });
                Ok(())
            });
        }
        Box::pin(async move {
            let work = move |rows: &mut Rows, defect| append(rows, given, defect);
            self.call("append entries", about.as_bytes(), work).await
        })
    }

    fn tail(&self, index: u64) -> Work<'_, Option<Batch>> {
        Box::pin(async move {
            let about = index.to_be_bytes();
            self.call("read entries", &about, move |rows, _| {
                let found = rows.tail.range(..=index).next_back();
                let found = found.filter(|(_, batch)| index < batch.end());
                Ok(found.map(|(_, batch)| batch.clone()))
            })
            .await
        })
    }

    fn keep_signed<'a>(
        &'a self,
        fence: Fence,
        previous: Option<Mark>,
        next: &'a SignedTree,
    ) -> Work<'a, ()> {
        let given = (fence, previous, next.clone());
        Box::pin(async move {
            let about = tlog::sha256(next.note.as_bytes());
            let work = move |rows: &mut Rows, defect| keep_signed(rows, given, defect);
            self.call("keep a checkpoint", about.as_bytes(), work).await
        })
    }

    fn archive<'a>(&'a self, fence: Fence, size: u64, note: &'a str) -> Work<'a, ()> {
        let note = note.to_owned();
        Box::pin(async move {
            let about = size.to_be_bytes();
            self.call("archive a checkpoint", &about, move |rows, defect| {
                admit(rows, fence, defect)?;
                rows.archived.entry(size).or_insert(note);
                Ok(())
            })
            .await
        })
    }

    fn archived(&self) -> Work<'_, Vec<(u64, String)>> {
        Box::pin(self.call("read the archive", b"", |rows, _| {
            let archived = rows.archived.iter();
            Ok(archived.map(|(size, note)| (*size, note.clone())).collect())
        }))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}
