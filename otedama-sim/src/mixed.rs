//! Five chains in one process: one clock, one disk, one death for all of them.

use crate::coin::{Coin, FIVE};
use crate::config::SimConfig;
use crate::event::Event;
use crate::report::{ChainSummary, Failure, MixedSummary};
use crate::world::World;

/// What one chain's faults mean for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    /// The process dies.
    Death,
    /// The disk is full, or no longer.
    Disk { is_full: bool },
}

/// The chains, each a world of its own up to what they share.
#[derive(Debug)]
pub(crate) struct Mixed {
    worlds: Vec<World>,
}

impl Mixed {
    pub(crate) fn new(config: &SimConfig) -> Self {
        let world = |(index, coin): (usize, &'static Coin)| {
            let mut world = World::new(config.clone(), coin);
            // Process and disk break as often as with one chain.
            world.shares_process = Some(index == 0);
            world
        };
        Self {
            worlds: FIVE.into_iter().enumerate().map(world).collect(),
        }
    }

    /// Runs to the end, or to the first broken rule.
    pub(crate) fn run(mut self) -> Result<MixedSummary, Box<Failure>> {
        // The earliest event of all is next; of those at the same time, the first chain's.
        while let Some((_, index)) = (0..self.worlds.len())
            .filter_map(|index| Some((self.worlds[index].schedule.next_at()?, index)))
            .min()
        {
            let goes_on = self.worlds[index].next_event();
            if let Some(shared) = self.worlds[index].shared.take() {
                self.share(index, shared);
            }
            if let Some(failure) = self.worlds.iter_mut().find_map(World::failure) {
                return Err(Box::new(failure));
            }
            if !goes_on {
                self.worlds[index].schedule.clear();
            }
        }
        let chains = self.worlds.iter().map(|world| ChainSummary {
            chain: world.coin.spec.name,
            summary: world.summary(),
        });
        Ok(MixedSummary {
            chains: chains.collect(),
        })
    }

    /// What happened to one happens to all, at the same moment.
    fn share(&mut self, first: usize, shared: Shared) {
        let now = self.worlds[first].now().mono;
        let delay = self.worlds[first].random.faults.millis(200, 8_000);
        for world in &mut self.worlds {
            world.schedule.advance(now);
            match shared {
                Shared::Death if world.process.is_some() => {
                    world.die_now();
                    world.schedule.after(delay, Event::Start);
                }
                Shared::Death => {}
                Shared::Disk { is_full } => world.store.is_full = is_full,
            }
        }
    }
}
