//! Reading `getblocktemplate` (BIP 22, 23, 9, 145).

use std::borrow::Cow;
use std::collections::BTreeMap;

use otedama_hash::{Hash256, Target};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::kawpow::epoch;
use super::{Body, COMMITMENT_PREFIX, coinbase, merkle};
use crate::spec::{BitcoinRules, SegwitRule};
use crate::template::{self, TemplateField};
use crate::{Template, TemplateError};

/// Longest JSON that is looked at: several times a full block in hex.
const JSON_MAX: usize = 32 << 20;
/// Longest long-poll id.
const LONG_POLL_ID_MAX: usize = 256;
/// Longest script of a witness commitment; usual are 38 bytes.
const COMMITMENT_MAX: usize = 128;
/// Weight of the smallest transaction: 60 bytes.
const TRANSACTION_WEIGHT_MIN: u64 = 240;
const WITNESS_SCALE: u64 = 4;
/// Flag byte of an extended transaction: witness data follows (BIP 144).
const FLAG_WITNESS: u8 = 1;
/// Flag byte of an extended transaction: MWEB data follows (Litecoin, LIP 3).
const FLAG_MWEB: u8 = 8;

/// The template as it stands in the JSON; keys that aren't here are of no use for mining.
#[derive(Deserialize)]
struct Gbt<'a> {
    version: i32,
    #[serde(borrow, default)]
    rules: Vec<Cow<'a, str>>,
    #[serde(default)]
    vbrequired: i32,
    previousblockhash: &'a str,
    #[serde(borrow)]
    transactions: Vec<GbtTransaction<'a>>,
    #[serde(borrow, default)]
    coinbaseaux: BTreeMap<Cow<'a, str>, &'a str>,
    coinbasevalue: u64,
    #[serde(borrow)]
    longpollid: Option<Cow<'a, str>>,
    target: Option<&'a str>,
    #[serde(default)]
    mintime: u64,
    sigoplimit: Option<u64>,
    sizelimit: Option<u64>,
    weightlimit: Option<u64>,
    curtime: u64,
    bits: &'a str,
    height: u64,
    default_witness_commitment: Option<&'a str>,
    mweb: Option<&'a str>,
    signet_challenge: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct GbtTransaction<'a> {
    data: &'a str,
    txid: &'a str,
    fee: Option<u64>,
    sigops: Option<u64>,
    weight: Option<u64>,
}

/// Reads the object in the `result` of a reply.
pub(super) fn parse(rules: &BitcoinRules, json: &[u8]) -> Result<Template, TemplateError> {
    if json.len() > JSON_MAX {
        return Err(TemplateError::TooLong(json.len()));
    }
    let gbt: Gbt<'_> = serde_json::from_slice(json).map_err(|e| TemplateError::Json(e.to_string()))?;
    check_rules(rules, &gbt)?;
    let (bits, network_target) = target(&gbt)?;
    let transactions = Transactions::decode(rules, &gbt)?;
    let reward = in_range("coinbasevalue", gbt.coinbasevalue, rules.max_money)?;
    let subsidy = rules.subsidy.at(gbt.height);
    let fees = in_range(
        "fees",
        transactions.fees.unwrap_or(reward.saturating_sub(subsidy)),
        reward,
    )?;
    let min_time_s = in_range("mintime", gbt.mintime, u32::MAX)?;
    let time_s = in_range("curtime", gbt.curtime, u32::MAX)?.max(min_time_s);
    let long_poll_id = gbt.longpollid.as_deref().map(str::to_owned);
    let long_poll_id_len = long_poll_id.as_ref().map_or(0, String::len);
    in_range(
        "longpollid's length",
        long_poll_id_len as u64,
        LONG_POLL_ID_MAX as u64,
    )?;
    Ok(Template {
        height: height(gbt.height)?,
        prev_hash: hash(TemplateField::Top("previousblockhash"), gbt.previousblockhash)?,
        network_target,
        reward,
        fees,
        time_s,
        min_time_s,
        long_poll_id,
        is_preview: false,
        epoch: epoch(rules, gbt.height, time_s)?,
        next_epoch: None,
        body: template::Body::Bitcoin(body(rules, &gbt, bits, transactions)?),
    })
}

