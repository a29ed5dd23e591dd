//! What an SBOM lists, what it admits not to know, that it has one form, and what a comparison shows.

use std::collections::BTreeMap;

use conveyer::{CargoFacts, Lock, Sbom, SbomDiff, SbomFault, SbomInput, SbomPart, sbom_of};
use proptest::prelude::*;
use serde_json::Value;

const REGISTRY: &str = "registry+https://registry.example/crates.io-index";

/// `tool` needs `hex` and, as a macro, `derive`; for its build script `cc`; on another system `winapi`. `derive`
/// needs `syn`. `other` is a second program of the same source, and needs `lone`.
const CARGO_LOCK: &str = r#"
version = 4
[[package]]
name = "cc"
version = "1.2.0"
source = "registry+https://registry.example/crates.io-index"
checksum = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
[[package]]
name = "derive"
version = "1.0.0"
source = "registry+https://registry.example/crates.io-index"
checksum = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
dependencies = ["syn"]
[[package]]
name = "hex"
version = "0.4.3"
source = "registry+https://registry.example/crates.io-index"
checksum = "7777777777777777777777777777777777777777777777777777777777777777"
[[package]]
name = "lone"
version = "0.1.0"
source = "git+https://git.example/lone?rev=12#12ab"
[[package]]
name = "other"
version = "1.0.0"
dependencies = ["lone"]
[[package]]
name = "syn"
version = "3.0.0"
source = "registry+https://registry.example/crates.io-index"
checksum = "5555555555555555555555555555555555555555555555555555555555555555"
[[package]]
name = "tool"
version = "1.0.0"
dependencies = ["cc", "derive", "hex", "winapi"]
[[package]]
name = "winapi"
version = "0.3.9"
source = "registry+https://registry.example/crates.io-index"
checksum = "9999999999999999999999999999999999999999999999999999999999999999"
"#;

const LOCK: &str = "limpid-environment 1\nname tiny\nplatform linux-x86_64\n\
    input gcc host Debian package gcc 4:12.2.0-3 as installed\n\
    input layout limpid the links of a Debian root tree\n\
    input rust-std host rust-std for x86_64-unknown-linux-gnu of rustc 1.95.0 as installed\n\
    file 444 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 1 rust-std opt/rust/lib/rustlib/x86_64-unknown-linux-gnu/lib/libstd-12ab.rlib\n\
    link layout usr/bin/cc gcc\n\
    file 555 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 1 gcc usr/bin/gcc\n";

fn id(name: &str, version: &str) -> String {
    match name {
        "tool" | "other" => format!("path+file:///build/src/{name}#{version}"),
        "lone" => format!("git+https://git.example/lone?rev=12#{version}"),
        _ => format!("{REGISTRY}#{name}@{version}"),
    }
}

/// A line of `cargo build --message-format=json`.
fn artifact(name: &str, version: &str, kind: &str, file: &str) -> String {
    let id = id(name, version);
    format!(
        "{{\"reason\":\"compiler-artifact\",\"package_id\":\"{id}\",\"target\":{{\"kind\":[\"{kind}\"],\
         \"name\":\"{name}\"}},\"filenames\":[\"/build/src/target/release/{file}\"],\"fresh\":false}}\n"
    )
}

const DONE: &str = "{\"reason\":\"build-finished\",\"success\":true}\n";

fn messages() -> String {
    [
        artifact("cc", "1.2.0", "lib", "deps/libcc.rlib"),
        artifact("syn", "3.0.0", "lib", "deps/libsyn.rlib"),
        artifact("derive", "1.0.0", "proc-macro", "deps/libderive.so"),
        artifact("hex", "0.4.3", "lib", "deps/libhex.rlib"),
        artifact("lone", "0.1.0", "lib", "deps/liblone.rlib"),
        artifact(
            "tool",
            "1.0.0",
            "custom-build",
            "build/tool/build-script-build",
        ),
        artifact("tool", "1.0.0", "bin", "tool"),
        artifact("other", "1.0.0", "bin", "other"),
        DONE.to_owned(),
    ]
    .concat()
}

