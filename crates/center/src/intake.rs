//! How a sealed sample comes in: begun, sent in pieces, completed. `spec/intake.md`.
//!
//! Invariant: *acknowledged <= durable*. Each function returns after the disk has what its answer says.

use seal::{Front, UploadKey, upload_message};
use statement::{Day, EpochPurpose, SampleId, SealDigest};
use store::tables::query;
use tlog::Hash;

use crate::admission::Ticket;
use crate::arrivals::Begun;
use crate::cell::Cell;
use crate::ciphertexts::blocking;
use crate::error::{CenterError, Refusal};
use crate::limits::{FORGOTTEN_MAX, SIGNATURE_BYTES, UPLOAD_SECONDS};
use crate::schema::{from_sql, to_sql};
use crate::turned_away::Counts;
use crate::whole::Whole;

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) sample: SampleId,
    /// Bytes of ciphertext that are durable here.
    pub(crate) offset: u64,
    /// Bytes of ciphertext that the header announces.
    pub(crate) length: u64,
    /// Whether this very call began it.
    pub(crate) is_new: bool,
}

/// A sample that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) sample: SampleId,
    pub(crate) seal: SealDigest,
    pub(crate) received: u64,
}

/// What the tables know of a sample id.
enum Known {
    Nothing,
    Uploading { front: Vec<u8>, held: u64 },
    Taken { front: Vec<u8>, accepted: Accepted },
    Erased,
}

impl Cell {
    /// Begins an upload, or says how far it is.
    ///
    /// `authorization` is the header with the token, which only the first call needs.
    pub(crate) async fn begin_upload(
        &self,
        bytes: &[u8],
        authorization: Option<&str>,
    ) -> Result<Held, Refusal> {
        let front = Front::parse(bytes).map_err(Refusal::Front)?;
        let address = front.header().address();
        let length = front.header().ciphertext_bytes();
        let held = |offset, is_new| Held {
            sample: address.sample.clone(),
            offset,
            length,
            is_new,
        };
        match self.known(&address.sample).await? {
            Known::Uploading {
                front,
                held: offset,
            } if front == bytes => {
                return Ok(held(offset, false));
            }
            Known::Taken { front, .. } if front == bytes => return Ok(held(length, false)),
            Known::Nothing => {}
            _ => return Err(Refusal::Replayed),
        }
        let ticket = self.ticket(authorization, &address.sample).await?;
        self.admit(&front, ticket.as_ref()).await?;
        // Somebody else may have sent it whole meanwhile; an upload begun beside it would write over it.
        let occupied = self.occupy(&address.sample)?;
        if !matches!(self.known(&address.sample).await?, Known::Nothing) {
            return Err(Refusal::Busy);
        }
        let mut write = self.db.begin().await?;
        if let Some(ticket) = ticket
            && !ticket.spend(&self.db, &mut write, &address.sample).await?
        {
            return Err(Refusal::TokenSpent);
        }
        query(
            "INSERT INTO uploads (sample, front, held, epoch, touched) VALUES ($1, $2, 0, $3, $4)",
        )
        .bind(address.sample.as_str())
        .bind(bytes)
        .bind(front.header().epoch(EpochPurpose::Analysis).to_string())
        .bind(to_sql(self.now()))
        .execute(&mut *write)
        .await
        .map_err(|e| taken(self.db.sort(e)))?;
        self.db.commit(write).await?;
        drop(occupied);
        Ok(held(0, true))
    }

