//! One connection's conversation, whatever its dialect.

use crate::dialect::Dialect;
use crate::job::RecentJobs;
use crate::mint::{Minted, Owner};
use crate::proof::ProofSession;
use crate::random::Random;
use crate::session::{Event, Login, Searcher, Session, Timing};
use crate::supply::Terms;

/// What the conversations of one target have in common.
pub(crate) struct Common {
    pub(crate) dialect: Dialect,
    /// The pool's port, which one dialect names in its greeting.
    pub(crate) port: u16,
    pub(crate) kind: Kind,
}

/// How shares come to be.
pub(crate) enum Kind {
    /// Found while they are sent, in this thread.
    Searched { searcher: Searcher, jobs: RecentJobs },
    /// Found ahead, in others.
    Minted(Terms),
}

/// The state of one.
pub(crate) enum Conversation {
    /// Bitcoin's dialect.
    Searched(Box<Session>),
    /// The others.
    Minted(Box<ProofSession>),
}

/// What became of the wish to send a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is in the buffer.
    Yes,
    /// The search has not come to an end.
    Searching,
    /// There is no share in stock.
    Starved,
}

impl Conversation {
    /// Starts one: writes the first request to `out`.
    pub(crate) fn open(common: &Common, login: &Login, owner: Owner, out: &mut Vec<u8>) -> Self {
        match &common.kind {
            Kind::Searched { searcher, .. } => {
                Self::Searched(Box::new(Session::open(login, searcher.diff1, out)))
            }
            Kind::Minted(terms) => Self::Minted(Box::new(ProofSession::open(
                common.dialect,
                login,
                owner,
                common.port,
                terms,
                out,
            ))),
        }
    }

    /// Whether shares can be sent.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Searched(session) => session.is_ready(),
            Self::Minted(session) => session.is_ready(),
        }
    }

    /// How many shares have no answer yet.
    pub(crate) fn pending(&self) -> usize {
        match self {
            Self::Searched(session) => session.pending(),
            Self::Minted(session) => session.pending(),
        }
    }

    /// Whether a share can be sent or searched for at once.
    pub(crate) fn has_share(&mut self, now_ns: u64, common: &Common) -> bool {
        match (self, &common.kind) {
            (Self::Searched(_), _) => true,
            (Self::Minted(session), Kind::Minted(terms)) => session.supply().has_share(now_ns, terms),
            _ => false,
        }
    }

    /// Whether everything that was ordered has come.
    pub(crate) fn is_stocked(&mut self) -> bool {
        match self {
            Self::Searched(_) => true,
            Self::Minted(session) => session.supply().is_full(),
        }
    }

    /// Takes one line from the pool; whatever must be answered at once is appended to `out`.
    pub(crate) fn line(
        &mut self,
        line: &[u8],
        login: &Login,
        now_ns: u64,
        common: &mut Common,
        out: &mut Vec<u8>,
    ) -> Event {
        match (self, &mut common.kind) {
            (Self::Searched(session), Kind::Searched { jobs, .. }) => session.line(line, login, jobs, out),
            (Self::Minted(session), Kind::Minted(terms)) => session.line(line, login, now_ns, terms, out),
            _ => Event::Nothing,
        }
    }

    /// Finds what is to be sent next, or makes it up.
    pub(crate) fn find(&mut self, invented: Option<&mut Random>, common: &mut Common) -> bool {
        match (self, &mut common.kind, invented) {
            (Self::Searched(session), _, Some(random)) => {
                session.invent(random.bits() as u32);
                true
            }
            (Self::Searched(session), Kind::Searched { searcher, .. }, None) => session.search(searcher),
            _ => true,
        }
    }

    /// Appends the submission of what was found. False: there is nothing to send.
    pub(crate) fn submit(
        &mut self,
        share: Timing,
        random: &mut Random,
        common: &Common,
        out: &mut Vec<u8>,
    ) -> bool {
        match (self, &common.kind) {
            (Self::Searched(session), _) => {
                session.submit(share, out);
                true
            }
            (Self::Minted(session), Kind::Minted(terms)) if share.invented => {
                session.submit_invented(share, random, terms, out)
            }
            (Self::Minted(session), Kind::Minted(terms)) => session.submit(share, terms, out),
            _ => false,
        }
    }

    /// Shares have come.
    pub(crate) fn deliver(&mut self, minted: Minted, now_ns: u64) {
        if let Self::Minted(session) = self {
            session.deliver(minted, now_ns);
        }
    }

    /// The connection is gone.
    pub(crate) fn close(&mut self) {
        if let Self::Minted(session) = self {
            session.close();
        }
    }
}
