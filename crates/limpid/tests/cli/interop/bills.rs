//! SBOMs: of a program in C, of one in Rust that is built here, and of this house.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use super::outsiders::ask;
use crate::{
    place::Place,
    program::{limpid, root, run},
};

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A lock with an archive of Debian and files of the host.
const LOCK: &str = "limpid-environment 1\nname tiny\nplatform linux-x86_64\n\
    input gcc debian Debian package gcc 4:12.2.0-3\n\
    input layout limpid the links of a Debian root tree\n\
    input libstdc++6 host Debian package libstdc++6 12.2.0-14+deb12u1 as installed\n\
    input rust-std host rust-std for x86_64-unknown-linux-gnu of rustc 1.95.0 as installed\n\
    archive gcc deb 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 1 4:12.2.0-3 bookworm/main/amd64\n\
    file 444 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 1 rust-std opt/rust/lib/rustlib/x86_64-unknown-linux-gnu/lib/libstd-12ab.rlib\n\
    link layout usr/bin/cc gcc\n\
    file 555 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 1 gcc usr/bin/gcc\n\
    file 444 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 1 libstdc++6 usr/lib/libstdc++.so.6\n";

fn recipe(name: &str, command: &str) -> String {
    format!(
        "product = \"{name}\"\nversion = \"1.0.0\"\nkind = \"software\"\nplatform = \"linux-x86_64\"\n\
         [environment]\nname = \"tiny\"\n[build]\ncommand = [{command}]\n\
         [artifact]\npath = \"target/debug/{name}\"\nname = \"{name}\"\n"
    )
}

/// A source of these files, and its SBOM with more arguments.
struct Bill {
    place: Place,
}

impl Bill {
    fn of(files: &[(&str, &str)]) -> Self {
        let place = Place::new();
        for (name, text) in files {
            let path = place.path().join("source").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        place.write("lock", LOCK);
        Self { place }
    }

    fn path(&self, name: &str) -> String {
        self.place.path().join(name).display().to_string()
    }

    /// The path of the SBOM, and what was said about it.
    fn make(&self, name: &str, more: &[&str]) -> (String, Value) {
        let (source, lock, out) = (self.path("source"), self.path("lock"), self.path(name));
        let always = [
            "--json",
            "conveyer",
            "sbom",
            &source,
            "--environment",
            &lock,
            "--out",
            &out,
        ];
        let said = limpid(&[always.as_slice(), more].concat()).json(0);
        (out, said)
    }
}

/// Standard output of cargo, in the source.
fn cargo(folder: &Path, arguments: &[&str]) -> String {
    let ran = run(Command::new(env!("CARGO"))
        .current_dir(folder)
        .args(arguments)
        .args(["--offline"])
        .env_remove("RUSTFLAGS"));
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    ran.stdout
}

#[test]
fn the_sbom_of_a_program_in_c_is_valid_and_spoilt_copies_are_not() {
    let make = recipe(
        "hello",
        "\"gcc\", \"-o\", \"target/debug/hello\", \"hello.c\"",
    );
    let bill = Bill::of(&[
        ("recipe.toml", &make),
        ("hello.c", "int main(void) { return 0; }\n"),
    ]);
    let (path, said) = bill.make("c.json", &[]);
    assert_eq!(
        (&said["components"], &said["inputs"]),
        (&1.into(), &4.into())
    );
    let judged = ask("sbom.py", &[&path]);
    assert_eq!(judged[0]["refusals"], 3, "{judged}");
    assert_eq!(judged[0]["purls"], 2, "{judged}");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("code of others that was copied into the source"));
    assert!(text.contains("pkg:deb/debian/gcc@4:12.2.0-3?distro=bookworm"));
}

#[test]
fn the_sbom_of_a_rust_program_lists_what_was_compiled_is_valid_and_can_be_compared() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let manifest = "[package]\nname = \"small\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
        [dependencies]\nhex = { version = \"0.4\", default-features = false }\n[workspace]\n";
    let bill = Bill::of(&[
        ("recipe.toml", &recipe("small", "\"cargo\", \"build\"")),
        ("Cargo.toml", manifest),
        ("Cargo.lock", &lock),
        (
            "src/main.rs",
            "fn main() { hex::decode_to_slice(\"\", &mut []).unwrap(); }\n",
        ),
    ]);
    let source = bill.place.path().join("source");
    let target = bill.path("target");
    let build = ["build", "--message-format=json", "--target-dir", &target];
    let messages = bill.place.write("messages", cargo(&source, &build));
    let metadata = [
        "metadata",
        "--format-version=1",
        "--filter-platform",
        TARGET,
    ];
    let metadata = bill.place.write("metadata", cargo(&source, &metadata));
    let (locked, _) = bill.make("locked.json", &[]);
    let artifact = format!("{target}/debug/small");
    let more = [
        "--messages",
        &messages,
        "--metadata",
        &metadata,
        "--artifact",
        &artifact,
    ];
    let (built, said) = bill.make("built.json", &more);
    // The program, hex, the source, and the standard library.
    assert_eq!(said["components"], 4, "{said}");
    let judged = ask("sbom.py", &[&locked, &built]);
    for one in judged.as_array().unwrap() {
        assert_eq!(one["refusals"], 3, "{judged}");
    }
    assert_eq!(judged[1]["expressions"], 1, "{judged}");
    compared(&bill, &locked, &built);
}

/// The same, different, and spoilt.
fn compared(bill: &Bill, old: &str, new: &str) {
    let same = limpid(&["sbom", "diff", new, new]);
    assert_eq!((same.status, same.stdout.as_str()), (0, "no difference\n"));
    let differs = limpid(&["sbom", "diff", old, new]);
    assert_eq!((differs.status, differs.stderr.as_str()), (3, ""));
    assert!(
        differs
            .stdout
            .contains("~ hex 0.4.3\n      licence: none -> MIT OR Apache-2.0\n")
    );
    assert!(
        differs
            .stdout
            .lines()
            .all(|line| line.chars().count() <= 80)
    );
    let listed = limpid(&["--json", "sbom", "diff", old, new]).json(3);
    assert!(listed["added"].as_array().unwrap().is_empty(), "{listed}");
    let spoilt = fs::read_to_string(new)
        .unwrap()
        .replacen("0.4.3", "0.4.4", 1);
    let spoilt = bill.place.write("spoilt.json", spoilt);
    limpid(&["sbom", "diff", old, &spoilt]).refused(2, &["spoilt.json is refused", "serialNumber"]);
}

#[test]
fn the_sbom_of_this_house_is_valid_down_to_each_package_url_and_licence() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let bill = Bill::of(&[
        ("recipe.toml", &recipe("limpid", "\"cargo\", \"build\"")),
        ("Cargo.lock", &lock),
    ]);
    let metadata = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform",
        TARGET,
    ];
    let metadata = bill.place.write("metadata", cargo(root(), &metadata));
    let (path, said) = bill.make("limpid.json", &["--metadata", &metadata]);
    let crates = lock.matches("[[package]]").count() as u64;
    let components = said["components"].as_u64().unwrap();
    assert!(
        (150..crates).contains(&components),
        "{said}, {crates} in the lock"
    );
    let judged = ask("sbom.py", &[&path]);
    assert_eq!(judged[0]["refusals"], 3, "{judged}");
    assert!(judged[0]["expressions"].as_u64() > Some(150), "{judged}");
}
