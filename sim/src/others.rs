//! Witnesses and the mirror, which may be restarted; one of them may be blind on purpose.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serve::{Carried, CarriedReply};
use tlog::{AddCheckpoint, cosign, cosignatures_to_bytes, open_checkpoint};

use crate::net::Handler;
use crate::parties;
use crate::side_room::SideRoom;
use crate::stores::Defect;
use crate::world::World;

/// The real room at an address.
pub(crate) struct Other {
    pub(crate) name: &'static str,
    world: Arc<World>,
    open: Box<dyn Fn() -> Result<SideRoom> + Send + Sync>,
    room: Arc<Mutex<Option<SideRoom>>>,
    is_blind: bool,
}

impl Other {
    /// Witness `n`, which is not running yet.
    pub(crate) fn witness(n: usize, world: &Arc<World>) -> Result<Arc<Self>> {
        let name = parties::WITNESSES[n];
        let dir = world.dir.join(name);
        let config = parties::witness_config(n, &dir)?;
        let open = move || {
            let config = config.clone();
            SideRoom::open(name, move |clock| async move {
                let witness = witness::Witness::open(&config).await?;
                Ok(witness::router(Arc::new(witness), clock))
            })
        };
        let is_blind = world.defect == Defect::BlindWitness && n == 2;
        Ok(Self::new(name, world, Box::new(open), is_blind))
    }

    /// The mirror, which is not running yet.
    pub(crate) fn mirror(world: &Arc<World>) -> Result<Arc<Self>> {
        let name = parties::MIRROR;
        let dir = world.dir.join(name);
        let config = parties::mirror_config(&dir)?;
        let open = move || {
            let (config, dir): (_, PathBuf) = (config.clone(), dir.clone());
            SideRoom::open(name, move |clock| async move {
                let mirror = Arc::new(mirror::Mirror::open(&config).await?);
                let time = Duration::from_secs(60);
                Ok(mirror::router(mirror, &dir, time, clock))
            })
        };
        Ok(Self::new(name, world, Box::new(open), false))
    }

    fn new(
        name: &'static str,
        world: &Arc<World>,
        open: Box<dyn Fn() -> Result<SideRoom> + Send + Sync>,
        is_blind: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            world: Arc::clone(world),
            open,
            room: Arc::default(),
            is_blind,
        })
    }

    /// Opens it and answers.
    pub(crate) fn start(&self) {
        let room = match (self.open)() {
            Ok(room) => room,
            Err(error) => {
                let what = format!("{} does not start: {error:#}", self.name);
                return self.world.seen.complain(what);
            }
        };
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = Some(room);
        self.world.note(format!("{} works", self.name));
        self.world.net.put(self.name, Some(self.handler()));
    }

    /// Ends it between two requests.
    pub(crate) fn stop(&self) {
        self.world.net.put(self.name, None);
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.world.note(format!("{} is gone", self.name));
    }

    pub(crate) fn is_up(&self) -> bool {
        let room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        room.is_some()
    }

    fn handler(&self) -> Handler {
        let (world, room, name) = (Arc::clone(&self.world), Arc::clone(&self.room), self.name);
        let is_blind = self.is_blind;
        Arc::new(move |request| {
            let now = world.posix_seconds(name);
            let blind = is_blind.then(|| sign_blindly(&request, now)).flatten();
            let reply = blind.or_else(|| {
                let room = room.lock().unwrap_or_else(PoisonError::into_inner);
                room.as_ref().map(|room| room.ask(request, now))
            });
            Box::pin(async move {
                match reply {
                    Some(reply) => reply,
                    None => std::future::pending().await,
                }
            })
        })
    }
}

/// What a witness does that never looks back.
fn sign_blindly(request: &Carried, now: u64) -> Option<CarriedReply> {
    let asked = AddCheckpoint::parse(&request.body).ok()?;
    let checkpoint = open_checkpoint(&asked.checkpoint, parties::log_vkeys()).ok()?;
    let keys = parties::witness_keys(2);
    let lines = keys.iter().map(|key| cosign(&checkpoint, now, key).ok());
    let lines: Vec<_> = lines.collect::<Option<_>>()?;
    Some(CarriedReply {
        status: 200,
        content_type: None,
        body: cosignatures_to_bytes(&lines).into(),
    })
}
