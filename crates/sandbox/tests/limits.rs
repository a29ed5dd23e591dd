//! Each limit bites, by the mechanism that `Limits` names for it.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod busybox;

use std::fs;

use busybox::{Room, open, small, text};
use sandbox::{Exit, LimitKind, Limits};

fn exceeded(kind: LimitKind) -> Exit {
    Exit::LimitExceeded(kind)
}

#[test]
fn a_command_that_sleeps_too_long_is_stopped() {
    let room = Room::new(50);
    let done = room
        .shell("sleep 600")
        .limits(Limits {
            wall_ms: 300,
            ..small()
        })
        .run(&room.ready)
        .unwrap();
    assert_eq!(done.exit, exceeded(LimitKind::Wall));
    assert!((300..15_000).contains(&done.wall_ms), "{}", done.wall_ms);
}

#[test]
fn a_command_stopped_before_it_really_began_leaves_nothing() {
    let room = Room::new(51);
    let done = room
        .shell("sleep 86321")
        .limits(Limits {
            wall_ms: 0,
            ..small()
        })
        .run(&room.ready)
        .unwrap();
    assert_eq!(done.exit, exceeded(LimitKind::Wall));
    assert!(!is_running("86321"));
}

#[test]
fn endless_output_is_cut_and_the_command_stopped() {
    let room = Room::new(52);
    let limits = Limits {
        output_bytes_max: 10_000,
        ..small()
    };
    let done = room
        .shell("yes & yes >&2")
        .limits(limits)
        .run(&room.ready)
        .unwrap();
    assert_eq!(done.exit, exceeded(LimitKind::Output));
    assert_eq!(done.stdout.len() + done.stderr.len(), 10_000);
}

#[test]
fn a_file_grows_to_its_limit_and_no_further() {
    let room = Room::new(53);
    let limits = Limits {
        file_bytes_max: 1 << 20,
        ..small()
    };
    let done = room
        .command(&["dd", "if=/dev/zero", "of=big", "bs=65536", "count=64"])
        .limits(limits)
        .run(&room.ready)
        .unwrap();
    assert_eq!(done.exit, exceeded(LimitKind::File));
    assert_eq!(
        fs::metadata(room.work().join("big")).unwrap().len(),
        1 << 20
    );
}

#[test]
fn many_files_together_meet_the_disk_limit() {
    let room = Room::new(54);
    let limits = Limits {
        file_bytes_max: 1 << 20,
        disk_bytes_max: 8 << 20,
        ..small()
    };
    let script =
        "i=0; while :; do dd if=/dev/zero of=f$i bs=65536 count=16 2>/dev/null; i=$((i+1)); done";
    let done = room.shell(script).limits(limits).run(&room.ready).unwrap();
    assert_eq!(done.exit, exceeded(LimitKind::Disk));
}

#[test]
fn a_file_without_a_name_meets_the_disk_limit_too() {
    let room = Room::new(55);
    let limits = Limits {
        disk_bytes_max: 8 << 20,
        ..small()
    };
    let script = "exec 5>gone; rm gone; dd if=/dev/zero bs=65536 count=320 >&5; sleep 600";
    let done = room.shell(script).limits(limits).run(&room.ready).unwrap();
    assert_eq!(done.exit, exceeded(LimitKind::Disk));
}

#[test]
fn a_folder_that_hides_itself_meets_the_disk_limit() {
    let room = Room::new(56);
    let deep = "mkdir -p d; cd d; i=0; while [ $i -lt 60 ]; do n=$(printf %0200d $i); mkdir $n; cd $n; i=$((i+1)); done; sleep 600";
    let done = room.shell(deep).run(&room.ready).unwrap();
    assert_eq!(
        done.exit,
        exceeded(LimitKind::Disk),
        "{}",
        text(&done.stderr)
    );
}

