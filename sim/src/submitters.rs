//! Those who submit entries, again and again until they are told an index; and at times once more
//! after that.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serve::{ClientError, Reply};
use tlog::{TlogProof, bundle};

use crate::fate::Dice;
use crate::parties;
use crate::seen::Acknowledged;
use crate::world::World;

/// How long a submitter waits for an answer, in milliseconds.
const PATIENCE: u64 = 5_000;
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// One who submits.
pub(crate) struct Submitter {
    pub(crate) name: &'static str,
    pub(crate) world: Arc<World>,
    /// Addresses of the front ends.
    pub(crate) front_ends: Vec<&'static str>,
    /// Of 1,000 submissions, how many wait for witnesses.
    pub(crate) patient: u64,
}

impl Submitter {
    /// The constitution by each party, then some entries in calls of many.
    pub(crate) async fn found(&self, entries: usize) {
        for entry in parties::founding() {
            self.submit_until_told(std::slice::from_ref(entry)).await;
        }
        let numbers: Vec<usize> = (3_000..3_000 + entries).collect();
        for some in numbers.chunks(60) {
            let entries: Vec<Vec<u8>> = some.iter().map(|n| parties::entry(*n)).collect();
            self.submit_until_told(&entries).await;
        }
    }

    /// Submits entries from number `first` on, until nothing goes wrong any more.
    pub(crate) async fn run(&self, first: usize) {
        let mut next = first;
        while !self.world.weather.is_calm() && next < first + 900 {
            self.world.pause(self.name, 10, 700).await;
            let mut dice = self.world.dice(&[b"submit", self.name.as_bytes()]);
            let count = match dice.below(100) {
                0..12 => dice.between(2, 40) as usize,
                _ => 1,
            };
            let entries: Vec<Vec<u8>> = (next..next + count).map(parties::entry).collect();
            self.submit_until_told(&entries).await;
            next += count;
            if dice.hits(150) {
                let old = dice.between(first as u64, next as u64 - 1) as usize;
                self.submit_until_told(&[parties::entry(old)]).await;
            }
        }
    }

    /// Submits entries until each has an index.
    pub(crate) async fn submit_until_told(&self, entries: &[Vec<u8>]) {
        let mut dice = self.world.dice(&[b"ask", self.name.as_bytes()]);
        let mut left: Vec<Vec<u8>> = entries.to_vec();
        loop {
            let front_ends = self.front_ends.len() as u64;
            let front_end = self.front_ends[dice.below(front_ends) as usize];
            let told = match left.as_slice() {
                [one] => self.submit_one(front_end, one, &mut dice).await,
                many => self.submit_many(front_end, many).await,
            };
            for (entry, index) in &told {
                self.acknowledged(entry, *index);
            }
            left.retain(|entry| !told.iter().any(|(known, _)| known == entry));
            if left.is_empty() {
                return;
            }
            self.world.pause(self.name, 50, 900).await;
        }
    }

    fn acknowledged(&self, entry: &[u8], index: u64) {
        let at = self.world.hub.now();
        self.world.note(format!("{} is told {index}", self.name));
        let acknowledged = Acknowledged {
            index,
            entry: entry.to_vec(),
            at,
            by: self.name,
        };
        self.world
            .seen
            .with(|notes| notes.acknowledged.push(acknowledged));
    }

    async fn post(&self, url: &str, body: Vec<u8>) -> Result<Reply, ClientError> {
        let client = self.world.client(self.name, PATIENCE);
        let kind = "application/octet-stream";
        let patience = Duration::from_millis(PATIENCE);
        let reply = client
            .post(url, kind, body, ANSWER_BYTES_MAX, patience)
            .await;
        if let Err(error) = &reply
            && matches!(error.status(), Some(400 | 403 | 411 | 413))
        {
            let what = format!("{}: a good entry is refused: {error}", self.name);
            self.world.seen.complain(what);
        }
        reply
    }

    async fn submit_one(
        &self,
        front_end: &str,
        entry: &[u8],
        dice: &mut Dice,
    ) -> Vec<(Vec<u8>, u64)> {
        let wait = match dice.hits(self.patient) {
            true => "",
            false => "?wait=0",
        };
        let url = format!("http://{front_end}/submit{wait}");
        let Ok(reply) = self.post(&url, entry.to_vec()).await else {
            return Vec::new();
        };
        let index = match reply.status {
            202 => index_of(&serde_json::from_slice(&reply.body).unwrap_or_default()),
            _ => self.open_proof(entry, &reply.body),
        };
        index
            .map(|index| vec![(entry.to_vec(), index)])
            .unwrap_or_default()
    }

    /// The index that a proof shows, if it is one.
    fn open_proof(&self, entry: &[u8], bytes: &[u8]) -> Option<u64> {
        let opened = TlogProof::parse(bytes).map_err(|error| error.to_string());
        let opened = opened.and_then(|proof| {
            let opened = proof.open(entry, parties::policy());
            opened.map(|_| proof).map_err(|error| error.to_string())
        });
        match opened {
            Ok(proof) => {
                let at = self.world.hub.now();
                self.world.seen.note(&proof.checkpoint, self.name, at);
                Some(proof.index)
            }
            Err(error) => {
                let what = format!("{} is given a proof that is none: {error}", self.name);
                self.world.seen.complain(what);
                None
            }
        }
    }

    async fn submit_many(&self, front_end: &str, entries: &[Vec<u8>]) -> Vec<(Vec<u8>, u64)> {
        let Ok(body) = bundle::encode(entries) else {
            return Vec::new();
        };
        let url = format!("http://{front_end}/submit-batch?wait=0");
        let Ok(reply) = self.post(&url, body).await else {
            return Vec::new();
        };
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let answers = answer["answers"].as_array().cloned().unwrap_or_default();
        let told = entries.iter().zip(&answers);
        told.filter_map(|(entry, answer)| Some((entry.clone(), index_of(answer)?)))
            .collect()
    }
}

fn index_of(answer: &Value) -> Option<u64> {
    answer.get("index")?.as_u64()
}
