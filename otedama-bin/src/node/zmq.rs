//! Block announcements over ZMQ.

use std::time::Duration;

use otedama_chain::node::bitcoind::hash_block;
use otedama_hash::Hash256;
use tokio::sync::mpsc;
use tracing::{debug, warn};
use zeromq::{Socket as _, SocketRecv as _, SubSocket};

/// A node says that it has a new best block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    /// Which node.
    pub(super) node: usize,
    /// The block.
    pub(super) hash: Hash256,
}

/// Longest time without a block before the subscription is made anew; the connection may be dead.
const SILENCE: Duration = Duration::from_secs(3600);

/// Listens to one node for ever.
pub(super) async fn listen(node: usize, address: String, to: mpsc::Sender<Announcement>) {
    let mut pause = Duration::from_secs(1);
    let mut warned = false;
    loop {
        let mut heard = false;
        let why = subscription(node, &address, &to, &mut heard).await;
        if to.is_closed() {
            return;
        }
        if heard {
            (pause, warned) = (Duration::from_secs(1), false);
        }
        if warned {
            debug!(%address, %why, "no block announcements");
        } else {
            warn!(%address, %why, "no block announcements; long polling goes on");
            warned = true;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

/// One subscription; returns why it ended.
async fn subscription(
    node: usize,
    address: &str,
    to: &mpsc::Sender<Announcement>,
    heard: &mut bool,
) -> String {
    let mut socket = SubSocket::new();
    if let Err(error) = socket.connect(address).await {
        return error.to_string();
    }
    if let Err(error) = socket.subscribe("hashblock").await {
        return error.to_string();
    }
    loop {
        let message = match tokio::time::timeout(SILENCE, socket.recv()).await {
            Ok(Ok(message)) => message,
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "silence".to_owned(),
        };
        match hash_block(&message.into_vec()) {
            Ok(block) => {
                *heard = true;
                if to
                    .send(Announcement {
                        node,
                        hash: block.hash,
                    })
                    .await
                    .is_err()
                {
                    return "nobody listens".to_owned();
                }
            }
            Err(error) => debug!(%address, %error, "not a block announcement"),
        }
    }
}
