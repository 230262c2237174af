//! How fast a new block reaches every connection.

use serde::Serialize;

use crate::dialect::Tip;

/// One new block.
#[derive(Clone, Debug)]
struct Block {
    tip: Tip,
    first_ns: u64,
    last_ns: u64,
    expected: usize,
    received: usize,
    command: Option<usize>,
}

/// One run of the block command.
#[derive(Clone, Copy, Debug)]
struct Command {
    start_ns: u64,
    end_ns: Option<u64>,
    used: bool,
}

/// Collects the moments at which connections learn of new blocks.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    blocks: Vec<Block>,
    commands: Vec<Command>,
}

/// What became of one block.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct BlockReport {
    /// What tells the block apart: hash of the new tip, as explorers show it, or the next height.
    pub(crate) tip: String,
    /// Connections that were logged in when the first one was told.
    pub(crate) expected: usize,
    /// Connections that were told.
    pub(crate) received: usize,
    /// From the first connection's notify to the last one's.
    pub(crate) first_to_last_ms: f64,
    /// From the start of the block command to the last connection's notify.
    pub(crate) command_start_to_last_ms: Option<f64>,
    /// From the end of the block command to the last connection's notify; negative if the command
    /// ended later.
    pub(crate) command_end_to_last_ms: Option<f64>,
}

impl Blocks {
    /// A connection got a clean job on `tip` at `now_ns`, while `live` connections were
    /// logged in.
    pub(crate) fn notified(&mut self, tip: Tip, now_ns: u64, live: usize) {
        if let Some(block) = self.blocks.iter_mut().rev().take(16).find(|b| b.tip == tip) {
            block.received += 1;
            block.last_ns = now_ns;
            return;
        }
        let command = self
            .commands
            .iter()
            .rposition(|c| !c.used && c.start_ns <= now_ns);
        if let Some(index) = command {
            self.commands[index].used = true;
        }
        self.blocks.push(Block {
            tip,
            first_ns: now_ns,
            last_ns: now_ns,
            expected: live,
            received: 1,
            command,
        });
    }

    /// The block command was started. Returns its number.
    pub(crate) fn command_started(&mut self, now_ns: u64) -> usize {
        self.commands.push(Command {
            start_ns: now_ns,
            end_ns: None,
            used: false,
        });
        self.commands.len() - 1
    }

    /// The block command with this number came to its end.
    pub(crate) fn command_ended(&mut self, number: usize, now_ns: u64) {
        if let Some(command) = self.commands.get_mut(number) {
            command.end_ns = Some(now_ns);
        }
    }

    /// How many commands were followed by no block.
    pub(crate) fn commands_without_block(&self) -> usize {
        self.commands.iter().filter(|c| !c.used).count()
    }

    /// Whether every connection knows the latest block and every command has ended.
    pub(crate) fn is_complete(&self) -> bool {
        self.commands.iter().all(|c| c.end_ns.is_some())
            && self.blocks.last().is_none_or(|b| b.received >= b.expected)
    }

    /// All blocks, in order of arrival.
    pub(crate) fn report(&self) -> Vec<BlockReport> {
        let ms = |from: u64, to: u64| (to as f64 - from as f64) / 1e6;
        self.blocks
            .iter()
            .map(|b| {
                let command = b.command.and_then(|c| self.commands.get(c));
                BlockReport {
                    tip: b.tip.to_string(),
                    expected: b.expected,
                    received: b.received,
                    first_to_last_ms: ms(b.first_ns, b.last_ns),
                    command_start_to_last_ms: command.map(|c| ms(c.start_ns, b.last_ns)),
                    command_end_to_last_ms: command.and_then(|c| c.end_ns).map(|end| ms(end, b.last_ns)),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_run_from_the_first_notify_and_from_the_command() {
        let mut blocks = Blocks::default();
        let number = blocks.command_started(1_000_000);
        blocks.notified(Tip::Hash([1; 32]), 3_000_000, 3);
        blocks.notified(Tip::Hash([1; 32]), 4_000_000, 3);
        blocks.command_ended(number, 6_000_000);
        blocks.notified(Tip::Hash([1; 32]), 5_500_000, 3);
        blocks.notified(Tip::Hash([2; 32]), 9_000_000, 3);
        let report = blocks.report();
        assert_eq!((report[0].expected, report[0].received), (3, 3));
        assert_eq!(Some(report[0].first_to_last_ms), Some(2.5));
        assert_eq!(report[0].command_start_to_last_ms, Some(4.5));
        assert_eq!(report[0].command_end_to_last_ms, Some(-0.5));
        assert_eq!(
            report[1].command_start_to_last_ms, None,
            "a command makes one block"
        );
        assert_eq!(blocks.commands_without_block(), 0);
        assert!(!blocks.is_complete(), "two connections do not know block 2");
    }
}