    /// Everything that is asked of a sample before its first byte is kept.
    async fn admit(&self, front: &Front, ticket: Option<&Ticket>) -> Result<(), Refusal> {
        self.judge(front)?;
        let day = Day::of(self.now()).ok_or(CenterError::Clock)?;
        let (waiting, sample) = (self.waiting(1).await?, &front.header().address().sample);
        let (refused, counts) = if waiting >= self.config.waiting_max {
            (Refusal::Full, Counts::DECLINED)
        } else if let Some(one_in) = self.left_out(sample, waiting).await? {
            // Whoever could draw again for nothing would draw until it wins.
            if let Some(ticket) = ticket {
                let mut write = self.db.begin().await?;
                let is_spent = ticket.spend(&self.db, &mut write, sample).await?;
                self.db.commit(write).await?;
                if !is_spent {
                    return Err(Refusal::TokenSpent);
                }
            }
            (Refusal::Sampled { one_in }, Counts::sampled_out(one_in))
        } else if self.rate.take(self.now()) {
            return Ok(());
        } else {
            (Refusal::Rate, Counts::DECLINED)
        };
        self.turned_away.count(day, counts).await?;
        Err(refused)
    }

    fn judge(&self, front: &Front) -> Result<(), Refusal> {
        let (header, now) = (front.header(), self.now());
        let address = header.address();
        if address.home != *self.home() {
            return Err(Refusal::Home {
                found: address.home.to_string(),
                here: self.home().to_string(),
            });
        }
        let bytes_max = self.config.sample_bytes_max;
        if address.size_bytes > bytes_max {
            let found = address.size_bytes;
            return Err(Refusal::Size { found, bytes_max });
        }
        let ground = self.ground().ok_or(Refusal::Closed)?;
        let residence = ground.residence.as_ref().ok_or(Refusal::Closed)?;
        let policy = residence.policy().digest();
        if address.policy != policy {
            return Err(Refusal::Policy {
                found: address.policy.to_string(),
                in_force: policy.to_string(),
            });
        }
        for purpose in [
            EpochPurpose::Analysis,
            EpochPurpose::Center,
            EpochPurpose::Supervisor,
        ] {
            let epoch = header.epoch(purpose);
            let in_force = ground.in_force(epoch, purpose, now).is_some();
            let opens = purpose != EpochPurpose::Analysis || self.keyring.holds(epoch);
            if !in_force || !opens {
                return Err(Refusal::Epoch {
                    purpose: purpose.as_str(),
                    epoch: epoch.to_string(),
                });
            }
        }
        Ok(())
    }

    /// How far an upload is.
    pub(crate) async fn upload_state(&self, sample: &SampleId) -> Result<Held, Refusal> {
        let (front, offset) = match self.known(sample).await? {
            Known::Uploading { front, held } => (front, Some(held)),
            Known::Taken { front, .. } => (front, None),
            Known::Nothing | Known::Erased => return Err(Refusal::Unknown),
        };
        let length = reparse(&front)?.header().ciphertext_bytes();
        Ok(Held {
            sample: sample.clone(),
            offset: offset.unwrap_or(length),
            length,
            is_new: false,
        })
    }

    /// Appends the next bytes of a ciphertext.
    pub(crate) async fn append(
        &self,
        sample: &SampleId,
        offset: u64,
        bytes: Vec<u8>,
    ) -> Result<Held, Refusal> {
        let occupied = self.occupy(sample)?;
        let held = self.upload_state(sample).await?;
        if held.offset != offset {
            return Err(Refusal::Offset { held: held.offset });
        }
        let found = offset.saturating_add(bytes.len() as u64);
        if found > held.length {
            let bytes_max = held.length;
            return Err(Refusal::Size { found, bytes_max });
        }
        let (files, name) = (self.ciphertexts.clone(), sample.clone());
        // The file is written to its end even when the caller hangs up; nobody else may begin before.
        let occupied = blocking(move || {
            files.append(&name, offset, &bytes)?;
            Ok(occupied)
        })
        .await?;
        let mut write = self.db.begin().await?;
        query("UPDATE uploads SET held = $1, touched = $2 WHERE sample = $3 AND held = $4")
            .bind(to_sql(found))
            .bind(to_sql(self.now()))
            .bind(sample.as_str())
            .bind(to_sql(offset))
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        self.db.commit(write).await?;
        drop(occupied);
        Ok(Held {
            offset: found,
            ..held
        })
    }

