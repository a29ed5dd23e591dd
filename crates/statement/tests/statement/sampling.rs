//! By which rule a cell takes a part of what comes, and the draw.

use proptest::prelude::*;
use statement::{FileDigest, SampleId, SamplingRule, Statement, is_drawn};

use crate::custody::{SAMPLE, draw_key, sampling, shown};

#[test]
fn steps_that_do_not_grow_are_no_rule() {
    let page = shown("census");
    for (steps, wrong) in [
        (
            r#"{"one_in":2,"waiting":40}"#,
            "the same number waits twice",
        ),
        (
            r#"{"one_in":64,"waiting":41}"#,
            "not steeper than the one before",
        ),
        (r#"{"one_in":1,"waiting":41}"#, "takes everything"),
        (r#"{"one_in":1000001,"waiting":41}"#, "too steep"),
    ] {
        let other = page.replace(r#"{"one_in":8,"waiting":40}"#, steps);
        assert_ne!(page, other);
        assert!(Statement::parse(other.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn a_draw_takes_its_share_and_what_it_takes_at_a_steeper_step_it_takes_at_any_other() {
    let rule = sampling(&[(20, 2), (40, 8)]);
    let asked = [0, 19, 20, 39, 40, u64::MAX].map(|waiting| rule.one_in(waiting));
    assert_eq!(asked, [1, 1, 2, 2, 8, 8]);
    let samples: Vec<SampleId> = (0..4_096_u32)
        .map(|n| SampleId::new(u128::from(n).to_be_bytes()))
        .collect();
    let taken = |one_in| {
        samples
            .iter()
            .filter(move |id| is_drawn(&draw_key(), id, one_in))
    };
    assert_eq!(taken(1).count(), 4_096);
    // Within five standard deviations.
    assert!(
        (1_888..2_208).contains(&taken(2).count()),
        "{}",
        taken(2).count()
    );
    assert!(
        (407..617).contains(&taken(8).count()),
        "{}",
        taken(8).count()
    );
    assert!(taken(8).all(|id| is_drawn(&draw_key(), id, 2)));
    // Under another key others are taken.
    let other = FileDigest::of(b"another day");
    assert!(taken(8).any(|id| !is_drawn(&other, id, 8)));
}

#[test]
fn the_page_of_the_census_shows_a_draw_that_anybody_can_make_again() {
    let page = include_str!("../../../../spec/census.md");
    let row = |one_in: u64| {
        let taken = is_drawn(&draw_key(), &SAMPLE.parse().unwrap(), one_in);
        format!(
            "| {one_in} | {} |",
            if taken { "taken" } else { "not taken" }
        )
    };
    for one_in in [1, 2, 8, 64] {
        assert!(page.contains(&row(one_in)), "{}", row(one_in));
    }
    assert!(page.contains(&draw_key().to_string()));
    assert!(page.contains(&format!("sample `{SAMPLE}`")));
}

proptest! {
    #[test]
    fn a_sampling_rule_that_is_printed_is_read_back(
        steps in prop::collection::btree_map(0..1_000_000_u64, Just(()), 0..16),
    ) {
        let steps: Vec<_> = (2..).zip(steps.keys()).map(|(one_in, waiting)| (*waiting, one_in)).collect();
        let rule = sampling(&steps);
        let text = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(serde_json::from_str::<SamplingRule>(&text).unwrap(), rule);
    }
}
