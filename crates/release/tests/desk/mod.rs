//! A supervisor that comes and goes, by a clock of the test's own.

#![allow(dead_code, unreachable_pub)]

use std::net::SocketAddr;

use supervisor::{Clock, RemoteLog, RemoteOwnLog, Room};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::world::World;

pub struct Desk {
    address: SocketAddr,
    clock: Clock,
    works: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Desk {
    pub async fn start(world: &World, clock: Clock) -> Self {
        let mut desk = Self {
            address: "127.0.0.1:0".parse().unwrap(),
            clock,
            works: None,
        };
        desk.come_back(world).await;
        desk
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Listens again where it listened before.
    pub async fn come_back(&mut self, world: &World) {
        let config = world.supervisor_config();
        let log = RemoteLog::new(&config).unwrap();
        let own = RemoteOwnLog::new(&config).unwrap();
        let room = Room::open(config, log, own, self.clock).unwrap();
        let listener = serve::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let works = tokio::spawn(async move {
            let until = async {
                let _gone = stopped.await;
            };
            supervisor::watch(room, listener, until).await.unwrap();
        });
        self.works = Some((stop, works));
    }

    /// Answers nobody any more; returns when it has put everything down.
    pub async fn fall_silent(&mut self) {
        let (stop, works) = self.works.take().unwrap();
        stop.send(()).unwrap();
        works.await.unwrap();
    }
}
