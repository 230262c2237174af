//! A server that says what the test tells it, and a clock that the test moves.

use std::sync::Arc;
use std::time::Duration;

use otedama_hash::{Monotonic, Now};
use otedama_stratum::client::{
    Client, ClientConfig, ClientInput, ClientJob, ClientOutput, ClientWork, HeaderWork, Proof, Solution,
};
use otedama_stratum::v1::ExtranonceBytes;

pub(crate) struct Script {
    pub(crate) client: Client,
    now: Now,
}

impl Script {
    pub(crate) fn new(config: ClientConfig) -> Self {
        Self {
            client: Client::new(config),
            now: Now {
                mono: Monotonic::from_nanos(7),
                unix_s: 0,
            },
        }
    }

    /// A client that subscribed with extranonce1 "01020304", 4 bytes of extranonce2, version mask
    /// 1fffe000, and was authorised. Everything so far is taken out of its outputs.
    pub(crate) fn running() -> Self {
        let mut script = Self::new(config());
        script.connect();
        script.say(
            r#"{"id":1,"result":{"version-rolling":true,"version-rolling.mask":"1fffe000"},"error":null}"#,
        );
        script.say(SUBSCRIBED);
        script.say(r#"{"id":3,"result":true,"error":null}"#);
        script.outputs();
        assert!(script.client.is_running());
        script
    }

    pub(crate) fn input(&mut self, input: ClientInput<'_>) {
        self.client.handle(self.now, input);
    }

    pub(crate) fn connect(&mut self) {
        self.input(ClientInput::Connected);
    }

    pub(crate) fn say(&mut self, line: &str) {
        self.input(ClientInput::Bytes(format!("{line}\n").as_bytes()));
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now.mono = self.now.mono + time;
        self.input(ClientInput::Tick);
    }

    /// Ticks at the client's own timeout.
    pub(crate) fn wait_for_timeout(&mut self) {
        self.now.mono = self.client.next_timeout().expect("something to wait for");
        self.input(ClientInput::Tick);
    }

    pub(crate) fn outputs(&mut self) -> Vec<ClientOutput> {
        std::iter::from_fn(|| self.client.poll_output()).collect()
    }

    /// The lines that were sent; nothing else may have come out.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for output in self.outputs() {
            let ClientOutput::Send(bytes) = output else {
                panic!("unexpected {output:?}")
            };
            assert_eq!(bytes.last(), Some(&b'\n'));
            lines.extend(
                String::from_utf8(bytes)
                    .expect("JSON is text")
                    .lines()
                    .map(str::to_owned),
            );
        }
        lines
    }

    /// The only output.
    pub(crate) fn output(&mut self) -> ClientOutput {
        let mut outputs = self.outputs();
        assert_eq!(outputs.len(), 1, "{outputs:?}");
        outputs.remove(0)
    }

    /// The only output, a job.
    pub(crate) fn job(&mut self) -> Arc<ClientJob> {
        match self.output() {
            ClientOutput::Job(job) => job,
            other => panic!("no job: {other:?}"),
        }
    }

    /// The only output, a job of headers.
    pub(crate) fn headers(&mut self) -> HeaderWork {
        match &self.job().work {
            ClientWork::Headers(work) => work.clone(),
            other => panic!("no headers: {other:?}"),
        }
    }

    pub(crate) fn submit(&mut self, job_id: &str, tag: u64) {
        self.input(ClientInput::Submit(solution(job_id, tag)));
    }
}

pub(crate) const SUBSCRIBED: &str = r#"{"id":2,"result":[[["mining.set_difficulty","5f"],["mining.notify","5f"]],"01020304",4],"error":null}"#;

pub(crate) fn config() -> ClientConfig {
    ClientConfig {
        user: "addr.rig".to_owned(),
        agent: "test/1".to_owned(),
        ..ClientConfig::default()
    }
}

pub(crate) fn notify(job_id: &str, clean: bool) -> String {
    let zeros = "00".repeat(32);
    format!(
        r#"{{"id":null,"method":"mining.notify","params":["{job_id}","{zeros}","0102","0304",["{zeros}"],"20002000","1d00ffff","4966bc61",{clean}]}}"#
    )
}

pub(crate) fn solution(job_id: &str, tag: u64) -> Solution {
    Solution {
        job_id: job_id.into(),
        tag,
        proof: header(&[0, 0, 0, 9], None),
    }
}

pub(crate) fn header(extranonce2: &[u8], version_bits: Option<u32>) -> Proof {
    Proof::Header {
        extranonce2: ExtranonceBytes::from_slice(extranonce2).expect("few bytes"),
        ntime: 0x4966_bc62,
        nonce: 0xdead_beef,
        version_bits,
    }
}
