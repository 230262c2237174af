//! What other threads tell the shard.

use std::net::IpAddr;

use mio::Interest;
use mio::net::TcpStream;
use otedama_hash::Now;
use otedama_pool::{ConnId, Input};
use tracing::debug;

use super::Command;
use super::connection::Connection;
use super::event_loop::Shard;
use super::link::Link;
use super::slots::token;

/// Commands taken in one turn of the loop.
const PER_TURN: usize = 512;

impl Shard {
    /// Takes what was left in the mailbox.
    pub(super) fn take_commands(&mut self, now: Now) {
        self.has_mail = true;
        for _ in 0..PER_TURN {
            let Ok(command) = self.commands.try_recv() else {
                self.has_mail = false;
                return;
            };
            self.obey(now, command);
        }
    }

    fn obey(&mut self, now: Now, command: Command) {
        match command {
            Command::Accepted { stream, peer, tls } => self.accepted(now, stream, peer, tls),
            Command::Persisted { seq } => {
                self.settled = self.settled.max(seq);
                self.pool.handle(now, Input::Persisted { seq });
            }
            Command::PersistFailed { seq } => {
                self.settled = self.settled.max(seq);
                self.pool.handle(now, Input::PersistFailed { seq });
            }
            Command::Verified(verdicts) => {
                for (ticket, pow) in verdicts {
                    self.pool.handle(now, Input::Verified { ticket, pow });
                }
            }
            Command::Extranonce(lease) => self.pool.handle(now, Input::Extranonce(lease)),
            Command::Template { template, payouts } => {
                self.pool.handle(now, Input::Template { template, payouts });
            }
            Command::BlockResult { hash, result } => {
                self.pool.handle(now, Input::BlockResult { hash, result });
            }
            Command::Admin(admin) => self.pool.handle(now, Input::Admin(admin)),
            Command::CloseAddress(ip) => self.close_address(now, ip),
            Command::Stop => self.stop(now),
        }
    }

    fn accepted(&mut self, now: Now, mut stream: TcpStream, peer: IpAddr, tls: bool) {
        let session = match (tls, &self.tls) {
            (true, Some(config)) => match rustls::ServerConnection::new(config.clone()) {
                Ok(session) => Some(session),
                Err(error) => {
                    debug!(%error, "no TLS session");
                    self.gate().release(peer);
                    return;
                }
            },
            _ => None,
        };
        let (registry, is_plain) = (&self.registry, session.is_none());
        let mut failed = None;
        let id = self.connections.insert(|id| {
            let interest = Interest::READABLE | Interest::WRITABLE;
            failed = registry.register(&mut stream, token(id), interest).err();
            let link = match session {
                Some(session) => Link::tls(stream, session),
                None => Link::Plain(stream),
            };
            Connection::new(id, peer, link)
        });
        if let Some(error) = failed {
            debug!(%peer, %error, "connection can't be watched");
            self.remove(id);
        } else if is_plain {
            self.opened(now, id, peer);
        } else {
            self.handshaking
                .push_back((now.mono + super::stopping::HANDSHAKE, id));
            self.enqueue_read(id);
        }
    }

    fn opened(&mut self, now: Now, id: ConnId, peer: IpAddr) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.opened = true;
            self.pool.handle(now, Input::Opened { conn: id, peer });
            self.enqueue_read(id);
        }
    }

    fn close_address(&mut self, now: Now, ip: IpAddr) {
        let from: Vec<ConnId> = self
            .connections
            .iter()
            .filter(|c| c.peer == ip)
            .map(|c| c.id)
            .collect();
        for id in from {
            if self.connections.get_mut(id).is_some_and(|c| !c.closing) {
                self.gone(now, id);
            }
        }
    }
}
