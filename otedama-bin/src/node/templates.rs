//! Templates from the first healthy node: by long poll, by announcement, and every so often.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use otedama_chain::Template;
use otedama_hash::Hash256;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tracing::{debug, info, warn};

use super::NodeError;
use super::health::Nodes;
use super::zmq::{self, Announcement};

/// After an announcement, how long to wait for the full template before an empty block is mined on.
const PREVIEW_AFTER: Duration = Duration::from_millis(250);

/// How often a node is asked again that doesn't have an announced block yet.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// How long it is asked again.
const ASK_FOR: Duration = Duration::from_secs(5);

/// Pause before a long poll that failed is sent again.
const POLL_AGAIN: Duration = Duration::from_secs(1);

/// Announcements that may wait.
const ANNOUNCEMENTS: usize = 64;

type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// An answer, and how many tips had been seen when it was asked for.
type Answer = (u64, Result<Template, NodeError>);

/// Where templates go.
pub type Sink = Box<dyn Fn(Arc<Template>) + Send + Sync>;

/// Brings templates from the nodes to the pool for ever.
pub struct Templates {
    nodes: Arc<Nodes>,
    refresh: Duration,
    sink: Sink,
    current: Option<Arc<Template>>,
    /// Counts the tips seen, so that an answer from before the newest is known.
    tips: u64,
}

/// What is under way at the node that templates come from.
struct Following {
    index: usize,
    fetch: Option<Pending<Answer>>,
    poll: Option<Pending<Answer>>,
    /// An empty block on the announced one, once it is due.
    preview: Option<Pending<Option<Template>>>,
    /// A block that was announced and that no template builds on yet.
    awaited: Option<(Announcement, Instant)>,
    ask_again: Option<Instant>,
    refresh: Interval,
    health: watch::Receiver<()>,
}

enum Event {
    Fetched(Answer),
    Polled(Answer),
    Preview(Option<Template>),
    Announced(Announcement),
    AskNow,
    Health,
}

impl Templates {
    /// Templates of `nodes`, renewed at least every `refresh`.
    pub fn new(nodes: Arc<Nodes>, refresh: Duration, sink: Sink) -> Self {
        Self {
            nodes,
            refresh,
            sink,
            current: None,
            tips: 0,
        }
    }

    /// Runs for ever: health checks, announcements, templates.
    pub async fn run(mut self, health_check: Duration) {
        let (announce, mut announced) = mpsc::channel(ANNOUNCEMENTS);
        let mut tasks = tokio::task::JoinSet::new();
        for (index, handle) in self.nodes.handles.iter().enumerate() {
            tasks.spawn(Arc::clone(&self.nodes).watch(index, health_check));
            if let Some(feed) = handle.feed() {
                tasks.spawn(zmq::listen(index, feed, announce.clone()));
            }
        }
        let mut health = self.nodes.changes();
        loop {
            match self.nodes.best() {
                Some(index) => self.follow(index, &mut announced).await,
                None => {
                    // Whatever happens first; then the nodes are looked at again.
                    let _ = tokio::time::timeout(Duration::from_secs(1), health.changed()).await;
                }
            }
        }
    }

    /// Takes templates from one node until it fails or a preferred one is healthy again.
    async fn follow(&mut self, index: usize, announced: &mut mpsc::Receiver<Announcement>) {
        info!(node = self.nodes.handles[index].name(), chain = %self.nodes.spec, "templates come from this node");
        let mut refresh = interval_at(Instant::now() + self.refresh, self.refresh);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut following = Following {
            index,
            fetch: Some(self.fetch(index)),
            poll: None,
            preview: None,
            awaited: None,
            ask_again: None,
            refresh,
            health: self.nodes.changes(),
        };
        loop {
            let event = following.next(announced).await;
            if let Err(error) = self.on_event(&mut following, event) {
                if let Some(error) = error {
                    self.nodes.template_failed(index, &error);
                }
                return;
            }
        }
    }

