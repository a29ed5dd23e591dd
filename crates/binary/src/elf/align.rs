//! Pairs two sequences by content and order.
//!
//! Equal items at both ends are paired at once. In the middle, content that is there exactly once on
//! both sides is an anchor, and the longest rising run of anchors holds. Between anchors equal items
//! are paired, then equal names; what is left, across anchors too; and if as many remain between two
//! anchors on both sides, these in order.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::Hash,
    ops::Range,
};

/// Items by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A pair, equal or changed.
    Both(usize, usize),
    /// Only in the first.
    Ours(usize),
    /// Only in the second.
    Theirs(usize),
}

/// Pairs all items of `ours` and `theirs`.
pub(super) fn align<T>(
    ours: &[T],
    theirs: &[T],
    content: impl Fn(&T) -> &Vec<u8>,
    name: impl Fn(&T) -> Option<String>,
) -> Vec<Step> {
    let (a, b): (Vec<&Vec<u8>>, Vec<&Vec<u8>>) = (
        ours.iter().map(&content).collect(),
        theirs.iter().map(&content).collect(),
    );
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let rest = a.len().min(b.len()) - front;
    let back = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(rest)
        .take_while(|(a, b)| a == b)
        .count();
    let middle = (front..a.len() - back, front..b.len() - back);
    let mut steps: Vec<Step> = (0..front).map(|index| Step::Both(index, index)).collect();
    let mut gaps: Vec<Gap> = Vec::new();
    let (mut i, mut j) = (middle.0.start, middle.1.start);
    for (x, y) in anchors(&a, &b, &middle.0, &middle.1) {
        gaps.push(((i..x).collect(), (j..y).collect()));
        steps.push(Step::Both(x, y));
        (i, j) = (x + 1, y + 1);
    }
    gaps.push(((i..middle.0.end).collect(), (j..middle.1.end).collect()));
    let content = (|index| Some(a[index]), |index| Some(b[index]));
    let name = (
        |index: usize| name(&ours[index]),
        |index: usize| name(&theirs[index]),
    );
    for gap in &mut gaps {
        take_equal(gap, content.0, content.1, &mut steps);
        take_equal(gap, name.0, name.1, &mut steps);
    }
    // What moved from one gap to another.
    let mut moved: Gap = (
        gaps.iter().flat_map(|gap| gap.0.clone()).collect(),
        gaps.iter().flat_map(|gap| gap.1.clone()).collect(),
    );
    take_equal(&mut moved, content.0, content.1, &mut steps);
    take_equal(&mut moved, name.0, name.1, &mut steps);
    let left: (HashSet<usize>, HashSet<usize>) =
        (moved.0.into_iter().collect(), moved.1.into_iter().collect());
    for (mut x, mut y) in gaps {
        x.retain(|index| left.0.contains(index));
        y.retain(|index| left.1.contains(index));
        if x.len() == y.len() {
            steps.extend(x.into_iter().zip(y).map(|(x, y)| Step::Both(x, y)));
        } else {
            steps.extend(x.into_iter().map(Step::Ours));
            steps.extend(y.into_iter().map(Step::Theirs));
        }
    }
    let behind = (0..back).map(|index| Step::Both(middle.0.end + index, middle.1.end + index));
    steps.extend(behind);
    steps
}

/// Items between two anchors, of either side.
type Gap = (Vec<usize>, Vec<usize>);

/// Content that each side has exactly once, as far as its order is the same on both.
fn anchors(
    a: &[&Vec<u8>],
    b: &[&Vec<u8>],
    i: &Range<usize>,
    j: &Range<usize>,
) -> Vec<(usize, usize)> {
    let once = |items: &[&Vec<u8>], range: &Range<usize>| {
        let mut seen: HashMap<u64, Option<usize>> = HashMap::new();
        for index in range.clone() {
            seen.entry(digest(items[index]))
                .and_modify(|index| *index = None)
                .or_insert(Some(index));
        }
        seen
    };
    let (once_a, once_b) = (once(a, i), once(b, j));
    let pairs: Vec<(usize, usize)> = i
        .clone()
        .filter_map(|x| {
            let key = digest(a[x]);
            let y = once_b.get(&key).copied().flatten()?;
            (once_a.get(&key) == Some(&Some(x)) && a[x] == b[y]).then_some((x, y))
        })
        .collect();
    longest_rising(&pairs)
}

fn digest(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// The longest run of pairs whose second parts rise, by patience sorting.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut tops: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, (_, y)) in pairs.iter().enumerate() {
        let pile = tops.partition_point(|top| pairs[*top].1 < *y);
        before.push(pile.checked_sub(1).map(|below| tops[below]));
        if pile == tops.len() {
            tops.push(index);
        } else {
            tops[pile] = index;
        }
    }
    let mut run = Vec::new();
    let mut at = tops.last().copied();
    while let Some(index) = at {
        run.push(pairs[index]);
        at = before[index];
    }
    run.reverse();
    run
}

/// Pairs items with one key, in order, and takes them away.
fn take_equal<K: Eq + Hash>(
    (x, y): &mut Gap,
    key_x: impl Fn(usize) -> Option<K>,
    key_y: impl Fn(usize) -> Option<K>,
    steps: &mut Vec<Step>,
) {
    let mut waiting: HashMap<K, VecDeque<usize>> = HashMap::new();
    for index in y.iter() {
        if let Some(key) = key_y(*index) {
            waiting.entry(key).or_default().push_back(*index);
        }
    }
    let mut taken = HashSet::new();
    x.retain(|index| {
        let partner = key_x(*index).and_then(|key| waiting.get_mut(&key)?.pop_front());
        if let Some(partner) = partner {
            steps.push(Step::Both(*index, partner));
            taken.insert(partner);
        }
        partner.is_none()
    });
    y.retain(|index| !taken.contains(index));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(ours: &[&str], theirs: &[&str]) -> Vec<Step> {
        let items = |texts: &[&str]| -> Vec<Vec<u8>> {
            texts.iter().map(|text| text.as_bytes().to_vec()).collect()
        };
        let mut steps = align(&items(ours), &items(theirs), |item| item, |_| None);
        steps.sort_by_key(|step| match *step {
            Step::Both(a, _) | Step::Ours(a) => (a, 0),
            Step::Theirs(b) => (b, 1),
        });
        steps
    }

    #[test]
    fn one_changed_item_is_one_pair() {
        use Step::Both;
        assert_eq!(
            steps(&["a", "b", "c"], &["a", "x", "c"]),
            [Both(0, 0), Both(1, 1), Both(2, 2)]
        );
    }

    #[test]
    fn an_item_too_many_is_told_and_the_others_stay_paired() {
        use Step::{Both, Ours, Theirs};
        assert_eq!(
            steps(&["a", "c"], &["a", "b", "c"]),
            [Both(0, 0), Both(1, 2), Theirs(1)]
        );
        assert_eq!(steps(&["a", "b"], &[]), [Ours(0), Ours(1)]);
    }

    #[test]
    fn items_that_changed_places_are_paired_by_content() {
        use Step::Both;
        let found = steps(&["z", "a", "b", "y"], &["z", "b", "a", "y"]);
        assert!(
            found.contains(&Both(1, 2)) && found.contains(&Both(2, 1)),
            "{found:?}"
        );
    }
}
