//! Debian's containers with bytes changed or cut off: never a panic, never more than the limits.

use std::fs;
use std::time::Duration;

use proptest::prelude::*;

use crate::make::knows;
use scan::{Limits, scan};

/// One of each format that has an unpacker of ours.
const CONTAINERS: [&str; 20] = [
    "clam.7z",
    "clam.arj",
    "clam.bin-be.cpio",
    "clam.bz2.zip",
    "clam.cab",
    "clam.chm",
    "clam.d64.zip",
    "clam.exe.binhex",
    "clam.exe.bz2",
    "clam.exe.mbox.uu",
    "clam.exe.rtf",
    "clam.exe.szdd",
    "clam.impl.zip",
    "clam.mail",
    "clam.ole.doc",
    "clam.pdf",
    "clam.ppt",
    "clam.sis",
    "clam.tnef",
    "clam-upx.exe",
];

fn limits() -> Limits {
    Limits {
        member_bytes_max: 4 << 20,
        total_bytes_max: 8 << 20,
        live_bytes_max: 16 << 20,
        members_max: 400,
        time_max: Duration::from_secs(60),
        ..Limits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_container_ends_in_a_report(
        place in 0..CONTAINERS.len(),
        changes in proptest::collection::vec((any::<u32>(), any::<u8>()), 1..24),
        keep in 0u32..2000,
    ) {
        let path = format!("/usr/share/clamav-testfiles/{}", CONTAINERS[place]);
        let mut sample = fs::read(path).expect("install the Debian package clamav-testfiles");
        for (at, change) in changes {
            let at = at as usize % sample.len();
            sample[at] ^= change;
        }
        // In half of the cases it is cut off as well.
        if keep < 1000 {
            sample.truncate(sample.len() * keep as usize / 1000);
        }
        let report = scan(&sample, &knows(&[]), &limits());
        prop_assert!(report.unpacked_bytes <= limits().total_bytes_max);
        prop_assert!(report.members.len() <= 401);
    }
}
