//! What goes wrong, and when.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::fate::Dice;
use crate::front_end::FrontEnd;
use crate::others::Other;
use crate::world::World;

/// Everybody something can happen to.
pub(crate) struct Cast {
    pub(crate) world: Arc<World>,
    pub(crate) front_ends: Vec<Arc<FrontEnd>>,
    pub(crate) others: Vec<Arc<Other>>,
}

impl Cast {
    /// Makes things go wrong until `end`, in milliseconds; then nothing does any more.
    pub(crate) async fn run(&self, end: u64) {
        let world = &self.world;
        while world.hub.now() < end {
            world.pause("fate", 150, 1_800).await;
            let mut dice = world.dice(&[b"fault"]);
            match dice.below(100) {
                0..12 => self.crash(&mut dice),
                12..22 => self.lose_lead(&mut dice),
                22..34 => self.slow(&mut dice),
                34..50 => self.cut_off(&mut dice),
                50..64 => self.change_network(&mut dice),
                64..74 => self.change_stores(&mut dice),
                74..86 => self.restart_other(&mut dice),
                _ => self.set_clock(&mut dice),
            }
        }
        world.weather.clear();
        for front_end in &self.front_ends {
            if let Some(life) = front_end.life() {
                life.slowness.store(0, Relaxed);
            }
        }
        for other in &self.others {
            if !other.is_up() {
                other.start();
            }
        }
        world.note("calm".to_owned());
    }

    fn front_end(&self, dice: &mut Dice) -> &Arc<FrontEnd> {
        &self.front_ends[dice.below(self.front_ends.len() as u64) as usize]
    }

    fn crash(&self, dice: &mut Dice) {
        let front_end = self.front_end(dice);
        let Some(life) = front_end.life().filter(|life| !life.is_over()) else {
            return;
        };
        if self.world.stores.is_local && dice.hits(500) {
            life.cut();
            self.world.stores.cut_power(dice.clone());
        } else {
            self.world.note(format!("{} is killed", front_end.name));
            life.end();
        }
    }

    /// The database believes that the leader is gone, but it is not.
    fn lose_lead(&self, dice: &mut Dice) {
        let front_end = self.front_end(dice);
        if let (Some(life), false) = (front_end.life(), self.world.stores.is_local) {
            let name = front_end.name;
            self.world.note(format!("the session of {name} is lost"));
            self.world.stores.release(life.number);
        }
    }

    /// What a process writes arrives late.
    fn slow(&self, dice: &mut Dice) {
        let front_end = self.front_end(dice);
        if let (Some(life), false) = (front_end.life(), self.world.stores.is_local) {
            let (slowness, time) = (dice.between(50, 2_500), dice.between(500, 6_000));
            let name = front_end.name;
            self.world
                .note(format!("{name} is {slowness} ms slower for {time} ms"));
            life.slowness.store(slowness, Relaxed);
            self.world.hub.after(time, dice, move || {
                life.slowness.store(0, Relaxed);
            });
        }
    }

    fn cut_off(&self, dice: &mut Dice) {
        let names = self.front_ends.iter().map(|front_end| front_end.name);
        let names: Vec<&str> = names
            .chain(self.others.iter().map(|other| other.name))
            .collect();
        let name = names[dice.below(names.len() as u64) as usize];
        let time = dice.between(300, 6_000);
        self.world.note(format!("{name} is cut off for {time} ms"));
        self.world.weather.cut_off(name, true);
        let (world, name) = (Arc::clone(&self.world), name.to_owned());
        self.world.hub.after(time, dice, move || {
            world.weather.cut_off(&name, false);
        });
    }

    fn change_network(&self, dice: &mut Dice) {
        let (lost, doubled) = (dice.below(150), dice.below(150));
        let delay = [5, 20, 60, 200][dice.below(4) as usize];
        self.world.note(format!(
            "network: {lost} lost, {doubled} doubled, {delay} ms"
        ));
        self.world.weather.set_network(lost, doubled, delay);
    }

    fn change_stores(&self, dice: &mut Dice) {
        let failures = [0, 0, 10, 40][dice.below(4) as usize];
        self.world.note(format!("stores: {failures} failures"));
        self.world.weather.set_stores(failures);
    }

    fn restart_other(&self, dice: &mut Dice) {
        let other = &self.others[dice.below(self.others.len() as u64) as usize];
        match other.is_up() {
            true => other.stop(),
            false => other.start(),
        }
    }

    fn set_clock(&self, dice: &mut Dice) {
        let names = self.front_ends.iter().map(|front_end| front_end.name);
        let names: Vec<&str> = names
            .chain(self.others.iter().map(|other| other.name))
            .collect();
        let name = names[dice.below(names.len() as u64) as usize];
        let far = [10, 4_000, 900_000][dice.below(3) as usize];
        let ahead = dice.between(0, 2 * far) as i64 - far as i64;
        self.world
            .note(format!("the clock of {name} is {ahead} s ahead"));
        self.world.set_ahead(name, ahead);
    }
}
