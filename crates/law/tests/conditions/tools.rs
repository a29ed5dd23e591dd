//! What machines judge with: rules and a table that were released, and each condition taken away.

use law::{Refusal, ReleasedTools, ToolNames};
use statement::{FileDigest, Finding, Halt, Predicate, StatementDigest, Withdrawal};

use crate::{
    honest::{
        chain::{Step, center_log},
        custody::say_one,
        keys::Key,
        roster::{NOT_AFTER, NOW},
        story::{Story, Told},
    },
    refused_with,
};

/// Rules were released; they carry their table themselves.
fn rules(story: Story) -> Told {
    let mut told = story.of_rules().tell();
    told.log.publish(NOW + 4_000);
    told
}

fn names(told: &Told) -> ToolNames {
    ToolNames {
        worker: StatementDigest::of(b"a program that is only named"),
        rules: told.made.release(),
        scoring: told.made.release(),
    }
}

fn judged(told: &Told, names: ToolNames) -> Result<ReleasedTools, Refusal> {
    ReleasedTools::check(told.replay().settled().unwrap(), names)
}

/// After one more statement of the supervisor.
fn after(predicate: impl Into<Predicate>, told: &mut Told) -> Result<ReleasedTools, Refusal> {
    say_one(
        &mut told.log,
        predicate,
        &Key::of("supervisor", "supervisor"),
    );
    told.log.publish(NOW + 5_000);
    judged(told, names(told))
}

#[test]
fn released_rules_are_tools_and_their_file_is_the_one_that_was_released() {
    let told = rules(Story::honest());
    let tools = judged(&told, names(&told)).unwrap();
    assert_eq!(tools.names(), names(&told));
    assert!(tools.worker().is_none());
    assert_eq!(tools.entries().len(), 2);
    let artifact = tools.rules().artifact;
    let file = |digest| vec![("a.yar".to_owned(), digest)];
    tools.check_files(&file(artifact), artifact).unwrap();
    let other = FileDigest::of(b"another file");
    refused_with!("tools.file", tools.check_files(&file(other), artifact));
    refused_with!("tools.file", tools.check_files(&file(artifact), other));
    refused_with!("tools.file", tools.check_files(&[], artifact));
    let two = [file(artifact), file(other)].concat();
    refused_with!("tools.file", tools.check_files(&two, artifact));
}

#[test]
fn what_one_party_signed_or_what_is_a_program_is_no_tool() {
    let half = rules(Story::honest().without(Step::ReleaseSupervisor));
    refused_with!("tools.unreleased", judged(&half, names(&half)));
    let program = Story::honest().tell();
    refused_with!("tools.unreleased", judged(&program, names(&program)));
    let told = rules(Story::honest());
    for change in [
        (|names: &mut ToolNames| names.rules = StatementDigest::of(b"rules")) as fn(&mut ToolNames),
        |names| names.scoring = StatementDigest::of(b"table"),
    ] {
        let mut other = names(&told);
        change(&mut other);
        refused_with!("tools.unreleased", judged(&told, other));
        let replay = told.replay();
        let shown = ReleasedTools::shown(replay.settled().unwrap(), other);
        refused_with!("tools.unreleased", shown);
    }
}

#[test]
fn a_program_that_a_release_carries_must_have_been_released() {
    let told = rules(Story::honest());
    let mut named = names(&told);
    named.worker = named.rules;
    let tools = judged(&told, named).unwrap();
    assert_eq!(tools.worker().unwrap().digest(), named.worker);
    // Something else stands under that name.
    named.worker = told.made.digest(Step::Source);
    refused_with!("tools.unreleased", judged(&told, named));
}

#[test]
fn withdrawn_rules_a_finding_and_a_halt_stop_machines() {
    let mut told = rules(Story::honest());
    let withdrawal = Withdrawal {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        release: told.made.release(),
        reason: "They hunt documents.".to_owned(),
    };
    refused_with!("tools.withdrawn", after(withdrawal, &mut told));
    let mut told = rules(Story::honest());
    let finding = Finding {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        about: told.made.release(),
        title: "A rule hunts documents".to_owned(),
        detail: "It matches minutes of meetings.".to_owned(),
    };
    refused_with!("adverse.open", after(finding, &mut told));
    let mut told = rules(Story::honest());
    let halt = Halt {
        audience: vec![center_log()],
        not_after: NOT_AFTER,
        blobs: Vec::new(),
        product: None,
        reason: "Stop.".to_owned(),
    };
    refused_with!("adverse.halt", after(halt, &mut told));
}
