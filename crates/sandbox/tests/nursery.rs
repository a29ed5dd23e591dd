//! One sandbox, many orders: each has a child of its own, which computes and can do nothing else.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use sandbox::{
    Exit, Identity, Libraries, LimitKind, Limits, Nursery, OrderLimits, Sandbox, SandboxError,
    preflight,
};
use tempfile::TempDir;

/// `SIGSYS` and `SIGABRT` of signal(7), x86-64 and arm64.
const SIGSYS: i32 = 31;
const SIGABRT: i32 = 6;

const LIMITS: OrderLimits = OrderLimits {
    wall_ms: 20_000,
    output_bytes_max: 1 << 20,
};

struct House {
    top: TempDir,
}

impl House {
    fn new() -> Self {
        let top = tempfile::tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = top.path().join("nursling");
        fs::copy(example(), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { top }
    }

    fn sandbox(&self, arguments: &[&str]) -> Sandbox {
        self.sandbox_of(20 + std::process::id() % 10, arguments)
    }

    fn sandbox_of(&self, party: u32, arguments: &[&str]) -> Sandbox {
        let root = self.top.path().join("root");
        let libraries = Libraries::of_this_process().unwrap();
        libraries.make_tree(&root, &["/nursling"], &[]).unwrap();
        let mut argv = libraries.argv();
        argv.push("/nursling".to_owned());
        argv.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let identity = Identity::for_party(party).unwrap();
        let sandbox = Sandbox::new(identity, &root, argv)
            .read_only(&self.top.path().join("nursling"), "/nursling")
            .tmp_bytes(1 << 20)
            .limits(Limits {
                wall_ms: u64::MAX,
                output_bytes_max: 1 << 16,
                file_bytes_max: 1 << 20,
                disk_bytes_max: 1 << 20,
                memory_bytes_max: 256 << 20,
                processes_max: 16,
            });
        libraries.bind(sandbox)
    }

    fn nursery(&self) -> Nursery {
        Nursery::start(self.sandbox(&[]), preflight().unwrap()).unwrap()
    }

    fn input(&self, bytes: &[u8]) -> File {
        let path = self.top.path().join("input");
        File::create(&path).unwrap().write_all(bytes).unwrap();
        File::open(path).unwrap()
    }

    fn run(&self, nursery: &mut Nursery, order: &str) -> (Exit, Vec<u8>) {
        let input = self.input(order.as_bytes());
        nursery
            .run(order.as_bytes(), input.as_fd(), LIMITS)
            .unwrap()
    }
}

/// The example beside this test's own program; cargo builds examples before it runs tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().unwrap().parent().unwrap();
    target.join("examples").join("nursling")
}

#[test]
fn each_order_has_its_own_child_and_what_was_loaded_before() {
    let house = House::new();
    let mut nursery = house.nursery();
    for size in [0, 1, 70_000, 900_000] {
        let bytes: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect();
        let input = house.input(&bytes);
        let done = nursery.run(b"copy", input.as_fd(), LIMITS).unwrap();
        assert_eq!(done.0, Exit::Code(0));
        assert!(done.1 == bytes, "{size}");
    }
    for _ in 0..3 {
        // Each child counts up, and none sees what another counted.
        assert_eq!(
            house.run(&mut nursery, "count"),
            (Exit::Code(0), b"a".to_vec())
        );
    }
    assert_eq!(house.run(&mut nursery, "code 9").0, Exit::Code(9));
    assert!(nursery.is_whole());
}

#[test]
fn a_child_that_does_anything_but_compute_is_killed_and_the_next_order_is_done() {
    let house = House::new();
    let mut nursery = house.nursery();
    for order in [
        "open /nursling",
        "open /proc/1/mem",
        "connect 127.0.0.1:1",
        "thread",
        "start /nursling",
        "kill",
        "sleep",
    ] {
        let (exit, written) = house.run(&mut nursery, order);
        assert_eq!((exit, written.len()), (Exit::Signal(SIGSYS), 0), "{order}");
        assert!(nursery.is_whole(), "{order}");
    }
    assert_eq!(house.run(&mut nursery, "code 0").0, Exit::Code(0));
}

#[test]
fn a_child_neither_reads_the_orders_of_others_nor_fills_a_stream_of_the_nursery() {
    let house = House::new();
    let mut nursery = house.nursery();
    let (exit, written) = house.run(&mut nursery, "read-stdin");
    assert_eq!((exit, &*written), (Exit::Code(0), &b"Ok(0)"[..]));
    // More than the whole sandbox may print.
    assert_eq!(house.run(&mut nursery, "print-much").0, Exit::Code(0));
    assert_eq!(house.run(&mut nursery, "code 0").0, Exit::Code(0));
}

#[test]
fn an_order_that_takes_too_much_takes_its_sandbox_with_it_and_nothing_else() {
    let house = House::new();
    let mut nursery = house.nursery();
    let short = OrderLimits {
        wall_ms: 300,
        ..LIMITS
    };
    let input = house.input(b"");
    let (exit, _) = nursery.run(b"endless", input.as_fd(), short).unwrap();
    assert_eq!(exit, Exit::LimitExceeded(LimitKind::Wall));
    assert!(!nursery.is_whole());

    let mut nursery = house.nursery();
    let (exit, written) = house.run(&mut nursery, "say-much");
    assert_eq!(exit, Exit::LimitExceeded(LimitKind::Output));
    assert!(written.is_empty() && !nursery.is_whole());

    let mut nursery = house.nursery();
    let (exit, _) = house.run(&mut nursery, "memory");
    // The kernel refuses the allocation, or the watch saw it first.
    let memory = Exit::LimitExceeded(LimitKind::Memory);
    let refused = [Exit::Signal(SIGABRT), Exit::Signal(SIGSYS), memory];
    assert!(refused.contains(&exit), "{exit}");
}

#[test]
fn a_program_that_does_not_wait_for_orders_is_named_with_what_it_said() {
    let house = House::new();
    let started = Nursery::start(house.sandbox(&["broken"]), preflight().unwrap());
    let error = started.err().unwrap();
    assert!(
        matches!(&error, SandboxError::NotReady { exit: Exit::Code(7), said } if said.contains("do not compile")),
        "{error}"
    );
}

#[test]
fn nothing_is_left_of_a_nursery_that_was_dropped() {
    let house = House::new();
    let uid = Identity::for_party(20 + std::process::id() % 10)
        .unwrap()
        .uid();
    let nursery = house.nursery();
    let alive = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let status =
            processes.filter_map(|entry| fs::read_to_string(entry.path().join("status")).ok());
        // What has ended and waits to be noted runs no more.
        status
            .filter(|text| text.contains(&format!("Uid:\t{uid}\t")))
            .filter(|text| !text.contains("State:\tZ"))
            .count()
    };
    assert!(alive() > 0);
    drop(nursery);
    assert_eq!(alive(), 0);
}
