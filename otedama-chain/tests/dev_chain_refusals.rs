//! The development chain names the rule that a broken block breaks.

mod fixture;

use bitcoin::consensus::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bitcoin::{Amount, ScriptBuf, TxMerkleNode, TxOut, Witness};
use otedama_chain::dev::{DevChain, DevConfig, RejectReason};
use otedama_chain::{coins, family};
use proptest::prelude::*;

const NOW_S: u64 = 1_800_000_000;

/// A chain of twelve blocks and a valid next one, as the `bitcoin` crate reads it.
fn chain_and_next() -> (DevChain, bitcoin::Block) {
    let spec = &coins::btc::REGTEST;
    let config = DevConfig {
        spec,
        initial_bits: 0x207f_ffff,
        ..DevConfig::default()
    };
    let mut chain = DevChain::new(config).expect("a chain");
    for i in 0..12 {
        let block = next(&chain, NOW_S - 600 + i);
        chain.submit(&serialize(&block), NOW_S).expect("valid");
    }
    let next = next(&chain, NOW_S);
    (chain, next)
}

fn next(chain: &DevChain, now_unix_s: u64) -> bitcoin::Block {
    let spec = &coins::btc::REGTEST;
    let job = fixture::job(
        spec,
        &fixture::parse(spec, &chain.template_json(now_unix_s)),
        b"/otedama/",
    );
    let block = family(spec)
        .assemble(
            &job,
            &fixture::submission(&job, &[5; 12]),
            &otedama_hash::PowHash::default(),
        )
        .expect("a block");
    let mut block: bitcoin::Block = deserialize(&block.bytes).expect("decodes");
    solve(&mut block);
    block
}

/// Finds a nonce for the regtest target.
fn solve(block: &mut bitcoin::Block) {
    while block
        .header
        .validate_pow(bitcoin::Target::MAX_ATTAINABLE_REGTEST)
        .is_err()
        && block.header.block_hash().to_byte_array()[31] > 0x7e
    {
        block.header.nonce = block.header.nonce.wrapping_add(1);
    }
}

/// Puts merkle root and proof of work in order after `change`, and the commitment if asked to.
fn broken(change: impl FnOnce(&mut bitcoin::Block), recommit: bool) -> Option<RejectReason> {
    let (mut chain, mut block) = chain_and_next();
    change(&mut block);
    if recommit {
        let root = block.witness_root().expect("transactions");
        let commitment = bitcoin::Block::compute_witness_commitment(&root, &[0; 32]);
        let last = block.txdata[0].output.last_mut().expect("outputs");
        last.script_pubkey = ScriptBuf::from_bytes(
            [
                &[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..],
                &commitment.to_byte_array(),
            ]
            .concat(),
        );
    }
    block.header.merkle_root = block.compute_merkle_root().unwrap_or(TxMerkleNode::all_zeros());
    solve(&mut block);
    chain.submit(&serialize(&block), NOW_S).err()
}

#[test]
fn the_block_itself_is_fine() {
    assert_eq!(broken(|_| (), false), None);
    assert_eq!(broken(|_| (), true), None);
}

#[test]
fn headers() {
    assert_eq!(
        broken(
            |b| b.header.version = bitcoin::block::Version::from_consensus(3),
            false
        ),
        Some(RejectReason::Version)
    );
    assert_eq!(
        broken(
            |b| b.header.bits = bitcoin::CompactTarget::from_consensus(0x207f_fffe),
            false
        ),
        Some(RejectReason::WrongBits)
    );
    assert_eq!(
        broken(|b| b.header.time = (NOW_S - 600) as u32, false),
        Some(RejectReason::TimeTooOld)
    );
    assert_eq!(
        broken(|b| b.header.time = (NOW_S + 7_201) as u32, false),
        Some(RejectReason::TimeTooNew)
    );
    assert_eq!(broken(|b| b.header.time = (NOW_S + 7_200) as u32, false), None);
    assert_eq!(
        broken(
            |b| b.header.prev_blockhash = bitcoin::BlockHash::all_zeros(),
            false
        ),
        Some(RejectReason::UnknownParent)
    );
}

#[test]
fn proof_of_work() {
    let (mut chain, mut block) = chain_and_next();
    while block.header.block_hash().to_byte_array()[31] < 0x80 {
        block.header.nonce = block.header.nonce.wrapping_add(1);
    }
    assert_eq!(
        chain.submit(&serialize(&block), NOW_S),
        Err(RejectReason::HighHash)
    );
    block.header.bits = bitcoin::CompactTarget::from_consensus(0);
    assert_eq!(
        chain.submit(&serialize(&block), NOW_S),
        Err(RejectReason::HighHash)
    );
}

#[test]
fn merkle_root() {
    let (mut chain, mut block) = chain_and_next();
    block.header.merkle_root = TxMerkleNode::from_byte_array([1; 32]);
    solve(&mut block);
    assert_eq!(
        chain.submit(&serialize(&block), NOW_S),
        Err(RejectReason::MerkleRoot)
    );
}

