use std::sync::Arc;

use otedama_hash::{Monotonic, Now};

use super::machine::ConfigureState;
use super::{Client, ClientClose, ClientJob, ClientOutput};
use crate::v1::{Configure, Reply, VersionRolling, request};

/// How far the connection has come. Requests of the handshake follow one another, because some
/// servers drop what comes before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No connection, or one that was given up.
    Down,
    /// `mining.configure` is unanswered.
    Configuring { asked_at: Monotonic },
    /// `mining.subscribe` is unanswered.
    Subscribing { id: u64, asked_at: Monotonic },
    /// `mining.authorize` is unanswered.
    Authorizing { id: u64, asked_at: Monotonic },
    /// Solutions can be submitted.
    Running,
}

impl Client {
    pub(super) fn start_handshake(&mut self, now: Now) {
        let mask = self.config.want_version_mask;
        let unwelcome = core::mem::replace(&mut self.configure, ConfigureState::Untried);
        if mask == 0 || unwelcome == ConfigureState::Unwelcome {
            return self.subscribe(now);
        }
        let configure = Configure {
            version_rolling: Some(VersionRolling {
                mask,
                min_bit_count: Some(mask.count_ones().min(2)),
            }),
            ..Configure::default()
        };
        let id = self.take_id();
        self.send(|out| request::write_configure(out, id, &configure));
        self.configure = ConfigureState::Asked(id);
        self.stage = Stage::Configuring { asked_at: now.mono };
    }

    pub(super) fn stage_deadline(&self) -> Option<Monotonic> {
        match self.stage {
            Stage::Down | Stage::Running => None,
            Stage::Configuring { asked_at } => Some(asked_at + self.config.configure_timeout),
            Stage::Subscribing { asked_at, .. } | Stage::Authorizing { asked_at, .. } => {
                Some(asked_at + self.config.reply_timeout)
            }
        }
    }

    pub(super) fn stage_timed_out(&mut self, now: Now) {
        match self.stage {
            Stage::Down | Stage::Running => {}
            Stage::Configuring { .. } => self.subscribe(now),
            Stage::Subscribing { .. } => self.close(ClientClose::ReplyTimeout("mining.subscribe")),
            Stage::Authorizing { .. } => self.close(ClientClose::ReplyTimeout("mining.authorize")),
        }
    }

    /// Takes a reply that belongs to the handshake; `false` if it doesn't.
    pub(super) fn handshake_reply(&mut self, now: Now, id: u64, reply: &Reply<'_>) -> bool {
        if self.configure == ConfigureState::Asked(id) {
            self.configured(now, reply);
            return true;
        }
        match self.stage {
            Stage::Subscribing { id: asked, .. } if asked == id => self.subscribed(now, reply),
            Stage::Authorizing { id: asked, .. } if asked == id => self.authorized(reply),
            _ => return false,
        }
        true
    }

    fn configured(&mut self, now: Now, reply: &Reply<'_>) {
        self.configure = ConfigureState::Untried;
        let mask = reply.configure().map_or(0, |answer| answer.version_mask);
        self.jobs.version_mask = mask & self.config.want_version_mask;
        if matches!(self.stage, Stage::Configuring { .. }) {
            self.subscribe(now);
        }
    }

    fn subscribe(&mut self, now: Now) {
        let id = self.take_id();
        let agent = core::mem::take(&mut self.config.agent);
        let session = self.session.take();
        self.send(|out| request::write_subscribe(out, id, &agent, session.as_deref()));
        self.config.agent = agent;
        self.stage = Stage::Subscribing {
            id,
            asked_at: now.mono,
        };
    }

    fn subscribed(&mut self, now: Now, reply: &Reply<'_>) {
        if let Some(error) = &reply.error {
            return self.close(ClientClose::SubscribeRefused(error.message.to_string()));
        }
        let answer = match reply.subscribe() {
            Ok(answer) => answer,
            Err(e) => return self.close(ClientClose::SubscribeRefused(e.to_string())),
        };
        self.session = answer.session.map(Into::into);
        self.jobs.extranonce = Some((answer.extranonce1, answer.extranonce2_len));
        self.jobs.add_early();
        self.authorize(now);
    }

    fn authorize(&mut self, now: Now) {
        let id = self.take_id();
        let (user, password) = (self.config.user.clone(), self.config.password.clone());
        self.send(|out| request::write_authorize(out, id, &user, &password));
        if let Some(difficulty) = self.config.suggest_difficulty {
            let id = self.take_id();
            self.send(|out| request::write_suggest_difficulty(out, id, difficulty));
        }
        let extranonce_id = self.take_id();
        self.send(|out| request::write_extranonce_subscribe(out, extranonce_id));
        self.stage = Stage::Authorizing {
            id,
            asked_at: now.mono,
        };
    }

    fn authorized(&mut self, reply: &Reply<'_>) {
        if !reply.is_true() {
            let reason = reply
                .error
                .as_ref()
                .map_or("no reason given", |error| &error.message);
            return self.close(ClientClose::Unauthorized(reason.to_owned()));
        }
        self.stage = Stage::Running;
        // Jobs that came earlier were held back, since their shares could not have been submitted.
        if let Some(job) = self.jobs.newest() {
            let job = ClientJob {
                clean: true,
                ..ClientJob::clone(job)
            };
            self.push(ClientOutput::Job(Arc::new(job)));
        }
    }
}
