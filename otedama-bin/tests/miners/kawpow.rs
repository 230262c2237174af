//! A miner of Ravencoin.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use otedama_hash::Target;
use otedama_stratum::v1::dialect::kawpow::{
    ServerMessage, Submit, parse_server_message, request, subscription,
};

use super::{Job, Miner, Session, Share, Verdict};

/// A miner that has logged in.
pub(crate) struct KawMiner {
    session: Session,
    worker: String,
    prefix: Vec<u8>,
    /// What `mining.set_target` last said.
    pub(crate) set_target: Option<Target>,
    /// The compact network target of the newest job.
    pub(crate) bits: u32,
}

impl KawMiner {
    /// Connects and logs in; a job may be there already.
    pub(crate) fn login(pool: SocketAddr, user: &str) -> io::Result<Self> {
        Self::login_from(Ipv4Addr::LOCALHOST.into(), pool, user)
    }

    /// The same from another address of this machine.
    pub(crate) fn login_from(source: IpAddr, pool: SocketAddr, user: &str) -> io::Result<Self> {
        let mut miner = Self {
            session: Session::connect(source, pool)?,
            worker: user.to_owned(),
            prefix: Vec::new(),
            set_target: None,
            bits: 0,
        };
        let id = miner
            .session
            .send(|out, id| request::write_subscribe(out, id, "test/1", None))?;
        let reply = miner.reply(id)?;
        let Ok(ServerMessage::Reply(reply)) = parse_server_message(&reply) else {
            panic!("no reply");
        };
        miner.prefix = subscription(&reply).unwrap().extranonce.to_vec();
        let id = miner
            .session
            .send(|out, id| request::write_authorize(out, id, user, "x"))?;
        let reply = miner.reply(id)?;
        miner.verdict(&reply).unwrap();
        Ok(miner)
    }
}

impl Miner for KawMiner {
    fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    fn on_line(&mut self, line: Vec<u8>) {
        let message = parse_server_message(&line)
            .unwrap_or_else(|e| panic!("{e} in {}", String::from_utf8_lossy(&line)));
        match message {
            ServerMessage::Reply(reply) => {
                let id = reply.id.as_u64().unwrap();
                drop(reply);
                self.session.replies.insert(id, line);
            }
            ServerMessage::Job(job) => {
                self.bits = job.bits.expect("the pool tells the network's target");
                self.session.jobs.push(Job {
                    id: job.id.into_owned(),
                    header: job.header,
                    seed: Some(job.seed),
                    height: job.height.into(),
                    target: job.target,
                });
            }
            ServerMessage::SetTarget(target) => self.set_target = Some(target),
            other => panic!("unexpected: {other:?}"),
        }
    }

    fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    fn send_share(&mut self, share: &Share) -> io::Result<u64> {
        let submit = Submit {
            worker: self.worker.as_str().into(),
            job_id: share.job.id.as_str().into(),
            nonce: share.nonce,
            header: share.job.header,
            mix: share.mix,
        };
        self.session
            .send(|out, id| request::write_submit(out, id, &submit))
    }

    fn verdict(&self, line: &[u8]) -> Verdict {
        let Ok(ServerMessage::Reply(reply)) = parse_server_message(line) else {
            panic!("no reply");
        };
        if reply.is_true() {
            return Ok(());
        }
        let error = reply.error.unwrap();
        Err((error.code, error.message.into_owned()))
    }
}
