//! Real builds in the real sandbox, by parties with uids of their own.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use crate::parties::{Party, ground, script_source, verdict};
use binary::Verdict;
use conveyer::{ConveyerError, FileOrder, Variation};
use sandbox::{Exit, LimitKind, Refusal, Sandbox, SandboxError};

/// A product that depends on its source only.
const HONEST: &str = "find data -type f | sort | xargs cat > out/canary";

#[test]
fn two_parties_with_everything_varied_build_identical_bytes() {
    let ground = ground();
    let source = script_source(ground.path(), "source", HONEST);
    let (conveyer, rebuilder) = (
        Party::new(ground.path(), 100),
        Party::new(ground.path(), 101),
    );
    let original = conveyer.build(&source, &Variation::conveyer()).unwrap();
    let rebuilt = rebuilder.build(&source, &Variation::rebuilder(1)).unwrap();
    assert_eq!(
        verdict((&conveyer, &original), (&rebuilder, &rebuilt)),
        Verdict::Identical
    );
    assert_eq!(original.artifacts, rebuilt.artifacts);
    assert_eq!(original.environment, rebuilt.environment);
    assert_eq!(original.source, rebuilt.source);
    assert!(original.artifacts[0].bytes > 0);
}

/// Builds `script` under the conveyer's surrounding and under `changed`; it must come out unexplained. With the
/// surrounding left alone it must come out identical, unless `always_differs`.
fn canary(number: u32, script: &str, changed: Variation, always_differs: bool) {
    let ground = ground();
    let source = script_source(ground.path(), "source", script);
    let (conveyer, rebuilder) = (
        Party::new(ground.path(), number),
        Party::new(ground.path(), number + 1),
    );
    let original = conveyer.build(&source, &Variation::conveyer()).unwrap();
    let rebuilt = rebuilder.build(&source, &changed).unwrap();
    let varied = verdict((&conveyer, &original), (&rebuilder, &rebuilt));
    assert!(
        varied == Verdict::Unexplained,
        "the canary {script:?} did not notice: {varied}"
    );
    if !always_differs {
        let again = rebuilder.build(&source, &Variation::conveyer()).unwrap();
        assert_eq!(
            verdict((&conveyer, &original), (&rebuilder, &again)),
            Verdict::Identical
        );
    }
}

#[test]
fn the_canary_for_the_uid_is_unexplained() {
    canary(
        110,
        "id -u > out/canary",
        Variation {
            uid: 4201,
            ..Variation::conveyer()
        },
        false,
    );
}

#[test]
fn the_canary_for_the_host_name_is_unexplained() {
    canary(
        112,
        "hostname > out/canary",
        Variation {
            hostname: "elsewhere".into(),
            ..Variation::conveyer()
        },
        false,
    );
}

#[test]
fn the_canary_for_the_clock_is_unexplained() {
    canary(
        114,
        "date > out/canary; cat /proc/uptime >> out/canary",
        Variation::conveyer(),
        true,
    );
}

#[test]
fn the_canary_for_the_locale_is_unexplained() {
    canary(
        116,
        "echo $LC_ALL > out/canary",
        Variation {
            locale: "C".into(),
            ..Variation::conveyer()
        },
        false,
    );
}

#[test]
fn the_canary_for_the_time_zone_is_unexplained() {
    let changed = Variation {
        timezone: "JST-9".into(),
        ..Variation::conveyer()
    };
    canary(118, "date -d @0 > out/canary", changed, false);
}

#[test]
fn the_canary_for_the_umask_is_unexplained() {
    let changed = Variation {
        umask: 0o077,
        ..Variation::conveyer()
    };
    canary(
        120,
        "touch made; stat -c %a made > out/canary",
        changed,
        false,
    );
}

#[test]
fn the_canary_for_the_file_order_is_unexplained() {
    let changed = Variation {
        file_order: FileOrder::Shuffled(9),
        ..Variation::conveyer()
    };
    canary(122, "find data > out/canary", changed, false);
}

#[test]
fn the_canary_for_the_cores_is_unexplained() {
    let here = std::thread::available_parallelism().unwrap().get();
    assert!(
        here > 1,
        "this test needs two processors to vary their number"
    );
    canary(
        124,
        "nproc > out/canary",
        Variation {
            cores: Some(1),
            ..Variation::conveyer()
        },
        false,
    );
}

