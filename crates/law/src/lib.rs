//! What must be proven before a capability is granted