#[test]
fn coinbases() {
    let script = |bytes: &[u8]| {
        let script = ScriptBuf::from_bytes(bytes.to_vec());
        broken(move |b| b.txdata[0].input[0].script_sig = script, false)
    };
    // The valid block has height 13, which is OP_13.
    assert_eq!(script(&[0x5d, 0x00]), None);
    assert_eq!(script(&[0x5d]), Some(RejectReason::CoinbaseLength));
    assert_eq!(script(&[0x5d; 101]), Some(RejectReason::CoinbaseLength));
    assert_eq!(script(&[0x5e, 0x00]), Some(RejectReason::CoinbaseHeight));
    assert_eq!(script(&[0x01, 0x0d]), Some(RejectReason::CoinbaseHeight));
    assert_eq!(
        broken(|b| b.txdata[0].output.clear(), false),
        Some(RejectReason::UnexpectedWitness)
    );
    let no_outputs = |b: &mut bitcoin::Block| {
        b.txdata.truncate(1);
        b.txdata[0].output.clear();
        b.txdata[0].input[0].witness = Witness::new();
    };
    assert_eq!(broken(no_outputs, false), Some(RejectReason::NoOutputs));
    assert_eq!(
        broken(|b| drop(b.txdata.remove(0)), false),
        Some(RejectReason::NoCoinbase)
    );
    assert_eq!(
        broken(|b| b.txdata.clear(), false),
        Some(RejectReason::NoCoinbase)
    );
    let second = |b: &mut bitcoin::Block| b.txdata.push(b.txdata[0].clone());
    assert_eq!(broken(second, true), Some(RejectReason::SecondCoinbase));
}

#[test]
fn amounts() {
    let amount = |change: fn(u64) -> u64| {
        broken(
            move |b| {
                let value = &mut b.txdata[0].output[0].value;
                *value = Amount::from_sat(change(value.to_sat()));
            },
            false,
        )
    };
    assert_eq!(amount(|a| a + 1), Some(RejectReason::CoinbaseAmount));
    assert_eq!(amount(|a| a - 1), None);
    assert_eq!(amount(|_| u64::MAX), Some(RejectReason::OutputAmount));
    // Fees of a transaction that was left out can't be taken.
    assert_eq!(
        broken(|b| drop(b.txdata.pop()), true),
        Some(RejectReason::CoinbaseAmount)
    );
}

#[test]
fn witnesses() {
    let witness = |items: &[&[u8]]| {
        let witness = Witness::from_slice(items);
        broken(move |b| b.txdata[0].input[0].witness = witness, false)
    };
    assert_eq!(witness(&[&[0; 32]]), None);
    assert_eq!(witness(&[]), Some(RejectReason::WitnessNonce));
    assert_eq!(witness(&[&[0; 31]]), Some(RejectReason::WitnessNonce));
    assert_eq!(witness(&[&[0; 32], &[0; 32]]), Some(RejectReason::WitnessNonce));
    assert_eq!(witness(&[&[1; 32]]), Some(RejectReason::WitnessCommitment));
    let changed_witness =
        |b: &mut bitcoin::Block| b.txdata[1].input[0].witness = Witness::from_slice(&[&[1]]);
    assert_eq!(
        broken(changed_witness, false),
        Some(RejectReason::WitnessCommitment)
    );
    let no_commitment = |b: &mut bitcoin::Block| drop(b.txdata[0].output.pop());
    assert_eq!(
        broken(no_commitment, false),
        Some(RejectReason::UnexpectedWitness)
    );
}

#[test]
fn transactions() {
    let unknown = |b: &mut bitcoin::Block| b.txdata[1].input[0].previous_output.vout ^= 1;
    assert_eq!(broken(unknown, true), Some(RejectReason::UnknownInputs));
    let twice = |b: &mut bitcoin::Block| b.txdata.push(b.txdata[1].clone());
    assert_eq!(broken(twice, true), Some(RejectReason::DuplicateTransaction));
    let heavy = |b: &mut bitcoin::Block| {
        let output = TxOut {
            value: Amount::ZERO,
            script_pubkey: ScriptBuf::from_bytes(vec![0x6a; 1_000_000]),
        };
        b.txdata[0].output.insert(0, output);
    };
    assert_eq!(broken(heavy, false), Some(RejectReason::Weight));
}

#[test]
fn bytes_that_are_no_block() {
    let (mut chain, block) = chain_and_next();
    let bytes = serialize(&block);
    assert_eq!(
        chain.submit(&bytes[..bytes.len() - 1], NOW_S),
        Err(RejectReason::Undecodable)
    );
    assert_eq!(
        chain.submit(&[&bytes[..], &[0]].concat(), NOW_S),
        Err(RejectReason::Undecodable)
    );
    assert_eq!(
        chain.submit(&vec![0; 4_000_001], NOW_S),
        Err(RejectReason::Undecodable)
    );
    assert_eq!(chain.submit(&bytes, NOW_S).map(|a| a.height), Ok(13));
    assert_eq!(chain.submit(&bytes, NOW_S), Err(RejectReason::Duplicate));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No single changed byte gives another valid block, but for what a miner may choose.
    #[test]
    fn changed_bytes_are_refused(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 8)) {
        let (mut chain, block) = chain_and_next();
        let bytes = serialize(&block);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            // Version, time and nonce are the miner's; everything else is committed to.
            let is_free = at < 4 || (68..72).contains(&at) || (76..80).contains(&at);
            let mut changed = bytes.clone();
            changed[at] = byte;
            if changed != bytes && !is_free {
                prop_assert!(chain.submit(&changed, NOW_S).is_err(), "byte {at} as {byte:#x}");
            }
        }
    }
}
