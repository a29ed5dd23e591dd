//! What a command inside can see and do: only what was named.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod busybox;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;

use busybox::{Room, open, text};
use sandbox::{Exit, Identity, Refusal, SandboxError, check_reachable};

#[test]
fn a_command_runs_and_its_two_outputs_are_apart() {
    let done = Room::new(20).run("echo out; echo err >&2; exit 7");
    assert_eq!(
        (done.exit, text(&done.stdout), text(&done.stderr)),
        (Exit::Code(7), "out".into(), "err".into())
    );
}

#[test]
fn a_command_reads_what_it_is_fed_and_need_not_read_all() {
    let room = Room::new(35);
    let long = vec![b'x'; 300_000];
    let done = room
        .shell("cat | cut -c 1-300000")
        .run_fed(&room.ready, long.as_slice());
    assert_eq!(done.unwrap().stdout.len(), 300_001);
    let done = room
        .shell("exit 3")
        .run_fed(&room.ready, std::io::repeat(b'x'));
    assert_eq!(done.unwrap().exit, Exit::Code(3));
    let done = room.run("cat; echo empty");
    assert_eq!(text(&done.stdout), "empty", "without input there is none");
}

#[test]
fn there_is_no_network_but_the_own_loopback() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let room = Room::new(21);
    let done = room.run(&format!(
        "grep : /proc/net/dev | cut -d: -f1; nc -w 2 127.0.0.1 {port} </dev/null; echo rc=$?"
    ));
    let said = text(&done.stdout);
    assert!(said.starts_with("lo"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(said.ends_with("rc=1"), "{said}");
    assert!(
        listener.accept().is_err(),
        "the sandbox reached a listener of the host"
    );
}

#[test]
fn a_marker_program_of_the_host_is_invisible() {
    let room = Room::new(22);
    let here = room.elsewhere().join("limpid-marker");
    let local = std::path::PathBuf::from(format!(
        "/usr/local/bin/limpid-marker-{}",
        std::process::id()
    ));
    let script = format!(
        "command -v limpid-marker; command -v {}; {}; {}; ls /usr /usr/local /bin/bash",
        local.display(),
        here.display(),
        local.display()
    );
    for marker in [&here, &local] {
        // Only root may plant the second one; the first is there for everybody.
        if fs::write(marker, "#!/bin/sh\necho MARKER\n").is_ok() {
            open(marker, 0o755);
        }
    }
    let done = room.run(&script);
    let _ = fs::remove_file(&local);
    assert_eq!(text(&done.stdout), "", "{}", text(&done.stderr));
    assert!(!done.exit.is_success());
}

#[test]
fn a_host_file_that_its_owner_keeps_private_is_not_readable_even_when_bound_in() {
    let room = Room::new(23);
    let secret = room.elsewhere().join("secret");
    fs::write(&secret, "SECRET").unwrap();
    open(
        &secret,
        if room.identity.is_dedicated() {
            0o600
        } else {
            0o000
        },
    );
    let done = room
        .shell("cat /input/secret")
        .read_only(&room.elsewhere(), "/input")
        .run(&room.ready)
        .unwrap();
    assert_eq!(text(&done.stdout), "");
    assert!(
        text(&done.stderr).contains("Permission denied"),
        "{}",
        text(&done.stderr)
    );
}

#[test]
fn the_environment_holds_what_was_named_and_nothing_else() {
    let room = Room::new(24);
    let done = room
        .command(&["env"])
        .env("TZ", "UTC")
        .run(&room.ready)
        .unwrap();
    let mut lines: Vec<String> = text(&done.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["PATH=/bin", "PWD=/desk", "TZ=UTC"]);
}

#[test]
fn read_only_inputs_and_the_root_tree_cannot_be_written() {
    let room = Room::new(25);
    let input = room.elsewhere().join("file");
    fs::write(&input, "as it was").unwrap();
    open(&input, 0o666);
    open(&room.elsewhere(), 0o777);
    open(&room.tree(), 0o777);
    let done = room
        .shell("echo x >/input/file; touch /input/new; touch /new; touch /dev/new; chmod 777 /bin/busybox; rm /input/file")
        .read_only(&room.elsewhere(), "/input")
        .run(&room.ready)
        .unwrap();
    let said = text(&done.stderr);
    assert_eq!(said.matches("Read-only file system").count(), 6, "{said}");
    assert_eq!(fs::read_to_string(&input).unwrap(), "as it was");
}

#[test]
fn there_are_no_capabilities_no_mounts_and_no_nested_namespaces() {
    let done = Room::new(26).run(
        "grep -E '^(Cap|NoNewPrivs|Groups)' /proc/self/status; mount -t tmpfs none /tmp && echo MOUNTED; \
         unshare -U true && echo NESTED; unshare -m true && echo NESTED",
    );
    let said = text(&done.stdout);
    assert_eq!(said.matches("0000000000000000").count(), 5, "{said}");
    assert!(said.contains("NoNewPrivs:\t1"), "{said}");
    assert!(
        !said.contains("MOUNTED") && !said.contains("NESTED"),
        "{said}"
    );
}

#[test]
fn a_setuid_program_of_root_gives_nothing() {
    let room = Room::new(27);
    let program = room.tree().join("bin/become-root");
    fs::copy("/bin/busybox", &program).unwrap();
    open(&program, 0o4755);
    let done = room
        .command(&["/bin/become-root", "id", "-u"])
        .inner_ids(4242, 4243)
        .run(&room.ready)
        .unwrap();
    // Debian's busybox drops setuid by itself only for some applets; `id` is not one of them.
    let done_sh = room.run("ls -ln /bin/become-root");
    assert!(
        text(&done_sh.stdout).contains("rws"),
        "the test planted no setuid program"
    );
    assert!(
        !text(&done.stdout).lines().any(|line| line == "0"),
        "{}",
        text(&done.stdout)
    );
}

#[test]
fn an_inherited_descriptor_does_not_get_in() {
    let room = Room::new(28);
    let file = fs::File::open("/etc/hostname")
        .or_else(|_| fs::File::open("/proc/version"))
        .unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let done = room
        .command(&["ls", "/proc/self/fd"])
        .run(&room.ready)
        .unwrap();
    // 3 is the folder that `ls` itself reads.
    assert_eq!(
        text(&done.stdout).split_whitespace().collect::<Vec<_>>(),
        ["0", "1", "2", "3"]
    );
}

#[test]
fn on_the_host_the_command_is_the_unprivileged_identity() {
    let room = Room::new(29);
    let done = room
        .shell("id -u; id -g; touch made")
        .inner_ids(5001, 5002)
        .run(&room.ready)
        .unwrap();
    assert_eq!(text(&done.stdout), "5001\n5002");
    let owner = fs::metadata(room.work().join("made")).unwrap().uid();
    assert_eq!(owner, room.identity.uid());
    assert_ne!(owner, 0);
}

#[test]
fn another_partys_private_folder_is_refused_and_unreadable() {
    let (ours, theirs) = (Room::new(30), Room::new(31));
    fs::write(theirs.work().join("artifact"), "PRIVATE").unwrap();
    if !ours.identity.is_dedicated() {
        return; // One uid: parties are apart by folder only, and this claim is not made.
    }
    open(&theirs.work(), 0o700);
    let refused = ours
        .shell("cat /input/artifact")
        .read_only(&theirs.work(), "/input")
        .run(&ours.ready);
    assert!(
        matches!(
            refused,
            Err(SandboxError::Refused(Refusal::Unreachable { .. }))
        ),
        "{refused:?}"
    );
    assert!(check_reachable(&theirs.work(), &theirs.identity).is_ok());
    fs::rename(
        theirs.work().join("artifact"),
        theirs.elsewhere().join("artifact"),
    )
    .unwrap();
    open(&theirs.elsewhere().join("artifact"), 0o640);
    let done = ours
        .shell("cat /input/artifact")
        .read_only(&theirs.elsewhere(), "/input")
        .run(&ours.ready)
        .unwrap();
    assert_eq!(text(&done.stdout), "");
}

#[test]
fn host_name_umask_and_processors_are_as_named() {
    let room = Room::new(32);
    let done = room
        .shell("hostname; nproc; touch f; stat -c %a f")
        .hostname("quiet-hill")
        .umask(0o077)
        .cpus(&[0]);
    let done = done.run(&room.ready).unwrap();
    assert_eq!(text(&done.stdout), "quiet-hill\n1\n600");
}

#[test]
fn a_missing_program_and_a_missing_mount_point_are_said_plainly() {
    let room = Room::new(33);
    let missing = room
        .command(&["no-such-program"])
        .run(&room.ready)
        .unwrap_err()
        .to_string();
    assert!(missing.contains("no-such-program"), "{missing}");
    fs::remove_dir(room.tree().join("proc")).unwrap();
    let missing = room
        .command(&["id"])
        .run(&room.ready)
        .unwrap_err()
        .to_string();
    assert!(missing.contains("has no folder /proc"), "{missing}");
}

#[test]
fn a_writable_folder_of_somebody_else_is_refused() {
    let room = Room::new(34);
    if !room.identity.is_dedicated() {
        return; // Without root nobody else's folder can be made here.
    }
    let refused = room
        .command(&["id"])
        .writable(&room.elsewhere(), "/input")
        .run(&room.ready);
    assert!(
        matches!(
            refused,
            Err(SandboxError::Refused(Refusal::NotOwned { .. }))
        ),
        "{refused:?}"
    );
}

#[test]
fn an_identity_never_is_root() {
    for party in [0, 1, 299] {
        assert_ne!(Identity::for_party(party).unwrap().uid(), 0);
    }
}
