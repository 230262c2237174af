//! `otedama hash`: one proof of work, computed and perhaps verified.

use std::io::{self, Write};

use clap::Args;
use otedama_hash::{
    Algorithm, Difficulty, EpochInput, Hash256, MemoryPlan, PowHash, PowInput, Registry, Target,
};
use serde::Serialize;

use super::{Failure, Outcome};

/// Length of a block header.
const HEADER_LEN: usize = 80;

/// What `hash` takes.
#[derive(Debug, Args)]
pub struct HashArgs {
    /// sha256d or scrypt.
    #[arg(long, short)]
    algorithm: String,
    /// The 80 bytes of a block header as they are hashed, in hexadecimal.
    #[arg(long, value_name = "HEX")]
    header: String,
    /// Verify against this difficulty.
    #[arg(long, value_name = "D", group = "goal")]
    difficulty: Option<f64>,
    /// Verify against this target: 64 hexadecimal digits, most significant first.
    #[arg(long, value_name = "HEX", group = "goal")]
    target: Option<String>,
    /// Verify against this compact target: 8 hexadecimal digits, as block explorers show `bits`.
    #[arg(long, value_name = "HEX", group = "goal")]
    bits: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer {
    algorithm: &'static str,
    hash: String,
    difficulty: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meets: Option<bool>,
}

/// Hashes the header. With something to verify against, a hash that doesn't meet it is a failure.
///
/// # Errors
/// When an argument is not what it should be, or the hash does not meet the target.
pub fn run(args: &HashArgs) -> Outcome {
    let registry = Registry::with_builtin();
    let backend = registry.by_name(&args.algorithm.to_lowercase()).ok_or_else(|| {
        Failure::usage(format!(
            "--algorithm: \"{}\" is not in this build; allowed: {}",
            args.algorithm,
            registry.names().join(", ")
        ))
    })?;
    let header = header(&args.header)?;
    let algorithm = backend.algorithm();
    let goal = goal(args, algorithm)?;
    let mut hasher = backend.prepare(backend.epoch(EpochInput::default()), MemoryPlan::Light)?;
    let mut pow = [PowHash::default()];
    hasher.hash_batch(
        &[PowInput {
            blob: &header,
            nonce: 0,
        }],
        &mut pow,
    );
    print(args.json, algorithm, &pow[0].hash, goal)
}

fn header(hex: &str) -> Result<[u8; HEADER_LEN], Failure> {
    let bytes = const_hex::decode(hex.trim())
        .map_err(|error| Failure::usage(format!("--header: not hexadecimal: {error}")))?;
    <[u8; HEADER_LEN]>::try_from(bytes.as_slice()).map_err(|_| {
        Failure::usage(format!(
            "--header: {} bytes; a header has exactly {HEADER_LEN} bytes, {} hexadecimal digits",
            bytes.len(),
            2 * HEADER_LEN
        ))
    })
}

fn goal(args: &HashArgs, algorithm: Algorithm) -> Result<Option<Target>, Failure> {
    let wrong = |option: &str, error: &dyn std::fmt::Display, allowed: &str| {
        Failure::usage(format!("--{option}: {error}; allowed: {allowed}"))
    };
    if let Some(difficulty) = args.difficulty {
        let difficulty =
            Difficulty::new(difficulty).map_err(|e| wrong("difficulty", &e, "a number above 0"))?;
        return Ok(Some(difficulty.to_target(algorithm.diff1())));
    }
    if let Some(hex) = &args.target {
        let target = Target::from_be_hex(hex).map_err(|e| wrong("target", &e, "64 hexadecimal digits"))?;
        return Ok(Some(target));
    }
    if let Some(hex) = &args.bits {
        let digits = hex.strip_prefix("0x").unwrap_or(hex);
        let bits = u32::from_str_radix(digits, 16).map_err(|e| wrong("bits", &e, "8 hexadecimal digits"))?;
        let target = Target::from_compact(bits).map_err(|e| wrong("bits", &e, "a compact target"))?;
        return Ok(Some(target));
    }
    Ok(None)
}

fn print(json: bool, algorithm: Algorithm, hash: &Hash256, goal: Option<Target>) -> Outcome {
    let answer = Answer {
        algorithm: algorithm.name(),
        hash: hash.to_string(),
        difficulty: Difficulty::of_hash(hash, algorithm.diff1()).get(),
        target: goal.map(|target| target.to_string()),
        meets: goal.map(|target| target.is_met_by(hash)),
    };
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
    } else {
        writeln!(out, "algorithm   {}", answer.algorithm)?;
        writeln!(out, "hash        {}", answer.hash)?;
        writeln!(out, "difficulty  {}", answer.difficulty)?;
        if let (Some(target), Some(meets)) = (&answer.target, answer.meets) {
            writeln!(out, "target      {target}")?;
            writeln!(out, "meets it    {}", if meets { "yes" } else { "no" })?;
        }
    }
    out.flush()?;
    if answer.meets == Some(false) {
        return Err(Failure::new("the hash does not meet the target"));
    }
    Ok(())
}