/// What `cargo metadata` says for Linux: everything but `winapi`.
fn metadata() -> String {
    let package = |name: &str, version: &str, kind: &str, licence: &str| {
        let id = id(name, version);
        format!(
            "{{\"id\":\"{id}\",\"name\":\"{name}\",\"version\":\"{version}\",\"license\":{licence},\
             \"targets\":[{{\"kind\":[\"{kind}\"],\"name\":\"{name}\"}}]}}"
        )
    };
    let node = |name: &str, version: &str, deps: &[(&str, &str, &str)]| {
        let deps: Vec<String> = deps
            .iter()
            .map(|(name, version, kind)| {
                let id = id(name, version);
                format!("{{\"pkg\":\"{id}\",\"dep_kinds\":[{{\"kind\":{kind},\"target\":null}}]}}")
            })
            .collect();
        format!(
            "{{\"id\":\"{}\",\"deps\":[{}]}}",
            id(name, version),
            deps.join(",")
        )
    };
    let packages = [
        package("cc", "1.2.0", "lib", "\"MIT/Apache-2.0\""),
        package("derive", "1.0.0", "proc-macro", "\"MIT\""),
        package("hex", "0.4.3", "lib", "\"MIT OR Apache-2.0\""),
        package("lone", "0.1.0", "lib", "null"),
        package("other", "1.0.0", "bin", "null"),
        package("syn", "3.0.0", "lib", "\"see LICENCE\""),
        package("tool", "1.0.0", "bin", "\"Apache-2.0\""),
        package("winapi", "0.3.9", "lib", "\"MIT\""),
    ];
    let nodes = [
        node("cc", "1.2.0", &[]),
        node("derive", "1.0.0", &[("syn", "3.0.0", "null")]),
        node("hex", "0.4.3", &[]),
        node("lone", "0.1.0", &[]),
        node("other", "1.0.0", &[("lone", "0.1.0", "null")]),
        node("syn", "3.0.0", &[]),
        node(
            "tool",
            "1.0.0",
            &[
                ("cc", "1.2.0", "\"build\""),
                ("derive", "1.0.0", "null"),
                ("hex", "0.4.3", "null"),
                ("lone", "0.1.0", "\"dev\""),
            ],
        ),
    ];
    format!(
        "{{\"packages\":[{}],\"resolve\":{{\"nodes\":[{}],\"root\":null}},\"version\":1}}",
        packages.join(","),
        nodes.join(",")
    )
}

fn input<'a>(environment: &'a Lock, cargo: Option<CargoFacts<'a>>) -> SbomInput<'a> {
    SbomInput {
        product: "tool",
        version: "1.0.0",
        artifact_name: "tool",
        artifact_file: "tool",
        artifact: Some(tlog::sha256(b"artifact")),
        archive: tlog::sha256(b"archive"),
        tree: tlog::sha256(b"tree"),
        recipe: tlog::sha256(b"recipe"),
        source_date_epoch: 1_700_000_000,
        environment,
        cargo,
    }
}

/// The SBOM of `tool`, from what is given.
fn sbom(lock: &str, messages: Option<&str>, metadata: Option<&str>) -> Result<Sbom, SbomFault> {
    let environment = Lock::parse(LOCK).unwrap();
    let facts = CargoFacts {
        lock: lock.as_bytes(),
        messages: messages.map(str::as_bytes),
        metadata: metadata.map(str::as_bytes),
    };
    sbom_of(&input(&environment, Some(facts)))
}

fn built() -> Sbom {
    sbom(CARGO_LOCK, Some(&messages()), Some(&metadata())).unwrap()
}

fn json(sbom: &Sbom) -> Value {
    serde_json::from_slice(&sbom.to_json()).unwrap()
}

fn of_c() -> Sbom {
    sbom_of(&input(&Lock::parse(LOCK).unwrap(), None)).unwrap()
}

/// Name and scope of every component.
fn scopes(sbom: &Sbom) -> BTreeMap<String, String> {
    let list = json(sbom)["components"].as_array().unwrap().clone();
    list.iter()
        .map(|part| {
            let scope = part["scope"].as_str().unwrap_or("unknown");
            (part["name"].as_str().unwrap().to_owned(), scope.to_owned())
        })
        .collect()
}

fn names(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter()
        .map(|(name, scope)| ((*name).to_owned(), (*scope).to_owned()))
        .collect()
}

#[test]
fn the_crates_of_this_artifact_are_listed_and_those_that_only_ran_while_building_are_excluded() {
    let expected = names(&[
        ("cc", "excluded"),
        ("derive", "excluded"),
        ("hex", "required"),
        ("std", "required"),
        ("syn", "excluded"),
        ("tool", "required"),
        ("tool source", "required"),
    ]);
    assert_eq!(scopes(&built()), expected);
    let resolved = sbom(CARGO_LOCK, None, Some(&metadata())).unwrap();
    assert_eq!(scopes(&resolved), expected);
    assert_ne!(resolved.evidence(), built().evidence());
}

#[test]
fn without_metadata_what_a_build_script_needs_cannot_be_told_from_what_is_linked() {
    let sbom = sbom(CARGO_LOCK, Some(&messages()), None).unwrap();
    let scopes = scopes(&sbom);
    assert_eq!(scopes["cc"], "required");
    assert_eq!(scopes["syn"], "excluded", "only a macro needs it");
    assert!(!scopes.contains_key("winapi"), "it was not compiled");
    assert!(!scopes.contains_key("lone"), "another artifact has it");
}

