//! One connection's stratum conversation: bytes of lines in, lines out, no socket.

use std::collections::VecDeque;
use std::rc::Rc;

use otedama_hash::{Difficulty, Hasher, Target};

use crate::dialect::Tip;
use crate::job::{Found, Job, Parsed, RecentJobs, Search};
use crate::wire::{self, Line, Verdict};

const SUBSCRIBE: u64 = 1;
const SUGGEST: u64 = 2;
const AUTHORIZE: u64 = 3;
pub(crate) const FIRST_SHARE: u64 = 10;

/// What every connection says when it logs in.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) difficulty: Option<f64>,
}

/// A share that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// When it was due, in nanoseconds of the tool's clock.
    pub(crate) due_ns: u64,
    /// When it was written.
    pub(crate) sent_ns: u64,
    /// Whether it was due while measuring.
    pub(crate) measured: bool,
    /// Whether it was invented, so that the pool should refuse it.
    pub(crate) invented: bool,
}

/// Shares that were sent and have no answer yet.
#[derive(Debug, Default)]
pub(crate) struct Pending(VecDeque<(u64, Timing)>);

impl Pending {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A share was sent with this request number.
    pub(crate) fn push(&mut self, id: u64, share: Timing) {
        self.0.push_back((id, share));
    }

    /// The pool's answer to the request of this number.
    pub(crate) fn answer(&mut self, id: u64, verdict: Verdict) -> Event {
        let position = self.0.iter().position(|(pending, _)| *pending == id);
        let Some((_, share)) = position.and_then(|p| self.0.remove(p)) else {
            return Event::Nothing;
        };
        let error = match verdict {
            Verdict::Yes { .. } => None,
            // Codes are told apart; where a pool sends none, its text is the code.
            Verdict::No { code, message } if code == message => Some(code),
            Verdict::No { code, message } => Some(format!("{code} {message}")),
        };
        Event::Answered { share, error }
    }
}

/// What a line meant.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// Nothing that the tool counts.
    Nothing,
    /// Logged in, with a job: shares can be sent.
    Ready,
    /// A share was accepted, or refused with this code.
    Answered { share: Timing, error: Option<String> },
    /// A clean job on a block that is new to this connection.
    NewBlock(Tip),
    /// The pool refused the login, or wrote what can't be read.
    Failed(String),
}

/// State of one conversation.
pub(crate) struct Session {
    quoted_user: String,
    extranonce1: Vec<u8>,
    extranonce2_len: usize,
    next_extranonce2: u64,
    subscribed: bool,
    authorized: bool,
    diff1: Target,
    target: Target,
    search: Option<Search>,
    found: Option<Found>,
    pending: Pending,
    next_id: u64,
}

impl Session {
    /// Starts a conversation: writes the first request to `out`.
    pub(crate) fn open(login: &Login, diff1: Target, out: &mut Vec<u8>) -> Self {
        wire::write_subscribe(out, SUBSCRIBE);
        Self {
            quoted_user: wire::json_string(&login.user),
            extranonce1: Vec::new(),
            extranonce2_len: 0,
            next_extranonce2: 0,
            subscribed: false,
            authorized: false,
            diff1,
            // Stratum's difficulty before the first set_difficulty.
            target: Difficulty::ONE.to_target(diff1),
            search: None,
            found: None,
            pending: Pending::default(),
            next_id: FIRST_SHARE,
        }
    }

    /// Whether shares can be sent.
    pub(crate) fn is_ready(&self) -> bool {
        self.subscribed && self.authorized && self.search.is_some()
    }

    /// How many shares have no answer yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Takes one line from the pool; whatever must be answered at once is appended to `out`.
    pub(crate) fn line(
        &mut self,
        line: &[u8],
        login: &Login,
        jobs: &mut RecentJobs,
        out: &mut Vec<u8>,
    ) -> Event {
        let was_ready = self.is_ready();
        let event = match jobs.parse(line) {
            Ok(Parsed::Job(job)) => self.job(job),
            Ok(Parsed::Line(line)) => self.other(line, login, out),
            Err(e) => Event::Failed(e.to_string()),
        };
        if event == Event::Nothing && !was_ready && self.is_ready() {
            Event::Ready
        } else {
            event
        }
    }

    fn job(&mut self, job: Rc<Job>) -> Event {
        let known = self.search.as_ref().map(|s| s.job().prev_hash);
        let prev_hash = job.prev_hash;
        let is_new_block = job.clean && known.is_some_and(|known| known != prev_hash);
        self.start(job);
        if is_new_block && self.is_ready() {
            let mut shown = prev_hash;
            shown.reverse();
            Event::NewBlock(Tip::Hash(shown))
        } else {
            Event::Nothing
        }
    }

