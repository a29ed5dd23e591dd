//! Archives and packages, member by member.

use binary::{Comparison, Explanations, Judgement, Rule, Verdict, What, compare};

use crate::compiled::{BACKDOOR, Bench, stamp, with};

#[track_caller]
fn explained(ours: &[u8], theirs: &[u8]) -> Comparison {
    let comparison = compare(ours, theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Explained, "{comparison}");
    let none = compare(ours, theirs, &Explanations::none());
    assert_eq!(none.verdict, Verdict::Unexplained, "{none}");
    comparison
}

#[track_caller]
fn unexplained(ours: &[u8], theirs: &[u8]) -> Comparison {
    let comparison = compare(ours, theirs, &Explanations::all());
    assert_eq!(comparison.verdict, Verdict::Unexplained, "{comparison}");
    comparison
}

/// A static library of two objects.
fn library(bench: &Bench, patch: &str) -> Vec<u8> {
    bench.write("a.c", with(patch, "").replace("int main(", "int entry("));
    bench.write("b.c", "int other(int x) { return x + 1; }\n");
    bench.run("gcc", &["-O2", "-c", "a.c", "b.c"]);
    bench.run("rm", &["-f", "lib.a"]);
    bench.run("ar", &["rcD", "lib.a", "a.o", "b.o"]);
    bench.read("lib.a")
}

#[test]
fn a_patched_function_is_told_within_the_member_of_a_library() {
    let bench = Bench::new();
    let (ours, theirs) = (library(&bench, ""), library(&bench, BACKDOOR));
    let comparison = unexplained(&ours, &theirs);
    let functions: Vec<_> = comparison
        .differences
        .iter()
        .filter(|difference| matches!(difference.what, What::Function { .. }))
        .collect();
    assert_eq!(functions.len(), 1, "{comparison}");
    assert_eq!(functions[0].place, "a.o");
    let What::Function { name, .. } = &functions[0].what else {
        unreachable!()
    };
    assert_eq!(name.as_deref(), Some("verify"));
}

#[test]
fn times_in_the_headers_of_a_library_are_explained() {
    let bench = Bench::new();
    let with_time = |time: &str| {
        library(&bench, "");
        bench.run("touch", &["-d", time, "a.o", "b.o"]);
        bench.run("rm", &["lib.a"]);
        bench.run("ar", &["rcU", "lib.a", "a.o", "b.o"]);
        bench.read("lib.a")
    };
    let comparison = explained(&with_time("@1700000000"), &with_time("@1763780000"));
    assert!(
        comparison
            .differences
            .iter()
            .all(|difference| { difference.judgement == Judgement::Explained(Rule::EmbeddedTime) })
    );
}

/// A tar of these files, with one time for all.
fn tar(files: &[(&str, &[u8])], time: u64) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(time);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn a_time_in_a_program_in_a_packed_tar_is_explained_and_the_way_to_it_is_told() {
    let bench = Bench::new();
    for (pack, name) in [
        (&["gzip", "-nf"][..], "x.tar.gz"),
        (&["xz", "-f"][..], "x.tar.xz"),
    ] {
        let make = |time: &str, seconds| {
            let program = bench.program("", &stamp(time), &["-O2"]);
            let files = [("usr/bin/x", program.as_slice()), ("usr/share/y", b"same")];
            bench.write("x.tar", tar(&files, seconds));
            bench.run(pack[0], &[pack[1], "x.tar"]);
            bench.read(name)
        };
        let (ours, theirs) = (
            make("03:18:29", 1_700_000_000),
            make("03:19:02", 1_700_000_033),
        );
        let comparison = explained(&ours, &theirs);
        let places: Vec<&str> = comparison
            .differences
            .iter()
            .map(|difference| difference.place.as_str())
            .collect();
        assert!(
            places.contains(&"content > usr/bin/x > .rodata"),
            "{places:?}"
        );
    }
}