fn body(
    rules: &BitcoinRules,
    gbt: &Gbt<'_>,
    bits: u32,
    transactions: Transactions,
) -> Result<Body, TemplateError> {
    let version = gbt.version.cast_unsigned();
    let required = gbt.vbrequired.cast_unsigned();
    if version & required != required {
        return Err(TemplateError::VersionBits { version, required });
    }
    let witness_commitment = witness_commitment(rules, gbt)?;
    if transactions.has_witness && witness_commitment.is_none() {
        return Err(TemplateError::NoWitnessCommitment);
    }
    let sigops_left = gbt
        .sigoplimit
        .zip(transactions.sigops)
        .map(|(limit, used)| limit.saturating_sub(used));
    Ok(Body {
        header: rules.header,
        version,
        required_version_bits: required,
        bits,
        coinbase_aux: coinbase_aux(gbt)?,
        witness_commitment,
        merkle_branch: merkle::branch(&transactions.ids),
        mweb: mweb(rules, gbt, &transactions)?,
        transactions: transactions.raw,
        transaction_count: transactions.ids.len() as u64,
        weight_left: weight_limit(rules, gbt) - transactions.weight,
        sigops_left,
    })
}

/// The transactions of a template, decoded as far as mining needs.
struct Transactions {
    raw: Vec<u8>,
    ids: Vec<Hash256>,
    /// Unknown if the node didn't say for each.
    fees: Option<u64>,
    sigops: Option<u64>,
    weight: u64,
    has_witness: bool,
    /// Whether the last one integrates the extension block (`HogEx`).
    ends_with_hogex: bool,
}

impl Transactions {
    fn decode(rules: &BitcoinRules, gbt: &Gbt<'_>) -> Result<Self, TemplateError> {
        let weight_limit = weight_limit(rules, gbt);
        let list = &gbt.transactions;
        within("number", list.len() as u64, weight_limit / TRANSACTION_WEIGHT_MIN)?;
        let size = list.iter().map(|t| t.data.len() as u64 / 2).sum();
        within("size", size, gbt.sizelimit.unwrap_or(u64::MAX).min(weight_limit))?;
        let mut all = Self {
            raw: vec![0; size as usize],
            ids: Vec::with_capacity(list.len()),
            fees: Some(0),
            sigops: Some(0),
            weight: 0,
            has_witness: false,
            ends_with_hogex: false,
        };
        let mut start = 0;
        for (index, transaction) in list.iter().enumerate() {
            let end = start + transaction.data.len() / 2;
            let raw = &mut all.raw[start..end];
            let field = |name| TemplateField::Transaction(index, name);
            const_hex::decode_to_slice(transaction.data, raw)
                .map_err(|_| TemplateError::Hex(field("data")))?;
            // After the version an extended transaction has a zero and a flag byte (BIP 144).
            let flags = match raw.get(4..6) {
                Some(&[0, flags]) => flags,
                Some(_) => 0,
                None => return Err(TemplateError::Hex(field("data"))),
            };
            all.has_witness |= flags & FLAG_WITNESS != 0;
            all.ends_with_hogex = flags & FLAG_MWEB != 0;
            all.ids.push(hash(field("txid"), transaction.txid)?);
            all.fees = add(all.fees, transaction.fee);
            all.sigops = add(all.sigops, transaction.sigops);
            let weight = transaction.weight.unwrap_or(WITNESS_SCALE * raw.len() as u64);
            all.weight = all.weight.saturating_add(weight);
            start = end;
        }
        within("weight", all.weight, weight_limit)?;
        Ok(all)
    }
}

/// `None` once a summand is unknown or the sum absurd.
fn add(sum: Option<u64>, more: Option<u64>) -> Option<u64> {
    sum?.checked_add(more?)
}

/// Refuses rules that start with `!` and aren't followed (BIP 9), and signets, whose blocks need a
/// signature.
fn check_rules(rules: &BitcoinRules, gbt: &Gbt<'_>) -> Result<(), TemplateError> {
    let demanded = gbt.rules.iter().filter_map(|rule| rule.strip_prefix('!'));
    let signet = gbt.signet_challenge.as_ref().map(|_| "signet");
    match signet
        .into_iter()
        .chain(demanded)
        .find(|rule| !rules.rules_understood.contains(rule))
    {
        Some(rule) => Err(TemplateError::UnknownRule(rule.chars().take(64).collect())),
        None => Ok(()),
    }
}

fn has_rule(gbt: &Gbt<'_>, name: &str) -> bool {
    gbt.rules
        .iter()
        .any(|rule| rule.strip_prefix('!').unwrap_or(rule) == name)
}

