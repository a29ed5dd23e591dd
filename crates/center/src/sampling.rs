//! Which part of what comes is taken when too much waits: by a rule that `/where` announces, and by a draw that nobody can
//! steer. `spec/census.md`, `docs/decisions/0027`.

use std::sync::Arc;

use statement::{Day, FileDigest, SampleId, SamplingRule, is_drawn};
use store::tables::query;

use crate::cell::Cell;
use crate::ciphertexts::blocking;
use crate::error::CenterError;
use crate::schema::to_sql;

impl Cell {
    /// One in how many is taken if this sample is not.
    pub(crate) async fn left_out(
        &self,
        sample: &SampleId,
        waiting: u64,
    ) -> Result<Option<u64>, CenterError> {
        let one_in = self.config.sampling.one_in(waiting);
        if one_in == 1 {
            return Ok(None);
        }
        let key = self.draw_key().await?;
        Ok((!is_drawn(&key, sample, one_in)).then_some(one_in))
    }

    /// One in how many is taken now, and the key of today's draw.
    pub(crate) async fn sampling_now(&self) -> Result<(u64, FileDigest), CenterError> {
        let one_in = self.config.sampling.one_in(self.waiting(0).await?);
        Ok((one_in, self.draw_key().await?))
    }

    async fn draw_key(&self) -> Result<FileDigest, CenterError> {
        let day = Day::of(self.now()).ok_or(CenterError::Clock)?;
        match self.draws.known(day) {
            Some(key) => Ok(key),
            None => {
                let draws = Arc::clone(&self.draws);
                blocking(move || draws.key(day)).await
            }
        }
    }

    /// For who leads: what the census of today will say is the rule that it runs by from here on.
    pub(crate) async fn declare_sampling(&self) -> Result<(), CenterError> {
        if self.sampling_until(i64::MAX).await? == self.config.sampling {
            return Ok(());
        }
        let steps = serde_json::to_string(&self.config.sampling).map_err(|_| CenterError::Ended)?;
        let mut write = self.lead.begin().await?;
        query(
            "INSERT INTO sampling_rules (since, steps) VALUES ($1, $2)
             ON CONFLICT (since) DO UPDATE SET steps = excluded.steps",
        )
        .bind(to_sql(self.now()))
        .bind(steps)
        .execute(&mut *write)
        .await
        .map_err(|e| self.db.sort(e))?;
        Ok(self.db.commit(write).await?)
    }

    /// The rule that was in force just before a time.
    pub(crate) async fn sampling_until(&self, end: i64) -> Result<SamplingRule, CenterError> {
        let row =
            query("SELECT steps FROM sampling_rules WHERE since < $1 ORDER BY since DESC LIMIT 1")
                .bind(end)
                .fetch_optional(self.db.readers())
                .await
                .map_err(|e| self.db.sort(e))?;
        let Some(row) = row else {
            // Before the first one was declared everything was taken.
            return Ok(SamplingRule::default());
        };
        serde_json::from_str(&row.get::<String, _>(0)).map_err(|_| CenterError::Row {
            table: "sampling_rules",
            what: "no steps".to_owned(),
        })
    }
}
