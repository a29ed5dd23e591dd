//! Rules and a scoring table, as center and supervisor release them.

use std::path::{Path, PathBuf};

use law::ToolNames;
use statement::{Envelope, FileDigest, Kind, Release, Statement, StatementDigest, Subject};

use super::{CENTER_LOG, World, submit_all};

/// A rule that matches nothing that the tests send.
pub const RULES: &str =
    "rule Never { strings: $a = \"nothing that a test sends\" condition: $a }\n";

/// Where a world keeps what was released.
pub fn tool_dir(world: &Path, product: &str) -> PathBuf {
    world.join("released").join(product)
}

/// The releases that a world's cell names.
pub fn tool_names(world: &Path) -> ToolNames {
    let read = |product: &str| {
        let file = tool_dir(world, product).join("digest");
        std::fs::read_to_string(file).unwrap().parse().unwrap()
    };
    ToolNames {
        worker: StatementDigest::of(b"worker"),
        rules: read("rules"),
        scoring: read("scoring"),
    }
}

impl World {
    /// Both parties sign the first rules and the first table.
    pub async fn release_first_tools(&self) {
        let rules = self.make_release("rules", "first.yar", RULES.as_bytes());
        let table = self.make_release("scoring", "scoring.txt", scan::FIRST_SCORING.as_bytes());
        submit_all(&self.log, [rules.1, table.1].concat()).await;
    }

    /// Both parties sign a file of rules; the cell that is to use it has it as its database.
    pub async fn release_rules(
        &self,
        product: &str,
        file: &str,
        text: &[u8],
    ) -> (StatementDigest, PathBuf) {
        let (release, envelopes) = self.make_release(product, file, text);
        submit_all(&self.log, envelopes).await;
        (release, tool_dir(self.path(), product))
    }

    /// The center alone signs a file of rules.
    pub async fn sign_rules_alone(&self, product: &str, text: &[u8]) -> (StatementDigest, PathBuf) {
        let (release, envelopes) = self.make_release(product, "alone.yar", text);
        submit_all(&self.log, envelopes[..1].to_vec()).await;
        (release, tool_dir(self.path(), product))
    }

    fn make_release(
        &self,
        product: &str,
        file: &str,
        bytes: &[u8],
    ) -> (StatementDigest, Vec<Envelope>) {
        let artifact = FileDigest::of(bytes);
        let release = Release {
            audience: vec![CENTER_LOG.parse().unwrap()],
            not_after: self.not_after,
            blobs: Vec::new(),
            product: product.to_owned(),
            version: "1".to_owned(),
            channel: "stable".to_owned(),
            platform: "any".to_owned(),
            seq: 1,
            predecessor: None,
            kind: Kind::Rules,
            file: file.to_owned(),
            artifact,
            artifact_bytes: bytes.len() as u64,
            build: StatementDigest::of(product.as_bytes()),
            approval: StatementDigest::of(b"approval"),
            signed: None,
        };
        let statement = Statement::new(vec![Subject::new(file, artifact)], release);
        let payload = statement.to_payload().unwrap();
        let digest = StatementDigest::of(&payload);
        let dir = tool_dir(self.path(), product);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join(file), bytes).unwrap();
        std::fs::write(dir.join("digest"), digest.to_string()).unwrap();
        let envelopes = [("vendor", "center"), ("supervisor", "supervisor")].map(|(party, key)| {
            Envelope::sign(payload.clone(), &self.statement_key(party, key)).unwrap()
        });
        (digest, envelopes.to_vec())
    }
}
