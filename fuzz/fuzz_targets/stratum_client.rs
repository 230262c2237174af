//! The client machine against any server: it stays bounded and accounts for every solution.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use otedama_hash::{Monotonic, Now};
use otedama_stratum::client::{
    Client, ClientConfig, ClientInput, ClientJob, ClientOutput, ClientWork, Language, MAX_PENDING, Proof,
    Solution,
};
use otedama_stratum::v1::ExtranonceBytes;
use otedama_stratum::v1::dialect::ethereum::Protocol;

struct World {
    client: Client,
    now: Now,
    submitted: u64,
    settled: u64,
    job: Option<std::sync::Arc<ClientJob>>,
}

impl World {
    fn feed(&mut self, input: ClientInput<'_>) {
        self.client.handle(self.now, input);
        let mut outputs = 0;
        while let Some(output) = self.client.poll_output() {
            outputs += 1;
            match output {
                ClientOutput::Job(job) => self.job = Some(job),
                ClientOutput::Accepted { tag, .. }
                | ClientOutput::Rejected { tag, .. }
                | ClientOutput::Unanswered { tag } => {
                    assert!(tag < self.submitted);
                    self.settled += 1;
                }
                ClientOutput::Send(lines) => assert_eq!(lines.last(), Some(&b'\n')),
                _ => {}
            }
        }
        assert!(outputs <= 2048);
        assert!(self.client.pending() <= MAX_PENDING);
        assert_eq!(self.submitted - self.settled, self.client.pending() as u64);
    }

    fn submit(&mut self) {
        let Some(job) = self.job.clone() else { return };
        let tag = self.submitted;
        let proof = match &job.work {
            ClientWork::Headers(work) => Proof::Header {
                extranonce2: ExtranonceBytes::from_slice(&[0; 16][..work.extranonce2_len])
                    .expect("at most 16"),
                ntime: work.ntime,
                nonce: 0,
                version_bits: None,
            },
            ClientWork::Blob(work) => Proof::Nonce {
                nonce: work.nonces.start,
                hash: [0; 32],
                mix: Some([0; 32]),
            },
            _ => return,
        };
        self.submitted += 1;
        self.feed(ClientInput::Submit(Solution {
            job_id: job.job_id.clone(),
            tag,
            proof,
        }));
    }
}

const LANGUAGES: [Language; 6] = [
    Language::Bitcoin,
    Language::CryptoNote,
    Language::KawPow,
    Language::Ethereum(Protocol::V1),
    Language::Ethereum(Protocol::V2),
    Language::Ethereum(Protocol::Proxy),
];

// Lines of the input are the server's; a line that starts with a control byte is something else. The first
// byte names the language if it is one of the control bytes from 16 on.
fuzz_target!(|data: &[u8]| {
    let (language, data) = match data {
        [byte @ 16..32, data @ ..] => (LANGUAGES[usize::from(*byte - 16) % LANGUAGES.len()], data),
        _ => (Language::Bitcoin, data),
    };
    let mut world = World {
        client: Client::new(ClientConfig {
            language,
            user: "u".to_owned(),
            ..ClientConfig::default()
        }),
        now: Now {
            mono: Monotonic::ZERO,
            unix_s: 0,
        },
        submitted: 0,
        settled: 0,
        job: None,
    };
    world.feed(ClientInput::Connected);
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        match line[0] {
            1 => world.submit(),
            2 => {
                world.now.mono = world.now.mono + Duration::from_secs(line.len() as u64);
                world.feed(ClientInput::Tick);
            }
            3 => world.feed(ClientInput::Closed),
            4 => world.feed(ClientInput::Connected),
            _ => world.feed(ClientInput::Bytes(line)),
        }
    }
    world.feed(ClientInput::Closed);
    assert_eq!(world.submitted, world.settled);
});
