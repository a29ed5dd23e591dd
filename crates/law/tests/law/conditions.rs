//! One test per condition of the law: it takes away just that condition from an honest world and
//! expects just its code, beside the honest twin that is granted.

#[path = "../conditions/admission.rs"]
mod admission;
#[path = "../conditions/approval.rs"]
mod approval;
#[path = "../conditions/artifacts.rs"]
mod artifacts;
#[path = "../conditions/attached.rs"]
mod attached;
#[path = "../conditions/build.rs"]
mod build;
#[path = "../conditions/changes.rs"]
mod changes;
#[path = "../conditions/custody.rs"]
mod custody;
#[path = "../conditions/entry.rs"]
mod entry;
#[path = "../conditions/epochs.rs"]
mod epochs;
#[path = "../conditions/grants.rs"]
mod grants;
#[path = "../conditions/inclusion.rs"]
mod inclusion;
#[path = "../conditions/installation.rs"]
mod installation;
#[path = "../conditions/metadata.rs"]
mod metadata;
#[path = "../conditions/offers.rs"]
mod offers;
#[path = "../conditions/release.rs"]
mod release;
#[path = "../conditions/residence.rs"]
mod residence;
#[path = "../conditions/succession.rs"]
mod succession;
#[path = "../conditions/tools.rs"]
mod tools;
