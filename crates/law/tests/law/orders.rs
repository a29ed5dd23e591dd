//! Whatever entries are left out, repeated or moved: a release is granted exactly when an oracle that
//! knows nothing of keys, digests and trees says that all it needs stands in a legal order.

use crate::honest::{
    chain::Step::{self, *},
    story::Story,
};
use law::{Approvable, Releasable};
use proptest::{prelude::*, sample::Index};

/// The honest steps before a publication.
const STEPS: [Step; 10] = [
    Source,
    CommitConveyer,
    CommitA,
    CommitB,
    Provenance,
    RebuildA,
    RebuildB,
    Approval,
    ReleaseCenter,
    ReleaseSupervisor,
];

/// The law once more, over positions alone.
struct Oracle<'a>(&'a [Step]);

impl Oracle<'_> {
    fn first(&self, step: Step) -> Option<usize> {
        self.0.iter().position(|found| *found == step)
    }

    /// Both stand, `low` somewhere below the first `high`.
    fn below(&self, low: Step, high: Step) -> bool {
        match (self.first(low), self.first(high)) {
            (Some(low), Some(high)) => low < high,
            _ => false,
        }
    }

    /// A source stands, and everybody committed below the first result that anybody showed.
    fn is_built(&self) -> bool {
        let reveals = [Provenance, RebuildA, RebuildB].map(|step| self.first(step));
        let [Some(a), Some(b), Some(c)] = reveals else {
            return false;
        };
        let reveal = a.min(b).min(c);
        let committed = [CommitConveyer, CommitA, CommitB];
        let in_time = |step: &Step| self.first(*step).is_some_and(|at| at < reveal);
        self.first(Source).is_some() && committed.iter().all(in_time)
    }

    fn is_releasable(&self) -> bool {
        let inputs = [Provenance, RebuildA, RebuildB];
        self.is_built() && inputs.iter().all(|step| self.below(*step, Approval))
    }

    fn is_released(&self) -> bool {
        let signed = [ReleaseCenter, ReleaseSupervisor];
        self.is_releasable() && signed.iter().all(|step| self.below(Approval, *step))
    }
}

fn check(order: &[Step]) -> Result<(), TestCaseError> {
    let told = Story::honest().in_order(order).tell();
    let oracle = Oracle(order);
    let state = told.replay();
    let view = state.settled().unwrap();
    let approvable = Approvable::check(view, told.made.build());
    prop_assert_eq!(approvable.is_ok(), oracle.is_built(), "{:?}", approvable);
    let releasable = Releasable::check(view, told.made.payload(ReleaseCenter));
    prop_assert_eq!(
        releasable.is_ok(),
        oracle.is_releasable(),
        "{:?}",
        releasable
    );
    let released = told.released();
    prop_assert_eq!(released.is_ok(), oracle.is_released(), "{:?}", released);
    Ok(())
}

#[test]
fn the_honest_order_is_granted_and_each_single_omission_is_not() {
    check(&STEPS).unwrap();
    assert!(Oracle(&STEPS).is_released());
    for left_out in STEPS {
        let order: Vec<_> = STEPS.into_iter().filter(|step| *step != left_out).collect();
        assert!(!Oracle(&order).is_released(), "{left_out:?}");
        check(&order).unwrap();
    }
}

#[test]
fn each_two_neighbours_may_change_places_only_where_the_oracle_says_so() {
    for at in 1..STEPS.len() {
        let mut order = STEPS;
        order.swap(at - 1, at);
        check(&order).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_any_part_of_the_entries_is_judged_like_the_oracle(
        order in Just(STEPS.to_vec()).prop_shuffle(),
        length in 0..=STEPS.len(),
    ) {
        check(&order[..length])?;
    }

    /// Mostly honest orders, so that grants are met as often as refusals.
    #[test]
    fn a_few_moves_and_repetitions_are_judged_like_the_oracle(
        moves in prop::collection::vec((any::<Index>(), any::<Index>(), any::<bool>()), 0..3),
    ) {
        let mut order = STEPS.to_vec();
        for (from, to, repeated) in moves {
            let step = order[from.index(order.len())];
            if !repeated {
                order.remove(from.index(order.len()));
            }
            order.insert(to.index(order.len() + 1), step);
        }
        check(&order)?;
    }
}
