//! JSON-RPC over HTTP.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use otedama_chain::node::ReplyError;
use otedama_chain::node::bitcoind::{self, BlockHeader, SubmitOutcome};
use otedama_chain::{ChainSpec, Family, Template};
use otedama_hash::Hash256;

use super::{NodeError, Tip};
use crate::config;

/// Longest answer that is read.
const MAX_REPLY: usize = 32 << 20;

/// How long a long poll may take; then another one is sent.
const LONG_POLL: Duration = Duration::from_secs(300);

/// A whole block is judged within this time even by a slow node.
const SUBMIT: Duration = Duration::from_secs(60);

/// A node behind a JSON-RPC address.
pub struct RpcNode {
    uri: Uri,
    name: String,
    user: String,
    password: config::Secret,
    cookie_file: Option<PathBuf>,
    zmq_block: Option<String>,
    timeout: Duration,
    client: Client<HttpConnector, Full<Bytes>>,
    /// The `Authorization` header, once it is known.
    authorization: Mutex<Option<HeaderValue>>,
    genesis_checked: AtomicBool,
}

impl std::fmt::Debug for RpcNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcNode")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl RpcNode {
    /// A node that nobody has talked to yet.
    ///
    /// # Errors
    /// When its address is no URL.
    pub fn new(node: &config::Node) -> Result<Self, hyper::http::uri::InvalidUri> {
        let uri: Uri = node.url.parse()?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(node.timeout));
        connector.set_nodelay(true);
        connector.set_keepalive(Some(Duration::from_secs(30)));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .build(connector);
        Ok(Self {
            name: format!(
                "{}{}",
                uri.authority().map_or("", |a| host_and_port(a.as_str())),
                uri.path().trim_end_matches('/')
            ),
            uri,
            user: node.user.clone(),
            password: node.password.clone(),
            cookie_file: node.cookie_file.clone(),
            zmq_block: node.zmq_block.clone(),
            timeout: node.timeout,
            client,
            authorization: Mutex::new(None),
            genesis_checked: AtomicBool::new(false),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn zmq_address(&self) -> Option<&str> {
        self.zmq_block.as_deref()
    }

    pub(super) async fn template(
        &self,
        spec: &'static ChainSpec,
        family: &dyn Family,
        long_poll_id: Option<&str>,
    ) -> Result<Template, NodeError> {
        let timeout = if long_poll_id.is_some() {
            LONG_POLL
        } else {
            self.timeout
        };
        let (status, body) = self
            .call(bitcoind::get_block_template(spec, long_poll_id), timeout)
            .await?;
        Ok(family.parse_template(spec, bitcoind::block_template(status, &body)?)?)
    }

    pub(super) async fn submit(&self, block: &[u8]) -> Result<SubmitOutcome, NodeError> {
        let (status, body) = self.call(bitcoind::submit_block(block), SUBMIT).await?;
        Ok(bitcoind::submit_outcome(status, &body)?)
    }

    pub(super) async fn tip(&self, spec: &'static ChainSpec) -> Result<Tip, NodeError> {
        let (status, body) = self.call(bitcoind::get_blockchain_info(), self.timeout).await?;
        let info = bitcoind::blockchain_info(status, &body)?;
        info.check(spec)?;
        if !self.genesis_checked.load(Ordering::Relaxed) {
            let (status, body) = self.call(bitcoind::get_block_hash(0), self.timeout).await?;
            bitcoind::check_genesis(spec, &bitcoind::block_hash(status, &body)?)?;
            self.genesis_checked.store(true, Ordering::Relaxed);
        }
        // A private network starts out with an old tip, which looks like a download to the node.
        if info.initial_block_download && info.height < info.headers {
            return Err(NodeError::Syncing {
                height: info.height,
                headers: info.headers,
            });
        }
        Ok(Tip {
            height: info.height,
            hash: info.best_block_hash,
        })
    }

    pub(super) async fn header(&self, hash: &Hash256) -> Result<BlockHeader, NodeError> {
        let (status, body) = self.call(bitcoind::get_block_header(hash), self.timeout).await?;
        Ok(bitcoind::block_header(status, &body)?)
    }

    /// One call; with a cookie file that has changed since, a second one.
    async fn call(&self, body: String, timeout: Duration) -> Result<(u16, Bytes), NodeError> {
        let body = Bytes::from(body);
        let once = async {
            let authorization = self.authorization(false).await?;
            let (status, reply) = self.post(body.clone(), authorization).await?;
            if status != 401 || self.cookie_file.is_none() {
                return Ok((status, reply));
            }
            let authorization = self.authorization(true).await?;
            self.post(body, authorization).await
        };
        let (status, reply) = tokio::time::timeout(timeout, once)
            .await
            .map_err(|_| NodeError::Timeout(timeout))??;
        if status == 401 {
            return Err(ReplyError::Unauthorized.into());
        }
        Ok((status, reply))
    }

    async fn post(&self, body: Bytes, authorization: Option<HeaderValue>) -> Result<(u16, Bytes), NodeError> {
        let mut request = Request::post(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(transport)?;
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        let response = self
            .client
            .request(request)
            .await
            .map_err(|e| transport(deepest(&e)))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_REPLY)
            .collect()
            .await
            .map_err(|e| NodeError::Transport(e.to_string()))?;
        Ok((status, body.to_bytes()))
    }

    async fn authorization(&self, again: bool) -> Result<Option<HeaderValue>, NodeError> {
        let known = self
            .authorization
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if known.is_some() && !again {
            return Ok(known);
        }
        let text = match &self.cookie_file {
            Some(path) => {
                let cookie = tokio::fs::read_to_string(path)
                    .await
                    .map_err(|error| NodeError::Cookie(format!("{}: {error}", path.display())))?;
                bitcoind::cookie_auth(&cookie)
            }
            None if self.user.is_empty() => return Ok(None),
            None => bitcoind::basic_auth(&self.user, self.password.expose()),
        };
        let mut value = HeaderValue::from_str(&text).map_err(transport)?;
        value.set_sensitive(true);
        *self.authorization.lock().unwrap_or_else(PoisonError::into_inner) = Some(value.clone());
        Ok(Some(value))
    }
}

/// The authority without user and password.
fn host_and_port(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn transport(error: impl std::fmt::Display) -> NodeError {
    NodeError::Transport(error.to_string())
}

/// The cause that says most: "connection refused" rather than "client error".
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
