use crate::{answer, call_of, first, line, message, solution, work};
use otedama_hash::Target;
use otedama_stratum::v1::dialect::ethereum::Protocol::{Proxy, V1, V2};
use otedama_stratum::v1::dialect::ethereum::{
    Call, HelloReply, Job, MinerNonce, Protocol, ServerMessage, Settings, Submit, SubmitWork, Work, notify,
    parse_request, parse_server_message, reply, request, server_message,
};
use otedama_stratum::v1::{ExtranonceBytes, Id};
use proptest::prelude::*;

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![Just(V1), Just(V2), Just(Proxy)]
}

proptest! {
    #[test]
    fn a_client_reads_what_a_server_writes(
        id in "\\PC{0,16}", header: [u8; 32], seed: [u8; 32], target: [u8; 32], height: u64, clean: bool,
        settings: (Option<u32>, bool, Option<bool>), prefix in prop::collection::vec(any::<u8>(), 0..=6),
    ) {
        let mut job = Job { id: id.as_str().into(), header, seed: Some(seed), height: None, clean };
        let written = line(|out| notify::write_job(out, &job));
        prop_assert_eq!(message(V1, &written), ServerMessage::Job(job.clone()));
        (job.seed, job.height) = (None, Some(height));
        let written = line(|out| notify::write_job(out, &job));
        prop_assert_eq!(message(V2, &written), ServerMessage::Job(job));

        let target = Target::from_le_bytes(target);
        let work = Work { header, seed, target, height: clean.then_some(height) };
        let written = line(|out| notify::write_work(out, None, &work));
        prop_assert_eq!(message(Proxy, &written), ServerMessage::Work(work));

        let (epoch, with_target, algorithm) = settings;
        let settings = Settings {
            epoch,
            target: with_target.then_some(target),
            algorithm: algorithm.map(|_| id.chars().take(8).collect::<String>().into()),
            extranonce: Some(ExtranonceBytes::from_slice(&prefix).expect("6 bytes at most")),
        };
        let written = line(|out| notify::write_set(out, &settings));
        prop_assert_eq!(message(V2, &written), ServerMessage::Set(settings));

        let prefix = &prefix[..prefix.len().min(3)];
        let written = line(|out| reply::write_subscribe(out, Id::Raw("1"), "session", prefix));
        let read = server_message::subscription(&answer(V1, &written)).expect("a subscription");
        prop_assert_eq!(&*read.extranonce, prefix);
    }

    #[test]
    fn a_server_reads_what_a_client_writes(
        protocol in protocol(), worker in "\\PC{1,64}", job_id in "\\PC{0,16}", nonce: u64, len in 0_usize..8,
        header: [u8; 32], mix: [u8; 32], port: u16,
    ) {
        let submit = Submit {
            worker: worker.as_str().into(),
            job_id: job_id.into(),
            nonce: MinerNonce::behind(len, nonce).expect("less than 8 bytes"),
        };
        let written = line(|out| request::write_submit(out, protocol, 7, &submit));
        prop_assert_eq!(call_of(protocol, &written), Call::Submit(submit));

        let submit = SubmitWork { nonce, header, mix, worker: (len > 3).then(|| "w".into()) };
        let written = line(|out| request::write_submit_work(out, 7, &submit));
        prop_assert_eq!(call_of(protocol, &written), Call::SubmitWork(submit));

        let written = line(|out| request::write_login(out, 7, &worker, "x", None));
        let expected = Call::Login { user: worker.as_str().into(), password: "x".into(), worker: None };
        prop_assert_eq!(first(&written), expected);

        let written = line(|out| request::write_hello(out, 7, &worker, "host", port));
        let expected = Call::Hello {
            agent: Some(worker.as_str().into()),
            host: Some("host".into()),
            port: Some(port),
        };
        prop_assert_eq!(first(&written), expected);
        let written = line(|out| request::write_hashrate(out, 7, nonce, &worker));
        let expected = Call::Hashrate { rate_hz: Some(nonce), worker: worker.into() };
        prop_assert_eq!(call_of(V2, &written), expected);
    }

    #[test]
    fn outside_bytes_never_panic(
        protocol in protocol(), bytes: Vec<u8>, at: prop::sample::Index, byte: u8
    ) {
        let terms = HelloReply { resume: true, timeout_s: 1, max_errors: 2, node: "n" };
        let mut lines = vec![
            line(|out| request::write_submit_work(out, 4, &solution())).into_bytes(),
            line(|out| request::write_hello(out, 4, "a", "h", 1)).into_bytes(),
            line(|out| notify::write_work(out, Some(0), &work())).into_bytes(),
            line(|out| reply::write_hello(out, Id::Raw("1"), &terms)).into_bytes(),
            line(|out| reply::write_subscribe(out, Id::Raw("1"), "s", &[1, 2])).into_bytes(),
        ];
        for line in &mut lines {
            let at = at.index(line.len());
            line[at] = byte;
        }
        lines.push(bytes);
        for line in &lines {
            let _ = parse_request(line, None);
            let _ = parse_request(line, Some(protocol));
            if let Ok(ServerMessage::Reply(reply)) = parse_server_message(protocol, line) {
                let _ = server_message::is_accepted(protocol, &reply);
                let _ = server_message::hello(&reply);
                let _ = server_message::subscription(&reply);
                let _ = server_message::token(&reply);
            }
        }
    }
}
