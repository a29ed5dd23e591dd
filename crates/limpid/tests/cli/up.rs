//! `limpid up`: everything runs, everything stops, and a second start goes on with the same logs.

use std::net::{TcpStream, ToSocketAddrs as _};

use serde_json::Value;
use serve::{Client, ClientConfig};

use crate::{place::Place, program::limpid, running::Up};

const LOGS: [(&str, &str); 2] = [
    ("vendor/log", scenarios::ceremony::CENTER_LOG),
    ("supervisor/log", scenarios::ceremony::SUPERVISOR_LOG),
];

fn start(place: &Place) -> (Up, Value) {
    let mut up = Up::start(&place.path().join("world"), true);
    let world = serde_json::from_str(&up.line()).unwrap();
    (up, world)
}

fn url(world: &Value, name: &str) -> String {
    let daemons = world["daemons"].as_array().unwrap();
    let found = daemons.iter().find(|daemon| daemon["name"] == name);
    found.unwrap()["url"].as_str().unwrap().to_owned()
}

fn get(url: &str) -> Vec<u8> {
    let client = Client::new(&ClientConfig::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let body = runtime.block_on(client.get(url, 1 << 24)).unwrap();
    body.to_vec()
}

/// Checks a log under the anchor, as anybody would; its size, and its first entries as published.
fn replay(world: &Value, (name, origin): (&str, &str)) -> (u64, Vec<u8>) {
    let url = url(world, name);
    let anchor = world["anchor"].as_str().unwrap();
    let at = ["--url", &url, "--origin", origin, "--anchor", anchor];
    let said = limpid(&[&["--json", "log", "replay"], at.as_slice()].concat()).json(0);
    assert_eq!(said["constitution"], 1);
    let size = said["size"].as_u64().unwrap();
    assert!((1..256).contains(&size), "one partial bundle holds it all");
    (size, get(&format!("{url}/tile/entries/000.p/{size}")))
}

fn listens(url: &str) -> bool {
    let address = url.strip_prefix("http://").unwrap();
    let address = address.to_socket_addrs().unwrap().next().unwrap();
    TcpStream::connect(address).is_ok()
}

#[test]
fn daemons_answer_stop_with_their_parent_and_go_on_with_the_same_logs() {
    let place = Place::new();
    let (mut up, first) = start(&place);
    let urls: Vec<String> = first["daemons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|daemon| daemon["url"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        urls.len(),
        8,
        "two witnesses, two logs, repository, supervisor, two rebuilders"
    );
    for url in &urls {
        assert_eq!(get(&format!("{url}/healthz")), b"ok\n");
        assert!(!get(&format!("{url}/metrics")).is_empty());
    }
    let before = LOGS.map(|log| replay(&first, log));

    let (status, rest) = up.stop();
    assert!(status.success(), "{status}");
    assert_eq!(rest, "", "one JSON value and nothing else");
    for url in &urls {
        assert!(!listens(url), "{url} still listens");
    }

    let (mut up, second) = start(&place);
    assert_eq!(second["anchor"], first["anchor"]);
    for (log, (size_before, entries_before)) in LOGS.into_iter().zip(before) {
        let (size, entries) = replay(&second, log);
        assert!(size >= size_before, "{}: {size_before} to {size}", log.1);
        assert!(
            entries.starts_with(&entries_before),
            "{} has another past",
            log.1
        );
    }
    assert!(up.stop().0.success());
}

#[test]
fn a_directory_that_cannot_be_made_is_refused_with_its_name() {
    limpid(&["up", "--dir", "/proc/world"]).refused(2, &["cannot create /proc/world"]);
    let said = limpid(&["--json", "up", "--dir", "/proc/world"]).json(2);
    assert_eq!(said["error"], "cannot create /proc/world");
}
