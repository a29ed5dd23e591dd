//! What PostgreSQL and S3 are refused for, who leads, and what a cut or a kill leaves.

use std::error::Error;
use std::sync::Arc;

use log::{
    Batch, LogError, Mark, PostgresTable, RemoteError, S3Shelf, Secret, Shelf as _, Table as _,
};
use store::{PostgresError, StoreError};

use crate::postgres_server::PostgresServer;
use crate::s3_server::{Conditions, S3Server};

const ADDRESS: &str = "http://127.0.0.1:1";

async fn open(server: &PostgresServer, schema: &str) -> Result<PostgresTable, LogError> {
    PostgresTable::open(&server.secret(), schema, ADDRESS).await
}

/// The error at the end of the chain, if it is one of a back end.
fn remote<T>(done: Result<T, LogError>) -> RemoteError {
    match done {
        Err(LogError::Remote { source, .. }) => *source.downcast().unwrap(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was not refused"),
    }
}

/// Everything that an operator may read of an error.
fn shown(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        text.push_str(&format!("{error} {error:?}: "));
        next = error.source();
    }
    text
}

fn entry(index: u64) -> Batch {
    let mut batch = Batch::new(index);
    batch.push(format!("entry {index}").as_bytes()).unwrap();
    batch
}

#[tokio::test]
async fn a_server_that_may_lose_what_it_acknowledged_is_refused() {
    for name in ["fsync", "full_page_writes"] {
        let server = PostgresServer::start_with(&[&format!("{name}=off")]);
        let error = remote(open(&server, "log").await);
        assert!(
            matches!(&error, RemoteError::Postgres(PostgresError::Undurable { setting, found, needed: "on" })
                if setting == name && found == "off"),
            "{error}"
        );
    }
    // This one is the session's to set, and ours do, whatever the server or the address says.
    let server = PostgresServer::start_with(&["synchronous_commit=off"]);
    server.sql("ALTER ROLE postgres SET synchronous_commit = local");
    open(&server, "log").await.unwrap();
    let url = format!("{}?options[synchronous_commit]=off", server.url());
    let url = Secret::new(&url, "test").unwrap();
    PostgresTable::open(&url, "log", ADDRESS).await.unwrap();
}

