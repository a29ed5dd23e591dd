//! A published directory: kinds, caching, and what is not shown.
use std::fs;

use crate::site::Site;
use axum::Router;
use serve::{ServerConfig, published_caching, static_dir};

/// Text as it stands in a bundle: it shrinks.
pub(crate) const ENTRIES: [u8; 4096] = [b'e'; 4096];

pub(crate) async fn published() -> (tempfile::TempDir, Site) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("public");
    for (path, bytes) in [
        ("tile/0/000", &b"\x00\x01tile"[..]),
        ("tile/0/001.p/3", b"partial"),
        ("tile/entries/000", &ENTRIES),
        ("checkpoint", b"log.example\n1\n"),
        ("tuf/1.root.json", b"{}"),
        ("tuf/timestamp.json", b"{}"),
        ("tuf/page.html", b"<script>"),
        (".tmp/1-0", b"unfinished"),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::write(dir.path().join("secret"), "secret").unwrap();
    let router = Router::new()
        .nest("/mirror", static_dir(&root, published_caching))
        .merge(static_dir(&root, published_caching));
    let site = Site::start(router, ServerConfig::default()).await;
    (dir, site)
}

async fn head(site: &Site, method: &str, path: &str) -> String {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    site.raw(request.as_bytes()).await
}

#[tokio::test]
async fn files_have_the_right_kind_and_caching_at_the_root_and_nested() {
    let (_dir, site) = published().await;
    let bytes = "application/octet-stream";
    let text = "text/plain; charset=utf-8";
    for (path, kind, caching) in [
        ("/tile/0/000", bytes, "public, max-age=31536000, immutable"),
        (
            "/tile/0/001.p/3",
            bytes,
            "public, max-age=31536000, immutable",
        ),
        ("/checkpoint", text, "public, max-age=5"),
        (
            "/tuf/1.root.json",
            "application/json",
            "public, max-age=31536000, immutable",
        ),
        ("/tuf/timestamp.json", "application/json", "no-cache"),
        ("/tuf/page.html", bytes, "no-cache"),
    ] {
        for path in [path.to_owned(), format!("/mirror{path}")] {
            let answer = head(&site, "GET", &path).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
            assert!(
                answer.contains(&format!("content-type: {kind}\r\n")),
                "{path}: {answer}"
            );
            assert!(
                answer.contains(&format!("cache-control: {caching}\r\n")),
                "{path}: {answer}"
            );
            assert!(
                answer.contains("x-content-type-options: nosniff\r\n"),
                "{path}: {answer}"
            );
        }
    }
    let tile = site.client.get(&site.at("/tile/0/000"), 100).await.unwrap();
    assert_eq!(&tile[..], b"\x00\x01tile");
}

#[tokio::test]
async fn nothing_outside_the_published_files_is_shown() {
    let (_dir, site) = published().await;
    for path in [
        "/../secret",
        "/tile/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/.tmp/1-0",
        "/%2etmp/1-0",
        "/mirror/.tmp/1-0",
        "/mirror/../../secret",
        "/tile",
        "/tile/",
        "/tile/0",
        "/",
        "//etc/passwd",
        "/absent",
        "/checkpoint%00",
    ] {
        let answer = head(&site, "GET", path).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
        assert!(
            answer.contains("application/problem+json"),
            "{path}: {answer}"
        );
        assert!(
            !answer.contains("secret") || path.contains("secret"),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_published_directory_only_reads() {
    let (_dir, site) = published().await;
    for method in ["POST", "PUT", "DELETE"] {
        let answer = head(&site, method, "/checkpoint").await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
    }
    let answer = head(&site, "HEAD", "/checkpoint").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}