    /// Takes a sample in: all of it came, and its owner says so.
    pub(crate) async fn complete(
        &self,
        sample: &SampleId,
        signature: &[u8],
    ) -> Result<Accepted, Refusal> {
        let signature = signature_of(signature)?;
        let occupied = self.occupy(sample)?;
        let (bytes, held) = match self.known(sample).await? {
            Known::Uploading { front, held } => (front, held),
            Known::Taken { front, accepted } => {
                check_upload(&reparse(&front)?, &accepted.seal, &signature)?;
                return Ok(accepted);
            }
            Known::Nothing | Known::Erased => return Err(Refusal::Unknown),
        };
        let front = reparse(&bytes)?;
        let length = front.header().ciphertext_bytes();
        if held < length {
            return Err(Refusal::Incomplete { held, length });
        }
        let (files, header) = (self.ciphertexts.clone(), front.header().clone());
        let seal = blocking(move || files.seal_digest(&header)).await?;
        let seal = seal.ok_or(Refusal::Signature)?;
        check_upload(&front, &seal, &signature)?;
        let accepted = self.take_in((&front, &bytes), seal, Begun::Before).await?;
        drop(occupied);
        Ok(accepted)
    }

    /// Takes in a small sample that came in one call, with its token in `authorization`.
    pub(crate) async fn take_whole(
        &self,
        whole: Whole,
        authorization: Option<&str>,
    ) -> Result<Accepted, Refusal> {
        let (front, seal, bytes) = (whole.front, whole.seal, whole.front_bytes);
        let sample = front.header().address().sample.clone();
        let occupied = self.occupy(&sample)?;
        check_upload(&front, &seal, &whole.signature)?;
        let ticket = match self.known(&sample).await? {
            Known::Nothing => {
                let ticket = self.ticket(authorization, &sample).await?;
                self.admit(&front, ticket.as_ref()).await?;
                ticket
            }
            // What was acknowledged of it is not written over.
            Known::Uploading { front, held } if front == bytes => {
                return Err(Refusal::Offset { held });
            }
            Known::Taken { front, accepted } if front == bytes && accepted.seal == seal => {
                return Ok(accepted);
            }
            _ => return Err(Refusal::Replayed),
        };
        let files = self.ciphertexts.clone();
        let (name, content) = (sample.clone(), whole.ciphertext);
        let occupied = blocking(move || {
            files.append(&name, 0, &content)?;
            Ok(occupied)
        })
        .await?;
        let begun = Begun::Now(ticket);
        let accepted = self.take_in((&front, &bytes), seal, begun).await;
        if matches!(accepted, Err(Refusal::TokenSpent)) {
            // Another sample was a moment faster with the same token; this one was never acknowledged.
            let files = self.ciphertexts.clone();
            blocking(move || files.remove(&sample)).await?;
        }
        drop(occupied);
        accepted
    }

    async fn take_in(
        &self,
        front: (&Front, &[u8]),
        seal: SealDigest,
        begun: Begun,
    ) -> Result<Accepted, Refusal> {
        let arrival = (seal, begun, self.now());
        let accepted = self.arrivals.take_in(front, arrival).await?;
        self.arrived.notify_one();
        Ok(accepted)
    }

