//! The census: everything that this cell did on one day, counted from its own tables, for everybody to add up.
//!
//! A sample belongs to the day of the batch that its receipt or verdict stands in, so that the entries of the log
//! and these numbers speak of the same.

use std::collections::BTreeMap;

use statement::{BatchRange, Census, Day, FileDigest, OutcomeCounts, RegionName, Subject};
use store::tables::query;

use crate::cell::Cell;
use crate::error::CenterError;
use crate::outbox::Draft;
use crate::schema::{from_sql, to_sql};

/// Batches of one kind on one day.
#[derive(Debug, Default, PartialEq, Eq)]
struct Batches {
    range: Option<BatchRange>,
    count: u64,
    outcomes: OutcomeCounts,
}

impl Cell {
    /// Counts the day before this one, if that was not done yet and the cell did anything until then.
    pub(crate) async fn take_census(&self) -> Result<Option<Day>, CenterError> {
        let today = Day::of(self.now()).ok_or(CenterError::Clock)?;
        let yesterday = today.start().checked_sub(1).and_then(Day::of);
        let Some(day) = yesterday else {
            return Ok(None);
        };
        let (bounds, name) = ([to_sql(day.start()), to_sql(day.end())], day.to_string());
        let done = self.count("SELECT COUNT(*) FROM censuses WHERE day >= $1", &name);
        let begun = query("SELECT COUNT(*) FROM statements WHERE made < $1")
            .bind(bounds[1])
            .fetch_one(self.db.readers());
        let (done, begun) = (done.await?, begun.await.map_err(|e| self.db.sort(e))?);
        if done > 0 || begun.get::<i64, _>(0) == 0 {
            return Ok(None);
        }
        let census = self.counted(day, bounds).await?;
        let anchor = FileDigest::new(*self.config.anchor.hash());
        let said = self.sign(Draft::single(
            "census",
            Subject::new("constitution", anchor),
            census,
        ))?;
        let mut write = self.lead.begin().await?;
        let id = said.keep(&self.db, &mut write, self.now()).await?;
        query("INSERT INTO censuses (day, statement) VALUES ($1, $2)")
            .bind(day.to_string())
            .bind(id)
            .execute(&mut *write)
            .await
            .map_err(|e| self.db.sort(e))?;
        self.db.commit(write).await?;
        self.draws.forget(day)?;
        Ok(Some(day))
    }

    async fn counted(&self, day: Day, bounds: [i64; 2]) -> Result<Census, CenterError> {
        let receipts = self.batches("receipts", bounds).await?;
        let verdicts = self.batches("verdicts", bounds).await?;
        let turned_away = self.turned_away.of(day).await?;
        let within = |sql: &'static str| {
            query(sql)
                .bind(bounds[0])
                .bind(bounds[1])
                .fetch_one(self.db.readers())
        };
        let set_aside = within(
            "SELECT COUNT(*) FROM samples WHERE state = 'set-aside' AND finished >= $1 AND finished < $2",
        );
        let erased = within("SELECT COUNT(*) FROM samples WHERE erased >= $1 AND erased < $2");
        // Received by the end of the day, and not finished or erased by then.
        let waiting = within(
            "SELECT COUNT(*) FROM samples JOIN statements ON statements.id = samples.receipt
             WHERE $1 >= 0 AND statements.made < $2 AND (finished IS NULL OR finished >= $2)
             AND (erased IS NULL OR erased >= $2)",
        );
        let number = |row: store::tables::Row| from_sql(row.get(0));
        Ok(Census {
            audience: self.audience(),
            not_after: self.not_after(),
            blobs: Vec::new(),
            home: self.home().clone(),
            day,
            received: receipts.count,
            receipts: receipts.range,
            declined: turned_away.declined,
            sampled_out: turned_away.sampled_out,
            one_in_max: turned_away.one_in_max,
            sampling: self.sampling_until(bounds[1]).await?,
            draw: self.draws.kept(day)?,
            analysed: verdicts.count,
            verdicts: verdicts.range,
            outcomes: verdicts.outcomes,
            waiting: waiting.await.map(number).map_err(|e| self.db.sort(e))?,
            set_aside: set_aside.await.map(number).map_err(|e| self.db.sort(e))?,
            erased: erased.await.map(number).map_err(|e| self.db.sort(e))?,
            regions: self.regions(bounds).await?,
            // A header names the region and never the country, so this cell knows of none.
            countries: BTreeMap::new(),
        })
    }

    async fn batches(&self, kind: &'static str, bounds: [i64; 2]) -> Result<Batches, CenterError> {
        let rows = query(
            "SELECT seq, count, outcomes FROM statements WHERE kind = $1 AND made >= $2 AND made < $3 ORDER BY seq",
        )
        .bind(kind)
        .bind(bounds[0])
        .bind(bounds[1])
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        let mut found = Batches::default();
        for row in rows {
            let seq = from_sql(row.get(0));
            let first = found.range.map_or(seq, |range| range.first);
            found.range = Some(BatchRange { first, last: seq });
            found.count += from_sql(row.get(1));
            if let Some(text) = row.get::<Option<String>, _>(2) {
                let more = serde_json::from_str(&text).map_err(|_| CenterError::Row {
                    table: "statements",
                    what: "no outcomes".to_owned(),
                })?;
                found.outcomes = sum(found.outcomes, more);
            }
        }
        Ok(found)
    }

    async fn regions(&self, bounds: [i64; 2]) -> Result<BTreeMap<RegionName, u64>, CenterError> {
        let rows = query(
            "SELECT batch_regions.region, CAST(SUM(batch_regions.count) AS BIGINT) FROM batch_regions
             JOIN statements ON statements.id = batch_regions.statement
             WHERE statements.made >= $1 AND statements.made < $2 GROUP BY batch_regions.region",
        )
        .bind(bounds[0])
        .bind(bounds[1])
        .fetch_all(self.db.readers())
        .await
        .map_err(|e| self.db.sort(e))?;
        rows.iter()
            .map(|row| {
                let name: String = row.get(0);
                let name = name.parse().map_err(|_| CenterError::Row {
                    table: "batch_regions",
                    what: "no region".to_owned(),
                })?;
                Ok((name, from_sql(row.get(1))))
            })
            .collect()
    }

    async fn count(&self, sql: &'static str, day: &str) -> Result<u64, CenterError> {
        let row = query(sql)
            .bind(day)
            .fetch_one(self.db.readers())
            .await
            .map_err(|e| self.db.sort(e))?;
        Ok(from_sql(row.get(0)))
    }
}

fn sum(one: OutcomeCounts, other: OutcomeCounts) -> OutcomeCounts {
    OutcomeCounts {
        clean: one.clean + other.clean,
        suspicious: one.suspicious + other.suspicious,
        malicious: one.malicious + other.malicious,
        anomaly: one.anomaly + other.anomaly,
        missealed: one.missealed + other.missealed,
    }
}
