//! How entries come in and a pending checkpoint becomes the mirror's own: proven, on disk, counted,
//! and only then cosigned (tlog-mirror, "add-entries").

use std::sync::Arc;

use store::Write;
use tlog::tree::Edge;
use tlog::{AddEntries, EntryPackage, MirrorInfo, Origin, PackageSpan, SignatureLine};
use tokio::sync::MutexGuard;

use crate::error::Refusal;
use crate::limits::EXCESS_ENTRIES_MAX;
use crate::mirror::{Log, Mirror, blocking};
use crate::place::Plan;
use crate::state::{self, Book, Known, Mirrored};

/// An upload that may go on: it starts and ends where it can.
pub(crate) struct Upload<'a> {
    log: &'a Log,
    origin: Origin,
    /// The pending checkpoint that all packages are proven against.
    goal: Known,
    is_empty: bool,
    /// Packages that were proven and are on disk.
    saved: u64,
}

/// How an upload ended that was not refused.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The checkpoint is mirrored; these are its cosignatures.
    Mirrored(Vec<SignatureLine>),
    /// Some entries were taken; it has to go on.
    Partly(MirrorInfo),
}

impl Mirror {
    /// Judges the head of an upload.
    pub(crate) async fn begin_upload(&self, head: &AddEntries) -> Result<Upload<'_>, Refusal> {
        let log = self.log(&head.origin)?;
        let origin: Origin = head.origin.parse().map_err(Refusal::Malformed)?;
        let mut transaction = self.db.begin().await?;
        let book = self.open_book(&mut transaction, &origin).await?;
        let Some(pending) = book.pending else {
            let origin = origin.to_string();
            return Err(Refusal::NothingPending { origin });
        };
        let goal = self
            .goal(&mut transaction, &book, &origin, head.end)
            .await?;
        let Some(goal) = goal else {
            return Err(Refusal::Elsewhere(info(pending, book.held)));
        };
        let excess = goal.size.min(book.held).saturating_sub(head.start);
        if head.start > book.held || excess > EXCESS_ENTRIES_MAX {
            return Err(Refusal::Elsewhere(where_to_go_on(goal, pending, book.held)));
        }
        Ok(Upload {
            log,
            origin,
            goal,
            is_empty: head.start == head.end,
            saved: 0,
        })
    }

    /// The checkpoint that an upload up to `end` is proven against: one that is pending or mirrored
    /// and not behind the mirrored one.
    async fn goal(
        &self,
        transaction: &mut Write,
        book: &Book,
        origin: &Origin,
        end: u64,
    ) -> Result<Option<Known>, Refusal> {
        if let Some(mirrored) = &book.mirrored {
            if end < mirrored.tree.size {
                return Ok(None);
            }
            if end == mirrored.tree.size {
                return Ok(Some(mirrored.tree));
            }
        }
        let pending = state::pending_at(&self.db, transaction, origin, end).await?;
        Ok(pending.map(|(tree, _)| tree))
    }

    /// Takes packages that follow those taken before. When this returns `Ok` their entries are
    /// durable and counted. The first package that is not proven is refused; those before it are
    /// kept.
    pub(crate) async fn take_packages(
        &self,
        upload: &mut Upload<'_>,
        packages: Vec<(PackageSpan, EntryPackage)>,
    ) -> Result<(), Refusal> {
        let (log, goal) = (upload.log, upload.goal);
        let mut edge = self.held_edge(log, &upload.origin).await?;
        let (place, now_held) = (log.place.clone(), Arc::new(edge.clone()));
        let plan = blocking(move || place.plan(&now_held, goal, packages)).await?;
        if plan.edge.size() > edge.size() {
            self.keep(log, &upload.origin, &plan).await?;
            *edge = plan.edge;
        }
        upload.saved += plan.proven as u64;
        match plan.refused {
            None => Ok(()),
            Some((first, source)) => Err(Refusal::Package {
                first,
                size: goal.size,
                source,
            }),
        }
    }

    /// The tree of the entries that are counted as held. It is read from the files again if a commit
    /// was not heard of: a request can be cut off at any moment.
    async fn held_edge<'a>(
        &self,
        log: &'a Log,
        origin: &Origin,
    ) -> Result<MutexGuard<'a, Edge>, Refusal> {
        let mut edge = log.edge.lock().await;
        let mut transaction = self.db.begin().await?;
        let held = self.open_book(&mut transaction, origin).await?.held;
        drop(transaction);
        if edge.size() != held {
            let place = log.place.clone();
            *edge = blocking(move || place.tree(held, held)).await?;
        }
        Ok(edge)
    }

    /// Makes the files of a plan and counts them after they are durable.
    async fn keep(&self, log: &Log, origin: &Origin, plan: &Plan) -> Result<(), Refusal> {
        let mut transaction = self.db.begin().await?;
        let book = self.open_book(&mut transaction, origin).await?;
        drop(transaction);
        let bytes = book.bytes.saturating_add(plan.bytes());
        if bytes > log.bytes_max {
            return Err(Refusal::Full {
                origin: origin.to_string(),
                bytes_max: log.bytes_max,
            });
        }
        let (place, files) = (log.place.clone(), plan.files.clone());
        blocking(move || Ok(place.make(&files)?)).await?;
        let mut transaction = self.db.begin().await?;
        let held = plan.edge.size();
        state::add_held(&self.db, &mut transaction, origin, held, bytes).await?;
        self.db.commit(transaction).await?;
        Ok(())
    }

    /// Ends an upload. If all its packages are here, its checkpoint becomes the mirrored one, unless a
    /// larger one is already; it is cosigned after that is durable.
    pub(crate) async fn end_upload(
        &self,
        upload: &Upload<'_>,
        is_complete: bool,
        now: u64,
    ) -> Result<Ended, Refusal> {
        let (log, origin, goal) = (upload.log, &upload.origin, upload.goal);
        if !is_complete {
            return self.end_early(upload).await;
        }
        let edge = self.held_edge(log, origin).await?;
        let held = edge.size();
        let mut transaction = self.db.begin().await?;
        let book = self.open_book(&mut transaction, origin).await?;
        let note = match &book.mirrored {
            Some(mirrored) if mirrored.tree == goal => Some(mirrored.note.clone()),
            _ => state::pending_at(&self.db, &mut transaction, origin, goal.size)
                .await?
                .map(|(_, note)| note),
        };
        drop(transaction);
        let pending = book.pending.unwrap_or(goal);
        let (Some(note), true) = (note, goal.size <= held && goal.size >= book.mirrored_size())
        else {
            return Err(Refusal::Elsewhere(where_to_go_on(goal, pending, held)));
        };
        let place = log.place.clone();
        let made = blocking(move || {
            // Usually there already, by the plan that ended at this size.
            let files = match held == goal.size {
                true => Vec::new(),
                false => place.partials(goal.size, held)?,
            };
            place.make(&files)?;
            // The statement is about what can be read, so it is read.
            place.check(goal, held)?;
            Ok(files
                .iter()
                .map(|(_, bytes)| bytes.len() as u64)
                .sum::<u64>())
        });
        let made = made.await?;
        // A clock that was set back must not make a larger tree look older than a smaller one.
        let before = book.mirrored.as_ref().map_or(0, |mirrored| mirrored.time);
        let mirrored = Mirrored {
            tree: goal,
            time: now.max(before).max(1),
            note,
        };
        let mut transaction = self.db.begin().await?;
        state::advance(&self.db, &mut transaction, origin, &mirrored).await?;
        self.db.commit(transaction).await?;
        let lines = self.publish(origin, &log.place, &mirrored)?;
        let (place, before) = (log.place.clone(), book.mirrored_size());
        let forgotten = blocking(move || Ok(place.forget_outgrown(before, goal.size))).await?;
        if made != forgotten {
            let bytes = book.bytes.saturating_add(made).saturating_sub(forgotten);
            let mut transaction = self.db.begin().await?;
            state::add_held(&self.db, &mut transaction, origin, held, bytes).await?;
            self.db.commit(transaction).await?;
        }
        // Held until here, so that a smaller checkpoint never replaces a larger one.
        drop(edge);
        tracing::debug!(%origin, size = goal.size, "mirrored");
        Ok(Ended::Mirrored(lines))
    }

    async fn end_early(&self, upload: &Upload<'_>) -> Result<Ended, Refusal> {
        if upload.saved == 0 {
            return Err(Refusal::NoPackage);
        }
        let mut transaction = self.db.begin().await?;
        let book = self.open_book(&mut transaction, &upload.origin).await?;
        let pending = book.pending.unwrap_or(upload.goal);
        let info = where_to_go_on(upload.goal, pending, book.held);
        Ok(Ended::Partly(info))
    }
}

impl Upload<'_> {
    /// Whether it has no packages, because all entries were uploaded before.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }
}

/// The client can go on with the proofs it has, if entries of its checkpoint are lacking.
fn where_to_go_on(goal: Known, pending: Known, held: u64) -> MirrorInfo {
    if held <= goal.size {
        info(goal, held)
    } else {
        info(pending, held)
    }
}

/// No ticket: the pending checkpoints are remembered here, so the client need not bring them back.
fn info(tree: Known, held: u64) -> MirrorInfo {
    MirrorInfo {
        tree_size: tree.size,
        next_entry: held,
        ticket: Vec::new(),
    }
}
