//! Who may begin an upload: whoever shows a token that was not spent. What is spent is in the transaction that acknowledges.
//!
//! Invariant: *a token stands for one sample*. Shown again with that sample it is not spent again; with another one it is refused.

use law::AdmissionKey;
use logclient::Follower;
use statement::{Admission, CountryCode, SampleId};
use store::Tables;
use store::tables::{Write, query};
use tlog::Hash;
use token::{Challenge, Token, TokenKey, challenges_header};

use crate::cell::Cell;
use crate::config::AdmissionRule;
use crate::error::{CenterError, Refusal};
use crate::limits::{FORGOTTEN_MAX, SKEW_SECONDS};
use crate::schema::to_sql;

/// A key whose tokens are taken, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Admits {
    pub(crate) digest: statement::StatementDigest,
    pub(crate) index: u64,
    pub(crate) said: Admission,
    key: TokenKey,
    challenge: Challenge,
}

impl Admits {
    /// Those of a home that count, a little earlier and later than `now`, by their days.
    pub(crate) fn all(
        follower: &Follower,
        home: &CountryCode,
        now: u64,
    ) -> Result<Vec<Self>, law::Refusal> {
        let view = follower.view()?;
        let of_now = |key: &AdmissionKey| is_in_force(key.admission(), now);
        let standing = AdmissionKey::all(view, home).into_iter().filter(of_now);
        Ok(standing.filter_map(|key| Self::read(&key)).collect())
    }

    fn read(key: &AdmissionKey) -> Option<Self> {
        let admission = key.admission();
        let der = admission.key_der().ok()?;
        Some(Self {
            digest: admission.digest(),
            index: admission.standing().index(),
            key: TokenKey::from_spki(&der).ok()?,
            challenge: Challenge::of(admission),
            said: (**admission).clone(),
        })
    }
}

fn is_in_force(said: &Admission, now: u64) -> bool {
    said.valid_from <= now.saturating_add(SKEW_SECONDS)
        && now <= said.valid_until.saturating_add(SKEW_SECONDS)
}

/// A token that verified, on its way to be spent.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    name: Hash,
    /// POSIX seconds after which nobody could show it again.
    until: u64,
}

impl Ticket {
    /// Spends it for a sample; `false` when it was spent for another one.
    pub(crate) async fn spend(
        &self,
        db: &Tables,
        write: &mut Write,
        sample: &SampleId,
    ) -> Result<bool, CenterError> {
        let spent = query(
            "INSERT INTO spent (token, sample, until) VALUES ($1, $2, $3) ON CONFLICT (token) DO NOTHING",
        )
        .bind(self.name.to_hex())
        .bind(sample.as_str())
        .bind(to_sql(self.until))
        .execute(&mut **write)
        .await
        .map_err(|e| db.sort(e))?;
        if spent.rows_affected() == 1 {
            return Ok(true);
        }
        let row = query("SELECT sample FROM spent WHERE token = $1")
            .bind(self.name.to_hex())
            .fetch_one(&mut **write)
            .await
            .map_err(|e| db.sort(e))?;
        Ok(row.get::<String, _>(0) == sample.as_str())
    }
}

impl Cell {
    /// What a sender showed; nothing where no token is asked for.
    pub(crate) async fn ticket(
        &self,
        authorization: Option<&str>,
        sample: &SampleId,
    ) -> Result<Option<Ticket>, Refusal> {
        if self.config.admission == AdmissionRule::Open {
            return Ok(None);
        }
        let ground = self.ground().ok_or(Refusal::Closed)?;
        let now = self.now();
        let mut keys = ground.admissions.iter();
        if !keys.clone().any(|it| is_in_force(&it.said, now)) {
            return Err(Refusal::NoIssuer);
        }
        let authorization = authorization.ok_or(Refusal::TokenMissing)?;
        let token = Token::from_header(authorization).map_err(Refusal::Token)?;
        let of_key = keys.find(|it| it.key.id() == token.key_id() && is_in_force(&it.said, now));
        let admits = of_key.ok_or(Refusal::Token(token::TokenError::NotAdmitted))?;
        let admitted = token.admit(&admits.key, &admits.challenge);
        let ticket = Ticket {
            name: *admitted.map_err(Refusal::Token)?.name(),
            // Twice: while it may be shown it must be known, by a clock that is set back a little, too.
            until: admits.said.valid_until.saturating_add(2 * SKEW_SECONDS),
        };
        // Asked once more where it is spent; here so that nothing is written to disk for it.
        match self.spent_for(&ticket).await? {
            Some(other) if other != sample.as_str() => Err(Refusal::TokenSpent),
            _ => Ok(Some(ticket)),
        }
    }

    async fn spent_for(&self, ticket: &Ticket) -> Result<Option<String>, CenterError> {
        let row = query("SELECT sample FROM spent WHERE token = $1")
            .bind(ticket.name.to_hex())
            .fetch_optional(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        Ok(row.map(|row| row.get(0)))
    }

    /// What is asked for, as `WWW-Authenticate` says it.
    pub(crate) fn challenges(&self) -> Option<String> {
        let (ground, now) = (self.ground()?, self.now());
        let keys = ground.admissions.iter();
        let shown = keys.filter(|it| (it.said.valid_from..=it.said.valid_until).contains(&now));
        Some(challenges_header(shown.map(|it| (&it.key, &it.challenge))))
    }

    /// Forgets what nobody could show again.
    pub(crate) async fn forget_spent(&self) -> Result<(), CenterError> {
        let mut write = self.db.begin().await?;
        query(
            "DELETE FROM spent WHERE token IN (SELECT token FROM spent WHERE until < $1 LIMIT $2)",
        )
        .bind(to_sql(self.now()))
        .bind(FORGOTTEN_MAX)
        .execute(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        Ok(self.db.commit(write).await?)
    }
}
