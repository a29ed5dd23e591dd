//! Of a container only what matched leaves, and nothing of what stands beside it, not even a name.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use endpoint::sharing::{Shared, shared};

use crate::{
    sharing::{
        make::{ZipMember, eicar, gzip, zip},
        street::{Street, contains},
    },
    world::refused_with,
};

/// Stands in every neighbour, in names and in texts.
const PRIVATE: &str = "a2f8c1-nobody-else-reads-this";

const RULES: &str = r#"
    rule Test { meta: severity = "malicious" strings: $a = "EICAR-STAND" condition: $a }
    rule Halves { meta: severity = "suspicious" strings: $a = "one half" $b = "other half" condition: $a and $b }
"#;

/// A street where files are looked into, by rules of its own.
async fn street() -> Street {
    let mut street = Street::new().await;
    let top = street.dir.path();
    let readable = |path: PathBuf| {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path, mode).unwrap();
    };
    // The sandbox's uid has to get there.
    readable(top.to_owned());
    let test = std::env::current_exe().unwrap();
    let target = test.parent().unwrap().parent().unwrap();
    fs::copy(target.join("examples/looker"), top.join("looker")).unwrap();
    readable(top.join("looker"));
    let rules = top.join("rules");
    fs::create_dir(&rules).unwrap();
    fs::write(rules.join("test.yar"), RULES).unwrap();
    street.config.database = Some(rules);
    street.agree("DE");
    street
}

fn named(name: &str, member: ZipMember) -> ZipMember {
    ZipMember {
        name: format!("{PRIVATE}/{name}"),
        ..member
    }
}

fn neighbour(name: &str) -> ZipMember {
    let letter = format!("Dear Ms Berger, {PRIVATE}, kind regards. ").repeat(20);
    named(name, ZipMember::deflated(letter.as_bytes()))
}

/// Letters, and a test file among them.
fn archive() -> Vec<u8> {
    zip(&[
        neighbour("letter.txt"),
        named("test.com", ZipMember::deflated(&eicar())),
        neighbour("another letter.txt"),
    ])
}

fn paths(shared: &[Shared]) -> Vec<String> {
    let members = shared.iter().map(|shared| shared.member.as_ref().unwrap());
    members.map(|member| member.path.to_string()).collect()
}

/// Nothing of a neighbour was sent or kept, nor what was shared itself in clear.
fn kept_private(street: &Street) {
    let disk = street.everything_on_disk();
    assert!(!contains(&disk, PRIVATE.as_bytes()) && !contains(&disk, &eicar()));
    for cell in [&street.zurich, &street.moscow] {
        let heard = &cell.lock().heard;
        assert!(!contains(heard, PRIVATE.as_bytes()) && !contains(heard, b"mail.zip"));
    }
}

#[tokio::test]
async fn only_the_member_that_matched_leaves_and_no_name_travels_or_is_kept() {
    let street = street().await;
    let file = street.file("mail.zip", &archive());
    let sealed = street.share_matching(&file).await.unwrap();
    assert_eq!(paths(&sealed), ["0.1"]);
    let told = sealed[0].to_string();
    assert!(
        told.contains("only member 0.1 (text, 68 bytes), for rule.malicious"),
        "{told}"
    );
    street.send().await;
    let inner = street.zurich.lock();
    let sample = sealed[0].sample.as_str();
    assert_eq!(inner.open(sample), eicar());
    // The test file and its tag: no byte of the archive besides.
    assert_eq!(inner.samples[sample].ciphertext.len(), 68 + 16);
    assert_eq!(
        inner.samples[sample].front.header().address().size_bytes,
        68
    );
    drop(inner);
    kept_private(&street);
    let report = shared(&street.config).unwrap();
    let text = report.to_string();
    assert!(
        text.contains("member    0.1 (text, 68 bytes); nothing else"),
        "{text}"
    );
    let listed = serde_json::to_value(&report.samples[0].member).unwrap();
    let expected = serde_json::json!({"path": "0.1", "kind": "text", "bytes": 68});
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn in_nested_containers_the_innermost_member_is_shared() {
    let street = street().await;
    let file = gzip(&zip(&[
        neighbour("letter.txt"),
        named("inner.zip", ZipMember::stored(&archive())),
    ]));
    let sealed = street
        .share_matching(&street.file("mail.gz", &file))
        .await
        .unwrap();
    assert_eq!(paths(&sealed), ["0.0.1.1"]);
    street.send().await;
    assert_eq!(
        street.zurich.lock().open(sealed[0].sample.as_str()),
        eicar()
    );
    kept_private(&street);
}

#[tokio::test]
async fn each_member_that_matched_is_a_sample_of_its_own_and_equal_ones_are_shared_once() {
    let street = street().await;
    let other = [eicar().as_slice(), b"\r\nanother one"].concat();
    let members =
        [&eicar(), &other, &eicar()].map(|bytes| named("test", ZipMember::deflated(bytes)));
    let file = street.file(
        "mail.zip",
        &zip(&[members.as_slice(), &[neighbour("letter")]].concat()),
    );
    let sealed = street.share_matching(&file).await.unwrap();
    assert_eq!(paths(&sealed), ["0.0", "0.1"]);
    street.send().await;
    let inner = street.zurich.lock();
    let opened = [0, 1].map(|n: usize| inner.open(sealed[n].sample.as_str()));
    assert_eq!(opened, [eicar(), other]);
    drop(inner);
    kept_private(&street);
}

#[tokio::test]
async fn members_without_room_in_the_queue_are_not_begun_and_too_many_are_not_picked_from() {
    let street = street().await;
    let test = |n: usize| {
        let bytes = [eicar(), n.to_string().into_bytes()].concat();
        named("test", ZipMember::deflated(&bytes))
    };
    let of = |count: usize| zip(&(0..count).map(test).collect::<Vec<_>>());
    // The queue holds three.
    let four = street.file("four.zip", &of(4));
    refused_with!("queue.full", street.share_matching(&four).await);
    let many = street.file("many.zip", &of(17));
    refused_with!("container.members", street.share_matching(&many).await);
    assert!(shared(&street.config).unwrap().samples.is_empty());
}

#[tokio::test]
async fn a_container_in_which_nothing_matched_is_shared_whole_or_not_at_all() {
    let street = street().await;
    let nothing = zip(&[neighbour("letter")]);
    let halves = ["one half", "other half"];
    let halves = halves.map(|half| named("half", ZipMember::stored(half.as_bytes())));
    let locked = ZipMember {
        flags: 1,
        ..neighbour("locked")
    };
    for (code, bytes) in [
        ("container.no_match", &nothing),
        ("container.only_whole", &zip(&halves)),
        ("container.unread", &zip(&[locked])),
    ] {
        let file = street.file("mail.zip", bytes);
        let refused = street.share_matching(&file).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
    }
    assert!(shared(&street.config).unwrap().samples.is_empty());
    kept_private(&street);
    let file = street.file("mail.zip", &nothing);
    let sealed = street.share(&file).await.unwrap();
    assert_eq!(sealed.member, None);
    street.send().await;
    assert_eq!(street.zurich.lock().open(sealed.sample.as_str()), nothing);
}

#[tokio::test]
async fn a_bomb_is_refused_by_the_limit_it_reached_and_a_match_beside_it_is_shared() {
    let street = street().await;
    let bomb = gzip(&vec![0; 16 << 20]);
    let refused = street
        .share_matching(&street.file("backup.gz", &bomb))
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), "container.unread");
    assert!(refused.to_string().contains("(limit.ratio)"), "{refused}");
    let beside = zip(&[
        named("bomb", ZipMember::stored(&bomb)),
        named("test", ZipMember::deflated(&eicar())),
    ]);
    let sealed = street
        .share_matching(&street.file("mail.zip", &beside))
        .await
        .unwrap();
    assert_eq!(paths(&sealed), ["0.1"]);
}

