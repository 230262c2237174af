//! One connection's conversation in the dialects whose shares are minted ahead: lines in, lines out, no socket.

use otedama_hash::{Difficulty, Hash256, Hit, PowHash, PowInput, Target};

use crate::dialect::{Dialect, Said, Solution, Work, cryptonote, ethereum, ethproxy, kawpow};
use crate::mint::{Minted, Owner};
use crate::random::Random;
use crate::session::{Event, FIRST_SHARE, Login, Pending, Timing};
use crate::supply::{Supply, Terms};
use crate::wire::{self, LineError, Verdict};

/// Requests of a login, in their order.
const FIRST: u64 = 1;
const SECOND: u64 = 2;
const THIRD: u64 = 3;
/// Request numbers of version 2.0.0 of `EthereumStratum` have 16 bits.
const NUMBERS: u64 = 65_536 - FIRST_SHARE;
/// How many mixes are made up to find one whose claim meets the target.
const INVENTIONS: usize = 256;

/// State of one conversation.
pub(crate) struct ProofSession {
    dialect: Dialect,
    quoted_user: String,
    /// What the pool calls the session (cryptonote) or the worker (ethereum2).
    given_name: String,
    /// The pool's part of the nonces of the jobs that follow.
    prefix: Vec<u8>,
    logged_in: bool,
    /// What holds for the jobs that follow, where they don't say it themselves.
    target: Target,
    supply: Supply,
    pending: Pending,
    sent: u64,
}

impl ProofSession {
    /// Starts a conversation: writes the first request to `out`.
    pub(crate) fn open(
        dialect: Dialect,
        login: &Login,
        owner: Owner,
        port: u16,
        terms: &Terms,
        out: &mut Vec<u8>,
    ) -> Self {
        // Bitcoin's dialect has a session of its own and never comes here; KawPow's is the nearest to it.
        match dialect {
            Dialect::Cryptonote => cryptonote::write_login(out, FIRST, &login.user, &login.password),
            Dialect::Bitcoin | Dialect::Kawpow => wire::write_subscribe(out, FIRST),
            Dialect::Ethereum1 => ethereum::write_subscribe_v1(out, FIRST),
            Dialect::Ethereum2 => ethereum::write_hello(out, FIRST, port),
            Dialect::Ethproxy => ethproxy::write_login(out, FIRST, &login.user, &login.password),
        }
        Self {
            dialect,
            quoted_user: wire::json_string(&login.user),
            given_name: String::new(),
            prefix: Vec::new(),
            logged_in: false,
            // Stratum's difficulty before the pool says another.
            target: Difficulty::ONE.to_target(dialect.usual_algorithm().diff1()),
            supply: Supply::new(owner, terms),
            pending: Pending::default(),
            sent: 0,
        }
    }

    /// Whether shares can be sent, once there are some.
    pub(crate) fn is_ready(&self) -> bool {
        self.logged_in && self.supply.work().is_some()
    }

    /// How many shares have no answer yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The stock.
    pub(crate) fn supply(&mut self) -> &mut Supply {
        &mut self.supply
    }

    /// Takes one line from the pool; whatever must be answered at once is appended to `out`.
    pub(crate) fn line(
        &mut self,
        line: &[u8],
        login: &Login,
        now_ns: u64,
        terms: &Terms,
        out: &mut Vec<u8>,
    ) -> Event {
        let was_ready = self.is_ready();
        let event = self
            .said(line, login, now_ns, terms, out)
            .unwrap_or_else(|e| Event::Failed(e.to_string()));
        if event == Event::Nothing && !was_ready && self.is_ready() {
            Event::Ready
        } else {
            event
        }
    }

    fn said(
        &mut self,
        line: &[u8],
        login: &Login,
        now_ns: u64,
        terms: &Terms,
        out: &mut Vec<u8>,
    ) -> Result<Event, LineError> {
        let said = match self.dialect {
            Dialect::Cryptonote => cryptonote::parse(line),
            Dialect::Bitcoin | Dialect::Kawpow => kawpow::parse(line),
            Dialect::Ethereum1 => ethereum::parse_v1(line),
            Dialect::Ethereum2 => ethereum::parse_v2(line),
            Dialect::Ethproxy => ethproxy::parse(line),
        }?;
        match said {
            Said::Reply { id, verdict } if id >= FIRST_SHARE => return Ok(self.pending.answer(id, verdict)),
            Said::Reply {
                id,
                verdict: Verdict::Yes { result },
            } => self.logged_on(id, &result, login, now_ns, terms, out)?,
            // A pool without work pushes it later.
            Said::Reply { id: SECOND, .. } if self.dialect == Dialect::Ethproxy => {}
            Said::Reply {
                verdict: Verdict::No { message, .. },
                ..
            } => return Ok(Event::Failed(format!("authorisation refused: {message}"))),
            Said::Work(work) => return Ok(self.start(*work, now_ns, terms)),
            Said::Settings { target, prefix } => {
                if let Some(prefix) = prefix {
                    self.prefix = prefix;
                }
                if let Some(target) = target {
                    self.target = target;
                    // As in Bitcoin's dialect: a harder one is honoured at once, an easier one with the next job.
                    self.supply.tighten(target, terms);
                }
            }
            Said::Request { id, answer } => wire::write_answer(out, &id, answer),
            Said::Other => {}
        }
        Ok(Event::Nothing)
    }

