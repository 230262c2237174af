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
                    self.supply.tighten(target, now_ns, terms);
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use otedama_hash::{Algorithm, Registry};
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Clock;
    use crate::mint::Mint;

    const OWNER: Owner = Owner {
        slot: 1,
        generation: 1,
    };
    const GRACE_NS: u64 = 1000;

    fn login() -> Login {
        Login {
            user: "a.w1".to_owned(),
            password: "x".to_owned(),
            difficulty: None,
        }
    }

    /// Terms of two connections that need ten shares each; without a backend nothing is minted.
    fn terms(mint: &Mint, algorithm: Option<Algorithm>) -> (Terms, Receiver<Minted>) {
        let (to, from) = channel();
        let terms = Terms {
            desk: mint.desk(),
            backend: algorithm.and_then(|algorithm| Registry::with_builtin().get(algorithm).cloned()),
            to,
            connections: 2,
            need: 10,
            cap: 10,
            grace_ns: GRACE_NS,
        };
        (terms, from)
    }

    fn share(now_ns: u64) -> Timing {
        Timing {
            due_ns: now_ns,
            sent_ns: now_ns,
            measured: true,
            invented: false,
        }
    }

    fn json(out: &[u8]) -> serde_json::Value {
        serde_json::from_slice(out).unwrap()
    }

    /// A conversation of version 1.0.0 that is logged in, on job "1".
    struct Talk {
        session: ProofSession,
        terms: Terms,
        from: Receiver<Minted>,
        out: Vec<u8>,
        _mint: Mint,
    }

    impl Talk {
        fn ethereum1() -> Self {
            let mint = Mint::start(1, Clock::start());
            let (terms, from) = terms(&mint, Some(Algorithm::ETHASH));
            let mut out = Vec::new();
            let session = ProofSession::open(Dialect::Ethereum1, &login(), OWNER, 1, &terms, &mut out);
            let mut talk = Self {
                session,
                terms,
                from,
                out,
                _mint: mint,
            };
            let subscribed =
                r#"{"id":1,"result":[["mining.notify","1","EthereumStratum/1.0.0"],"080c"],"error":null}"#;
            assert_eq!(talk.line(subscribed, 0), Event::Nothing);
            assert_eq!(
                talk.line(r#"{"id":2,"result":true,"error":null}"#, 0),
                Event::Nothing
            );
            talk.line(
                r#"{"id":null,"method":"mining.set_difficulty","params":[1e-9]}"#,
                0,
            );
            assert_eq!(talk.line(&notify("1", 1, true), 0), Event::Ready);
            assert_eq!(talk.out.split(|b| *b == b'\n').count(), 3, "subscribe, authorise");
            talk
        }

        fn line(&mut self, line: &str, now_ns: u64) -> Event {
            self.session
                .line(line.as_bytes(), &login(), now_ns, &self.terms, &mut self.out)
        }

        /// Waits until the stock is full.
        fn stock(&mut self, now_ns: u64) {
            while !self.session.supply.is_full() {
                let minted = self.from.recv_timeout(Duration::from_secs(60)).unwrap();
                self.session.deliver(minted, now_ns);
            }
            // The last batch may still be on its way.
            while let Ok(minted) = self.from.recv_timeout(Duration::from_millis(50)) {
                self.session.deliver(minted, now_ns);
            }
        }

        fn submit(&mut self, now_ns: u64) -> Option<serde_json::Value> {
            self.out.clear();
            let written = self.session.submit(share(now_ns), &self.terms, &mut self.out);
            written.then(|| json(&self.out)["params"].clone())
        }
    }

    fn notify(id: &str, header: u8, clean: bool) -> String {
        let (seed, header) = ("00".repeat(32), const_hex::encode([header; 32]));
        format!(r#"{{"id":null,"method":"mining.notify","params":["{id}","{seed}","{header}",{clean}]}}"#)
    }

    #[test]
    fn shares_of_a_replaced_job_go_with_its_own_prefix_until_its_grace_is_over() {
        let mut talk = Talk::ethereum1();
        talk.stock(0);
        talk.line(
            r#"{"id":null,"method":"mining.set_extranonce","params":["af4c01"]}"#,
            0,
        );
        assert_eq!(talk.line(&notify("2", 2, false), 0), Event::Nothing);
        let old = talk.submit(GRACE_NS - 1).unwrap();
        assert_eq!((&old[1], old[2].as_str().unwrap().len()), (&"1".into(), 12));
        talk.stock(GRACE_NS);
        let new = talk.submit(GRACE_NS).unwrap();
        assert_eq!((&new[1], new[2].as_str().unwrap().len()), (&"2".into(), 10));
    }

    #[test]
    fn stock_that_lasts_is_used_up_before_more_is_minted() {
        const LONG_NS: u64 = 120_000_000_000;
        let mut talk = Talk::ethereum1();
        talk.terms.grace_ns = LONG_NS;
        talk.stock(0);
        talk.line(&notify("2", 2, false), 0);
        assert!(talk.session.supply.is_full(), "nothing is ordered");
        assert_eq!(talk.submit(1).unwrap()[1], "1");
        assert_eq!(talk.submit(LONG_NS), None, "the old job is void");
        talk.stock(LONG_NS);
        assert_eq!(talk.submit(LONG_NS).unwrap()[1], "2");
    }

    #[test]
    fn a_clean_job_voids_what_is_in_stock_and_on_its_way() {
        let mut talk = Talk::ethereum1();
        talk.stock(0);
        assert!(matches!(talk.line(&notify("2", 2, true), 0), Event::NewBlock(_)));
        assert_eq!(talk.submit(0), None);
        talk.stock(0);
        while let Some(share) = talk.submit(0) {
            assert_eq!(share[1], "2");
        }
    }

    #[test]
    fn a_harder_target_counts_at_once_and_the_same_nonces_are_not_walked_again() {
        let mut talk = Talk::ethereum1();
        talk.stock(0);
        let first: Vec<_> = std::iter::from_fn(|| talk.submit(0)).take(2).collect();
        talk.line(
            r#"{"id":null,"method":"mining.set_difficulty","params":[2e-9]}"#,
            0,
        );
        talk.stock(0);
        let hard = Difficulty::new(2e-9)
            .unwrap()
            .to_target(Algorithm::ETHASH.diff1());
        assert_eq!(talk.session.supply.target(), hard);
        let then: Vec<_> = std::iter::from_fn(|| talk.submit(0)).take(10).collect();
        assert_eq!(then.len(), 10);
        let mut nonces: Vec<_> = first
            .iter()
            .chain(&then)
            .map(|share| share[2].to_string())
            .collect();
        nonces.sort_unstable();
        nonces.dedup();
        assert_eq!(nonces.len(), 12);
    }

    #[test]
    fn an_answer_finds_its_share() {
        let mut talk = Talk::ethereum1();
        talk.stock(0);
        assert!(talk.submit(5).is_some() && talk.submit(6).is_some());
        let refused = r#"{"id":11,"result":false,"error":[-1,"Job not found",null]}"#;
        let Event::Answered { share, error } = talk.line(refused, 9) else {
            panic!("not answered");
        };
        assert_eq!((share.due_ns, error.as_deref()), (6, Some("-1 Job not found")));
        assert_eq!(talk.session.pending(), 1);
        assert_eq!(talk.line(refused, 9), Event::Nothing, "answered already");
    }

    #[test]
    fn numbers_of_requests_stay_within_sixteen_bits() {
        let mint = Mint::start(1, Clock::start());
        let (terms, _from) = terms(&mint, None);
        let mut out = Vec::new();
        let mut session = ProofSession::open(Dialect::Ethereum2, &login(), OWNER, 1234, &terms, &mut out);
        assert_eq!(json(&out)["params"]["port"], "4d2");
        let notify = format!(
            r#"{{"method":"mining.notify","params":["1","64","{}","1"]}}"#,
            "11".repeat(32)
        );
        session.line(notify.as_bytes(), &login(), 0, &terms, &mut out);
        session.sent = NUMBERS - 1;
        let mut random = Random::new(1);
        let mut number = || {
            out.clear();
            assert!(session.submit_invented(share(0), &mut random, &terms, &mut out));
            json(&out)["id"].as_u64().unwrap()
        };
        assert_eq!((number(), number()), (65_535, FIRST_SHARE));
    }

    #[test]
    fn a_refused_login_is_a_failure_and_work_that_is_not_ready_is_none() {
        let mint = Mint::start(1, Clock::start());
        let (terms, _from) = terms(&mint, None);
        let refused =
            br#"{"id":1,"jsonrpc":"2.0","result":null,"error":{"code":-1,"message":"Invalid login"}}"#;
        let not_ready =
            br#"{"id":2,"jsonrpc":"2.0","result":null,"error":{"code":0,"message":"Work not ready"}}"#;
        let mut session = ProofSession::open(Dialect::Ethproxy, &login(), OWNER, 1, &terms, &mut Vec::new());
        let mut feed = |line: &[u8]| session.line(line, &login(), 0, &terms, &mut Vec::new());
        assert!(matches!(feed(refused), Event::Failed(text) if text.contains("Invalid login")));
        assert_eq!(feed(br#"{"id":1,"jsonrpc":"2.0","result":true}"#), Event::Nothing);
        assert_eq!(feed(not_ready), Event::Nothing);
        assert!(!session.is_ready());
    }

    proptest! {
        #[test]
        fn invented_shares_stay_in_the_connection_s_own_nonces(seed: u64, fixed in 1_u8..) {
            let mint = Mint::start(0, Clock::start());
            let (terms, _from) = terms(&mint, None);
            let mut session =
                ProofSession::open(Dialect::Cryptonote, &login(), OWNER, 1, &terms, &mut Vec::new());
            let job = cryptonote::tests::job_json("j", 1, [0, 0, 0, fixed], "ffffffff");
            let line = format!(r#"{{"id":1,"jsonrpc":"2.0","result":{{"id":"s","job":{job},"status":"OK"}}}}"#);
            let event = session.line(line.as_bytes(), &login(), 0, &terms, &mut Vec::new());
            prop_assert_eq!(event, Event::Ready);
            let mut out = Vec::new();
            prop_assert!(session.submit_invented(share(0), &mut Random::new(seed), &terms, &mut out));
            let params = json(&out)["params"].clone();
            let last = format!("{fixed:02x}");
            prop_assert!(params["nonce"].as_str().unwrap().ends_with(&last));
            // The claim meets every target.
            prop_assert!(params["result"].as_str().unwrap().ends_with("0000000000000000"));
            prop_assert_eq!(&params["id"], "s");
        }

        #[test]
        fn no_line_panics(line in "\\{\"id\":[123],\"(result|error|params)\":[\\[\\]\",0-9a-fx{}:. ]{0,80}\\}") {
            let mint = Mint::start(0, Clock::start());
            let (terms, _from) = terms(&mint, None);
            for dialect in [
                Dialect::Cryptonote,
                Dialect::Kawpow,
                Dialect::Ethereum1,
                Dialect::Ethereum2,
                Dialect::Ethproxy,
            ] {
                let mut out = Vec::new();
                let mut session = ProofSession::open(dialect, &login(), OWNER, 1, &terms, &mut out);
                session.line(line.as_bytes(), &login(), 0, &terms, &mut out);
            }
        }
    }
}
