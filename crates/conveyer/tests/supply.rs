//! Inputs of environments: where they may come from, and what is refused on the way.

use std::fs;
use std::path::Path;

use crate::depot::{Depot, Member, component_of, deb_of, deb_with, file, line, lock_of, tar_of};
use conveyer::{
    Center, EnvironmentStore, Lock, LockedKind, PackFault, Sources, Supplier, SupplyError,
    WishList, fetch, lock_wishes,
};
use tar::EntryType;

fn quiet(_: &str) {}

/// What comes out when a package with these members is fetched.
fn unpacked(members: &[Member]) -> PackFault {
    let deb = deb_of(&tar_of(members));
    refused_deb(&deb)
}

fn refused_deb(deb: &[u8]) -> PackFault {
    let depot = Depot::new();
    depot.put("files", "tool_1.0_amd64.deb", deb);
    let lock = lock_of("debian", "deb", deb, "bookworm/main/amd64", "");
    match fetch(&lock, &depot.files_only(), &depot.store(), &quiet) {
        Err(SupplyError::Packed { input, source }) if input == "tool" => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_member_that_leads_out_is_refused_by_name() {
    for name in ["../etc/passwd", "/etc/passwd", "usr/../../x", "./../x"] {
        let fault = unpacked(&[file(name, b"x")]);
        assert!(matches!(fault, PackFault::Name { .. }), "{name}: {fault:?}");
    }
}

#[test]
fn a_link_that_leads_out_is_refused_by_name() {
    for target in ["../../../etc/shadow", "/../x"] {
        let fault = unpacked(&[Member(EntryType::Symlink, "./usr/bin/x", target, b"")]);
        assert!(matches!(fault, PackFault::LinkOut { path, .. } if path == "usr/bin/x"));
    }
}

#[test]
fn a_file_behind_a_link_is_refused_by_name() {
    let fault = unpacked(&[
        Member(EntryType::Symlink, "./usr/lib/x", "/etc", b""),
        file("./usr/lib/x/passwd", b"x"),
    ]);
    assert!(matches!(fault, PackFault::Behind { behind, .. } if behind == "usr/lib/x"));
}

#[test]
fn two_members_of_one_path_are_refused_also_where_the_merged_root_makes_them_one() {
    for second in ["./usr/bin/x", "./bin/x"] {
        let fault = unpacked(&[file("./usr/bin/x", b"good"), file(second, b"evil")]);
        assert!(matches!(fault, PackFault::Twice { path } if path == "usr/bin/x"));
    }
}

#[test]
fn devices_pipes_and_sparse_files_are_refused() {
    for kind in [
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::GNUSparse,
    ] {
        let fault = unpacked(&[Member(kind, "./dev/x", "", b"")]);
        assert!(matches!(fault, PackFault::Kind { .. }), "{fault:?}");
    }
}

#[test]
fn a_hard_link_is_the_earlier_file_and_anything_else_is_refused() {
    for target in ["./usr/bin/later", "../x", "./usr/bin/link"] {
        let fault = unpacked(&[
            Member(EntryType::Symlink, "./usr/bin/link", "x", b""),
            Member(EntryType::Link, "./usr/bin/x", target, b""),
            file("./usr/bin/later", b"x"),
        ]);
        let is_refused = matches!(fault, PackFault::HardLink { .. } | PackFault::Name { .. });
        assert!(is_refused, "{target}: {fault:?}");
    }
    let deb = deb_of(&tar_of(&[
        file("./usr/bin/a", b"body"),
        Member(EntryType::Link, "./usr/bin/b", "./usr/bin/a", b""),
    ]));
    let depot = Depot::new();
    depot.put("files", "tool_1.0_amd64.deb", &deb);
    let both = line("555", b"body", "usr/bin/a") + &line("555", b"body", "usr/bin/b");
    let lock = lock_of("debian", "deb", &deb, "bookworm/main/amd64", &both);
    fetch(&lock, &depot.files_only(), &depot.store(), &quiet).unwrap();
}

#[test]
fn packages_of_every_compression_that_debian_and_its_kin_use_are_read() {
    use std::io::Write;
    let tar = tar_of(&[file("./usr/bin/a", b"body")]);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&tar).unwrap();
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let zst = ruzstd::encoding::compress_to_vec(tar.as_slice(), level);
    for (name, data) in [
        ("data.tar", tar.clone()),
        ("data.tar.gz", gz.finish().unwrap()),
        ("data.tar.zst", zst),
    ] {
        let depot = Depot::new();
        let deb = deb_with(name, &data);
        depot.put("files", "tool_1.0_amd64.deb", &deb);
        let lines = line("555", b"body", "usr/bin/a");
        let lock = lock_of("debian", "deb", &deb, "bookworm/main/amd64", &lines);
        fetch(&lock, &depot.files_only(), &depot.store(), &quiet).unwrap();
    }
    let odd = refused_deb(&deb_with("data.tar.lz4", &tar));
    assert!(matches!(odd, PackFault::Form(_)), "{odd:?}");
}

#[test]
fn a_size_that_no_file_has_is_refused_before_it_is_read() {
    let mut tar = tar_of(&[file("./usr/bin/x", b"")]);
    let mut header = tar::Header::from_byte_slice(&tar[..512]).clone();
    header.set_size(5 << 30);
    header.set_cksum();
    tar[..512].copy_from_slice(header.as_bytes());
    let fault = refused_deb(&deb_of(&tar));
    assert!(matches!(fault, PackFault::TooMuch { .. }), "{fault:?}");
}

#[test]
fn a_package_that_is_none_is_refused() {
    let fine = deb_of(&tar_of(&[file("./usr/bin/x", b"body")]));
    for bad in [
        &fine[..fine.len() - 1024 - 400],
        &fine[..100],
        b"!<arch>\n",
        b"",
        b"PK\x03\x04",
    ] {
        let fault = refused_deb(bad);
        let is_refused = matches!(fault, PackFault::Form(_) | PackFault::Stream(_));
        assert!(is_refused, "{} bytes: {fault:?}", bad.len());
    }
}

/// One tool of an origin of ours, as wished for.
fn wishes(archive: &[u8]) -> WishList {
    let text = format!(
        "name = \"test\"\n[[archive]]\nname = \"tool\"\nversion = \"1.0\"\norigin = \"forge\"\n\
         place = \"dist/tool.tar.gz\"\nformat = \"rust-tar-gz\"\nsha256 = \"{}\"\nbytes = {}\n\
         [links]\n\"usr/bin/tool\" = \"../../opt/rust/bin/tool\"\n",
        tlog::sha256(archive).to_hex(),
        archive.len()
    );
    WishList::parse(&text, Path::new(".")).unwrap()
}

/// A depot whose origin gives the tool out, and the lock that a vendor made of it.
fn locked() -> (Depot, Lock, Vec<u8>) {
    let (depot, archive) = (Depot::new(), component_of(b"a tool"));
    fs::create_dir(depot.path("origin/dist")).unwrap();
    depot.put("origin", "dist/tool.tar.gz", &archive);
    let vendor = EnvironmentStore::open(&depot.path("center")).unwrap();
    let lock = lock_wishes(&wishes(&archive), &depot.with_origin(), &vendor, &quiet).unwrap();
    (depot, lock, archive)
}

#[test]
fn a_lock_names_the_archive_every_file_and_every_link_and_nothing_more() {
    let (depot, lock, archive) = locked();
    let text = lock.to_text();
    let digest = tlog::sha256(&archive).to_hex();
    let line = format!(
        "\narchive tool rust-tar-gz {digest} {} 1.0 dist/tool.tar.gz\n",
        archive.len()
    );
    assert!(text.contains(&line), "{text}");
    let paths: Vec<&str> = lock.files().iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "bin",
            "lib",
            "lib64",
            "opt/rust/bin/alias",
            "opt/rust/bin/tool",
            "sbin",
            "usr/bin/tool"
        ]
    );
    assert!(
        !text.contains(&depot.path("origin").display().to_string()),
        "no address in a lock"
    );
    let fetched = fetch(&lock, &depot.with_origin(), &depot.store(), &quiet).unwrap();
    assert_eq!(fetched.obtained[0].from, Supplier::Origin);
    assert!(depot.store().verify(&lock).wrong.is_empty());
    assert!(depot.store().taken_from_center(&lock).unwrap().is_empty());
}