#[tokio::test]
async fn tables_that_were_changed_are_refused() {
    let server = PostgresServer::start();
    for schema in ["Log", "a b", "", "a;drop"] {
        assert!(matches!(
            remote(open(&server, schema).await),
            RemoteError::Postgres(PostgresError::Schema { .. })
        ));
    }
    open(&server, "log").await.unwrap().close().await;
    server.sql("ALTER TABLE log.tail SET UNLOGGED");
    let error = remote(open(&server, "log").await);
    assert!(
        matches!(&error, RemoteError::Postgres(PostgresError::Unlogged { table }) if table == "tail"),
        "{error}"
    );
    server.sql("ALTER TABLE log.tail SET LOGGED");
    open(&server, "log").await.unwrap().close().await;
    server.sql("INSERT INTO log.steps VALUES (99)");
    let error = remote(open(&server, "log").await);
    assert!(
        matches!(
            error,
            RemoteError::Postgres(PostgresError::SchemaTooNew { found: 99, .. })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn another_machine_is_believed_by_its_certificate_only() {
    for mode in ["disable", "allow", "require", "verify-ca"] {
        let url = format!("postgres://log:hunter2@db.example/limpid?sslmode={mode}");
        let url = Secret::new(&url, "test").unwrap();
        let error = PostgresTable::open(&url, "log", ADDRESS).await.unwrap_err();
        assert!(!shown(&error).contains("hunter2"), "{error}");
        let error = remote::<()>(Err(error));
        assert!(
            matches!(&error, RemoteError::Postgres(PostgresError::Unproven { host, .. }) if host == "db.example"),
            "{error}"
        );
    }
    for text in [
        "hunter2",
        "mysql://log:hunter2@db/x",
        "postgres://log:hunter2@db:port/x",
    ] {
        let url = Secret::new(text, "test").unwrap();
        let error = PostgresTable::open(&url, "log", ADDRESS).await.unwrap_err();
        assert!(!shown(&error).contains("hunter2"), "{error}");
        assert!(matches!(
            remote::<()>(Err(error)),
            RemoteError::Postgres(PostgresError::Address { .. })
        ));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_make_the_tables_once() {
    let server = Arc::new(PostgresServer::start());
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let server = Arc::clone(&server);
        opening.spawn(async move { open(&server, "log").await.unwrap().state().await });
    }
    while let Some(state) = opening.join_next().await {
        assert_eq!(state.unwrap().unwrap().sequenced, 0);
    }
    assert_eq!(server.sql("SELECT count(*) FROM log.steps"), "1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_lives_is_waited_for_and_told_to_the_others() {
    let server = PostgresServer::start();
    let first = open(&server, "log").await.unwrap();
    assert_eq!(first.leader().await.unwrap(), None);
    let fence = first.lead().await.unwrap();
    let url = server.secret();
    let second = PostgresTable::open(&url, "log", "http://127.0.0.1:2")
        .await
        .unwrap();
    assert_eq!(second.leader().await.unwrap().as_deref(), Some(ADDRESS));
    let second = Arc::new(second);
    let waiting = tokio::spawn({
        let second = Arc::clone(&second);
        async move { second.lead().await.unwrap() }
    });
    // Another log in the same database is led by another lock.
    open(&server, "other").await.unwrap().lead().await.unwrap();
    for index in 0..100 {
        first
            .append(fence, &entry(index), Mark::EMPTY)
            .await
            .unwrap();
        assert!(!waiting.is_finished());
    }
    // It leads once more without waiting for itself.
    let fence = first.lead().await.unwrap();
    first.append(fence, &entry(100), Mark::EMPTY).await.unwrap();
    first.close().await;
    let next = waiting.await.unwrap();
    assert!(next > fence);
    second.append(next, &entry(101), Mark::EMPTY).await.unwrap();
    assert_eq!(
        second.leader().await.unwrap().as_deref(),
        Some("http://127.0.0.1:2")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_up_waiting_holds_nothing() {
    let server = PostgresServer::start();
    let [first, second, third] = [
        open(&server, "log").await.unwrap(),
        open(&server, "log").await.unwrap(),
        open(&server, "log").await.unwrap(),
    ];
    first.lead().await.unwrap();
    tokio::select! {
        _ = second.lead() => panic!("two lead"),
        done = async { first.archive(log::Fence(1), 0, "note").await } => done.unwrap(),
    }
    drop(first);
    third.lead().await.unwrap();
    assert_eq!(second.state().await.unwrap().fence, log::Fence(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_keeps_every_acknowledged_entry() {
    let mut server = PostgresServer::start();
    for round in 1..=3 {
        let table = open(&server, "log").await.unwrap();
        let fence = table.lead().await.unwrap();
        let first = table.state().await.unwrap().sequenced;
        let (sender, mut acknowledged) = tokio::sync::watch::channel(first);
        let (stop, stopping) = tokio::sync::watch::channel(false);
        let writer = tokio::spawn(async move {
            let mut next = first;
            // Between two writes a kill goes unnoticed.
            while !*stopping.borrow() {
                match table.append(fence, &entry(next), Mark::EMPTY).await {
                    Ok(()) => next += 1,
                    Err(_) => break,
                }
                sender.send_replace(next);
            }
            next
        });
        acknowledged
            .wait_for(|end| *end >= first + 50 * round)
            .await
            .unwrap();
        server.kill_and_start();
        stop.send_replace(true);
        let acknowledged = writer.await.unwrap();
        let table = open(&server, "log").await.unwrap();
        let found = table.state().await.unwrap().sequenced;
        // The one under way may stand or not.
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "{found} of {acknowledged}"
        );
        for index in 0..found {
            assert_eq!(table.tail(index).await.unwrap().unwrap(), entry(index));
        }
        table.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_error_a_write_stands_whole_or_not_and_the_state_says_which() {
    let server = Arc::new(PostgresServer::start());
    let table = open(&server, "log").await.unwrap();
    let fence = table.lead().await.unwrap();
    let cutting = tokio::task::spawn_blocking({
        let server = Arc::clone(&server);
        move || {
            for _ in 0..10 {
                // The leader's own session, which waits for nothing, is left alone.
                server.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
                       AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')",
                );
            }
        }
    });
    let (mut next, mut errors) = (0, 0);
    while !cutting.is_finished() {
        match table.append(fence, &entry(next), Mark::EMPTY).await {
            Ok(()) => next += 1,
            Err(error) => {
                assert!(matches!(error, LogError::Remote { .. }), "{error}");
                errors += 1;
                // Asking may be cut too.
                let state = loop {
                    if let Ok(state) = table.state().await {
                        break state;
                    }
                };
                assert!((next..=next + 1).contains(&state.sequenced));
                next = state.sequenced;
            }
        }
    }
    cutting.await.unwrap();
    assert!(errors > 0, "nothing was cut");
    assert_eq!(table.state().await.unwrap().sequenced, next);
    for index in 0..next {
        assert_eq!(table.tail(index).await.unwrap().unwrap(), entry(index));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_cannot_be_used_says_why_and_shows_no_secret() {
    let server = S3Server::start(Conditions::Kept).await;
    let shelf = server.shelf("log");
    assert!(!format!("{shelf:?}").contains(S3Server::secret_key()));
    let file = vec![("a".to_owned(), b"1".to_vec())];
    shelf.create_many(file.clone()).await.unwrap();

    let mut config = server.config("log");
    config.secret_key = server.write_private("wrong-key", "hunter2-hunter2");
    let error = S3Shelf::open(&config)
        .unwrap()
        .create_many(file)
        .await
        .unwrap_err();
    let text = shown(&error);
    assert!(matches!(error, StoreError::Remote { .. }), "{text}");
    assert!(
        !text.contains("hunter2") && !text.contains(S3Server::secret_key()),
        "{text}"
    );

    for change in [
        |config: &mut log::S3Config| config.endpoint = "http://s3.example".to_owned(),
        |config: &mut log::S3Config| config.bucket = "a/b".to_owned(),
        |config: &mut log::S3Config| config.prefix = "/a".to_owned(),
        |config: &mut log::S3Config| config.secret_key = "hunter2-hunter2".to_owned(),
        |config: &mut log::S3Config| config.access_key = "file:/no/such/file".to_owned(),
        |config: &mut log::S3Config| config.ca = Some("/no/such/file".into()),
    ] {
        let mut config = server.config("log");
        change(&mut config);
        let error = S3Shelf::open(&config).unwrap_err();
        assert!(!shown(&error).contains("hunter2-hunter2"), "{error}");
    }
}