#[test]
fn without_a_listing_every_locked_crate_is_listed_and_the_sbom_says_that_it_knows_no_more() {
    let sbom = sbom(CARGO_LOCK, None, None).unwrap();
    assert_eq!(scopes(&sbom)["winapi"], "unknown");
    assert_eq!(scopes(&sbom).len(), 8 + 2);
    assert!(sbom.evidence().contains("unknown"), "{}", sbom.evidence());
    assert_eq!(json(&sbom)["compositions"][0]["aggregate"], "unknown");
}

#[test]
fn a_program_in_c_has_its_source_and_environment_and_says_what_is_unknown() {
    let sbom = of_c();
    assert_eq!(scopes(&sbom), names(&[("tool source", "required")]));
    assert_eq!(sbom.counts(), (1, 3));
    let shown = json(&sbom);
    assert_eq!(shown["compositions"][0]["aggregate"], "unknown");
    let gcc = &shown["formulation"][0]["components"][0];
    assert_eq!(gcc["purl"], "pkg:deb/debian/gcc@4:12.2.0-3");
    assert!(
        shown
            .to_string()
            .contains("code of others that was copied into the source")
    );
}

#[test]
fn a_component_has_the_digest_of_the_lock_and_its_licence_and_package_url() {
    let shown = json(&built());
    let part = |name: &str| {
        let list = shown["components"].as_array().unwrap();
        list.iter()
            .find(|part| part["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(part("hex")["hashes"][0]["content"], "7".repeat(64));
    assert_eq!(part("hex")["purl"], "pkg:cargo/hex@0.4.3");
    assert_eq!(part("cc")["licenses"][0]["expression"], "MIT OR Apache-2.0");
    assert_eq!(part("syn")["licenses"][0]["license"]["name"], "see LICENCE");
    assert!(part("tool")["purl"].is_null(), "nobody else can name it");
    assert_eq!(part("std")["version"], "1.95.0");
}

#[test]
fn the_same_input_gives_the_same_bytes_and_any_other_artifact_another_serial_number() {
    assert_eq!(built().to_json(), built().to_json());
    let environment = Lock::parse(LOCK).unwrap();
    let mut other = input(&environment, None);
    other.artifact = None;
    assert_ne!(
        sbom_of(&other).unwrap().serial_number(),
        of_c().serial_number()
    );
}

#[test]
fn listings_that_are_not_of_this_build_are_refused() {
    let stranger = format!("{}{DONE}", artifact("stranger", "1.0.0", "lib", "x"));
    let refused = sbom(CARGO_LOCK, Some(&stranger), None);
    assert!(matches!(refused, Err(SbomFault::NotLocked { name, .. }) if name == "stranger"));
    let unfinished = messages().replace(DONE, "");
    let refused = sbom(CARGO_LOCK, Some(&unfinished), None);
    assert!(matches!(refused, Err(SbomFault::Unfinished)));
    let refused = sbom(CARGO_LOCK, None, Some("{\"packages\":[],\"resolve\":null}"));
    assert!(matches!(refused, Err(SbomFault::NoGraph)));
    let dangling = CARGO_LOCK.replace("[\"lone\"]", "[\"gone\"]");
    let refused = sbom(&dangling, None, None);
    assert!(matches!(
        refused,
        Err(SbomFault::Dependency { found: 0, .. })
    ));
    let short = CARGO_LOCK.replace(&"7".repeat(64), "77");
    assert!(matches!(
        sbom(&short, None, None),
        Err(SbomFault::Checksum { .. })
    ));
}

#[test]
fn a_text_that_was_changed_is_not_read() {
    let text = String::from_utf8(built().to_json()).unwrap();
    for (from, to) in [
        ("0.4.3", "0.4.4"),
        ("\"required\"", "\"excluded\""),
        ("{\"bomFormat\"", "{ \"bomFormat\""),
        ("\"version\":1}", "\"version\":2}"),
        ("urn:uuid:", "urn:uuid:0"),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(
            Sbom::parse(text.replacen(from, to, 1).as_bytes()).is_err(),
            "{from}"
        );
    }
    let foreign = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1}"#;
    assert!(matches!(Sbom::parse(foreign), Err(SbomFault::Form(_))));
}

#[test]
fn a_comparison_names_what_came_went_and_changed() {
    let newer_lock = CARGO_LOCK
        .replace("0.4.3", "0.5.0")
        .replace(&"7".repeat(64), &"8".repeat(64));
    let newer = messages()
        .replace("#hex@0.4.3", "#hex@0.5.0")
        .replace(&artifact("cc", "1.2.0", "lib", "deps/libcc.rlib"), "");
    let newer = artifact("winapi", "0.3.9", "lib", "deps/libwinapi.rlib") + &newer;
    let old = sbom(CARGO_LOCK, Some(&messages()), None).unwrap();
    let new = sbom(&newer_lock, Some(&newer), None).unwrap();
    assert!(SbomDiff::between(&old, &old).is_empty());
    let diff = SbomDiff::between(&old, &new);
    let item = |list: &[conveyer::SbomItem]| {
        let names = list.iter().map(|item| (item.part, item.name.clone()));
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        item(&diff.added),
        [(SbomPart::Contents, "winapi".to_owned())]
    );
    assert_eq!(item(&diff.removed), [(SbomPart::Contents, "cc".to_owned())]);
    let shown = diff.to_string();
    assert_eq!(
        shown,
        "In it\n  + winapi 0.3.9\n  - cc 1.2.0\n  ~ hex 0.5.0\n      sha256:\n        \
         7777777777777777777777777777777777777777777777777777777777777777\n     -> \
         8888888888888888888888888888888888888888888888888888888888888888\n      \
         version: 0.4.3 -> 0.5.0\n  ~ tool 1.0.0\n      needs now winapi\n      needs no longer cc\n"
    );
    assert!(shown.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn a_changed_licence_environment_or_evidence_is_a_difference() {
    let old = built();
    let relicensed = metadata().replace("\"MIT OR Apache-2.0\"", "\"GPL-3.0-only\"");
    let new = sbom(CARGO_LOCK, Some(&messages()), Some(&relicensed)).unwrap();
    let diff = SbomDiff::between(&old, &new);
    assert_eq!(diff.changed.len(), 1);
    assert_eq!(diff.changed[0].fields[0].field, "licence");

    let weaker = sbom(CARGO_LOCK, None, Some(&metadata())).unwrap();
    let diff = SbomDiff::between(&old, &weaker);
    assert_eq!(diff.changed[0].fields[0].field, "evidence");

    let tampered = Lock::parse(&LOCK.replacen("file 555 2d", "file 555 2e", 1)).unwrap();
    let other = sbom_of(&input(&tampered, None)).unwrap();
    let diff = SbomDiff::between(&of_c(), &other);
    let changed: Vec<_> = diff
        .changed
        .iter()
        .map(|change| change.name.as_str())
        .collect();
    assert_eq!(changed, ["artifact", "gcc"]);
}

#[test]
fn the_page_shows_the_bytes_that_are_printed() {
    let page = include_str!("../../../spec/sbom.md");
    let text = String::from_utf8(of_c().to_json()).unwrap();
    assert!(page.contains(&text), "spec/sbom.md should show\n{text}");
    let shown = json(&built());
    let list = shown["components"].as_array().unwrap();
    let hex = list.iter().find(|part| part["name"] == "hex").unwrap();
    let hex = String::from_utf8(statement::to_canonical(hex).unwrap()).unwrap();
    assert!(page.contains(&hex), "spec/sbom.md should show\n{hex}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_printed_is_read_back(
        product in "[a-z]{1,12}",
        version in "[0-9.]{1,8}",
        epoch in any::<u64>(),
        salt in any::<[u8; 4]>(),
    ) {
        let environment = Lock::parse(LOCK).unwrap();
        let mut input = input(&environment, None);
        (input.product, input.version) = (&product, &version);
        (input.source_date_epoch, input.artifact) = (epoch, Some(tlog::sha256(&salt)));
        let sbom = sbom_of(&input).unwrap();
        let text = sbom.to_json();
        prop_assert_eq!(Sbom::parse(&text).unwrap(), sbom);
    }

    #[test]
    fn no_byte_can_be_another(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut text = built().to_json();
        let at = at.index(text.len());
        prop_assume!(text[at] != to);
        text[at] = to;
        prop_assert!(Sbom::parse(&text).is_err());
    }

    #[test]
    fn odd_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Sbom::parse(&bytes).is_err());
        let text = String::from_utf8_lossy(&bytes);
        drop(sbom(&text, Some(&text), Some(&text)));
        drop(sbom(CARGO_LOCK, Some(&text), None));
    }

    #[test]
    fn spoilt_listings_are_refused_or_read_without_a_panic(
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
    ) {
        let spoil = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = to;
            String::from_utf8_lossy(&bytes).into_owned()
        };
        drop(sbom(&spoil(CARGO_LOCK), Some(&messages()), None));
        drop(sbom(CARGO_LOCK, Some(&spoil(&messages())), Some(&spoil(&metadata()))));
    }
}