    /// `Err` when the node is left, with its fault if it is to blame.
    fn on_event(&mut self, following: &mut Following, event: Event) -> Result<(), Option<NodeError>> {
        match event {
            Event::Fetched((tips, result)) => {
                self.take(following, tips, result?);
                following
                    .poll
                    .get_or_insert_with(|| self.long_poll(following.index, Duration::ZERO));
            }
            Event::Polled((tips, Ok(template))) => {
                self.take(following, tips, template);
                following.poll = Some(self.long_poll(following.index, Duration::ZERO));
            }
            Event::Polled((_, Err(error))) => {
                // Perhaps nothing changed for a long time. A plain request tells whether the node lives.
                debug!(%error, "long poll");
                following.poll = Some(self.long_poll(following.index, POLL_AGAIN));
                following.fetch.get_or_insert_with(|| self.fetch(following.index));
            }
            Event::Preview(template) => {
                if let Some(template) = template.filter(|t| self.is_news(&t.prev_hash)) {
                    self.publish(template);
                }
            }
            Event::Announced(announcement) => {
                if self.is_news(&announcement.hash) {
                    following.awaited = Some((announcement, Instant::now()));
                    following.preview = self.preview(announcement);
                    // An answer under way may be from before the block.
                    following.fetch = Some(self.fetch(following.index));
                }
            }
            Event::AskNow => {
                following.fetch.get_or_insert_with(|| self.fetch(following.index));
            }
            Event::Health => {
                if self.nodes.best().is_some_and(|best| best != following.index) {
                    return Err(None);
                }
            }
        }
        Ok(())
    }

    /// Publishes an answer, unless it is from before the newest tip.
    fn take(&mut self, following: &mut Following, tips: u64, template: Template) {
        if tips < self.tips && self.is_news(&template.prev_hash) {
            following.fetch.get_or_insert_with(|| self.fetch(following.index));
            return;
        }
        self.publish(template);
        let Some((announcement, since)) = following.awaited else {
            return;
        };
        let arrived = !self.is_news(&announcement.hash);
        if arrived || since.elapsed() > ASK_FOR {
            following.awaited = None;
            following.preview = None;
        } else {
            following.ask_again = Some(Instant::now() + ASK_AGAIN);
        }
    }

    fn fetch(&self, index: usize) -> Pending<Answer> {
        let (nodes, tips) = (Arc::clone(&self.nodes), self.tips);
        Box::pin(async move {
            (
                tips,
                nodes.handles[index]
                    .template(nodes.spec, &*nodes.family, None)
                    .await,
            )
        })
    }

    fn long_poll(&self, index: usize, pause: Duration) -> Pending<Answer> {
        let id = self
            .current
            .as_ref()
            .and_then(|current| current.long_poll_id.clone());
        let (nodes, tips) = (Arc::clone(&self.nodes), self.tips);
        Box::pin(async move {
            let Some(id) = id else {
                return std::future::pending().await;
            };
            tokio::time::sleep(pause).await;
            (
                tips,
                nodes.handles[index]
                    .template(nodes.spec, &*nodes.family, Some(&id))
                    .await,
            )
        })
    }

    /// An empty block on the announced one, after a moment in which the full template may come.
    fn preview(&self, announcement: Announcement) -> Option<Pending<Option<Template>>> {
        let (nodes, current) = (Arc::clone(&self.nodes), Arc::clone(self.current.as_ref()?));
        Some(Box::pin(async move {
            let header = nodes.handles[announcement.node].tip_header(&announcement.hash);
            let (header, ()) = tokio::join!(header, tokio::time::sleep(PREVIEW_AFTER));
            let tip = header.ok().flatten()?;
            (tip.height >= current.height).then(|| nodes.family.preview(nodes.spec, &current, &tip))?
        }))
    }

    /// Whether a block is another one than the one that is built on.
    fn is_news(&self, hash: &Hash256) -> bool {
        self.current
            .as_ref()
            .is_none_or(|current| current.prev_hash != *hash)
    }

    fn publish(&mut self, template: Template) {
        if self.is_news(&template.prev_hash) {
            self.tips += 1;
            let (height, on, preview) = (template.height, template.prev_hash, template.is_preview);
            info!(chain = %self.nodes.spec, height, %on, preview, "new block to mine on");
            if let Some(old) = self.current.as_ref().filter(|old| height < old.height) {
                warn!(
                    from = old.height,
                    to = height,
                    "the chain of the node got shorter"
                );
            }
        }
        let template = Arc::new(template);
        self.current = Some(Arc::clone(&template));
        (self.sink)(template);
    }
}

impl Following {
    /// What happens next.
    async fn next(&mut self, announced: &mut mpsc::Receiver<Announcement>) -> Event {
        tokio::select! {
            answer = pending(&mut self.fetch) => { self.fetch = None; Event::Fetched(answer) }
            answer = pending(&mut self.poll) => { self.poll = None; Event::Polled(answer) }
            template = pending(&mut self.preview) => { self.preview = None; Event::Preview(template) }
            Some(announcement) = announced.recv() => Event::Announced(announcement),
            _ = self.refresh.tick() => Event::AskNow,
            () = at(self.ask_again) => { self.ask_again = None; Event::AskNow }
            _ = self.health.changed() => Event::Health,
        }
    }
}

async fn pending<T>(future: &mut Option<Pending<T>>) -> T {
    match future {
        Some(future) => future.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}
