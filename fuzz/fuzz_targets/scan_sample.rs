//! Samples of any bytes: a scan ends with a report, the limits hold, a second scan says the same, and the last member is given out as it
//! was reported.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use scan::{Database, FIRST_SCORING, IndexPath, Limits, member, scan};

static DATABASE: LazyLock<Database> = LazyLock::new(|| {
    Database::load(&[], "limpid-digests v1\n", FIRST_SCORING).expect("an empty database")
});

fuzz_target!(|sample: &[u8]| {
    let limits = Limits {
        member_bytes_max: 1 << 20,
        total_bytes_max: 4 << 20,
        live_bytes_max: 4 << 20,
        depth_max: 6,
        members_max: 200,
        time_max: Duration::from_secs(3600),
        ..Limits::default()
    };
    let report = scan(sample, &DATABASE, &limits);
    assert!(report.unpacked_bytes <= limits.total_bytes_max);
    assert!(report.members.len() <= 201);
    assert!(report
        .members
        .iter()
        .skip(1)
        .all(|member| member.bytes <= limits.member_bytes_max));
    assert_eq!(scan(sample, &DATABASE, &limits), report);
    let last = report.members.last().expect("the sample itself is one");
    let path: IndexPath = last.path.parse().expect("a path that a report names");
    let bytes = member(sample, &path, &limits).expect("a member that a report names");
    assert_eq!(tlog::sha256(&bytes).to_hex(), last.sha256);
});
