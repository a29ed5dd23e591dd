//! Import: one tree gives one archive, whatever surrounds it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::parties::{bytes, ground, import, plant};
use conveyer::{
    ConveyerError, RecipeBeside, Source, SourceFrom, import_source, import_with_recipe,
};
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
    assert_eq!(committed.git().unwrap().commit.len(), 40);
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

/// A repository with another one at `sub`, and where both are.
fn nested(ground: &Path) -> (PathBuf, PathBuf) {
    let (root, other) = (ground.join("repository"), ground.join("other"));
    repository(&root);
    repository(&other);
    let other_text = other.display().to_string();
    git(&root, &["submodule", "--quiet", "add", &other_text, "sub"]);
    git(&root, &["commit", "-q", "-m", "two"]);
    (root, other)
}

#[test]
fn a_submodule_that_is_here_is_imported_at_its_path() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let (root, other) = nested(ground.path());
    let source = import_source(&from_git(&root, None), &blobs).unwrap();
    let (inner, outer) = ("sub/product/run.sh", "product/run.sh");
    for path in [inner, outer] {
        let bytes = source.read_file(&blobs, path, 100).unwrap();
        assert_eq!(bytes, b"content\n", "{path}");
    }
    let found = source.git().unwrap();
    assert_eq!(found.author, "T <t@example.com>");
    assert_eq!(found.signature, None);
    let alone = import_source(&from_git(&other, None), &blobs).unwrap();
    let [submodule] = &found.submodules[..] else {
        panic!("{found:?}");
    };
    assert_eq!(submodule.path, "sub");
    assert_eq!(submodule.commit, alone.git().unwrap().commit);
    // Without its work tree the objects are still in the outer repository.
    fs::remove_dir_all(root.join("sub")).unwrap();
    let again = import_source(&from_git(&root, None), &blobs).unwrap();
    assert_eq!(again, source);
}

#[test]
fn a_submodule_that_is_not_here_is_refused_with_its_path() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let (root, _) = nested(ground.path());
    fs::remove_dir_all(root.join("sub")).unwrap();
    fs::remove_dir_all(root.join(".git/modules")).unwrap();
    let error = import_source(&from_git(&root, None), &blobs).unwrap_err();
    let ConveyerError::SourceRefused { path, why } = error else {
        panic!("{error}");
    };
    assert_eq!(path, "sub");
    assert!(why.contains("git submodule update"), "{why}");
}

#[test]
fn an_lfs_pointer_is_refused_with_its_path() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("repository");
    repository(&root);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    fs::write(root.join("product/big"), pointer).unwrap();
    git(&root, &["add", "."]);
    git(&root, &["commit", "-q", "-m", "two"]);
    let refused = import_source(&from_git(&root, None), &blobs).unwrap_err();
    let refused = refused.to_string();
    let is_named = refused.contains("LFS") && refused.contains("product/big");
    assert!(is_named, "{refused}");
}

#[test]
fn a_commit_is_named_by_id_branch_or_tag_and_by_nothing_else() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("repository");
    repository(&root);
    git(&root, &["tag", "-m", "the first", "v1"]);
    git(&root, &["branch", "stable"]);
    let named = |name: &str| {
        let from = SourceFrom::GitCommit {
            repository: root.clone(),
            commit: name.to_owned(),
            folder: None,
        };
        import_source(&from, &blobs)
    };
    let head = named("HEAD").unwrap();
    let id = head.git().unwrap().commit.clone();
    for name in ["v1", "stable", &id] {
        assert_eq!(named(name).unwrap(), head, "{name}");
    }
    let unknown = "0".repeat(40);
    for name in ["no-such-branch", "--help", "HEAD:product", "", &unknown] {
        assert!(
            matches!(named(name), Err(ConveyerError::Git { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_replaced_object_changes_nothing() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("repository");
    repository(&root);
    let before = import_source(&from_git(&root, None), &blobs).unwrap();
    fs::write(root.join("evil"), "evil\n").unwrap();
    git(&root, &["hash-object", "-w", "evil"]);
    git(&root, &["replace", "HEAD:product/run.sh", &evil_id(&root)]);
    let after = import_source(&from_git(&root, None), &blobs).unwrap();
    assert_eq!(after, before);
}

fn evil_id(root: &Path) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(["hash-object", "evil"]);
    let said = command.output().unwrap().stdout;
    String::from_utf8(said).unwrap().trim().to_owned()
}

#[test]
fn an_ssh_signature_is_recorded_as_a_claim_with_its_key() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("repository");
    repository(&root);
    let key = root.join(".git/key");
    let key_text = key.display().to_string();
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", &key_text])
        .status();
    assert!(made.unwrap().success());
    let signing = format!("user.signingkey={key_text}");
    git(
        &root,
        &[
            "-c",
            "gpg.format=ssh",
            "-c",
            &signing,
            "commit",
            "-q",
            "-S",
            "--allow-empty",
            "-m",
            "signed",
        ],
    );
    let source = import_source(&from_git(&root, None), &blobs).unwrap();
    let claim = source.git().unwrap().signature.clone().unwrap();
    assert_eq!(claim.format, "ssh");
    let listed = Command::new("ssh-keygen")
        .args(["-l", "-f", &key_text])
        .output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    assert!(
        listed.contains(&claim.by.clone().unwrap()),
        "{claim:?} {listed}"
    );
}

#[test]
fn a_recipe_beside_a_source_is_laid_into_it_unless_it_has_one() {
    let ground = ground();
    let blobs = Blobs::open_cache(&ground.path().join("blobs")).unwrap();
    let root = ground.path().join("plain");
    plant(&root, false, 0o777, 1);
    let recipe = ground.path().join("recipe.toml");
    fs::write(&recipe, crate::parties::RECIPE).unwrap();
    let beside = RecipeBeside::read(&recipe).unwrap();
    let from = SourceFrom::Directory {
        path: root.clone(),
        exclude: Vec::new(),
    };
    let with = import_with_recipe(&from, Some(&beside), &blobs).unwrap();
    assert_eq!(
        with.files().len(),
        import_source(&from, &blobs).unwrap().files().len() + 1
    );
    fs::copy(&recipe, root.join("recipe.toml")).unwrap();
    let own = import_source(&from, &blobs).unwrap();
    assert_eq!(own.archive(), with.archive());
    let refused = import_with_recipe(&from, Some(&beside), &blobs);
    assert!(matches!(refused, Err(ConveyerError::SourceRefused { .. })));
    fs::write(&recipe, "product = 1").unwrap();
    let refused = RecipeBeside::read(&recipe);
    assert!(matches!(refused, Err(ConveyerError::Recipe(_))));
}
