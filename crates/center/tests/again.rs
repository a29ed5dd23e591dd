//! A second look at samples at rest: only under a grant, only at home, and never in the place of the first.

use std::path::PathBuf;

use center::{Asked, Config, OpenerUrls, RemoteConfig, ask_reanalysis};
use seal::{Front, ShareRequest, Side};
use serde_json::Value;
use statement::{
    Predicate, Proven, ReanalysisGrant, ReanalysisRecord, SealDigest, SealTree, StatementDigest,
    VerdictRecord,
};

#[cfg(feature = "postgres")]
use crate::postgres::postgres_server::PostgresServer;
use crate::world::{
    Cell, FalseOpener, Granting, Opening, Owner, World, ask, http, open_logged, text, wait_for,
};

/// A sample rests with a verdict by the first rules; newer ones are released; both openers are at work.
struct Rest {
    world: World,
    owner: Owner,
    first: Value,
    rules: StatementDigest,
    database: PathBuf,
    openers: [Opening; 2],
    remote: Option<RemoteConfig>,
}

impl Rest {
    async fn begin() -> Self {
        Self::begin_on(World::found().await, None).await
    }

    async fn begin_on(world: World, remote: Option<RemoteConfig>) -> Self {
        let config = Config {
            remote: remote.clone(),
            ..world.config()
        };
        let cell = world.start(config).await;
        let keys = world.epoch_keys(&cell.url).await;
        let owner = Owner::of(b"a letter", &keys, world.policy);
        owner.send(&cell.url).await.unwrap();
        // Receipts may be witnessed after verdicts: everything of the first look is there before the second one.
        owner.wait(&cell.url, "analysed", "verdict").await;
        let first = owner.wait(&cell.url, "analysed", "receipt").await;
        cell.stop().await;
        world.rest(1_000).await;
        let newer = b"rule Letter { strings: $a = \"a letter\" condition: $a }";
        let released = world.release_rules("newer", "newer.yar", newer).await;
        let (rules, database) = released;
        let openers = [
            world.start_opener(Side::Center).await,
            world.start_opener(Side::Supervisor).await,
        ];
        Self {
            world,
            owner,
            first,
            rules,
            database,
            openers,
            remote,
        }
    }

    /// The cell with the newer rules and these openers.
    fn config(&self) -> Config {
        let [center, supervisor] = [0, 1].map(|at: usize| self.openers[at].url.clone());
        Config {
            rules: self.rules,
            database: Some(self.database.clone()),
            openers: Some(OpenerUrls { center, supervisor }),
            remote: self.remote.clone(),
            ..self.world.config()
        }
    }

    async fn asked(&self) -> Asked {
        ask_reanalysis(&self.config(), 10).await.unwrap()
    }

    async fn draft(&self, tree: &SealTree) -> ReanalysisGrant {
        let granting = Granting {
            tree,
            rules: self.rules,
            stock: 1_000,
        };
        self.world.draft_grant(granting).await
    }

    async fn grant(&self, grant: &ReanalysisGrant) -> StatementDigest {
        let by = self.world.grant(grant, "supervisor", "supervisor");
        by.await
    }

    /// What the cell would ask about its sample.
    fn request(&self, grant: StatementDigest, tree: &SealTree) -> ShareRequest {
        let (index, path) = tree.place(&self.owner.seal).unwrap_or_default();
        ShareRequest {
            grant,
            ciphertext: tlog::sha256(&self.owner.ciphertext),
            index,
            path,
            front: Front::parse(&self.owner.front).unwrap(),
        }
    }

    /// What each of them says to a request.
    async fn codes(&self, request: &ShareRequest) -> [String; 2] {
        let [center, supervisor] = &self.openers;
        [
            ask(&center.url, request).await.unwrap_err(),
            ask(&supervisor.url, request).await.unwrap_err(),
        ]
    }