    fn start(&mut self, job: Rc<Job>) {
        // A fresh extranonce2 for every job: a pool may announce the same template twice, and the
        // same nonces on it would be duplicates.
        let extranonce2 = self.next_extranonce2;
        self.next_extranonce2 += 1;
        self.found = None;
        self.search = Some(Search::new(
            job,
            self.target,
            extranonce2,
            self.extranonce2_len.max(1),
        ));
    }

    fn other(&mut self, line: Line, login: &Login, out: &mut Vec<u8>) -> Event {
        match line {
            Line::Reply {
                id: SUBSCRIBE,
                verdict,
            } => self.subscribe_reply(verdict, login, out),
            Line::Reply {
                id: AUTHORIZE,
                verdict: Verdict::Yes { .. },
            } => {
                self.authorized = true;
                Event::Nothing
            }
            Line::Reply {
                id: AUTHORIZE,
                verdict: Verdict::No { message, .. },
            } => Event::Failed(format!("authorisation refused: {message}")),
            Line::Reply { id, verdict } if id >= FIRST_SHARE => self.pending.answer(id, verdict),
            Line::SetDifficulty(difficulty) => {
                self.set_difficulty(difficulty);
                Event::Nothing
            }
            Line::SetExtranonce {
                extranonce1,
                extranonce2_len,
            } => {
                self.set_extranonce(extranonce1, extranonce2_len);
                Event::Nothing
            }
            Line::Request { id, answer } => {
                wire::write_answer(out, &id, answer);
                Event::Nothing
            }
            // A pool may not know mining.suggest_difficulty.
            Line::Reply { .. } | Line::Other | Line::Notify(_) => Event::Nothing,
        }
    }

    fn subscribe_reply(&mut self, verdict: Verdict, login: &Login, out: &mut Vec<u8>) -> Event {
        let result = match verdict {
            Verdict::Yes { result } => result,
            Verdict::No { message, .. } => return Event::Failed(format!("subscription refused: {message}")),
        };
        match wire::parse_subscription(&result) {
            Err(e) => return Event::Failed(e.to_string()),
            Ok((extranonce1, len)) => self.set_extranonce(extranonce1, len),
        }
        self.subscribed = true;
        if let Some(difficulty) = login.difficulty {
            wire::write_suggest_difficulty(out, SUGGEST, difficulty);
        }
        wire::write_authorize(out, AUTHORIZE, &login.user, &login.password);
        Event::Nothing
    }

    fn set_extranonce(&mut self, extranonce1: Vec<u8>, extranonce2_len: usize) {
        self.extranonce1 = extranonce1;
        self.extranonce2_len = extranonce2_len;
        if let Some(job) = self.search.as_ref().map(|s| Rc::clone(s.job())) {
            self.start(job);
        }
    }

    /// Pools differ in whether a new difficulty counts at once or from the next job on. A harder one
    /// is honoured at once and an easier one from the next job, which every pool accepts.
    fn set_difficulty(&mut self, difficulty: f64) {
        if let Ok(difficulty) = Difficulty::new(difficulty) {
            self.target = difficulty.to_target(self.diff1);
            if let Some(search) = &mut self.search {
                search.tighten(self.target);
                self.found = None;
            }
        }
    }

    /// Searches for the next share, `searcher.budget` hashes at most. False: nothing was found yet.
    pub(crate) fn search(&mut self, searcher: &mut Searcher) -> bool {
        if let (None, Some(search)) = (&self.found, &mut self.search) {
            self.found = search.step(
                &mut *searcher.hasher,
                &self.extranonce1,
                searcher.budget,
                &mut searcher.hashes,
            );
        }
        self.found.is_some()
    }

    /// Makes a share up instead of searching for it. At tiny difficulties it may be valid by luck.
    pub(crate) fn invent(&mut self, nonce: u32) {
        self.found = Some(Found { nonce });
    }

    /// Appends the submission of the share that was found.
    pub(crate) fn submit(&mut self, share: Timing, out: &mut Vec<u8>) {
        let (Some(found), Some(search)) = (self.found.take(), &self.search) else {
            return;
        };
        let line = wire::Share {
            quoted_user: &self.quoted_user,
            quoted_job_id: search.quoted_job_id(),
            extranonce2: search.extranonce2(),
            ntime: search.job().ntime,
            nonce: found.nonce,
        };
        wire::write_submit(out, self.next_id, &line);
        self.pending.push(self.next_id, share);
        self.next_id += 1;
    }
}

/// What searches for all connections.
pub(crate) struct Searcher {
    /// Target of difficulty 1.
    pub(crate) diff1: Target,
    pub(crate) hasher: Box<dyn Hasher>,
    /// Hashes to try before other connections get their turn.
    pub(crate) budget: u64,
    /// Hashes tried so far.
    pub(crate) hashes: u64,
}

