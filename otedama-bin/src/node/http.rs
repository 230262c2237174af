//! JSON-RPC over HTTP, to any kind of node.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use otedama_chain::node::bitcoind::{basic_auth, cookie_auth};

use super::NodeError;
use crate::config;

/// Longest answer that is read.
const MAX_REPLY: usize = 32 << 20;

/// Calls to a node behind a JSON-RPC address.
pub(super) struct Http {
    uri: Uri,
    name: String,
    user: String,
    password: config::Secret,
    cookie_file: Option<PathBuf>,
    timeout: Duration,
    client: Client<HttpConnector, Full<Bytes>>,
    /// The `Authorization` header, once it is known.
    authorization: Mutex<Option<HeaderValue>>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Http {
    /// Nobody has talked to the node yet. `path` is where its calls go if the address names none.
    pub(super) fn new(node: &config::Node, path: &str) -> Result<Self, hyper::http::uri::InvalidUri> {
        let mut uri: Uri = node.url.parse()?;
        if uri.path() == "/" {
            uri = format!("{}{path}", node.url.trim_end_matches('/')).parse()?;
        }
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
                uri.path().trim_end_matches(path).trim_end_matches('/')
            ),
            uri,
            user: node.user.clone(),
            password: node.password.clone(),
            cookie_file: node.cookie_file.clone(),
            timeout: node.timeout,
            client,
            authorization: Mutex::new(None),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How long a call may take that is no long poll.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// One call; with a cookie file that has changed since, a second one.
    pub(super) async fn call(&self, body: String, timeout: Duration) -> Result<(u16, Bytes), NodeError> {
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
        tokio::time::timeout(timeout, once)
            .await
            .map_err(|_| NodeError::Timeout(timeout))?
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
                cookie_auth(&cookie)
            }
            None if self.user.is_empty() => return Ok(None),
            None => basic_auth(&self.user, self.password.expose()),
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