    /// The second look, once it is in this state and witnessed if there is anything to witness.
    async fn again(&self, cell: &Cell, state: &str) -> Value {
        wait_for("a second look", async || {
            let shown = self.owner.disclosure(&cell.url).await.ok()?;
            let again = shown["again"].as_array()?.first()?;
            let is_shown = state != "analysed" || !again["verdict"].is_null();
            (text(&again["state"]) == state && is_shown).then_some(shown)
        })
        .await
    }
}

fn of_one(seal: SealDigest) -> SealTree {
    SealTree::new(vec![seal]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_sample_is_looked_at_again_and_the_first_verdict_stands() {
    looked_at_again(Rest::begin().await).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_a_granted_sample_is_looked_at_again_and_the_first_verdict_stands() {
    let (world, server) = (World::found().await, PostgresServer::start());
    let address = world.path().join("address");
    std::fs::write(&address, server.url()).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&address, private).unwrap();
    let remote = RemoteConfig {
        postgres: format!("file:{}", address.display()),
        schema: "cell_ch".to_owned(),
        shared: world.path().join("shared"),
    };
    looked_at_again(Rest::begin_on(world, Some(remote)).await).await;
}

async fn looked_at_again(rest: Rest) {
    let asked = rest.asked().await;
    assert_eq!(asked.text, format!("{}\n", rest.owner.seal));
    let granted = rest.grant(&rest.draft(&asked.tree).await).await;
    let cell = rest.world.start(rest.config()).await;
    let shown = rest.again(&cell, "analysed").await;
    for field in ["receipt", "verdict", "anomaly"] {
        assert_eq!(shown[field], rest.first[field], "{field}");
    }
    let again = &shown["again"][0];
    assert_eq!(text(&again["grant"]), granted.to_string());
    let (batch, said) = open_logged(&rest.world, &again["verdict"]).await;
    let Predicate::Reanalyses(reanalyses) = &said.predicate else {
        panic!("a second look stands in a batch of its own kind");
    };
    let proven = text(&again["verdict"]["proven"]);
    let record: Proven<ReanalysisRecord> = Proven::parse(proven.as_bytes()).unwrap();
    let record = record.check(batch, reanalyses).unwrap();
    assert_eq!((record.grant, record.verdict.rules), (granted, rest.rules));
    assert_eq!(record.verdict.seal, rest.owner.seal);
    assert!(Proven::<VerdictRecord>::parse(proven.as_bytes()).is_err());
    let touched = shown["touched"].as_array().unwrap();
    assert_eq!(touched.len(), 2);
    assert_eq!(text(&touched[1]["grant"]), granted.to_string());
    assert!(touched[0].get("grant").is_none());
    // Only once, however often the cell starts.
    cell.stop().await;
    let cell = rest.world.start(rest.config()).await;
    let shown = rest.again(&cell, "analysed").await;
    assert_eq!(shown["touched"].as_array().unwrap().len(), 2);
    assert_eq!(rest.world.second_looks().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn openers_give_nothing_away_without_a_grant_that_covers_the_sample() {
    let rest = Rest::begin().await;
    let cell = rest.world.start(rest.config()).await;
    let own = of_one(rest.owner.seal);
    let other = of_one(SealDigest::of(b"another sample"));
    let both = |code: &str| [code.to_owned(), code.to_owned()];

    let nobody = rest.request(StatementDigest::of(b"no grant"), &own);
    assert_eq!(rest.codes(&nobody).await, both("grant.missing"));
    // The log itself takes no grant of the center; what stands there of a wrong kind is none.
    let verdicts = rest.first["verdict"]["entry"].as_str().unwrap();
    let verdicts = statement::Envelope::parse(verdicts.as_bytes()).unwrap();
    let wrong = rest.request(verdicts.digest(), &own);
    assert_eq!(rest.codes(&wrong).await, both("grant.missing"));

    let elsewhere = rest.grant(&rest.draft(&other).await).await;
    let mut foreign = rest.request(elsewhere, &own);
    assert_eq!(rest.codes(&foreign).await, both("grant.sample"));
    // The place of the sample that is covered, with the front of another.
    (foreign.index, foreign.path) = other.place(&other.seals()[0]).unwrap();
    assert_eq!(rest.codes(&foreign).await, both("grant.sample"));

    let greedy = ReanalysisGrant {
        count: 11,
        ..rest.draft(&own).await
    };
    let greedy = rest.grant(&greedy).await;
    let greedy = rest.request(greedy, &own);
    assert_eq!(rest.codes(&greedy).await, both("grant.day"));

    let abroad = ReanalysisGrant {
        home: "DE".parse().unwrap(),
        stock: 1,
        ..rest.draft(&own).await
    };
    let abroad = rest.request(rest.grant(&abroad).await, &own);
    assert_eq!(rest.codes(&abroad).await, both("grant.stock"));

    let granted = rest.grant(&rest.draft(&own).await).await;
    let honest = rest.request(granted, &own);
    for opener in &rest.openers {
        ask(&opener.url, &honest).await.unwrap();
    }
    rest.world.withdraw(rest.rules).await;
    assert_eq!(rest.codes(&honest).await, both("grant.withdrawn"));
    // Nobody asked for these grants, so the cell looked at nothing.
    assert!(rest.world.second_looks().await.is_empty());
    let url = format!("{}/reanalyse", rest.openers[0].url);
    let client = http();
    let garbage = client.post(&url, "", vec![0; 99], 1 << 16, crate::world::PATIENCE);
    let refused = garbage.await.err().unwrap();
    assert_eq!(refused.code(), Some("opener.sample"));
    cell.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opener_that_is_killed_gives_the_same_answer_afterwards() {
    let mut rest = Rest::begin().await;
    let cell = rest.world.start(rest.config()).await;
    let own = of_one(rest.owner.seal);
    let granted = rest.grant(&rest.draft(&own).await).await;
    let request = rest.request(granted, &own);
    let url = rest.openers[1].url.clone();
    let first = ask(&url, &request).await.unwrap();
    assert_eq!(ask(&url, &request).await.unwrap(), first);
    let [center, supervisor] = rest.openers;
    supervisor.stop().await;
    let supervisor = rest.world.start_opener(Side::Supervisor).await;
    assert_eq!(ask(&supervisor.url, &request).await.unwrap(), first);
    rest.openers = [center, supervisor];
    cell.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_share_has_a_name_and_changes_nothing() {
    let rest = Rest::begin().await;
    let asked = rest.asked().await;
    let mut config = rest.config();
    let cell = rest.world.start(config.clone()).await;
    let keys = rest.world.epoch_keys(&cell.url).await;
    cell.stop().await;
    let liar = FalseOpener::start(Side::Supervisor, keys).await;
    if let Some(openers) = &mut config.openers {
        openers.supervisor = liar.url;
    }
    rest.grant(&rest.draft(&asked.tree).await).await;
    let cell = rest.world.start(config).await;
    let shown = rest.again(&cell, "set-aside").await;
    assert_eq!(shown["verdict"], rest.first["verdict"]);
    let touched = shown["touched"].as_array().unwrap();
    assert_eq!(text(&touched[1]["end"]), "false-share-supervisor");
    assert!(rest.world.second_looks().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_sample_is_not_looked_at_again() {
    let rest = Rest::begin().await;
    let asked = rest.asked().await;
    let cell = rest.world.start(rest.config()).await;
    rest.owner.erase(&cell.url).await.unwrap();
    rest.owner.wait(&cell.url, "erased", "erasure").await;
    rest.grant(&rest.draft(&asked.tree).await).await;
    let newer = Owner::of(
        b"another letter",
        &rest.world.epoch_keys(&cell.url).await,
        rest.world.policy,
    );
    newer.send(&cell.url).await.unwrap();
    // What came after the grant is done, and nothing was looked at again.
    newer.wait(&cell.url, "analysed", "verdict").await;
    let shown = rest.owner.disclosure(&cell.url).await.unwrap();
    assert!(shown.get("again").is_none());
    assert!(rest.world.second_looks().await.is_empty());
}
