//! Import: one tree gives one archive, whatever surrounds it.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod parties;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use conveyer::{ConveyerError, Source, SourceFrom, import_source};
use parties::{bytes, ground, import, plant};
use store::Blobs;

#[test]
fn one_tree_gives_the_same_bytes_whatever_its_order_modes_and_times() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let (a, b) = (ground.path().join("a"), ground.path().join("elsewhere/b"));
    plant(&a, false, 0o777, 1);
    plant(&b, true, 0o700, 1_700_000_000);
    fs::create_dir_all(b.join("target/debug")).unwrap();
    fs::create_dir_all(b.join(".git")).unwrap();
    fs::write(b.join("target/debug/x"), "left out").unwrap();
    fs::create_dir(b.join("an-empty-folder")).unwrap();
    let (a, b) = (import(&a, &blobs).unwrap(), import(&b, &blobs).unwrap());
    assert_eq!(a, b);
    assert_eq!(a.files().len(), 7);
    assert_eq!(Source::open(&blobs, a.archive()).unwrap(), a);
}

#[test]
fn a_changed_byte_mode_or_name_gives_another_digest() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("a");
    plant(&root, false, 0o777, 1);
    let mut seen = vec![import(&root, &blobs).unwrap()];
    fs::write(root.join("src/main.rs"), "contenT\n").unwrap();
    seen.push(import(&root, &blobs).unwrap());
    fs::set_permissions(root.join("src/main.rs"), fs::Permissions::from_mode(0o755)).unwrap();
    seen.push(import(&root, &blobs).unwrap());
    fs::rename(root.join("src/main.rs"), root.join("src/lib.rs")).unwrap();
    seen.push(import(&root, &blobs).unwrap());
    for (index, one) in seen.iter().enumerate() {
        for other in &seen[index + 1..] {
            assert_ne!(one.archive(), other.archive());
            assert_ne!(one.tree(), other.tree());
        }
    }
}

#[test]
fn other_peoples_programs_read_the_archive() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("a");
    plant(&root, false, 0o777, 1);
    let source = import(&root, &blobs).unwrap();
    let wanted: Vec<String> = source
        .files()
        .iter()
        .map(|(entry, _)| entry.path.to_string())
        .collect();
    // The `tar` crate:
    let archive = bytes(&source, &blobs);
    let mut reader = tar::Archive::new(&archive[..]);
    let found: Vec<String> = reader
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(found, wanted);
    // GNU tar, with what it unpacks imported again:
    let out = ground.path().join("out");
    fs::create_dir(&out).unwrap();
    let done = Command::new("tar")
        .arg("-xf")
        .arg(blobs.path(source.archive()))
        .arg("-C")
        .arg(&out)
        .output()
        .unwrap();
    assert!(
        done.status.success() && done.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    assert_eq!(import(&out, &blobs).unwrap().archive(), source.archive());
}

#[test]
fn what_an_archive_cannot_hold_is_refused_with_its_name() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let refused = |name: &str, plant: &dyn Fn(&Path)| {
        let root = ground.path().join(name);
        fs::create_dir_all(root.join("sub")).unwrap();
        plant(&root);
        let error = import(&root, &blobs).unwrap_err();
        let cause = std::error::Error::source(&error)
            .map(ToString::to_string)
            .unwrap_or_default();
        format!("{error} {cause}")
    };
    assert!(
        refused("pipe", &|root| assert!(
            Command::new("mkfifo")
                .arg(root.join("sub/p"))
                .status()
                .unwrap()
                .success()
        ))
        .contains("sub/p")
    );
    assert!(
        refused("nested", &|root| fs::create_dir(root.join("sub/.git"))
            .unwrap())
        .contains("git repository inside")
    );
    assert!(
        refused("out", &|root| symlink("../../etc", root.join("sub/l"))
            .unwrap())
        .contains("leads out")
    );
    assert!(
        refused("absolute", &|root| symlink("/etc/passwd", root.join("l"))
            .unwrap())
        .contains("absolute")
    );
    assert!(
        refused("newline", &|root| fs::write(root.join("a\nb"), "").unwrap())
            .contains("control character")
    );
}

fn git(repository: &Path, arguments: &[&str]) {
    let identity = [
        "-c",
        "user.name=T",
        "-c",
        "user.email=t@example.com",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "protocol.file.allow=always",
    ];
    let done = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(identity)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn repository(root: &Path) {
    fs::create_dir_all(root).unwrap();
    git(root, &["init", "-q"]);
    plant(&root.join("product"), false, 0o777, 1);
    git(root, &["add", "."]);
    git(root, &["commit", "-q", "-m", "one"]);
}

fn from_git(root: &Path, folder: Option<&str>) -> SourceFrom {
    SourceFrom::GitCommit {
        repository: root.to_owned(),
        commit: "HEAD".to_owned(),
        folder: folder.map(|folder| folder.parse().unwrap()),
    }
}

#[test]
fn a_commit_gives_the_same_archive_as_its_directory_and_no_filter_runs() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("repository");
    repository(&root);
    let committed = import_source(&from_git(&root, Some("product")), &blobs).unwrap();
    assert_eq!(
        import(&root.join("product"), &blobs).unwrap().archive(),
        committed.archive()
    );
    assert_eq!(committed.commit().unwrap().len(), 40);
    // Neither the work tree nor a smudge filter has a say.
    fs::write(root.join("product/run.sh"), "changed\n").unwrap();
    fs::write(
        root.join(".git/info/attributes"),
        "* text eol=crlf ident filter=evil\n",
    )
    .unwrap();
    git(&root, &["config", "filter.evil.smudge", "touch /tmp/evil"]);
    assert_eq!(
        import_source(&from_git(&root, Some("product")), &blobs).unwrap(),
        committed
    );
}

#[test]
fn submodules_and_lfs_pointers_and_unknown_commits_are_refused() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let (root, other) = (
        ground.path().join("repository"),
        ground.path().join("other"),
    );
    repository(&root);
    repository(&other);
    git(
        &root,
        &[
            "submodule",
            "--quiet",
            "add",
            &other.display().to_string(),
            "sub",
        ],
    );
    git(&root, &["commit", "-q", "-m", "two"]);
    let refused = import_source(&from_git(&root, None), &blobs)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("submodule"), "{refused}");
    fs::write(
        other.join("product/big"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    )
    .unwrap();
    git(&other, &["add", "."]);
    git(&other, &["commit", "-q", "-m", "two"]);
    let refused = import_source(&from_git(&other, None), &blobs)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("LFS") && refused.contains("product/big"),
        "{refused}"
    );
    for name in ["no-such-branch", "--help", "HEAD:product"] {
        let from = SourceFrom::GitCommit {
            repository: root.clone(),
            commit: name.to_owned(),
            folder: None,
        };
        assert!(
            matches!(
                import_source(&from, &blobs),
                Err(ConveyerError::HostProgram { .. })
            ),
            "{name}"
        );
    }
}
