//! Readers that have something already, want a part, or want it compressed.
use std::fs;
use std::io::Read;

use crate::published::{ENTRIES, published};
use crate::site::Site;
use flate2::read::GzDecoder;

/// The value of a header of an answer.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| *key == name).map(|(_, value)| value)
}

async fn tag(site: &Site, path: &str, headers: &str) -> String {
    let (head, _) = site.ask("GET", path, headers).await;
    header(&head, "etag").unwrap().to_owned()
}

#[tokio::test]
async fn who_has_the_newest_bytes_is_told_so_without_them() {
    let (dir, site) = published().await;
    for path in ["/checkpoint", "/tile/0/000", "/tuf/timestamp.json"] {
        let tag = tag(&site, path, "").await;
        for list in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            for method in ["GET", "HEAD"] {
                let have = format!("if-none-match: {list}\r\n");
                let (head, body) = site.ask(method, path, &have).await;
                assert!(head.starts_with("HTTP/1.1 304 "), "{path}: {head}");
                assert_eq!(header(&head, "etag"), Some(tag.as_str()), "{head}");
                assert!(header(&head, "cache-control").is_some(), "{head}");
                assert!(body.is_empty());
            }
        }
        let (head, _) = site.ask("GET", path, "if-none-match: \"other\"\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
    }
    drop(dir);
}

#[tokio::test]
async fn a_file_that_changed_within_one_tick_of_the_clock_has_another_tag() {
    let (dir, site) = published().await;
    let path = dir.path().join("public/checkpoint");
    let old = tag(&site, "/checkpoint", "").await;
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, b"log.example\n2\n").unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(time).unwrap();
    let since = "if-modified-since: Fri, 31 Dec 2100 23:59:59 GMT\r\n";
    for have in [format!("if-none-match: {old}\r\n"), since.to_owned()] {
        let (head, body) = site.ask("GET", "/checkpoint", &have).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(body, b"log.example\n2\n");
        assert_eq!(
            header(&head, "last-modified"),
            None,
            "its time says nothing"
        );
    }
}

#[tokio::test]
async fn equal_bytes_of_a_file_that_changes_have_one_tag_wherever_they_are() {
    let (first_dir, first) = published().await;
    let (second_dir, second) = published().await;
    let tags = (
        tag(&first, "/checkpoint", "").await,
        tag(&second, "/checkpoint", "").await,
    );
    assert_eq!(tags.0, tags.1);
    drop((first_dir, second_dir));
}

#[tokio::test]
async fn a_part_of_a_tile_is_served_and_a_part_that_is_not_there_is_refused() {
    let (_dir, site) = published().await;
    let tile = b"\x00\x01tile";
    for (range, bytes, says) in [
        ("0-1", &tile[..2], "bytes 0-1/6"),
        ("2-", &tile[2..], "bytes 2-5/6"),
        ("-4", &tile[2..], "bytes 2-5/6"),
    ] {
        let (head, body) = site
            .ask("GET", "/tile/0/000", &format!("range: bytes={range}\r\n"))
            .await;
        assert!(head.starts_with("HTTP/1.1 206 "), "{range}: {head}");
        assert_eq!(header(&head, "content-range"), Some(says), "{head}");
        assert_eq!(body, bytes, "{range}");
    }
    let (head, body) = site.ask("GET", "/tile/0/000", "range: bytes=6-9\r\n").await;
    assert!(head.starts_with("HTTP/1.1 416 "), "{head}");
    assert_eq!(header(&head, "content-range"), Some("bytes */6"), "{head}");
    assert!(String::from_utf8_lossy(&body).contains("\"range\""));
}

#[tokio::test]
async fn what_may_change_under_the_reader_is_served_whole() {
    let (_dir, site) = published().await;
    let (head, body) = site.ask("GET", "/checkpoint", "range: bytes=0-1\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, b"log.example\n1\n");
    assert_eq!(header(&head, "accept-ranges"), None, "{head}");
    let stale = "range: bytes=0-1\r\nif-range: \"other\"\r\n";
    let (head, body) = site.ask("GET", "/tile/0/000", stale).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, b"\x00\x01tile");
}

#[tokio::test]
async fn a_condition_on_other_bytes_is_refused() {
    let (_dir, site) = published().await;
    for path in ["/checkpoint", "/tile/0/000"] {
        let tag = tag(&site, path, "").await;
        let (head, _) = site.ask("GET", path, &format!("if-match: {tag}\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        for other in ["\"other\"".to_owned(), format!("W/{tag}")] {
            let (head, _) = site
                .ask("GET", path, &format!("if-match: {other}\r\n"))
                .await;
            assert!(head.starts_with("HTTP/1.1 412 "), "{head}");
        }
    }
}

#[tokio::test]
async fn entries_are_compressed_for_who_accepts_it_and_have_a_tag_of_their_own() {
    let (_dir, site) = published().await;
    let path = "/tile/entries/000";
    let (plain_head, plain) = site.ask("GET", path, "").await;
    assert_eq!(plain, ENTRIES);
    assert_eq!(
        header(&plain_head, "vary"),
        Some("accept-encoding"),
        "{plain_head}"
    );
    assert_eq!(
        header(&plain_head, "content-encoding"),
        None,
        "{plain_head}"
    );

    let gzip = "accept-encoding: br, gzip\r\n";
    let (head, zipped) = site.ask("GET", path, gzip).await;
    assert_eq!(header(&head, "content-encoding"), Some("gzip"), "{head}");
    assert_eq!(header(&head, "vary"), Some("accept-encoding"), "{head}");
    assert_eq!(
        header(&head, "cache-control"),
        header(&plain_head, "cache-control")
    );
    assert!(zipped.len() < ENTRIES.len() / 10);
    let mut unzipped = Vec::new();
    GzDecoder::new(&zipped[..])
        .read_to_end(&mut unzipped)
        .unwrap();
    assert_eq!(unzipped, ENTRIES);

    let tag = header(&head, "etag").unwrap();
    assert_ne!(Some(tag), header(&plain_head, "etag"));
    let have = format!("{gzip}if-none-match: {tag}\r\n");
    let (head, _) = site.ask("GET", path, &have).await;
    assert!(head.starts_with("HTTP/1.1 304 "), "{head}");
    // The same tag says nothing about the plain bytes.
    let (head, _) = site
        .ask("GET", path, &format!("if-none-match: {tag}\r\n"))
        .await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    // A range is one of the plain bytes.
    let (head, body) = site
        .ask("GET", path, &format!("{gzip}range: bytes=0-9\r\n"))
        .await;
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    assert_eq!((header(&head, "content-encoding"), body.len()), (None, 10));
    // Hashes do not shrink.
    let (head, _) = site.ask("GET", "/tile/0/000", gzip).await;
    assert_eq!(header(&head, "content-encoding"), None, "{head}");
}

#[tokio::test]
async fn a_head_says_what_a_get_would() {
    let (_dir, site) = published().await;
    for path in ["/checkpoint", "/tile/0/000", "/tile/entries/000"] {
        let (get, bytes) = site.ask("GET", path, "").await;
        let (head, body) = site.ask("HEAD", path, "").await;
        assert!(body.is_empty(), "{path}");
        for name in ["etag", "content-type", "cache-control", "content-length"] {
            assert_eq!(header(&head, name), header(&get, name), "{path} {name}");
        }
        assert_eq!(
            header(&head, "content-length"),
            Some(bytes.len().to_string().as_str())
        );
    }
}