#[test]
fn what_its_origin_no_longer_has_comes_from_the_center_and_is_listed() {
    let (depot, lock, archive) = locked();
    fs::remove_file(depot.path("origin/dist/tool.tar.gz")).unwrap();
    let alone = fetch(&lock, &depot.with_origin(), &depot.store(), &quiet);
    let Err(SupplyError::Unobtainable(missing)) = alone else {
        panic!("{alone:?}")
    };
    assert_eq!(missing.0[0].0, "tool");
    let with_center = Sources {
        center: Some(Center::parse(depot.path("center").to_str().unwrap())),
        ..depot.with_origin()
    };
    fetch(&lock, &with_center, &depot.store(), &quiet).unwrap();
    assert_eq!(depot.store().taken_from_center(&lock).unwrap(), ["tool"]);
    // When its origin has it again, it is no longer the center's word alone.
    depot.put("origin", "dist/tool.tar.gz", &archive);
    fetch(&lock, &with_center, &depot.store(), &quiet).unwrap();
    assert!(depot.store().taken_from_center(&lock).unwrap().is_empty());
}

#[test]
fn a_trojaned_toolchain_in_the_centers_store_is_refused_because_the_origin_has_other_bytes() {
    let depot = Depot::new();
    let (honest, trojaned) = (component_of(b"a tool"), component_of(b"a tool, and more"));
    fs::create_dir(depot.path("origin/dist")).unwrap();
    depot.put("origin", "dist/tool.tar.gz", &trojaned);
    let center = EnvironmentStore::open(&depot.path("center")).unwrap();
    let lock = lock_wishes(&wishes(&trojaned), &depot.with_origin(), &center, &quiet).unwrap();
    depot.put("origin", "dist/tool.tar.gz", &honest);
    let sources = Sources {
        center: Some(Center::parse(depot.path("center").to_str().unwrap())),
        ..depot.with_origin()
    };
    let refused = fetch(&lock, &sources, &depot.store(), &quiet);
    let Err(SupplyError::OriginDiffers {
        input,
        locked,
        found,
        ..
    }) = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!((input.as_str(), locked), ("tool", tlog::sha256(&trojaned)));
    assert_eq!(found, tlog::sha256(&honest));
}

