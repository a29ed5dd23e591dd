//! Files and messages: tlog-proof, the bodies of the witness and of the mirror protocol.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tlog::{
    AddCheckpoint, AddEntries, ConflictSize, EntryPackage, Frontier, Hash, MirrorInfo, Policy,
    Subtree, TlogProof, leaf_hash, parse_cosignatures, verify_subtree_consistency,
};

use super::case::{Answer, Case, ERROR, File, Judge, OK, why};

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

#[test]
fn proof_files_are_read_as_the_vectors_say() {
    let file = File::read("proof");
    let judge = Judge {
        open: Some(&[("an_empty_extra_line", OK), ("a_path_of_64_hashes", ERROR)]),
        ..Judge::default()
    };
    judge.run(&file, "parse", |case| {
        let bytes = case.bytes("proof");
        let proof = TlogProof::parse(&bytes).map_err(why)?;
        assert_eq!(proof.to_bytes(), bytes, "{}", case.name);
        Ok(Some(json!({
            "extra": proof.extra.as_ref().map(|extra| STANDARD.encode(extra)),
            "index": proof.index,
            "path": texts(&proof.path),
            "checkpoint": String::from_utf8(proof.checkpoint).unwrap(),
        })))
    });
    Judge::default().run(&file, "verify", |case| {
        let policy = Policy::parse(case.text("policy")).unwrap();
        let proof = TlogProof::parse(&case.bytes("proof")).map_err(why)?;
        let opened = proof.open(&case.bytes("entry"), &policy).map_err(why)?;
        Ok(Some(json!({"index": opened.0})))
    });
}

#[test]
fn bodies_of_the_witness_protocol_are_read_as_the_vectors_say() {
    let file = File::read("witness");
    Judge::default().run(&file, "request", |case| {
        let bytes = case.bytes("body");
        let request = AddCheckpoint::parse(&bytes).map_err(why)?;
        assert_eq!(request.to_bytes(), bytes, "{}", case.name);
        Ok(Some(json!({
            "old": request.old_size,
            "proof": texts(&request.proof),
            "checkpoint": String::from_utf8(request.checkpoint).unwrap(),
        })))
    });
    let judge = Judge {
        open: Some(&[("a_conflict_without_its_newline", ERROR)]),
        ..Judge::default()
    };
    judge.run(&file, "conflict", |case| {
        let size: ConflictSize = case.text("body").parse().map_err(why)?;
        assert_eq!(size.to_string(), case.text("body"));
        Ok(Some(json!({"size": size.0})))
    });
    Judge::default().run(&file, "response", |case| {
        let lines = parse_cosignatures(&case.bytes("body")).map_err(why)?;
        let names: Vec<&str> = lines.iter().map(|line| line.name().as_str()).collect();
        Ok(Some(json!({"names": names})))
    });
}

#[test]
fn answers_of_a_mirror_are_read_as_the_vectors_say() {
    Judge::default().run(&File::read("mirror"), "mirror_info", |case| {
        let bytes = case.bytes("body");
        let info = MirrorInfo::parse(&bytes).map_err(why)?;
        assert_eq!(info.to_bytes(), bytes, "{}", case.name);
        Ok(Some(json!({
            "tree_size": info.tree_size,
            "next_entry": info.next_entry,
            "ticket": STANDARD.encode(&info.ticket),
        })))
    });
}

fn span_of(span: &tlog::PackageSpan) -> Value {
    let (start, end) = (span.first(), span.end());
    json!({"start": start, "end": end, "subtree_start": span.subtree().start()})
}

#[test]
fn uploads_are_divided_into_the_packages_of_the_vectors() {
    Judge::default().run(&File::read("mirror"), "sequence", |case| {
        let upload = AddEntries {
            origin: "log.example/a".to_owned(),
            start: case.number("start"),
            end: case.number("end"),
            ticket: Vec::new(),
        };
        Ok(Some(upload.packages().map(|span| span_of(&span)).collect()))
    });
}

/// Reads a whole body, as a mirror that waits for its end would.
fn add_entries(case: &Case) -> Answer {
    let body = case.bytes("body");
    let cut = || "the body ends early".to_owned();
    let (head, mut used) = AddEntries::parse_prefix(&body)
        .map_err(why)?
        .ok_or_else(cut)?;
    assert_eq!(head.to_bytes().unwrap(), body[..used], "{}", case.name);
    let mut packages = Vec::new();
    for span in head.packages() {
        if used == body.len() {
            break;
        }
        let (package, length) = EntryPackage::parse_prefix(&body[used..], span.entries())
            .map_err(why)?
            .ok_or_else(cut)?;
        assert_eq!(package.to_bytes().unwrap(), body[used..used + length]);
        used += length;
        let mut found = span_of(&span);
        found["first"] = String::from_utf8_lossy(&package.entries[0]).into();
        found["proof"] = texts(&package.proof).into();
        packages.push(found);
    }
    Ok(Some(json!({
        "origin": head.origin,
        "start": head.start,
        "end": head.end,
        "ticket": STANDARD.encode(&head.ticket),
        "complete": packages.len() == head.packages().count(),
        "packages": packages,
        "root": case.result["root"],
    })))
}

#[test]
fn uploads_are_read_as_the_vectors_say() {
    let judge = Judge {
        open: Some(&[
            ("an_upload_to_9223372036854775808", ERROR),
            ("an_upload_to_18446744073709551615", ERROR),
            ("an_upload_with_bytes_behind_the_last_package", OK),
        ]),
        ..Judge::default()
    };
    judge.run(&File::read("mirror"), "add_entries", add_entries);
}

#[test]
fn packages_belong_to_a_checkpoint_as_the_vectors_say() {
    Judge::default().run(&File::read("mirror"), "package", |case| {
        let subtree = Subtree::new(case.number("start"), case.number("end")).unwrap();
        let mut frontier = Frontier::new();
        for entry in case.texts("entries") {
            frontier.append(leaf_hash(entry.as_bytes()));
        }
        let (size, root) = (case.number("size"), case.hash("root"));
        let proof = case.hashes("proof");
        verify_subtree_consistency(subtree, &frontier.root(), size, &root, &proof).map_err(why)?;
        Ok(None)
    });
}
