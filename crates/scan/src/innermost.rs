//! Where a sample matched: not in all that stands around a harmful member, but in the member itself.
//!
//! ```text
//! 0      mail   40   its bytes hold those of the program, so rules see them too
//! 0.1    zip    40   the same
//! 0.1.0  pe    100   <- this one
//! 0.1.1  text    0   private
//! ```

use std::collections::HashSet;

use crate::report::{Member, Report};

/// The container around a member; none of the sample itself.
fn around(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(container, _)| container)
}

impl Report {
    /// The members of at least this score that hold no other such member, each digest once.
    ///
    /// The sample itself is among them if nothing in it matched and it did. A member that was not unpacked because it
    /// equals an earlier one stands for what was found in that one.
    pub fn innermost(&self, score_min: u32) -> Vec<&Member> {
        let mut matched = HashSet::new();
        let mut hold = HashSet::new();
        // Everything in an earlier member comes before a later one that equals it.
        for member in &self.members {
            let (path, same_as) = (member.path.as_str(), member.same_as.as_deref());
            let holds = same_as.is_some_and(|first| hold.contains(first));
            if holds {
                hold.insert(path);
            }
            let equal = holds || same_as.is_some_and(|first| matched.contains(first));
            if member.score < score_min && !equal {
                continue;
            }
            matched.insert(path);
            let mut inner = path;
            while let Some(container) = around(inner) {
                hold.insert(container);
                inner = container;
            }
        }
        let mut digests = HashSet::new();
        let innermost = self.members.iter().filter(|member| {
            let path = member.path.as_str();
            matched.contains(path) && !hold.contains(path)
        });
        innermost
            .filter(|member| digests.insert(member.sha256.as_str()))
            .collect()
    }
}
