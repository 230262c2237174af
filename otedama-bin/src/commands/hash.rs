//! `otedama hash`: one proof of work, computed and perhaps verified.

use std::io::{self, Write};
use std::ops::RangeInclusive;

use clap::Args;
use otedama_hash::{
    Algorithm, Difficulty, EpochInput, EpochKey, HashBackend, PowHash, PowInput, PrepareError, Registry,
    Target,
};
use serde::Serialize;

use super::{Failure, Outcome};

/// What `hash` takes.
#[derive(Debug, Args)]
pub struct HashArgs {
    /// sha256d, scrypt, ethash, etchash, kawpow or randomx.
    #[arg(long, short)]
    algorithm: String,
    /// What is hashed, in hexadecimal: the 80 bytes of a block header; for ethash, etchash and kawpow the 32-byte
    /// header hash; for randomx the hashing blob.
    #[arg(long, value_name = "HEX")]
    header: String,
    /// Height of the block (ethash, etchash, kawpow).
    #[arg(long, value_name = "N")]
    height: Option<u64>,
    /// The 8-byte nonce: 16 hexadecimal digits, most significant first (ethash, etchash, kawpow).
    #[arg(long, value_name = "HEX")]
    nonce: Option<String>,
    /// The 32-byte seed hash of the epoch, in hexadecimal (randomx; ethash and etchash without --height).
    #[arg(long, value_name = "HEX")]
    seed: Option<String>,
    /// Use this backend, such as avx512 or soft.
    #[arg(long)]
    backend: Option<String>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    mix: Option<String>,
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
    let algorithm = super::algorithm(&registry, &args.algorithm)?;
    let backend = match &args.backend {
        Some(name) => registry.find(algorithm, name),
        None => registry.get(algorithm),
    };
    let backend = backend.ok_or_else(|| {
        let names: Vec<_> = registry.of(algorithm).map(|backend| backend.name()).collect();
        Failure::usage(format!(
            "--backend: does not run here; allowed: {}",
            names.join(", ")
        ))
    })?;
    let shape = Shape::of(algorithm);
    let header = header(&args.header, shape)?;
    let nonce = nonce(args.nonce.as_deref(), algorithm, shape)?;
    let key = epoch(args, backend.as_ref(), shape)?;
    let goal = goal(args, algorithm)?;
    let mut pow = [PowHash::default()];
    let input = PowInput {
        blob: &header,
        nonce,
        height: args.height.unwrap_or(0),
    };
    backend.verifier(key)?.hash_batch(&[input], &mut pow);
    print(args.json, algorithm, &pow[0], goal)
}

/// What an algorithm hashes, and where its nonce is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A Bitcoin block header with the nonce at its end.
    Header,
    /// A header hash, with the nonce apart.
    HeaderHash,
    /// A blob of no fixed length with the nonce in it.
    Blob,
}

impl Shape {
    fn of(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::ETHASH | Algorithm::ETCHASH | Algorithm::KAWPOW => Self::HeaderHash,
            Algorithm::RANDOMX => Self::Blob,
            _ => Self::Header,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Header => "a header",
            Self::HeaderHash => "a header hash",
            Self::Blob => "a hashing blob",
        }
    }

    /// How many bytes `--header` has.
    fn lengths(self) -> RangeInclusive<usize> {
        match self {
            Self::Header => 80..=80,
            Self::HeaderHash => 32..=32,
            Self::Blob => 0..=65_536,
        }
    }
}

fn bytes(option: &str, hex: &str) -> Result<Vec<u8>, Failure> {
    const_hex::decode(hex.trim())
        .map_err(|error| Failure::usage(format!("--{option}: not hexadecimal: {error}")))
}

fn header(hex: &str, shape: Shape) -> Result<Vec<u8>, Failure> {
    let bytes = bytes("header", hex)?;
    let lengths = shape.lengths();
    if lengths.contains(&bytes.len()) {
        return Ok(bytes);
    }
    let (what, end) = (shape.noun(), lengths.end());
    let exactly = if lengths.start() == end {
        "exactly"
    } else {
        "at most"
    };
    Err(Failure::usage(format!(
        "--header: {} bytes; {what} has {exactly} {end} bytes, {} hexadecimal digits",
        bytes.len(),
        2 * end
    )))
}

fn nonce(hex: Option<&str>, algorithm: Algorithm, shape: Shape) -> Result<u64, Failure> {
    match (hex, shape) {
        (Some(hex), Shape::HeaderHash) => {
            let digits = hex.strip_prefix("0x").unwrap_or(hex);
            u64::from_str_radix(digits, 16)
                .map_err(|error| Failure::usage(format!("--nonce: {error}; allowed: 16 hexadecimal digits")))
        }
        (None, Shape::HeaderHash) => Err(Failure::usage(format!("--nonce: {algorithm} needs one"))),
        (Some(_), _) => Err(Failure::usage(format!(
            "--nonce: the nonce of {algorithm} is inside --header; leave the option out"
        ))),
        (None, _) => Ok(0),
    }
}

/// The epoch that `--height` and `--seed` tell, which must agree where both do.
fn epoch(args: &HashArgs, backend: &dyn HashBackend, shape: Shape) -> Result<EpochKey, Failure> {
    let algorithm = backend.algorithm();
    let seed = args.seed.as_deref().map(|hex| {
        <[u8; 32]>::try_from(bytes("seed", hex)?.as_slice())
            .map_err(|_| Failure::usage("--seed: a seed hash has exactly 32 bytes, 64 hexadecimal digits"))
    });
    let seed = seed.transpose()?;
    let needs_height = match shape {
        Shape::Header => false,
        Shape::Blob => {
            if seed.is_none() {
                return Err(Failure::usage(format!("--seed: {algorithm} needs one")));
            }
            false
        }
        Shape::HeaderHash => seed.is_none() || algorithm == Algorithm::KAWPOW,
    };
    if needs_height && args.height.is_none() {
        return Err(Failure::usage(format!("--height: {algorithm} needs one")));
    }
    let wrong = |option: &str, error: PrepareError| Failure::usage(format!("--{option}: {error}"));
    let height = args.height.unwrap_or(0);
    let by_seed = backend
        .epoch(EpochInput { height, seed })
        .map_err(|error| wrong(if seed.is_some() { "seed" } else { "height" }, error))?;
    if shape == Shape::HeaderHash && args.height.is_some() {
        let by_height = backend
            .epoch(EpochInput { height, seed: None })
            .map_err(|error| wrong("height", error))?;
        if by_height != by_seed {
            return Err(Failure::usage(format!(
                "--seed: not the seed of height {height}, which is {}",
                const_hex::encode(by_height.0)
            )));
        }
    }
    Ok(by_seed)
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

fn print(json: bool, algorithm: Algorithm, pow: &PowHash, goal: Option<Target>) -> Outcome {
    let answer = Answer {
        algorithm: algorithm.name(),
        hash: algorithm.hash_hex(&pow.hash),
        mix: pow.mix.map(const_hex::encode),
        difficulty: Difficulty::of_hash(&pow.hash, algorithm.diff1()).get(),
        target: goal.map(|target| target.to_string()),
        meets: goal.map(|target| target.is_met_by(&pow.hash)),
    };
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
    } else {
        writeln!(out, "algorithm   {}", answer.algorithm)?;
        writeln!(out, "hash        {}", answer.hash)?;
        if let Some(mix) = &answer.mix {
            writeln!(out, "mix         {mix}")?;
        }
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