#[test]
fn a_lock_cannot_make_up_what_an_archive_does_not_hold() {
    let (_, lock, archive) = locked();
    let body = tlog::sha256(b"a tool").to_hex();
    let link = "link tool opt/rust/bin/alias tool\n";
    for (from, to, what) in [
        (
            format!("file 555 {body} 6"),
            format!("file 444 {body} 6"),
            "its mode, size or digest",
        ),
        (
            body.clone(),
            tlog::sha256(b"evil").to_hex(),
            "its mode, size or digest",
        ),
        (
            "opt/rust/bin/tool\n".to_owned(),
            "opt/rust/bin/tooth\n".to_owned(),
            "it holds no such path",
        ),
        (
            link.to_owned(),
            "link tool opt/rust/bin/alias sh\n".to_owned(),
            "its target",
        ),
        (
            link.to_owned(),
            line("555", b"a tool", "opt/rust/bin/alias"),
            "its kind",
        ),
    ] {
        let depot = Depot::new();
        depot.put("files", "tool.tar.gz", &archive);
        let text = lock.to_text().replace(&from, &to);
        assert_ne!(text, lock.to_text(), "{from}");
        let lying = Lock::parse(&text).unwrap();
        let refused = fetch(&lying, &depot.files_only(), &depot.store(), &quiet);
        assert!(
            matches!(&refused, Err(SupplyError::NotInArchive { what: found, .. }) if *found == what),
            "{to}: {refused:?}"
        );
    }
}

#[test]
fn every_spoiled_or_missing_input_is_named_and_the_next_fetch_repairs_it() {
    let (depot, lock, archive) = locked();
    let store = depot.store();
    fetch(&lock, &depot.with_origin(), &store, &quiet).unwrap();
    let LockedKind::File { sha256, .. } = lock.files_of("tool").nth(1).unwrap().kind.clone() else {
        panic!("the tool is a file")
    };
    for (digest, spoil) in [(sha256, true), (tlog::sha256(&archive), false)] {
        let path = store.inputs().path(&digest);
        fs::remove_file(&path).unwrap();
        if spoil {
            fs::write(&path, "spoiled").unwrap();
        }
    }
    let wrong = store.verify(&lock).wrong;
    let said: Vec<_> = wrong.iter().map(|one| (&*one.what, one.why)).collect();
    assert_eq!(
        said,
        [
            ("archive", "it is not in the store"),
            ("opt/rust/bin/tool", "its bytes were changed on this disk")
        ]
    );
    fetch(&lock, &depot.with_origin(), &store, &quiet).unwrap();
    assert!(store.verify(&lock).wrong.is_empty());
}

#[test]
fn inputs_that_disagree_about_a_path_are_refused_by_name() {
    let depot = Depot::new();
    let (one, other) = (component_of(b"one"), component_of(b"other"));
    depot.put("files", "one.tar.gz", &one);
    depot.put("files", "other.tar.gz", &other);
    let wish = |name: &str, archive: &[u8]| {
        format!(
            "[[archive]]\nname = \"{name}\"\nversion = \"1\"\norigin = \"forge\"\nplace = \"{name}.tar.gz\"\n\
             format = \"rust-tar-gz\"\nsha256 = \"{}\"\nbytes = {}\n",
            tlog::sha256(archive).to_hex(),
            archive.len()
        )
    };
    let text = format!(
        "name = \"x\"\n{}{}",
        wish("one", &one),
        wish("other", &other)
    );
    let lock = |text: &str| {
        let wishes = WishList::parse(text, Path::new(".")).unwrap();
        lock_wishes(&wishes, &depot.files_only(), &depot.store(), &quiet)
    };
    let refused = lock(&text);
    assert!(
        matches!(&refused, Err(SupplyError::Conflict { path, first, second })
            if path == "opt/rust/bin/tool" && first == "one" && second == "other"),
        "{refused:?}"
    );
    let without = format!("leave_out = [\"opt/rust/bin/tool\"]\n{text}");
    assert!(lock(&without).is_ok());
}
