//! Python with other people's programs, in a folder of the build. Made by the first test that needs it; the others,
//! and later runs, find it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

const WANTED: &str = include_str!("requirements.txt");

/// Runs a script of this folder and takes the JSON that it prints.
pub(super) fn ask(script: &str, arguments: &[&str]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/interop");
    let mut command = Command::new(python());
    // Byte code beside the scripts would be files in the tree.
    command.arg("-B").arg(folder.join(script)).args(arguments);
    let said = must(&mut command);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{script} said {said:?}"))
}

/// The interpreter. One process installs, others wait for it; what an interrupted one left is removed.
fn python() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(place).unwrap();
    let lock = File::create(place.join("outsiders.lock")).unwrap();
    lock.lock().unwrap();
    let digest = tlog::sha256(WANTED.as_bytes()).to_hex();
    let room = place.join(format!("outsiders-{}", &digest[..16]));
    let python = room.join("bin/python");
    let is_whole = room.join("whole");
    // A new Python on the machine leaves a link to one that is gone.
    if !(is_whole.exists() && python.exists()) {
        if room.exists() {
            fs::remove_dir_all(&room).unwrap();
        }
        install(&room, &python);
        File::create(&is_whole).unwrap();
    }
    python
}

fn install(room: &Path, python: &Path) {
    let wanted = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/interop/requirements.txt");
    must(Command::new("python3").args(["-m", "venv"]).arg(room));
    let options = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    let exact = ["--no-deps", "--only-binary", ":all:", "--requirement"];
    must(Command::new(python).args(options).args(exact).arg(wanted));
}

fn must(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; run: apt-get install python3-venv"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{said}");
    String::from_utf8(output.stdout).unwrap()
}
