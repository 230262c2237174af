//! scryptROMix's steps for sixteen hashes in AVX-512 registers, one for each word of Salsa20's square,
//! so that no round moves words between lanes.
//!
//! Adds and xors run on two ports of such a core, rotates on one of them and shuffles on the other,
//! which leaves no slack. So rows are put together through the load and store ports: by stores of
//! quarter vectors, and by copies to a stage. Everything besides the rounds is spread thinly between
//! them, so that neither the store buffer nor the line-fill buffers ever stop them; and words that find
//! a free register stay there, since many whole-vector loads and stores next to full arithmetic make
//! such a core lower its clock. A compiler keeps neither; therefore the steps are written out.
#![allow(unsafe_code, reason = "instructions in an order of our own")]

use core::mem::offset_of;

use super::avx512::Words;
use super::words;

/// A group of sixteen hashes.
pub(in crate::scrypt) type Group = words::Group<Words>;

/// Rows from memory on their way into registers: by four words, then by hash modulo 4, then by hash.
pub(in crate::scrypt) type Stage = [[[[u32; 4]; 4]; 4]; 8];

// The steps know the fields' places by number.
const _: () = assert!(
    offset_of!(Group, input) == 0
        && offset_of!(Group, first) == 1024
        && offset_of!(Group, second) == 2048
        && offset_of!(Group, middle) == 3072
        && offset_of!(Group, spare) == 4096
        && offset_of!(Group, next) == 6144
);

/// Runs `$text` with the operands that follow; it may use every AVX-512 register.
macro_rules! run {
    ($text:expr; $($operand:ident = in(reg) $value:expr),*; $($scratch:ident = $start:expr),*) => {
        core::arch::asm!(
            $text,
            $($operand = in(reg) $value,)*
            $($scratch = inout(reg) $start => _,)*
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _,
            out("zmm4") _, out("zmm5") _, out("zmm6") _, out("zmm7") _,
            out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
            out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _,
            out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
            out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
            out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _,
            out("zmm28") _, out("zmm29") _, out("zmm30") _, out("zmm31") _,
            options(nostack),
        )
    };
}

/// `x ^= (y + z) <<< k`, through the register `t`.
macro_rules! step {
    ($t:literal: $x:literal $y:literal $z:literal $k:literal) => {
        concat!(
            concat!("vpaddd zmm", $t, ", zmm", $y, ", zmm", $z, "\n"),
            concat!("vprold zmm", $t, ", zmm", $t, ", ", $k, "\n"),
            concat!("vpxord zmm", $x, ", zmm", $x, ", zmm", $t, "\n"),
        )
    };
}

/// Four quarter rounds side by side, and other work after each of their steps.
macro_rules! quarters {
    (
        [$a0:literal $b0:literal $c0:literal $d0:literal] [$a1:literal $b1:literal $c1:literal $d1:literal]
        [$a2:literal $b2:literal $c2:literal $d2:literal] [$a3:literal $b3:literal $c3:literal $d3:literal]
        $w0:expr, $w1:expr, $w2:expr, $w3:expr
    ) => {
        concat!(
            step!(16: $b0 $a0 $d0 7), step!(17: $b1 $a1 $d1 7),
            step!(18: $b2 $a2 $d2 7), step!(19: $b3 $a3 $d3 7), $w0,
            step!(16: $c0 $b0 $a0 9), step!(17: $c1 $b1 $a1 9),
            step!(18: $c2 $b2 $a2 9), step!(19: $c3 $b3 $a3 9), $w1,
            step!(16: $d0 $c0 $b0 13), step!(17: $d1 $c1 $b1 13),
            step!(18: $d2 $c2 $b2 13), step!(19: $d3 $c3 $b3 13), $w2,
            step!(16: $a0 $d0 $c0 18), step!(17: $a1 $d1 $c1 18),
            step!(18: $a2 $d2 $c2 18), step!(19: $a3 $d3 $c3 18), $w3
        )
    };
}

/// Two rounds of Salsa20 (RFC 7914, section 3), and other work in eight places.
macro_rules! rounds {
    ($($column:expr),*; $($row:expr),*) => {
        concat!(
            quarters!([0 4 8 12] [5 9 13 1] [10 14 2 6] [15 3 7 11] $($column),*),
            quarters!([0 1 2 3] [5 6 7 4] [10 11 8 9] [15 12 13 14] $($row),*),
        )
    };
}

/// Two rounds without other work.
macro_rules! plain_rounds {
    () => { rounds!("", "", "", ""; "", "", "", "") };
}

/// `vmovdqa64`.
macro_rules! mov {
    ($to:expr, $from:expr) => {
        concat!("vmovdqa64 ", $to, ", ", $from, "\n")
    };
}

/// Pairs up the words of four vectors: the first half of a transposition. Takes the registers 20 to 25.
macro_rules! pair {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            concat!("vpunpckldq zmm24, zmm", $a, ", zmm", $b, "\n"),
            concat!("vpunpckhdq zmm20, zmm", $a, ", zmm", $b, "\n"),
            concat!("vpunpckldq zmm25, zmm", $c, ", zmm", $d, "\n"),
            concat!("vpunpckhdq zmm21, zmm", $c, ", zmm", $d, "\n"),
        )
    };
}

/// Pairs up those pairs, into the registers 22 to 25: the second half of a transposition.
macro_rules! pair_pairs {
    () => {
        concat!(
            "vpunpcklqdq zmm22, zmm24, zmm25\n",
            "vpunpckhqdq zmm23, zmm24, zmm25\n",
            "vpunpcklqdq zmm24, zmm20, zmm21\n",
            "vpunpckhqdq zmm25, zmm20, zmm21\n",
        )
    };
}

/// Loads the four vectors from `$from` on, to be paired up.
macro_rules! load_four {
    ($from:expr) => {
        concat!(
            mov!("zmm20", concat!("[", $from, "]")),
            mov!("zmm21", concat!("[", $from, " + 64]")),
            mov!("zmm22", concat!("[", $from, " + 128]")),
            mov!("zmm23", concat!("[", $from, " + 192]")),
        )
    };
}

mod read;
mod write;

pub(in crate::scrypt) use read::{fetch, read, read_with};
pub(in crate::scrypt) use write::write;
