//! The second judgement: one log, fed whole, answers what was in force at any index.
//!
//! Invariant: `witnessed <= fed`. Facts are kept in tables by the index of their entry and never change;
//! each question is asked *as of* an index and looks only below it. So there is no running state in
//! which a mistake could hide: the same tables answer for yesterday and for today.
//!
//! ```text
//! entry(i, bytes)   -> Ruling    does it count, and if not, why
//! checkpoint(note)  -> CheckpointSeen   log signature, witnesses, root of what was fed
//! gate(what, as_of) -> Ok | Refused     was this capability justified by the entries below `as_of`
//! findings()        -> everything that was logged all the same, and should not have been
//! ```

mod types;

pub use types::{
    Blob, CheckpointSeen, Delivery, Finding, Gate, Heard, Line, Newest, OutOfOrder, Refused,
    Ruling, Severity, Summary,
};