#[test]
fn a_debian_package_is_looked_into() {
    let bench = Bench::new();
    let make = |time: &str, seconds: &str| {
        let program = bench.program("", &stamp(time), &["-O2"]);
        bench.write("tree/usr/bin/x", program);
        bench.write(
            "tree/DEBIAN/control",
            "Package: x\nVersion: 1\nArchitecture: amd64\nMaintainer: X <x@example.org>\nDescription: x\n",
        );
        bench.run(
            "find",
            &["tree", "-exec", "touch", "-h", "-d", seconds, "{}", "+"],
        );
        bench.run("chmod", &["-R", "u=rwX,go=rX", "tree"]);
        let epoch = format!("SOURCE_DATE_EPOCH={}", seconds.trim_start_matches('@'));
        bench.run(
            "env",
            &[
                &epoch,
                "dpkg-deb",
                "--root-owner-group",
                "-b",
                "tree",
                "x.deb",
            ],
        );
        bench.read("x.deb")
    };
    let comparison = explained(
        &make("03:18:29", "@1700000000"),
        &make("03:19:02", "@1763780000"),
    );
    assert!(
        comparison.differences.iter().any(|difference| {
            difference.place == "data.tar.xz > content > ./usr/bin/x > .rodata"
        }),
        "{comparison}"
    );
}

#[test]
fn a_zip_is_compared_member_by_member() {
    let bench = Bench::new();
    let make = |word: &str, seconds: &str| {
        bench.write(
            "a.txt",
            format!("built 2025-11-22 {}\n", "text ".repeat(99)),
        );
        bench.write("b.txt", word);
        bench.run("touch", &["-d", seconds, "a.txt", "b.txt"]);
        bench.run("rm", &["-f", "x.zip"]);
        bench.run("python3", &["-c", ZIP]);
        bench.read("x.zip")
    };
    let ours = make("03:18:29", "@1700000000");
    explained(&ours, &make("03:19:02", "@1763780000"));
    let comparison = unexplained(&ours, &make("anything", "@1763780000"));
    assert!(
        comparison
            .differences
            .iter()
            .any(|difference| difference.place == "b.txt")
    );
}

const ZIP: &str = "import zipfile
z = zipfile.ZipFile('x.zip', 'w', zipfile.ZIP_DEFLATED)
z.write('a.txt'); z.write('b.txt'); z.close()";

#[test]
fn members_that_are_added_removed_reordered_or_of_another_mode_are_unexplained() {
    let one = tar(&[("a", b"1"), ("b", b"2")], 7);
    unexplained(&one, &tar(&[("a", b"1"), ("b", b"2"), ("c", b"3")], 7));
    unexplained(&one, &tar(&[("a", b"1")], 7));
    unexplained(&one, &tar(&[("b", b"2"), ("a", b"1")], 7));
    unexplained(&one, &tar(&[("a", b"1"), ("c", b"2")], 7));
    let mut setuid = tar::Builder::new(Vec::new());
    for (name, mode) in [("a", 0o4755), ("b", 0o644)] {
        let mut header = tar::Header::new_ustar();
        header.set_size(1);
        header.set_mode(mode);
        header.set_mtime(7);
        let content: &[u8] = if name == "a" { b"1" } else { b"2" };
        setuid.append_data(&mut header, name, content).unwrap();
    }
    let comparison = unexplained(&one, &setuid.into_inner().unwrap());
    assert!(comparison.to_string().contains("mode"), "{comparison}");
}

#[test]
fn a_detached_signature_is_explained_only_beside_what_it_signs() {
    let make = |name: &str, signature: &[u8]| tar(&[("x", b"program"), (name, signature)], 7);
    explained(&make("x.sig", b"one"), &make("x.sig", b"two"));
    unexplained(&make("y.sig", b"one"), &make("y.sig", b"two"));
}

#[test]
fn the_same_content_packed_otherwise_is_unexplained() {
    let bench = Bench::new();
    let pack = |level: &str| {
        bench.write("x", "the same text again and again ".repeat(500));
        bench.run("gzip", &["-nf", level, "x"]);
        bench.read("x.gz")
    };
    let comparison = unexplained(&pack("-1"), &pack("-9"));
    assert!(comparison.to_string().contains("packed"), "{comparison}");
}

#[test]
fn a_format_that_is_not_known_is_bytes_and_those_are_unexplained() {
    unexplained(b"BZh9\x00 03:18:29", b"BZh9\x00 03:18:30");
}

#[test]
fn a_script_is_code() {
    unexplained(b"#!/bin/sh\necho 03:18:29\n", b"#!/bin/sh\necho 03:18:30\n");
    explained(b"built 03:18:29\n", b"built 03:18:30\n");
}