#[test]
fn the_canary_for_the_outer_path_is_unexplained() {
    let changed = Variation {
        outer_name: "elsewhere".into(),
        ..Variation::conveyer()
    };
    canary(
        126,
        "grep ' /build ' /proc/self/mountinfo > out/canary",
        changed,
        true,
    );
}

#[test]
fn a_marker_program_of_the_host_is_invisible_to_a_recipe() {
    let ground = ground();
    let marker = format!("limpid-build-marker-{}", std::process::id());
    let mut planted = vec![ground.path().join(&marker)];
    planted.extend(
        ["/usr/local/bin", "/usr/local/sbin"]
            .map(|folder| std::path::Path::new(folder).join(&marker)),
    );
    // Only root can plant in /usr/local; the first place is there for everybody.
    planted.retain(|path| fs::write(path, "#!/bin/sh\necho MARKER\n").is_ok());
    for path in &planted {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let tries: String = planted
        .iter()
        .map(|path| {
            format!(
                "test -e {0} && echo seen; {0} && echo ran; ",
                path.display()
            )
        })
        .collect();
    let script = format!(
        "set +e; ( command -v {marker}; {tries} ls /usr/local; ls {} ) > out/canary 2>/dev/null; true",
        ground.path().display()
    );
    let source = script_source(ground.path(), "source", &script);
    let party = Party::new(ground.path(), 130);
    let outcome = party.build(&source, &Variation::conveyer());
    for path in &planted {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(
        outcome.unwrap().artifacts[0].bytes,
        0,
        "the recipe saw something of the host"
    );
}

#[test]
fn a_build_has_no_network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let ground = ground();
    let script = format!(
        "nc -w 2 127.0.0.1 {port} < /dev/null || echo refused > out/canary; grep -c : /proc/net/dev >> out/canary"
    );
    let source = script_source(ground.path(), "source", &script);
    let party = Party::new(ground.path(), 131);
    let outcome = party.build(&source, &Variation::conveyer()).unwrap();
    let said = party
        .dirs
        .blobs()
        .get(&outcome.artifacts[0].sha256, 100)
        .unwrap();
    assert_eq!(String::from_utf8(said).unwrap(), "refused\n1\n");
    assert!(listener.accept().is_err());
}

#[test]
fn a_rebuilder_cannot_read_what_the_conveyer_built() {
    let ground = ground();
    let source = script_source(ground.path(), "source", HONEST);
    let (conveyer, rebuilder) = (
        Party::new(ground.path(), 132),
        Party::new(ground.path(), 133),
    );
    let outcome = conveyer.build(&source, &Variation::conveyer()).unwrap();
    let artifact = conveyer.dirs.blobs().path(&outcome.artifacts[0].sha256);
    let secret = artifact.display().to_string();
    // By its path from inside a build:
    let spy = script_source(ground.path(), "spy", &format!("cat {secret} > out/canary"));
    assert!(matches!(
        rebuilder.build(&spy, &Variation::conveyer()),
        Err(ConveyerError::BuildFailed { .. })
    ));
    // By asking the sandbox to bind it in, and without any sandbox as the rebuilder's uid:
    if rebuilder.dirs.identity().is_dedicated() {
        let ready = sandbox::preflight().unwrap();
        let bound = Sandbox::new(
            rebuilder.dirs.identity(),
            rebuilder.environment.root(),
            ["cat", "/tmp/secret"],
        )
        .read_only(artifact.parent().unwrap(), "/tmp")
        .run(&ready);
        assert!(
            matches!(
                bound,
                Err(SandboxError::Refused(Refusal::Unreachable { .. }))
            ),
            "{bound:?}"
        );
        let uid = rebuilder.dirs.identity().uid();
        let plain = std::process::Command::new("setpriv")
            .args([
                &format!("--reuid={uid}"),
                &format!("--regid={uid}"),
                "--clear-groups",
                "cat",
                &secret,
            ])
            .output()
            .unwrap();
        assert!(!plain.status.success() && plain.stdout.is_empty());
    }
}

#[test]
fn an_artifact_that_is_a_link_to_a_host_file_is_refused() {
    let ground = ground();
    let party = Party::new(ground.path(), 134);
    let secret = ground.path().join("secret");
    fs::write(&secret, "SECRET").unwrap();
    for (name, script) in [
        ("link", format!("ln -s {} out/canary", secret.display())),
        (
            "folder",
            format!("rmdir out; ln -s {} out", ground.path().display()),
        ),
        ("magic", "rmdir out; ln -s /proc/self/root out".to_owned()),
        ("pipe", "mkfifo out/canary".to_owned()),
        ("nothing", "true".to_owned()),
        ("directory", "mkdir out/canary".to_owned()),
    ] {
        let source = script_source(ground.path(), name, &script);
        let refused = party.build(&source, &Variation::conveyer());
        assert!(
            matches!(refused, Err(ConveyerError::ArtifactMissing { .. })),
            "{name}: {refused:?}"
        );
    }
}

#[test]
fn a_build_cannot_change_its_environment_and_leaves_nothing_behind() {
    let ground = ground();
    let party = Party::new(ground.path(), 135);
    let script = "for place in /bin/x /usr/x /x /proc/x /dev/x; do if echo x > $place; then exit 9; fi; done 2>/dev/null; \
                  echo fine > out/canary";
    let source = script_source(ground.path(), "source", script);
    party.build(&source, &Variation::conveyer()).unwrap();
    party
        .environment
        .check(conveyer::Assurance::Digests)
        .unwrap();
    let work = fs::read_dir(ground.path().join("party-135/stages")).unwrap();
    assert_eq!(work.count(), 0);
}

#[test]
fn what_a_killed_build_left_is_removed_when_the_party_starts_again() {
    let ground = ground();
    let party = Party::new(ground.path(), 142);
    let uid = party.dirs.identity().uid();
    let left = ground
        .path()
        .join(format!("party-142/stages/limpid-{uid}-left"));
    fs::create_dir_all(left.join("build/src")).unwrap();
    drop(party);
    Party::new(ground.path(), 142);
    assert!(!left.exists());
}

#[test]
fn two_builds_do_not_share_anything_they_wrote() {
    let ground = ground();
    let party = Party::new(ground.path(), 136);
    let script = "test ! -e /build/home/left && test ! -e /tmp/left; touch /build/home/left /tmp/left; echo fine > out/canary";
    let source = script_source(ground.path(), "source", script);
    for _ in 0..2 {
        party.build(&source, &Variation::conveyer()).unwrap();
    }
}

#[test]
fn a_failing_build_gives_its_exit_and_last_words_with_control_characters_made_visible() {
    let ground = ground();
    let party = Party::new(ground.path(), 137);
    let source = script_source(
        ground.path(),
        "source",
        "printf 'no \\033[31mluck\\n' >&2; exit 3",
    );
    match party.build(&source, &Variation::conveyer()) {
        Err(ConveyerError::BuildFailed {
            exit: Exit::Code(3),
            log_tail,
            step: 1,
            steps: 1,
        }) => {
            assert_eq!(log_tail, "[standard error]\nno \\u{1b}[31mluck\n");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_recipes_own_limits_hold() {
    let ground = ground();
    let party = Party::new(ground.path(), 138);
    let fill =
        "i=0; while :; do dd if=/dev/zero of=f$i bs=65536 count=16 2>/dev/null; i=$((i+1)); done";
    let source = script_source(ground.path(), "source", fill);
    match party.build(&source, &Variation::conveyer()) {
        Err(ConveyerError::BuildFailed { exit, .. }) => {
            assert_eq!(exit, Exit::LimitExceeded(LimitKind::Disk))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_file_order_is_only_said_to_show_where_it_does() {
    let ground = ground();
    let party = Party::new(ground.path(), 139);
    let source = script_source(ground.path(), "source", HONEST);
    assert!(
        !party
            .build(&source, &Variation::conveyer())
            .unwrap()
            .file_order_shows
    );
    let too_big = crate::parties::RECIPE
        .replace("disk_bytes_max = 16777216", "disk_bytes_max = 270000000000");
    fs::write(source.join("recipe.toml"), too_big).unwrap();
    let outcome = party.build(&source, &Variation::rebuilder(1)).unwrap();
    assert!(
        !outcome.file_order_shows,
        "no memory file system holds 270 GB"
    );
}

#[test]
fn the_rule_database_of_the_examples_builds_and_rebuilds() {
    let ground = ground();
    let (conveyer, rebuilder) = (
        Party::new(ground.path(), 140),
        Party::new(ground.path(), 141),
    );
    for version in ["1.0", "1.1"] {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../examples/lures")
            .join(version);
        let original = conveyer.build(&source, &Variation::conveyer()).unwrap();
        let rebuilt = rebuilder.build(&source, &Variation::rebuilder(2)).unwrap();
        assert_eq!(
            verdict((&conveyer, &original), (&rebuilder, &rebuilt)),
            Verdict::Identical
        );
    }
}
