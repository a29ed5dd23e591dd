//! Archive bombs: each ends by its limit, and the report says which.

use std::time::Duration;

use crate::make::{ZipMember, gzip, knows, zip};
use scan::{Limits, Outcome, Report, scan};

/// Small enough that a bomb goes off in a moment.
fn small() -> Limits {
    Limits {
        member_bytes_max: 1 << 20,
        total_bytes_max: 4 << 20,
        live_bytes_max: 2 << 20,
        ratio_max: 100,
        ratio_free_bytes: 64 << 10,
        depth_max: 4,
        members_max: 50,
        time_max: Duration::from_secs(60),
    }
}

/// The limits a report names, each once; a bomb is never clean.
fn limits_of(sample: &[u8], limits: &Limits) -> Vec<&'static str> {
    let report = scan(sample, &knows(&[]), limits);
    check(&report, limits);
    let mut named: Vec<_> = report
        .reasons
        .iter()
        .map(|named| named.reason)
        .filter(|reason| reason.starts_with("limit."))
        .collect();
    named.sort_unstable();
    named.dedup();
    named
}

fn check(report: &Report, limits: &Limits) {
    assert!(report.unpacked_bytes <= limits.total_bytes_max);
    assert!(report.members.len() as u64 <= u64::from(limits.members_max) + 1);
    for member in &report.members[1..] {
        assert!(member.bytes <= limits.member_bytes_max);
        assert!(member.path.matches('.').count() as u32 <= limits.depth_max);
    }
}

#[test]
fn a_gzip_of_zeros_ends_by_its_ratio() {
    let bomb = gzip(&vec![0; 900_000]);
    assert_eq!(limits_of(&bomb, &small()), ["limit.ratio"]);
    let report = scan(&bomb, &knows(&[]), &small());
    assert_eq!(report.outcome, Outcome::Anomaly);
}

#[test]
fn one_large_member_ends_by_its_size() {
    let limits = Limits {
        ratio_max: 10_000,
        ..small()
    };
    let bomb = gzip(&vec![0; 1_100_000]);
    assert_eq!(limits_of(&bomb, &limits), ["limit.member-bytes"]);
}

#[test]
fn zips_within_zips_end_by_their_depth() {
    let mut bomb = b"core".to_vec();
    for _ in 0..9 {
        bomb = zip(&[ZipMember::stored(&bomb)]);
    }
    assert_eq!(limits_of(&bomb, &small()), ["limit.depth"]);
}

/// In the manner of `42.zip`: each layer holds several of the layer below, all different.
#[test]
fn a_tree_of_zips_ends_by_the_sum_of_its_members() {
    let limits = Limits {
        ratio_max: 100_000,
        members_max: 10_000,
        ..small()
    };
    let mut tag = 0u32;
    let leaf = |tag: &mut u32| {
        *tag += 1;
        let mut bytes = vec![0; 900_000];
        bytes[..4].copy_from_slice(&tag.to_le_bytes());
        bytes
    };
    let branch: Vec<Vec<u8>> = (0..3)
        .map(|_| {
            let leaves: Vec<_> = (0..3)
                .map(|_| ZipMember::deflated(&leaf(&mut tag)))
                .collect();
            zip(&leaves)
        })
        .collect();
    let members: Vec<_> = branch.iter().map(|zip| ZipMember::deflated(zip)).collect();
    let bomb = zip(&members);
    assert!(bomb.len() < 40_000);
    assert_eq!(limits_of(&bomb, &limits), ["limit.total-bytes"]);
}

#[test]
fn a_zip_of_many_members_ends_by_their_number() {
    let members: Vec<_> = (0..200u32)
        .map(|n| ZipMember::stored(&n.to_le_bytes()))
        .collect();
    assert_eq!(limits_of(&zip(&members), &small()), ["limit.members"]);
}

/// One content, named by many entries of the directory: each entry alone is modest.
#[test]
fn entries_that_share_one_content_end_by_their_ratio() {
    let one = zip(&[ZipMember::deflated(&vec![7; 60_000])]);
    let directory = one
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    let end = one.len() - 22;
    let entry = one[directory..end].to_vec();
    let mut bomb = one[..directory].to_vec();
    for _ in 0..40 {
        bomb.extend_from_slice(&entry);
    }
    let mut tail = one[end..].to_vec();
    tail[8..10].copy_from_slice(&40u16.to_le_bytes());
    tail[10..12].copy_from_slice(&40u16.to_le_bytes());
    tail[12..16].copy_from_slice(&((entry.len() * 40) as u32).to_le_bytes());
    bomb.extend_from_slice(&tail);
    assert_eq!(limits_of(&bomb, &small()), ["limit.ratio"]);
}

#[test]
fn a_huge_declared_size_is_never_believed() {
    let liar = ZipMember {
        whole: u32::MAX - 1,
        ..ZipMember::deflated(b"small")
    };
    let report = scan(&zip(&[liar]), &knows(&[]), &small());
    assert_eq!(report.members[0].unread[0].why, "limit: member-bytes");
    assert_eq!(report.unpacked_bytes, 0);
}

#[test]
fn a_sample_that_is_too_large_is_named_and_not_read() {
    let sample = zip(&[ZipMember::stored(&vec![1; 1 << 20])]);
    assert_eq!(limits_of(&sample, &small()), ["limit.member-bytes"]);
}

#[test]
fn no_time_left_is_a_limit_too() {
    let limits = Limits {
        time_max: Duration::ZERO,
        ..small()
    };
    let sample = zip(&[ZipMember::stored(b"x")]);
    assert_eq!(limits_of(&sample, &limits), ["limit.time"]);
}