#[test]
fn one_process_cannot_take_more_memory_than_allowed() {
    let room = Room::new(57);
    let limits = Limits {
        memory_bytes_max: 100 << 20,
        ..small()
    };
    let done = room
        .command(&["dd", "if=/dev/zero", "of=/dev/null", "bs=300M", "count=1"])
        .limits(limits.clone());
    let done = done.run(&room.ready).unwrap();
    assert!(!done.exit.is_success());
    assert!(
        text(&done.stderr).contains("out of memory"),
        "{}",
        text(&done.stderr)
    );
    let fits = room
        .command(&["dd", "if=/dev/zero", "of=/dev/null", "bs=30M", "count=1"])
        .limits(limits);
    assert!(fits.run(&room.ready).unwrap().exit.is_success());
}

#[test]
fn many_processes_together_meet_the_memory_limit() {
    let room = Room::new(58);
    let limits = Limits {
        memory_bytes_max: 150 << 20,
        ..small()
    };
    let script = "for i in 1 2 3; do dd if=/dev/zero bs=70M count=1 | sleep 600 & done; wait";
    let done = room.shell(script).limits(limits).run(&room.ready).unwrap();
    assert_eq!(
        done.exit,
        exceeded(LimitKind::Memory),
        "{}",
        text(&done.stderr)
    );
    assert!(done.peak_memory_bytes > 150 << 20);
}

#[test]
fn a_fork_bomb_stays_small() {
    let room = Room::new(59);
    let limits = Limits {
        processes_max: 20,
        wall_ms: 3_000,
        ..small()
    };
    let script = "bomb() { bomb | bomb & }; bomb; i=0; while [ $i -lt 60 ]; do sleep 600 & i=$((i+1)); done; echo reached";
    let done = room.shell(script).limits(limits).run(&room.ready).unwrap();
    assert!(
        !text(&done.stdout).contains("reached"),
        "60 more processes were started"
    );
    assert!(done.peak_processes <= 21, "{}", done.peak_processes);
    assert!(
        text(&done.stderr).contains("can't fork"),
        "{}",
        text(&done.stderr)
    );
}

#[test]
fn a_background_child_does_not_outlive_the_call() {
    let room = Room::new(60);
    let done = room.run("sleep 86322 >/dev/null 2>&1 & (sleep 86322 >/dev/null 2>&1 &) ; exit 0");
    assert!(done.exit.is_success());
    assert!(!is_running("86322"));
}

/// Tells the copy of this test program that is to be killed where it has its room.
const DOOMED: &str = "LIMPID_DOOMED";

#[test]
fn a_killed_caller_takes_its_sandbox_along() {
    if let Some(started) = std::env::var_os(DOOMED) {
        let room = Room::new(63);
        std::os::unix::fs::symlink(room.work(), started).unwrap();
        room.run("touch started; sleep 86323");
        unreachable!("the caller is killed before");
    }
    // The caller cannot tidy up once killed: everything it makes is in here.
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), 0o755);
    let work = folder.path().join("work");
    let mut caller = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["a_killed_caller_takes_its_sandbox_along", "--exact"])
        .env(DOOMED, &work)
        .env("TMPDIR", folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_until(|| work.join("started").exists());
    // Between the two words of the command its shell still runs.
    wait_until(|| is_running("86323"));
    caller.kill().unwrap();
    caller.wait().unwrap();
    wait_until(|| !is_running("86323"));
}

fn wait_until(condition: impl Fn() -> bool) {
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !condition() {
        assert!(std::time::Instant::now() < patience, "waited 30 s");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_signal_is_reported_as_one() {
    assert_eq!(Room::new(61).run("kill -9 $$").exit, Exit::Signal(9));
}

#[test]
fn the_private_tmp_is_bounded() {
    let room = Room::new(62);
    for place in ["/tmp", "/dev/shm"] {
        let script = format!("dd if=/dev/zero of={place}/f bs=65536 count=64");
        let done = room
            .shell(&script)
            .tmp_bytes(1 << 20)
            .run(&room.ready)
            .unwrap();
        assert!(
            text(&done.stderr).contains("No space left"),
            "{}",
            text(&done.stderr)
        );
    }
}

fn is_running(argument: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| {
        line.split(|byte| *byte == 0)
            .any(|word| word == argument.as_bytes())
    })
}