    async fn known(&self, sample: &SampleId) -> Result<Known, Refusal> {
        // One question, for each upload asks it; a sample is in one of the two. Only what was taken has a seal.
        let row = query(
            "SELECT front, held, NULL FROM uploads WHERE sample = $1
             UNION ALL SELECT front, received, seal FROM samples WHERE sample = $1",
        )
        .bind(sample.as_str())
        .fetch_optional(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        let Some(row) = row else {
            return Ok(Known::Nothing);
        };
        let Some(front) = row.get::<Option<Vec<u8>>, _>(0) else {
            return Ok(Known::Erased);
        };
        let (count, seal) = (from_sql(row.get(1)), row.get::<Option<String>, _>(2));
        let Some(seal) = seal else {
            return Ok(Known::Uploading { front, held: count });
        };
        Ok(Known::Taken {
            front,
            accepted: Accepted {
                sample: sample.clone(),
                seal: seal.parse().map_err(|_| row_error("a seal digest"))?,
                received: count,
            },
        })
    }

    /// How many samples wait, before `coming` more are let in.
    pub(crate) async fn waiting(&self, coming: u64) -> Result<u64, CenterError> {
        let now = self.now();
        // PostgreSQL counts a million rows each time that it is asked.
        let recent = self.backlog.recent(now, coming);
        if let Some(waiting) = recent.filter(|_| self.db.is_shared()) {
            return Ok(waiting);
        }
        let row = query("SELECT waiting FROM queue")
            .fetch_one(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        let waiting = from_sql(row.get(0));
        self.backlog.set(now, waiting.saturating_add(coming));
        Ok(waiting)
    }

    /// Forgets uploads that nobody goes on with.
    pub(crate) async fn forget_uploads(&self) -> Result<(), CenterError> {
        let old = query("SELECT sample FROM uploads WHERE touched < $1 LIMIT $2")
            .bind(to_sql(self.now().saturating_sub(UPLOAD_SECONDS)))
            .bind(FORGOTTEN_MAX)
            .fetch_all(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        for row in old {
            self.forget_upload(row.get(0)).await?;
        }
        Ok(())
    }

    /// Forgets uploads that nobody could analyse any more.
    pub(crate) async fn forget_uploads_of(
        &self,
        epoch: statement::StatementDigest,
    ) -> Result<(), CenterError> {
        let orphans = query("SELECT sample FROM uploads WHERE epoch = $1")
            .bind(epoch.to_string())
            .fetch_all(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        for row in orphans {
            self.forget_upload(row.get(0)).await?;
        }
        Ok(())
    }

    /// Forgets one upload: the row first, so that nothing is ever acknowledged whose file is gone.
    async fn forget_upload(&self, sample: String) -> Result<(), CenterError> {
        let sample: SampleId = sample.parse().map_err(|_| row_error("a sample id"))?;
        let Ok(occupied) = self.occupy(&sample) else {
            return Ok(());
        };
        let mut write = self.db.begin().await?;
        let gone = query("DELETE FROM uploads WHERE sample = $1")
            .bind(sample.as_str())
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        self.db.commit(write).await?;
        if gone.rows_affected() == 0 {
            return Ok(());
        }
        let files = self.ciphertexts.clone();
        blocking(move || files.remove(&sample).map(|()| drop(occupied))).await
    }
}

/// Exactly the bytes of a signature.
pub(crate) fn signature_of(bytes: &[u8]) -> Result<[u8; 64], Refusal> {
    let found = bytes.len();
    <[u8; SIGNATURE_BYTES]>::try_from(bytes).map_err(|_| Refusal::SignatureLength { found })
}

fn check_upload(front: &Front, seal: &SealDigest, signature: &[u8; 64]) -> Result<(), Refusal> {
    let wraps: Hash = front.wraps().digest();
    let key: UploadKey = front.header().address().upload_key;
    key.verify(&upload_message(seal, &wraps), signature)
        .map_err(|_| Refusal::Signature)
}

/// A front that was parsed before it was kept.
pub(crate) fn reparse(bytes: &[u8]) -> Result<Front, CenterError> {
    Front::parse(bytes).map_err(|_| row_error("a front"))
}

pub(crate) fn row_error(what: &str) -> CenterError {
    CenterError::Row {
        table: "samples",
        what: format!("no {what}"),
    }
}

/// Two calls with one id at the same moment: the second is told as if it had come a little later.
fn taken(error: store::DbError) -> Refusal {
    match error {
        store::DbError::Duplicate { .. } => Refusal::Busy,
        other => other.into(),
    }
}
