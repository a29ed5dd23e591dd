//! Those who read: one who looks at checkpoints, followers that replay everything, one who brings
//! the log to the mirror. Each complains of what nothing excuses.

use std::sync::Arc;
use std::time::Duration;

use logclient::{Follower, LogClient, LogClientError, MirrorPush, MirrorPushError};
use serve::ClientError;
use tlog::open_witnessed;
use tokio::time::timeout;

use crate::front_end::chain;
use crate::parties;
use crate::seen::Tree;
use crate::world::World;

/// How long a reader waits for one answer, in milliseconds.
const PATIENCE: u64 = 2_000;

/// Looks at the newest checkpoint of each front end.
pub(crate) async fn look(world: Arc<World>, front_ends: Vec<&'static str>) {
    let client = world.client("reader", PATIENCE);
    let mut newest = 0;
    loop {
        for name in &front_ends {
            let url = format!("http://{name}/checkpoint");
            let Ok(Some(note)) = client.get_optional(&url, 1 << 16).await else {
                continue;
            };
            let at = world.hub.now();
            match open_witnessed(&note, parties::policy()) {
                Ok(checkpoint) if checkpoint.size() > newest => {
                    newest = checkpoint.size();
                    world.note(format!("reader sees {newest}"));
                }
                Ok(_) => {}
                Err(error) => world
                    .seen
                    .complain(format!("{name} shows what is not witnessed: {error}")),
            }
            world.seen.note(&note, name, at);
        }
        world.pause("reader", 100, 900).await;
    }
}

/// Follows the log at one front end.
pub(crate) async fn follow(world: Arc<World>, name: &'static str, front_end: &'static str) {
    let url = format!("http://{front_end}");
    let client = LogClient::new(world.client(name, PATIENCE), &url, parties::origin());
    let mut follower = Follower::new(client, parties::anchor());
    loop {
        match follower.sync().await {
            Ok(true) => {
                let size = follower.checkpoint().map_or(0, |newest| newest.size());
                world.note(format!("{name} follows to {size}"));
            }
            Ok(false) => {}
            Err(error) if is_excused(&error) => {}
            Err(error) => {
                let what = format!("{name}: {}", chain(&error));
                world.note(what.clone());
                world.seen.complain(what);
            }
        }
        if let Some(newest) = follower.checkpoint() {
            let at = world.hub.now();
            world.seen.note(newest.note(), name, at);
        }
        world.pause(name, 300, 2_500).await;
    }
}

/// Not reached, or shown an older checkpoint, which a leader that lost its lead may do once.
fn is_excused(error: &LogClientError) -> bool {
    match error {
        LogClientError::Http { source, .. } => ClientError::is_transient(source),
        LogClientError::Nothing { .. } | LogClientError::WentBack { .. } => true,
        _ => false,
    }
}

/// Brings the log to the mirror.
pub(crate) async fn push(world: Arc<World>, front_ends: Vec<&'static str>) {
    for name in front_ends.iter().cycle() {
        world.pause("pusher", 500, 3_000).await;
        let client = world.client("pusher", PATIENCE);
        let log = LogClient::new(client.clone(), &format!("http://{name}"), parties::origin());
        let mirror = format!("http://{}", parties::MIRROR);
        let keys = (
            parties::log_vkeys().to_vec(),
            parties::mirror_vkeys().to_vec(),
        );
        let mut push = MirrorPush::new(log, keys.0, client, &mirror, keys.1);
        match timeout(Duration::from_secs(10), push.push()).await {
            Ok(Ok(mirrored)) => {
                let (size, root) = (mirrored.checkpoint.size(), *mirrored.checkpoint.root());
                let at = world.hub.now();
                world.note(format!("the mirror holds {size}"));
                let place = parties::MIRROR.to_owned();
                let tree = Tree { size, root, place };
                world.seen.with(|notes| notes.mirrored.insert(tree, at));
            }
            Ok(Err(error)) if !is_push_excused(&error) => {
                let what = format!("the pusher: {}", chain(&error));
                world.note(what.clone());
                world.seen.complain(what);
            }
            _ => {}
        }
    }
}

fn is_push_excused(error: &MirrorPushError) -> bool {
    match error {
        MirrorPushError::Log(error) => is_excused(error),
        // Of uploads that overtake each other, one hears that it is late.
        MirrorPushError::Mirror { source, .. } => {
            source.is_transient() || source.status() == Some(409)
        }
        MirrorPushError::MirrorAhead { .. } | MirrorPushError::Stuck { .. } => true,
        _ => false,
    }
}
