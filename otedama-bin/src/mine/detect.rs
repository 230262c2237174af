//! What to mine where nobody said it.

use std::time::Duration;

use otedama_hash::Algorithm;
use otedama_stratum::client::{Client, ClientConfig, Language};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::backoff::Backoff;
use super::event::Plain;
use super::language::{self, Shown};
use super::link::{Link, LinkEvent, LinkId};
use super::{Event, MineConfig, PoolLogin, Timing};
use crate::serve::clock::Clock;

/// How long a pool may take to give a job to a language that it may not speak.
const PATIENCE: Duration = Duration::from_secs(6);

/// Nobody knows what to mine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undetected {
    /// Every pool can be reached, and none gave a job of an algorithm that this program knows. What happened instead:
    #[error(
        "no pool gave a job that tells what it mines; if nothing below says why, name it with --algorithm{0}"
    )]
    NoJob(String),
    /// A pool's jobs look the same for two algorithms.
    #[error(
        "{pool} mines {one} or {other}, and neither its jobs nor the users tell which; name it with --algorithm {one} or \
         --algorithm {other}"
    )]
    Either {
        /// The pool.
        pool: String,
        /// One algorithm.
        one: &'static str,
        /// The other one.
        other: &'static str,
    },
}

/// What asking a pool has shown.
#[derive(Debug)]
enum Answer {
    Shown(Shown),
    /// No job, and what came instead.
    NoJob(String),
    /// No connection, and why.
    Unreachable(String),
}

/// The algorithm that the users' addresses are mined with, or that the first job of a pool is for. Pools are asked until
/// one tells, again and again as long as one can't be reached; `events` hears of it.
///
/// # Errors
/// When all pools have been asked, or one mines what can be either of two algorithms.
pub async fn detect(config: &MineConfig, events: &mpsc::Sender<Event>) -> Result<Algorithm, Undetected> {
    if let Some(algorithm) = config
        .pools
        .iter()
        .find_map(|login| language::of_user(&login.user))
    {
        return Ok(algorithm);
    }
    let (min, max) = (config.timing.retry_min, config.timing.retry_max);
    let mut backoff = Backoff::new(min, max, config.seed);
    let mut failures = 0;
    loop {
        let mut failed = Vec::new();
        let mut hope = false;
        for login in &config.pools {
            let pool = login.address.to_string();
            Event::Asking { pool: pool.clone() }.report(Some(events));
            match ask(login).await {
                Answer::Shown(Shown::Only(algorithm)) => return Ok(algorithm),
                Answer::Shown(Shown::Either(one, other)) => {
                    let (one, other) = (one.name(), other.name());
                    return Err(Undetected::Either { pool, one, other });
                }
                Answer::Shown(Shown::Unknown) => {
                    failed.push((pool, "not an algorithm of this miner".to_owned()));
                }
                Answer::NoJob(why) => failed.push((pool, why)),
                Answer::Unreachable(why) => {
                    hope = true;
                    failed.push((pool, why));
                }
            }
        }
        if !hope {
            let lines = failed
                .iter()
                .map(|(pool, why)| format!("\n  {pool}: {}", Plain(why)));
            return Err(Undetected::NoJob(lines.collect()));
        }
        failures += 1;
        let retry = backoff.pause(failures);
        for (pool, why) in failed {
            Event::Disconnected { pool, why, retry }.report(Some(events));
        }
        sleep(retry).await;
    }
}

/// What the pool's first job is for, in the first language in which it gives one.
async fn ask(login: &PoolLogin) -> Answer {
    let mut reasons = Vec::new();
    for language in language::ALL {
        match probe(login, language).await {
            Answer::NoJob(why) if reasons.contains(&why) => {}
            Answer::NoJob(why) => reasons.push(why),
            // Where no connection comes about, no other language will help.
            answer => return answer,
        }
    }
    Answer::NoJob(reasons.join("; "))
}

/// What the pool's first job is for, if it speaks this language.
async fn probe(login: &PoolLogin, language: Language) -> Answer {
    let timing = Timing {
        connect: PATIENCE,
        first_job: PATIENCE,
        ..Timing::default()
    };
    let client = Client::new(ClientConfig {
        language,
        reply_timeout: PATIENCE,
        ..config(login, Algorithm::SHA256D)
    });
    let (sender, mut events) = mpsc::channel(16);
    // Dropping the link at the end closes the connection.
    let _link = Link::open(
        LinkId(0),
        login.address.clone(),
        client,
        timing,
        Clock::start(),
        sender,
    );
    while let Some((_, event)) = events.recv().await {
        match event {
            LinkEvent::Job(job) => return Answer::Shown(language::of_job(language, &job)),
            LinkEvent::Closed { connected, why, .. } => {
                tracing::debug!("{} in {language:?}: {why}", login.address);
                return if connected {
                    Answer::NoJob(why)
                } else {
                    Answer::Unreachable(why)
                };
            }
            _ => {}
        }
    }
    Answer::NoJob("the connection ended".to_owned())
}

/// How to log in at a pool; its language is still to be set.
pub(super) fn config(login: &PoolLogin, algorithm: Algorithm) -> ClientConfig {
    ClientConfig {
        user: login.user.clone(),
        password: login.password.clone(),
        host: login.address.host.clone(),
        port: login.address.port,
        diff1: algorithm.diff1(),
        ..ClientConfig::default()
    }
}
