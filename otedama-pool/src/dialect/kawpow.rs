//! Sessions of Ravencoin's miners.

use otedama_chain::Submission;
use otedama_hash::Now;
use otedama_stratum::v1::Id;
use otedama_stratum::v1::dialect::kawpow::{Call, Job, parse_request, reply};

use super::Announcement;
use crate::io::Claim;
use crate::jobs::number_in;
use crate::pool::Pool;
use crate::share::submit::Submitted;

/// Bytes of the nonce that the pool fixes. Every session has headers of its own, so that they keep nobody from
/// anybody's work; but miners expect some, and `NiceHash` leaves room for so many.
pub(super) const PREFIX_LEN: usize = 2;

impl Pool {
    pub(super) fn kawpow_line(&mut self, now: Now, slot: usize, line: &[u8]) {
        let request = match parse_request(line) {
            Ok(request) => request,
            Err(e) => return self.malformed(now, slot, &e),
        };
        let id = request.id;
        match request.call {
            Call::Submit(submit) => {
                let share = Submitted {
                    worker: Some(&submit.worker),
                    job: number_in(&submit.job_id),
                    header: Some(submit.header),
                    nonce: submit.nonce,
                    claim: Some(Claim::Mix(submit.mix)),
                    ..Submitted::default()
                };
                self.submit(now, slot, id, &share);
            }
            Call::Subscribe { agent, session } => {
                self.kawpow_subscribe(now, slot, id, agent.as_deref(), session.as_deref());
            }
            Call::Authorize { user, password } => self.login(now, slot, id, &user, &password),
            Call::ExtranonceSubscribe | Call::SubmitHashrate(_) => self.reply_true(slot, id),
            Call::Unknown(name) => self.unknown_method(slot, id, &name),
            Call::Reply(_) => {}
            _ => self.unsupported(slot, id),
        }
    }

    fn kawpow_subscribe(
        &mut self,
        now: Now,
        slot: usize,
        id: Id<'_>,
        agent: Option<&str>,
        resume: Option<&str>,
    ) {
        if !self.subscribe_once(now, slot, id, agent, resume) {
            return;
        }
        let session = &self.sessions[slot];
        let mut out = Vec::new();
        reply::write_subscribe(&mut out, id, Some(&session.session_text()), &session.prefix);
        self.send(slot, out);
        self.start_mining(now, slot);
    }

    pub(super) fn kawpow_announce(&mut self, slot: usize, job: &Announcement<'_>) {
        let session = &self.sessions[slot];
        let template = job.work.job.template();
        let submission = Submission {
            extranonce: &session.extranonce(),
            ntime: job.work.job.time_s(),
            nonce: 0,
            version: job.work.job.version(),
        };
        let (Ok(blob), Some(parts)) = (
            self.family.pow_input(&job.work.job, &submission),
            job.work.job.header_parts(),
        ) else {
            // It was built for this family, so it takes any submission of this shape.
            return;
        };
        let mut out = Vec::with_capacity(512);
        if job.is_new_difficulty {
            reply::write_set_target(&mut out, job.target);
        }
        let line = Job {
            id: job.work.name().into(),
            header: (&blob[..]).try_into().unwrap_or_default(),
            seed: template.epoch.seed.unwrap_or_default(),
            target: job.target,
            clean: job.clean,
            height: template.height as u32,
            bits: Some(parts.bits),
        };
        reply::write_notify(&mut out, &line);
        self.send(slot, out);
    }
}