fn target(gbt: &Gbt<'_>) -> Result<(u32, Target), TemplateError> {
    let field = || TemplateError::Hex(TemplateField::Top("bits"));
    let mut bytes = [0; 4];
    const_hex::decode_to_slice(gbt.bits, &mut bytes).map_err(|_| field())?;
    let bits = u32::from_be_bytes(bytes);
    let from_bits = Target::from_compact(bits).map_err(|_| field())?;
    if let Some(hex) = gbt.target {
        let target =
            Target::from_be_hex(hex).map_err(|_| TemplateError::Hex(TemplateField::Top("target")))?;
        if target != from_bits {
            return Err(TemplateError::TargetMismatch { bits, target });
        }
    }
    Ok((bits, from_bits))
}

/// The commitment's script, where segwit is active: before that a witness makes a block invalid.
fn witness_commitment(rules: &BitcoinRules, gbt: &Gbt<'_>) -> Result<Option<Vec<u8>>, TemplateError> {
    let active = rules.segwit == SegwitRule::Always || has_rule(gbt, "segwit");
    let Some(hex) = gbt.default_witness_commitment.filter(|_| active) else {
        return Ok(None);
    };
    let name = "default_witness_commitment";
    let script = bounded_hex(name, hex, COMMITMENT_MAX)?;
    if script.starts_with(&COMMITMENT_PREFIX) && script.len() >= COMMITMENT_PREFIX.len() + 32 {
        Ok(Some(script))
    } else {
        Err(TemplateError::Hex(TemplateField::Top(name)))
    }
}

fn mweb(
    rules: &BitcoinRules,
    gbt: &Gbt<'_>,
    transactions: &Transactions,
) -> Result<Option<Vec<u8>>, TemplateError> {
    if !rules.has_mweb {
        return Ok(None);
    }
    let problem = match (has_rule(gbt, "mweb"), gbt.mweb, transactions.ends_with_hogex) {
        (true, Some(hex), true) => return bounded_hex("mweb", hex, JSON_MAX).map(Some),
        (false, None, false) => return Ok(None),
        (true, None, _) => "MWEB is active, but the template has no extension block",
        (true, _, false) => "MWEB is active, but the last transaction is not the integrating one (HogEx)",
        (false, ..) => "the template has an extension block, but MWEB is not active",
    };
    Err(TemplateError::Mweb(problem))
}

/// All values of `coinbaseaux`, in the order of their keys.
fn coinbase_aux(gbt: &Gbt<'_>) -> Result<Vec<u8>, TemplateError> {
    let mut aux = Vec::new();
    for hex in gbt.coinbaseaux.values() {
        aux.extend(bounded_hex("coinbaseaux", hex, coinbase::AUX_MAX)?);
        in_range("coinbaseaux's length", aux.len() as u64, coinbase::AUX_MAX as u64)?;
    }
    Ok(aux)
}

fn weight_limit(rules: &BitcoinRules, gbt: &Gbt<'_>) -> u64 {
    gbt.weightlimit
        .map_or(rules.max_block_weight, |limit| limit.min(rules.max_block_weight))
}

/// A height that a coinbase can name and a node can have.
fn height(value: u64) -> Result<u64, TemplateError> {
    if value == 0 {
        return Err(TemplateError::Range {
            field: "height",
            value,
        });
    }
    in_range("height", value, u64::from(u32::MAX >> 1))
}

fn hash(field: TemplateField, hex: &str) -> Result<Hash256, TemplateError> {
    Hash256::from_display_hex(hex).map_err(|_| TemplateError::Hex(field))
}

fn bounded_hex(name: &'static str, hex: &str, max: usize) -> Result<Vec<u8>, TemplateError> {
    if hex.len() > 2 * max {
        return Err(TemplateError::Hex(TemplateField::Top(name)));
    }
    const_hex::decode(hex).map_err(|_| TemplateError::Hex(TemplateField::Top(name)))
}

fn in_range<T: TryFrom<u64> + PartialOrd + Copy>(
    field: &'static str,
    value: u64,
    max: T,
) -> Result<T, TemplateError> {
    T::try_from(value)
        .ok()
        .filter(|v| *v <= max)
        .ok_or(TemplateError::Range { field, value })
}

fn within(what: &'static str, value: u64, limit: u64) -> Result<(), TemplateError> {
    if value > limit {
        Err(TemplateError::Limit { what, value, limit })
    } else {
        Ok(())
    }
}
