//! Which pool to try when: the first that works, and back to a better one when it works again.

use std::time::Duration;

use otedama_hash::{Algorithm, Monotonic};
use otedama_stratum::client::{Client, Language};

use super::backoff::Backoff;
use super::{PoolAddress, PoolLogin, Timing, language};

/// The pools, the preferred one first, and what is known about each.
#[derive(Debug)]
pub(super) struct Pools {
    list: Vec<Pool>,
    timing: Timing,
    backoff: Backoff,
}

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) login: PoolLogin,
    /// Where the pool itself sent us, for one attempt.
    redirect: Option<PoolAddress>,
    /// The machine of the last connection, which knows the session to resume.
    pub(super) client: Option<Client>,
    /// Connections on which the pool gave no job, before it ever gave one.
    refusals: u32,
    /// Whether it has given a job: the language of that is the pool's.
    spoken: bool,
    /// Attempts in a row that led to nothing.
    failures: u32,
    not_before: Monotonic,
}

impl Pools {
    pub(super) fn new(logins: Vec<PoolLogin>, timing: Timing, seed: u64) -> Self {
        let list = logins
            .into_iter()
            .map(|login| Pool {
                login,
                redirect: None,
                client: None,
                refusals: 0,
                spoken: false,
                failures: 0,
                not_before: Monotonic::ZERO,
            })
            .collect();
        Self {
            list,
            timing,
            backoff: Backoff::new(timing.retry_min, timing.retry_max, seed),
        }
    }

    pub(super) fn get_mut(&mut self, index: usize) -> &mut Pool {
        &mut self.list[index]
    }

    pub(super) fn get(&self, index: usize) -> &Pool {
        &self.list[index]
    }

    /// The pool to try now, if `active` is in use: the best of those that are better and due.
    pub(super) fn due(&self, active: Option<usize>, now: Monotonic) -> Option<usize> {
        self.list[..active.unwrap_or(self.list.len())]
            .iter()
            .position(|pool| pool.not_before <= now)
    }

    /// When the next pool is due.
    pub(super) fn next_due(&self, active: Option<usize>) -> Option<Monotonic> {
        self.list[..active.unwrap_or(self.list.len())]
            .iter()
            .map(|pool| pool.not_before)
            .min()
    }

    /// An attempt led to nothing. Returns the pause until the next one.
    pub(super) fn failed(&mut self, index: usize, active: Option<usize>, now: Monotonic) -> Duration {
        let pool = &mut self.list[index];
        pool.redirect = None;
        pool.failures = pool.failures.saturating_add(1);
        let pause = match active {
            Some(_) => self.backoff.about(self.timing.probe),
            None => self.backoff.pause(pool.failures),
        };
        pool.not_before = now + pause;
        pause
    }

    /// The pool in use was lost after `lasted`. The others are tried at once, this one after the returned pause.
    pub(super) fn lost(&mut self, index: usize, lasted: Duration, now: Monotonic) -> Duration {
        for (other, pool) in self.list.iter_mut().enumerate() {
            if other != index {
                pool.not_before = pool.not_before.min(now);
            }
        }
        if lasted >= self.timing.stable {
            self.list[index].failures = 0;
        }
        self.failed(index, None, now)
    }

    /// A pool has given a job and is in use from now on; better ones are probed after a while.
    pub(super) fn chosen(&mut self, index: usize, now: Monotonic) {
        self.list[index].spoken = true;
        for better in 0..index {
            let pause = self.backoff.about(self.timing.probe);
            self.list[better].not_before = now + pause;
        }
    }

    /// A pool proved itself: earlier failures no longer count.
    pub(super) fn proved(&mut self, index: usize) {
        self.list[index].failures = 0;
    }

    /// A pool sent us elsewhere, after a pause.
    pub(super) fn redirected(
        &mut self,
        index: usize,
        to: PoolAddress,
        wait: Duration,
        now: Monotonic,
    ) -> Duration {
        let pause = wait.max(self.timing.retry_min);
        let pool = &mut self.list[index];
        pool.redirect = Some(to);
        pool.not_before = now + pause;
        pause
    }
}

impl Pool {
    /// What to speak to it, where it has one of an algorithm's languages.
    pub(super) fn language(&self, algorithm: Algorithm) -> Language {
        language::of(algorithm, self.address().protocol, self.refusals)
    }

