//! Connections by number.

use mio::Token;
use otedama_pool::ConnId;

use super::connection::Connection;

/// The token of the shard's waker.
pub(super) const WAKER: Token = Token(usize::MAX);

/// The connections of a shard. A number names its slot in the low half and how often the slot was
/// used before in the high half, so that it never comes again.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    uses: u32,
    connection: Option<Connection>,
}

impl Slots {
    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Puts in what `make` makes for the number it gets.
    pub(super) fn insert(&mut self, make: impl FnOnce(ConnId) -> Connection) -> ConnId {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[at as usize];
        slot.uses = slot.uses.wrapping_add(1);
        let id = ConnId((u64::from(slot.uses) << 32) | u64::from(at));
        slot.connection = Some(make(id));
        id
    }

    /// The connection with this number, unless it has gone.
    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut Connection> {
        self.slots
            .get_mut(id.0 as u32 as usize)?
            .connection
            .as_mut()
            .filter(|c| c.id == id)
    }

    /// The connection whose events carry this token.
    pub(super) fn by_token(&mut self, token: Token) -> Option<&mut Connection> {
        self.slots.get_mut(token.0)?.connection.as_mut()
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<Connection> {
        let at = id.0 as u32;
        let slot = self.slots.get_mut(at as usize)?;
        let connection = slot.connection.take_if(|c| c.id == id)?;
        self.free.push(at);
        Some(connection)
    }

    /// Numbers of all connections.
    pub(super) fn ids(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.iter().map(|c| c.id)
    }

    /// All connections.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Connection> + '_ {
        self.slots.iter().filter_map(|slot| slot.connection.as_ref())
    }
}

/// The token under which a connection is registered.
pub(super) fn token(id: ConnId) -> Token {
    Token(id.0 as u32 as usize)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::shard::link::Link;

    fn insert(slots: &mut Slots) -> ConnId {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_nonblocking(true).unwrap();
        let link = Link::Plain(mio::net::TcpStream::from_std(stream));
        slots.insert(|id| Connection::new(id, IpAddr::V4(Ipv4Addr::LOCALHOST), link))
    }

    #[test]
    fn numbers_never_come_again_and_slots_do() {
        let (mut slots, mut seen) = (Slots::default(), HashSet::new());
        for _ in 0..20 {
            let (a, b) = (insert(&mut slots), insert(&mut slots));
            assert!(seen.insert(a) && seen.insert(b));
            assert_eq!(slots.len(), 2);
            assert_eq!(slots.by_token(token(a)).map(|c| c.id), Some(a));
            assert!(slots.remove(a).is_some() && slots.remove(b).is_some());
            assert!(slots.remove(a).is_none(), "an old number names nobody");
            assert!(slots.get_mut(b).is_none());
        }
        assert!(slots.slots.len() <= 2);
    }

    #[test]
    fn an_old_number_does_not_reach_the_next_in_its_slot() {
        let mut slots = Slots::default();
        let old = insert(&mut slots);
        slots.remove(old);
        let new = insert(&mut slots);
        assert_eq!(token(old), token(new));
        assert!(slots.get_mut(old).is_none());
        assert!(slots.remove(old).is_none());
        assert!(slots.get_mut(new).is_some());
    }
}