    /// One request of the login was granted.
    fn logged_on(
        &mut self,
        id: u64,
        result: &str,
        login: &Login,
        now_ns: u64,
        terms: &Terms,
        out: &mut Vec<u8>,
    ) -> Result<(), LineError> {
        match (self.dialect, id) {
            (Dialect::Cryptonote, FIRST) => {
                let (session, work) = cryptonote::login_result(result)?;
                self.given_name = session;
                self.logged_in = true;
                self.start(work, now_ns, terms);
            }
            (Dialect::Bitcoin | Dialect::Kawpow | Dialect::Ethereum1, FIRST) => {
                self.prefix = if self.dialect == Dialect::Ethereum1 {
                    ethereum::subscription(result)?
                } else {
                    kawpow::subscription(result)?
                };
                wire::write_authorize(out, SECOND, &login.user, &login.password);
            }
            (Dialect::Ethereum2, FIRST) => {
                ethereum::check_hello(result)?;
                ethereum::write_subscribe_v2(out, SECOND);
            }
            (Dialect::Ethereum2, SECOND) => {
                ethereum::token(result)?;
                wire::write_authorize(out, THIRD, &login.user, &login.password);
            }
            (Dialect::Ethereum2, THIRD) => {
                self.given_name = ethereum::token(result)?;
                self.logged_in = true;
            }
            (Dialect::Ethproxy, FIRST) => {
                self.logged_in = true;
                ethproxy::write_get_work(out, SECOND);
            }
            (Dialect::Bitcoin | Dialect::Kawpow | Dialect::Ethereum1, SECOND) => self.logged_in = true,
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, mut work: Work, now_ns: u64, terms: &Terms) -> Event {
        let known = self.supply.work().map(|work| work.tip);
        let tip = work.tip;
        let is_other = known.is_some_and(|known| known != tip);
        let void = work.clean.unwrap_or(is_other);
        let target = work.target.unwrap_or(self.target);
        work.prefix_len = self.prefix.len();
        self.supply.start(work, target, &self.prefix, void, now_ns, terms);
        if is_other && void && self.logged_in {
            Event::NewBlock(tip)
        } else {
            Event::Nothing
        }
    }

    /// A batch of shares has come.
    pub(crate) fn deliver(&mut self, minted: Minted, now_ns: u64) {
        self.supply.deliver(&minted.order, minted.hits, now_ns);
    }

    /// Appends the submission of a share from the stock. False: there is none.
    pub(crate) fn submit(&mut self, share: Timing, terms: &Terms, out: &mut Vec<u8>) -> bool {
        let Some((order, hit)) = self.supply.take(share.sent_ns, terms) else {
            return false;
        };
        self.write(&order.job.work, &hit, share, out);
        true
    }

    /// Appends the submission of a share that was made up. False: there is no job.
    pub(crate) fn submit_invented(
        &mut self,
        share: Timing,
        random: &mut Random,
        terms: &Terms,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(work) = self.supply.work().cloned() else {
            return false;
        };
        let hit = self.invent(&work, random, terms);
        self.write(&work, &hit, share, out);
        true
    }

    /// A nonce of this connection's own, and a hash or mix that says that it meets the target: only the whole
    /// computation shows that it does not.
    fn invent(&self, work: &Work, random: &mut Random, terms: &Terms) -> Hit {
        let nonces = &self.supply.space().nonces;
        let len = nonces.end - nonces.start;
        let mut hit = Hit {
            nonce: nonces.start + random.bits() % len,
            pow: PowHash::default(),
        };
        let mut hash = random.bytes();
        // Cryptonote compares the highest 64 bits.
        hash[24..].fill(0);
        hit.pow.hash = Hash256::from_le_bytes(hash);
        for _ in 0..INVENTIONS {
            let mix = random.bytes();
            hit.pow.mix = Some(mix);
            let input = PowInput {
                blob: &work.blob,
                nonce: hit.nonce,
                height: work.epoch.height,
            };
            let claimed = terms
                .backend
                .as_ref()
                .and_then(|backend| backend.claimed(&input, &mix));
            if claimed.is_none_or(|hash| self.supply.target().is_met_by(&hash)) {
                break;
            }
        }
        hit
    }

    fn write(&mut self, work: &Work, hit: &Hit, share: Timing, out: &mut Vec<u8>) {
        let id = FIRST_SHARE + self.sent % NUMBERS;
        self.sent += 1;
        let solution = Solution {
            work,
            nonce: hit.nonce,
            proof: hit.pow.mix.unwrap_or_default(),
        };
        match self.dialect {
            Dialect::Cryptonote => {
                let solution = Solution {
                    proof: hit.pow.hash.to_le_bytes(),
                    ..solution
                };
                cryptonote::write_submit(out, id, &self.given_name, &solution);
            }
            Dialect::Bitcoin | Dialect::Kawpow => kawpow::write_submit(out, id, &self.quoted_user, &solution),
            Dialect::Ethereum1 => {
                ethereum::write_submit_v1(out, id, &self.quoted_user, work.prefix_len, &solution);
            }
            Dialect::Ethereum2 => {
                ethereum::write_submit_v2(out, id, &self.given_name, work.prefix_len, &solution);
            }
            Dialect::Ethproxy => ethproxy::write_submit(out, id, &solution),
        }
        self.pending.push(id, share);
    }

    /// The connection is gone.
    pub(crate) fn close(&mut self) {
        self.supply.close();
    }
}
