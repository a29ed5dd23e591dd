//! Updates over a real HTTP server: the honest ones arrive, and whatever breaks, the old version runs.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use endpoint::{Outcome, Step, status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tuf::fixture::FixtureSigner;

use crate::{
    repository::Site,
    world::{self, Twist, refused_with},
};

#[tokio::test]
async fn the_first_release_is_installed_and_runs() {
    let mut site = Site::new().await;
    let made = site.release(Twist::Honest);
    let outcome = site.update().await.unwrap();
    let Outcome::Installed {
        installed,
        previous: None,
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!((installed.seq, installed.release), (1, made.release));
    assert_eq!(site.runs(), made.artifact);
    let program = site.config.dir.join("current/truename");
    assert_eq!(
        fs::metadata(program).unwrap().permissions().mode() & 0o777,
        0o755
    );
}

#[tokio::test]
async fn the_same_release_again_is_up_to_date() {
    let site = Site::installed(1).await;
    let link = fs::read_link(site.config.dir.join("current")).unwrap();
    assert!(
        matches!(site.update().await.unwrap(), Outcome::UpToDate { installed } if installed.seq == 1)
    );
    assert_eq!(
        fs::read_link(site.config.dir.join("current")).unwrap(),
        link
    );
}

#[tokio::test]
async fn a_second_release_replaces_the_first_which_is_kept() {
    let mut site = Site::installed(1).await;
    let first = site.runs();
    let made = site.release(Twist::Honest);
    let outcome = site.update().await.unwrap();
    assert!(
        matches!(outcome, Outcome::Installed { previous: Some(before), .. } if before.seq == 1)
    );
    assert_eq!((site.runs(), site.ran_before()), (made.artifact, first));
}

#[tokio::test]
async fn a_third_release_removes_the_first_from_disk() {
    let site = Site::installed(3).await;
    let mut names: Vec<_> = fs::read_dir(site.config.dir.join("versions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let numbers: Vec<_> = names.iter().map(|name| &name[..2]).collect();
    assert_eq!(numbers, ["2-", "2-", "3-", "3-"], "{names:?}");
}

#[tokio::test]
async fn what_was_seen_is_kept_for_comparison() {
    let site = Site::installed(2).await;
    let seen = status(&site.config).unwrap();
    assert_eq!(seen.installed.unwrap().seq, 2);
    let versions: Vec<_> = seen.memory.publications["software"]
        .iter()
        .map(|p| p.version)
        .collect();
    assert_eq!(versions, [2, 3]);
    assert_eq!(seen.memory.median_newest, world::NOW);
    let checkpoint = seen.memory.checkpoints["center.example/log"];
    assert_eq!(checkpoint.time, world::NOW);
    // The proof of publication is newer than the bundle of the release.
    assert_eq!(checkpoint.size, site.world.log.head().size);
}

#[tokio::test]
async fn a_tree_that_is_witnessed_anew_is_remembered_with_its_newer_time() {
    let mut site = Site::installed(1).await;
    site.witnessed = world::NOW + 30;
    site.write();
    site.update().await.unwrap();
    let memory = status(&site.config).unwrap().memory;
    let checkpoint = memory.checkpoints["center.example/log"];
    assert_eq!(checkpoint.size, site.world.log.head().size);
    assert_eq!(checkpoint.time, world::NOW + 30);
}

#[tokio::test]
async fn an_update_killed_after_any_step_leaves_one_whole_version_and_can_be_repeated() {
    let mut site = Site::installed(1).await;
    let first = site.runs();
    let made = site.release(Twist::Honest);
    let stood = site.config.dir.clone();
    for step in Step::ALL {
        // Each time an endpoint that stands where the first one stood.
        site.config.dir = site.home().join(format!("{step:?}"));
        copy_directory(&stood, &site.config.dir);
        refused_with!("stopped", site.update_until(step).await);
        let expected = if step < Step::Switched {
            &first
        } else {
            &made.artifact
        };
        assert_eq!(site.runs(), *expected, "{step}");
        let again = site.update().await.unwrap();
        assert_eq!(
            matches!(again, Outcome::UpToDate { .. }),
            step == Step::Switched,
            "{step}"
        );
        assert_eq!(
            (site.runs(), site.ran_before()),
            (made.artifact.clone(), first.clone()),
            "{step}"
        );
    }
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (kind, path) = (entry.file_type().unwrap(), entry.path());
        let copy = to.join(entry.file_name());
        if kind.is_symlink() {
            symlink(fs::read_link(path).unwrap(), copy).unwrap();
        } else if kind.is_dir() {
            copy_directory(&path, &copy);
        } else {
            fs::copy(path, copy).unwrap();
        }
    }
}

#[tokio::test]
async fn a_first_installation_killed_after_any_step_can_be_repeated() {
    let mut site = Site::new().await;
    let made = site.release(Twist::Honest);
    for step in Step::ALL {
        // Each time an endpoint that never installed anything.
        site.config.dir = site.home().join(format!("{step:?}"));
        refused_with!("stopped", site.update_until(step).await);
        assert_eq!(
            site.config.dir.join("current").exists(),
            step == Step::Switched,
            "{step}"
        );
        site.update().await.unwrap();
        assert_eq!(site.runs(), made.artifact, "{step}");
    }
}

#[tokio::test]
async fn leftovers_of_a_switch_that_was_killed_are_in_nobodys_way() {
    let mut site = Site::installed(1).await;
    for name in [".current.new", ".previous.new"] {
        symlink("versions/nowhere", site.config.dir.join(name)).unwrap();
    }
    let made = site.release(Twist::Honest);
    site.update().await.unwrap();
    assert_eq!(site.runs(), made.artifact);
}

#[tokio::test]
async fn a_damaged_installed_file_is_repaired() {
    let mut site = Site::new().await;
    let made = site.release(Twist::Honest);
    site.update().await.unwrap();
    fs::write(site.config.dir.join("current/truename"), b"damaged").unwrap();
    let outcome = site.update().await.unwrap();
    assert!(matches!(outcome, Outcome::Installed { previous: None, .. }));
    assert_eq!(site.runs(), made.artifact);
    // A damaged version is nothing to keep.
    assert!(!site.config.dir.join("previous").exists());
}

#[tokio::test]
async fn a_download_that_breaks_off_changes_nothing_and_can_be_repeated() {
    let mut site = Site::installed(1).await;
    let first = site.runs();
    let made = site.release(Twist::Honest);
    let honest = site.config.repository.clone();
    site.config.repository = serve_half_of_targets(site.served()).await;
    refused_with!("http", site.update().await);
    assert_eq!(site.runs(), first);
    site.config.repository = honest;
    site.update().await.unwrap();
    assert_eq!(site.runs(), made.artifact);
}

#[tokio::test]
async fn a_root_that_the_next_constitution_names_is_followed() {
    let mut site = Site::installed(1).await;
    let mut signers = site.fixture.signers.clone();
    signers.root = vec![FixtureSigner::new(1), FixtureSigner::new(40)];
    site.fixture.rotate_root(signers);
    site.world.amend(site.fixture.newest("root"));
    let made = site.release(Twist::Honest);
    site.update().await.unwrap();
    assert_eq!(site.runs(), made.artifact);
    assert_eq!(status(&site.config).unwrap().memory.constitution, 2);
}

#[tokio::test]
async fn a_repository_that_stopped_before_naming_its_newest_proof_is_good_enough() {
    let mut site = Site::installed(1).await;
    let before = site.proof();
    let made = site.release(Twist::Honest);
    site.put("publications/software.bundle", &before);
    refused_with!("publication.missing", site.update().await);
    site.put("publications/3.software.bundle", &site.proof());
    site.update().await.unwrap();
    assert_eq!(site.runs(), made.artifact);
}

#[tokio::test]
async fn damaged_memory_is_an_error_that_names_the_file() {
    let site = Site::installed(1).await;
    let first = site.runs();
    fs::write(site.config.dir.join("state.json"), b"{").unwrap();
    let error = site.update().await.unwrap_err();
    assert_eq!((error.code(), error.exit_code()), ("state.damaged", 2));
    assert!(error.to_string().contains("state.json"), "{error}");
    assert_eq!(site.runs(), first);
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_an_error_that_names_it() {
    let site = Site::installed(2).await;
    let link = site.config.dir.join("current");
    for elsewhere in ["versions/nowhere", "/bin", "versions/../versions"] {
        fs::remove_file(&link).unwrap();
        symlink(elsewhere, &link).unwrap();
        let error = site.update().await.unwrap_err();
        assert_eq!(error.code(), "state.damaged", "{elsewhere}");
        assert!(error.to_string().contains("current"), "{error}");
    }
    // What the message says: without the link, an update installs again.
    fs::remove_file(&link).unwrap();
    site.update().await.unwrap();
    assert_eq!(status(&site.config).unwrap().installed.unwrap().seq, 2);
}

#[tokio::test]
async fn files_of_others_among_the_versions_stay() {
    let mut site = Site::installed(1).await;
    let versions = site.config.dir.join("versions");
    fs::write(versions.join("notes.json"), b"mine").unwrap();
    site.release(Twist::Honest);
    site.update().await.unwrap();
    assert_eq!(fs::read(versions.join("notes.json")).unwrap(), b"mine");
}

/// A server that breaks every target off in its middle and serves the rest whole.
async fn serve_half_of_targets(directory: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let directory = directory.to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream, &directory).await;
        }
    });
    url
}

async fn answer(mut stream: TcpStream, directory: &Path) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().trim_start_matches('/');
    let (status, body) = match fs::read(directory.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let sent = if path.starts_with("targets/") {
        body.len() / 2
    } else {
        body.len()
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _client_may_be_gone = stream.write_all(head.as_bytes()).await;
    let _client_may_be_gone = stream.write_all(&body[..sent]).await;
}