#[cfg(test)]
mod tests {
    use otedama_hash::{Algorithm, Registry};

    use super::*;

    fn login() -> Login {
        Login {
            user: "a.w".to_owned(),
            password: "x".to_owned(),
            difficulty: None,
        }
    }

    fn notify(id: &str, prev: u8, clean: bool) -> Vec<u8> {
        format!(
            "{{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"{id}\",\"{}\",\"01\",\"02\",[],\"20000000\",\"207fffff\",\"60000000\",{clean}]}}",
            const_hex::encode([prev; 32])
        )
        .into_bytes()
    }

    fn ready() -> (Session, RecentJobs) {
        let mut out = Vec::new();
        let mut jobs = RecentJobs::default();
        let mut session = Session::open(&login(), Algorithm::SHA256D.diff1(), &mut out);
        let mut feed = |line: &[u8]| session.line(line, &login(), &mut jobs, &mut out);
        assert_eq!(
            feed(br#"{"id":1,"result":[[],"00000001",8],"error":null}"#),
            Event::Nothing
        );
        assert_eq!(
            feed(br#"{"id":null,"method":"mining.set_difficulty","params":[1e-12]}"#),
            Event::Nothing
        );
        assert_eq!(feed(&notify("1", 1, true)), Event::Nothing);
        assert_eq!(feed(br#"{"id":3,"result":true,"error":null}"#), Event::Ready);
        assert_eq!(out.split(|b| *b == b'\n').count(), 3, "subscribe, authorise");
        (session, jobs)
    }

    fn searcher() -> Searcher {
        let hasher = Registry::with_builtin()
            .get(Algorithm::SHA256D)
            .unwrap()
            .verifier(<_>::default())
            .unwrap();
        Searcher {
            diff1: Algorithm::SHA256D.diff1(),
            hasher,
            budget: 64,
            hashes: 0,
        }
    }

    #[test]
    fn a_share_finds_its_answer() {
        let (mut session, mut jobs) = ready();
        let mut out = Vec::new();
        let mut search = searcher();
        for due_ns in [100, 200] {
            let due = Timing {
                due_ns,
                sent_ns: due_ns + 5,
                measured: true,
                invented: false,
            };
            assert!(session.search(&mut search));
            session.submit(due, &mut out);
        }
        let mut feed = |line: &[u8]| session.line(line, &login(), &mut jobs, &mut Vec::new());
        let Event::Answered { share, error } = feed(br#"{"id":11,"result":null,"error":[21,"stale",null]}"#)
        else {
            panic!("not answered");
        };
        assert_eq!((share.due_ns, error.as_deref()), (200, Some("21 stale")));
        let Event::Answered { share, error: None } = feed(br#"{"id":10,"result":true,"error":null}"#) else {
            panic!("not accepted");
        };
        assert_eq!((share.due_ns, share.sent_ns), (100, 105));
        assert_eq!(
            feed(br#"{"id":10,"result":true,"error":null}"#),
            Event::Nothing,
            "answered already"
        );
    }

    #[test]
    fn only_a_clean_job_on_another_block_is_new() {
        let (mut session, mut jobs) = ready();
        let mut feed = |line: &[u8]| session.line(line, &login(), &mut jobs, &mut Vec::new());
        assert_eq!(feed(&notify("2", 1, true)), Event::Nothing);
        assert_eq!(feed(&notify("3", 2, true)), Event::NewBlock(Tip::Hash([2; 32])));
        assert_eq!(feed(&notify("4", 2, false)), Event::Nothing);
    }

    #[test]
    fn a_harder_target_counts_at_once_and_an_easier_one_with_the_next_job() {
        let (mut session, mut jobs) = ready();
        let hard = Difficulty::new(0.5)
            .unwrap()
            .to_target(Algorithm::SHA256D.diff1());
        session.set_difficulty(0.5);
        session.set_difficulty(1e-12);
        assert!(
            !session.search(&mut searcher()),
            "64 hashes do not reach difficulty 0.5"
        );
        assert!(hard < session.target);
        session.line(&notify("9", 1, false), &login(), &mut jobs, &mut Vec::new());
        assert!(session.search(&mut searcher()));
    }

    #[test]
    fn a_refused_login_is_a_failure() {
        let mut out = Vec::new();
        let mut jobs = RecentJobs::default();
        let mut session = Session::open(&login(), Algorithm::SHA256D.diff1(), &mut out);
        session.line(
            br#"{"id":1,"result":[[],"00",4],"error":null}"#,
            &login(),
            &mut jobs,
            &mut out,
        );
        let event = session.line(
            br#"{"id":3,"result":null,"error":[24,"no",null]}"#,
            &login(),
            &mut jobs,
            &mut out,
        );
        assert!(matches!(event, Event::Failed(text) if text.contains("refused")));
        assert!(!session.is_ready());
    }
}
