//! A miner of Ethash in any of its three protocols.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use otedama_hash::{Algorithm, Target};
use otedama_stratum::v1::dialect::ethereum::{
    MinerNonce, Protocol, ServerMessage, Settings, Submit, SubmitWork, parse_server_message, request,
    server_message,
};

use super::{Job, Miner, Session, Share, Verdict};

/// A miner that has logged in.
pub(crate) struct EthMiner {
    protocol: Protocol,
    session: Session,
    /// What shares are submitted under.
    worker: String,
    prefix: Vec<u8>,
    target: Target,
    /// What `mining.set` named.
    pub(crate) algorithm: Option<String>,
    pub(crate) epoch: Option<u32>,
}

impl EthMiner {
    /// Connects and logs in; a job may be there already.
    pub(crate) fn login(pool: SocketAddr, protocol: Protocol, user: &str) -> io::Result<Self> {
        Self::login_from(Ipv4Addr::LOCALHOST.into(), pool, protocol, user)
    }

    /// The same from another address of this machine.
    pub(crate) fn login_from(
        source: IpAddr,
        pool: SocketAddr,
        protocol: Protocol,
        user: &str,
    ) -> io::Result<Self> {
        let mut miner = Self {
            protocol,
            session: Session::connect(source, pool)?,
            worker: user.to_owned(),
            prefix: Vec::new(),
            target: Algorithm::ETHASH.diff1(),
            algorithm: None,
            epoch: None,
        };
        match protocol {
            Protocol::V1 => miner.login_1(user)?,
            Protocol::V2 => miner.login_2(pool, user)?,
            Protocol::Proxy => {
                // All nonces are its own, so it takes some that nobody else begins with.
                miner.session.next_nonce = 0xf << 60;
                let id = miner
                    .session
                    .send(|out, id| request::write_login(out, id, user, "x", Some("rig")))?;
                let reply = miner.reply(id)?;
                miner.verdict(&reply).unwrap();
                miner.session.send(request::write_get_work)?;
            }
        }
        Ok(miner)
    }

    fn login_1(&mut self, user: &str) -> io::Result<()> {
        let id = self
            .session
            .send(|out, id| request::write_subscribe(out, id, "test/1"))?;
        let reply = self.reply(id)?;
        let ServerMessage::Reply(reply) = self.parse(&reply) else {
            panic!("no reply");
        };
        let subscription = server_message::subscription(&reply).unwrap();
        self.prefix = subscription.extranonce.to_vec();
        self.authorize(user)?;
        Ok(())
    }

    fn login_2(&mut self, pool: SocketAddr, user: &str) -> io::Result<()> {
        let id = self
            .session
            .send(|out, id| request::write_hello(out, id, "test/1", "127.0.0.1", pool.port()))?;
        let reply = self.reply(id)?;
        let ServerMessage::Reply(reply) = self.parse(&reply) else {
            panic!("no reply");
        };
        assert!(
            server_message::hello(&reply)
                .unwrap()
                .node
                .starts_with("otedama/")
        );
        let id = self
            .session
            .send(|out, id| request::write_subscribe_session(out, id, None))?;
        let reply = self.reply(id)?;
        self.token(&reply);
        let reply = self.authorize(user)?;
        self.worker = self.token(&reply);
        Ok(())
    }

    fn authorize(&mut self, user: &str) -> io::Result<Vec<u8>> {
        let id = self
            .session
            .send(|out, id| request::write_authorize(out, id, user, "x"))?;
        let reply = self.reply(id)?;
        self.verdict(&reply).unwrap();
        Ok(reply)
    }

    fn token(&self, line: &[u8]) -> String {
        let ServerMessage::Reply(reply) = self.parse(line) else {
            panic!("no reply");
        };
        server_message::token(&reply).unwrap().into_owned()
    }

    fn parse<'a>(&self, line: &'a [u8]) -> ServerMessage<'a> {
        parse_server_message(self.protocol, line).unwrap()
    }

    fn set(&mut self, settings: &Settings<'_>) {
        if let Some(extranonce) = settings.extranonce {
            self.prefix = extranonce.to_vec();
        }
        self.target = settings.target.unwrap_or(self.target);
        self.epoch = settings.epoch.or(self.epoch);
        if let Some(name) = &settings.algorithm {
            self.algorithm = Some(name.to_string());
        }
    }

    /// Sends a share of `EthereumStratum` whose nonce has these digits.
    pub(crate) fn submit_digits(&mut self, job_id: &str, nonce: MinerNonce) -> io::Result<Verdict> {
        let (protocol, worker) = (self.protocol, self.worker.clone());
        let submit = Submit {
            worker: worker.into(),
            job_id: job_id.into(),
            nonce,
        };
        let id = self
            .session
            .send(|out, id| request::write_submit(out, protocol, id, &submit))?;
        let reply = self.reply(id)?;
        Ok(self.verdict(&reply))
    }
}

impl Miner for EthMiner {
    fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    fn on_line(&mut self, line: Vec<u8>) {
        let message = parse_server_message(self.protocol, &line)
            .unwrap_or_else(|e| panic!("{e} in {}", String::from_utf8_lossy(&line)));
        let job = match message {
            ServerMessage::Reply(reply) => {
                let id = reply.id.as_u64().unwrap();
                drop(reply);
                self.session.replies.insert(id, line);
                return;
            }
            ServerMessage::Job(job) => Job {
                id: job.id.into_owned(),
                header: job.header,
                seed: job.seed,
                height: job.height.unwrap_or(0),
                target: self.target,
            },
            ServerMessage::Work(work) => Job {
                id: String::new(),
                header: work.header,
                seed: Some(work.seed),
                height: 0,
                target: work.target,
            },
            ServerMessage::SetDifficulty(difficulty) => {
                self.target = difficulty.to_target(Algorithm::ETHASH.diff1());
                return;
            }
            ServerMessage::Set(settings) => return self.set(&settings),
            other => panic!("unexpected: {other:?}"),
        };
        self.session.jobs.push(job);
    }

    fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    fn send_share(&mut self, share: &Share) -> io::Result<u64> {
        if self.protocol == Protocol::Proxy {
            let submit = SubmitWork {
                nonce: share.nonce,
                header: share.job.header,
                mix: share.mix,
                worker: Some("rig".into()),
            };
            return self
                .session
                .send(|out, id| request::write_submit_work(out, id, &submit));
        }
        let submit = Submit {
            worker: self.worker.as_str().into(),
            job_id: share.job.id.as_str().into(),
            nonce: MinerNonce::behind(self.prefix.len(), share.nonce).unwrap(),
        };
        let protocol = self.protocol;
        self.session
            .send(|out, id| request::write_submit(out, protocol, id, &submit))
    }

    fn verdict(&self, line: &[u8]) -> Verdict {
        let ServerMessage::Reply(reply) = self.parse(line) else {
            panic!("no reply");
        };
        if server_message::is_accepted(self.protocol, &reply) {
            return Ok(());
        }
        let error = reply.error.unwrap();
        Err((error.code, error.message.into_owned()))
    }
}
