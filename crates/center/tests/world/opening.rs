//! What it takes to open a sample at rest: both openers, rules that were released, a stock, and the supervisor's grants.

use std::path::PathBuf;
use std::sync::Arc;

use axum::{Router, body::Bytes, routing::post};
use logclient::Follower;
use seal::{EpochKeys, SealedShare, Seed, ShareRequest, Side, seal_share};
use serve::{ServerConfig, wait_url};
use statement::{
    CheckpointRef, EpochPurpose, FileDigest, Predicate, ReanalysisGrant, Receipts, SealTree,
    Statement, StatementDigest, Subject, Withdrawal,
};
use zeroize::Zeroizing;

use super::{CENTER_LOG, PATIENCE, World, home, http, now, tool_names};

/// A running opener.
pub struct Opening {
    pub url: String,
    pub dir: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Opening {
    /// Drops it wherever it is.
    pub async fn stop(self) {
        self.task.abort();
        drop(self.task.await);
    }
}

/// What a test asks the supervisor for, and what it does not tell.
pub struct Granting<'a> {
    pub tree: &'a SealTree,
    pub rules: StatementDigest,
    pub stock: u64,
}

impl World {
    /// Starts the opener of a party on the opening key that it announced.
    pub async fn start_opener(&self, side: Side) -> Opening {
        let party = match side {
            Side::Center => "vendor",
            Side::Supervisor => "supervisor",
        };
        let keys = self.path().join(party).join("opening");
        std::fs::create_dir_all(&keys).unwrap();
        std::fs::copy(self.key_path(party, "opening"), keys.join("month.key")).unwrap();
        let dir = self.path().join(party).join("opener");
        let config = opener::Config {
            dir: dir.clone(),
            side: match side {
                Side::Center => opener::HeldSide::Center,
                Side::Supervisor => opener::HeldSide::Supervisor,
            },
            home: home(),
            keys,
            passphrase: None,
            origin: CENTER_LOG.parse().unwrap(),
            log_url: self.log_url.clone(),
            anchor: self.anchor,
            server: ServerConfig::default(),
            client: serve::ClientConfig::default(),
        };
        let task = tokio::spawn(async move {
            opener::serve(config, std::future::pending()).await.unwrap();
        });
        let url = wait_url(&dir, PATIENCE).await.unwrap();
        Opening { url, dir, task }
    }

    /// Receipts of samples that rest since long ago.
    pub async fn rest(&self, count: u64) {
        let mut left = count;
        let mut seq = 1_000_000_u64;
        while left > 0 {
            let root = FileDigest::of(&seq.to_be_bytes());
            let batch = Receipts {
                audience: vec![CENTER_LOG.parse().unwrap()],
                not_after: self.not_after,
                blobs: Vec::new(),
                home: home(),
                seq,
                count: left.min(1_000),
                root,
            };
            left -= batch.count;
            seq += 1;
            let statement = Statement::new(vec![Subject::new("receipts", root)], batch);
            self.say(&self.statement_key("vendor", "center"), &statement)
                .await;
        }
    }

    /// A grant that nobody signed yet, over the log as it stands.
    pub async fn draft_grant(&self, granting: Granting<'_>) -> ReanalysisGrant {
        let mut follower = Follower::new(self.log.clone(), self.anchor);
        follower.sync().await.unwrap();
        let newest = follower.checkpoint().unwrap();
        let tools = tool_names(self.path());
        ReanalysisGrant {
            audience: vec![CENTER_LOG.parse().unwrap()],
            not_after: self.not_after,
            blobs: Vec::new(),
            home: home(),
            count: granting.tree.seals().len() as u64,
            root: granting.tree.root(),
            worker: tools.worker,
            rules: granting.rules,
            scoring: tools.scoring,
            stock: granting.stock,
            checkpoint: CheckpointRef {
                size: newest.size(),
                root: FileDigest::new(*newest.root()),
            },
            valid_until: now() + 3_600,
        }
    }

    /// Logs a grant by the key of a party.
    pub async fn grant(&self, grant: &ReanalysisGrant, party: &str, key: &str) -> StatementDigest {
        let subject = Subject::new("samples", grant.root);
        let statement = Statement::new(vec![subject], grant.clone());
        self.say(&self.statement_key(party, key), &statement).await
    }

    pub async fn withdraw(&self, release: StatementDigest) {
        let withdrawal = Withdrawal {
            audience: vec![CENTER_LOG.parse().unwrap()],
            not_after: self.not_after,
            blobs: Vec::new(),
            release,
            reason: "They hunt documents.".to_owned(),
        };
        let subject = Subject::new("release", FileDigest::new(*release.hash()));
        let statement = Statement::new(vec![subject], withdrawal);
        let key = self.statement_key("supervisor", "supervisor");
        self.say(&key, &statement).await;
    }

    /// Everything that the cell said of second looks.
    pub async fn second_looks(&self) -> Vec<Statement> {
        self.said(|predicate| matches!(predicate, Predicate::Reanalyses(_)))
            .await
    }
}

/// Asks an opener; its answer, or the code of its refusal.
pub async fn ask(url: &str, request: &ShareRequest) -> Result<Vec<u8>, String> {
    let (url, kind) = (format!("{url}/reanalyse"), "application/octet-stream");
    let client = http();
    let asked = client.post(&url, kind, request.to_bytes(), 1 << 16, PATIENCE);
    let asked = asked.await.map(|reply| reply.body.to_vec());
    asked.map_err(|error| error.code().unwrap_or("none").to_owned())
}

/// Somebody who answers with a share of a seed of his own, correctly sealed.
pub struct FalseOpener {
    pub url: String,
}

impl FalseOpener {
    pub async fn start(side: Side, keys: EpochKeys) -> Self {
        let listener = serve::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = serve::bound_url(&listener).unwrap();
        let keys = Arc::new(keys);
        let answer = move |body: Bytes| {
            let keys = Arc::clone(&keys);
            async move {
                let request = ShareRequest::parse(&body).unwrap();
                let share = Seed::new(Zeroizing::new([7; 32])).share(side);
                let key = keys.key(EpochPurpose::Analysis);
                let (header, to) = (request.front.header(), key.wrap_key());
                let wrap = seal_share(header, &share, request.grant, to, &[3; 64]);
                let epoch = key.epoch();
                SealedShare { epoch, wrap }.to_bytes().to_vec()
            }
        };
        let routes = Router::new().route("/reanalyse", post(answer));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url }
    }
}