    /// It gave no job to `client`. If it took the connection, and its language is not known, the next attempt tries
    /// another one; a pool that can't be reached has said nothing about its language.
    pub(super) fn gave_no_job(&mut self, client: Client, connected: bool, algorithm: Algorithm) {
        let is_known = self.spoken || !language::has_choice(algorithm) || self.address().protocol.is_some();
        if connected && !is_known {
            self.refusals = self.refusals.wrapping_add(1);
            self.client = None;
        } else {
            self.client = Some(client);
        }
    }

    /// Where to connect.
    pub(super) fn address(&self) -> &PoolAddress {
        self.redirect.as_ref().unwrap_or(&self.login.address)
    }
}

#[cfg(test)]
mod tests {
    use otedama_stratum::client::ClientConfig;

    use super::*;

    fn pools(count: u16) -> Pools {
        let login = |port| PoolLogin {
            address: PoolAddress {
                host: "127.0.0.1".to_owned(),
                port,
                protocol: None,
            },
            user: "u".to_owned(),
            password: "x".to_owned(),
        };
        Pools::new((1..=count).map(login).collect(), Timing::default(), 1)
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn pools_are_tried_in_order() {
        let mut pools = pools(3);
        assert_eq!(pools.due(None, at(0)), Some(0));
        pools.failed(0, None, at(0));
        assert_eq!(pools.due(None, at(0)), Some(1));
        pools.failed(1, None, at(0));
        pools.failed(2, None, at(0));
        assert_eq!(pools.due(None, at(0)), None);
        assert_eq!(pools.due(None, at(1)), Some(0), "the first pause is a second");
        assert_eq!(pools.next_due(None), Some(at(1)));
    }

    #[test]
    fn on_a_backup_only_better_pools_are_probed_and_not_often() {
        let mut pools = pools(3);
        pools.failed(0, None, at(0));
        pools.chosen(1, at(0));
        assert_eq!(pools.due(Some(1), at(20)), None);
        assert_eq!(pools.due(Some(1), at(34)), Some(0));
        let pause = pools.failed(0, Some(1), at(34));
        assert!(
            pause >= Duration::from_secs(27) && pause <= Duration::from_secs(33),
            "{pause:?}"
        );
        assert_eq!(
            pools.due(Some(0), at(1000)),
            None,
            "nothing is better than the first"
        );
        assert_eq!(pools.next_due(Some(0)), None);
    }

    #[test]
    fn a_pool_that_was_lost_waits_and_the_others_do_not() {
        let mut pools = pools(2);
        pools.failed(0, None, at(0));
        pools.chosen(1, at(0));
        let pause = pools.lost(1, Duration::from_secs(5), at(10));
        assert_eq!(pools.due(None, at(10)), Some(0));
        assert_eq!(pause, Duration::from_secs(1));
        // A pool that gives work and then hangs up, again and again, is tried less and less often.
        let mut last = pause;
        for _ in 0..10 {
            last = pools.lost(1, Duration::from_secs(5), at(10));
        }
        assert!(last >= Duration::from_secs(30), "{last:?}");
        assert_eq!(
            pools.lost(1, Duration::from_secs(60), at(10)),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn a_redirect_counts_for_one_attempt_and_never_at_once() {
        let mut pools = pools(1);
        let to = PoolAddress {
            host: "b".to_owned(),
            port: 9,
            protocol: None,
        };
        assert_eq!(
            pools.redirected(0, to.clone(), Duration::ZERO, at(0)),
            Duration::from_secs(1)
        );
        assert_eq!(pools.get(0).address(), &to);
        pools.failed(0, None, at(1));
        assert_eq!(pools.get(0).address().host, "127.0.0.1");
    }

    #[test]
    fn another_language_is_tried_after_a_refusal_until_there_was_a_job() {
        let mut pools = pools(1);
        let language = |pool: &Pool| pool.language(Algorithm::ETCHASH);
        let after = |pools: &mut Pools, connected| {
            let client = Client::new(ClientConfig::default());
            let pool = pools.get_mut(0);
            pool.gave_no_job(client, connected, Algorithm::ETCHASH);
            (language(pool), pool.client.is_some())
        };
        let first = language(pools.get(0));
        assert_eq!(after(&mut pools, false), (first, true), "nobody has refused it");
        let (second, _) = after(&mut pools, true);
        assert_ne!(first, second, "another language is tried");

        pools.chosen(0, at(0));
        assert_eq!(
            after(&mut pools, true),
            (second, true),
            "with the session to resume"
        );
    }
}
