//! What to mine where nobody said it.

use std::time::Duration;

use otedama_hash::Algorithm;
use otedama_stratum::client::{Client, ClientConfig, Language};
use tokio::sync::mpsc;

use super::language;
use super::link::{Link, LinkEvent, LinkId};
use super::{PoolLogin, Timing};
use crate::serve::clock::Clock;

/// How long a pool may take to give a job to a language that it may not speak.
const PATIENCE: Duration = Duration::from_secs(6);

/// Nobody knows what to mine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no pool gave a job that tells what it mines; name it with --algorithm")]
pub struct Undetected;

/// The algorithm of the first pool that tells: by the address that is mined for, or by the first job that it gives.
///
/// # Errors
/// When no address is one of a coin that is known, and no pool gives a job.
pub async fn detect(pools: &[PoolLogin]) -> Result<Algorithm, Undetected> {
    for login in pools {
        if let Some(algorithm) = language::of_user(&login.user) {
            return Ok(algorithm);
        }
        for language in language::ALL {
            if let Some(algorithm) = probe(login, language).await {
                return Ok(algorithm);
            }
        }
    }
    Err(Undetected)
}

/// What the pool's first job is for, if it speaks this language.
async fn probe(login: &PoolLogin, language: Language) -> Option<Algorithm> {
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
    loop {
        match events.recv().await?.1 {
            LinkEvent::Job(job) => return language::of_job(language, &job),
            LinkEvent::Closed { .. } => return None,
            _ => {}
        }
    }
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