#[tokio::test]
async fn a_file_that_holds_nothing_else_is_shared_as_it_is_whatever_it_is() {
    let street = street().await;
    for bytes in [eicar(), b"Dear Ms Berger".to_vec()] {
        let sealed = street
            .share_matching(&street.file("a", &bytes))
            .await
            .unwrap();
        assert_eq!(sealed[0].member, None);
        street.send().await;
        assert_eq!(street.zurich.lock().open(sealed[0].sample.as_str()), bytes);
    }
}

/// What a child that its file took over says; the file itself is looked at by nobody.
async fn refusal_of(says: &[&str]) -> String {
    let mut street = street().await;
    street.config.looker_arguments = says.iter().map(|&word| word.to_owned()).collect();
    street.config.look_wall_ms = 2_000;
    let refused = street.share_matching(&street.file("a", &archive())).await;
    assert!(shared(&street.config).unwrap().samples.is_empty());
    let refused = refused.unwrap_err();
    format!("{} {refused}", refused.code())
}

#[tokio::test]
async fn what_a_child_says_is_held_to_its_form_and_its_own_words() {
    let member = |path: &str, kind: &str, bytes: usize| {
        let sha256 = "00".repeat(32);
        let member = format!(
            r#"{{"path":"{path}","kind":"{kind}","bytes":{bytes},"sha256":"{sha256}","reasons":[]}}"#
        );
        format!(
            r#"{{"sha256":"{sha256}","alone":true,"itself":false,"unread":[],"members":[{member}]}}"#
        )
    };
    let size = archive().len();
    let said = member("0.1", "text", size);
    let (head, _) = said.split_once("[{").unwrap();
    let alone = format!("{head}[]}}");
    for (said, code) in [
        ("", "look.ended"),
        ("{}", "look.ended"),
        // A path that is none, a name that is in no list of ours.
        (&*member("0.1/../x", "text", size), "look.ended"),
        (&member("0.1", PRIVATE, size), "look.ended"),
        // More than was announced, less than that, other bytes, another file.
        (&member("0.1", "text", size - 1), "look.ended"),
        (&member("0.1", "text", size + 1), "file.changed"),
        (&member("0.1", "text", size), "file.changed"),
        (&member("0.1", "text", 2 << 20), "file.size"),
        (&alone, "file.changed"),
    ] {
        let refused = refusal_of(&["says", said]).await;
        assert!(refused.starts_with(code), "{said}: {refused}");
    }
}

#[tokio::test]
async fn a_look_that_does_not_end_well_shares_nothing() {
    assert!(
        refusal_of(&["dies"])
            .await
            .contains("ended without an answer")
    );
    assert!(refusal_of(&["endless"]).await.contains("took too long"));
    let street = street().await;
    let rules = street.config.database.clone().unwrap();
    fs::write(rules.join("broken.yar"), "rule").unwrap();
    let refused = street.share_matching(&street.file("a", &archive())).await;
    refused_with!("look.sandbox", refused);
}
