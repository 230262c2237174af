//! The steps that fill the memory.
#![allow(unsafe_code, reason = "instructions in an order of our own")]

use super::Group;

/// Writes the four words to `$at` in the rows of the hashes 4 `$q` to 4 `$q` + 3.
macro_rules! put {
    ($q:literal, $at:literal) => {
        concat!(
            concat!(
                "vextracti32x4 [{rows} + 512*",
                $q,
                " + ",
                $at,
                "], zmm22, ",
                $q,
                "\n"
            ),
            concat!(
                "vextracti32x4 [{rows} + 512*",
                $q,
                " + ",
                $at,
                " + 128], zmm23, ",
                $q,
                "\n"
            ),
            concat!(
                "vextracti32x4 [{rows} + 512*",
                $q,
                " + ",
                $at,
                " + 256], zmm24, ",
                $q,
                "\n"
            ),
            concat!(
                "vextracti32x4 [{rows} + 512*",
                $q,
                " + ",
                $at,
                " + 384], zmm25, ",
                $q,
                "\n"
            ),
        )
    };
}

/// Claims the two cache lines of the next row of hash `$h`, for writing.
macro_rules! claim {
    ($h:literal) => {
        concat!(
            concat!("prefetchw [{rows} + 2048 + 128*", $h, "]\n"),
            concat!("prefetchw [{rows} + 2048 + 128*", $h, " + 64]\n"),
        )
    };
}

/// Two rounds, in which the four words that `$load` and `$pair` take up go to `$at` in each hash's row.
macro_rules! write_rounds {
    ($load:expr, $pair:expr, $at:literal, $h0:literal, $h1:literal) => {
        rounds!(
            $load, $pair, pair_pairs!(), put!(0, $at);
            concat!(put!(1, $at), claim!($h0)), put!(2, $at), put!(3, $at), claim!($h1)
        )
    };
    ($from:expr, $at:literal, $h0:literal, $h1:literal) => {
        write_rounds!(load_four!($from), pair!(20, 21, 22, 23), $at, $h0, $h1)
    };
}

/// `$held` for each word that has a register for what its salsa took, `$other` for the others: those
/// first that a salsa has ready first.
macro_rules! each_word {
    ($held:ident, $other:ident) => {
        concat!(
            $other!(12),
            $held!(1, 27),
            $other!(6),
            $other!(11),
            $held!(0, 26),
            $other!(5),
            $other!(10),
            $other!(15),
            $other!(4),
            $other!(9),
            $other!(14),
            $held!(3, 29),
            $other!(8),
            $other!(13),
            $held!(2, 28),
            $other!(7),
        )
    };
}

macro_rules! load_held {
    ($i:literal, $z:literal) => {
        concat!(load!($i), mov!(concat!("zmm", $z), concat!("zmm", $i)))
    };
}

/// Loads a word of the salsa's input.
macro_rules! load {
    ($i:literal) => {
        mov!(concat!("zmm", $i), concat!("[{g} + 64*", $i, "]"))
    };
}

/// Ends the first salsa, whose result is the first block, and xors the second block in.
macro_rules! middle_of_write {
    ($i:literal) => {
        concat!(
            concat!("vpaddd zmm", $i, ", zmm", $i, ", [{g} + 64*", $i, "]\n"),
            concat!("vpxord zmm", $i, ", zmm", $i, ", [{g} + 2048 + 64*", $i, "]\n"),
            mov!(concat!("[{g} + 3072 + 64*", $i, "]"), concat!("zmm", $i)),
        )
    };
}

macro_rules! middle_of_write_held {
    ($i:literal, $z:literal) => {
        concat!(
            concat!("vpaddd zmm", $i, ", zmm", $i, ", zmm", $z, "\n"),
            concat!("vpxord zmm", $i, ", zmm", $i, ", [{g} + 2048 + 64*", $i, "]\n"),
            mov!(concat!("zmm", $z), concat!("zmm", $i)),
        )
    };
}

/// Ends the second salsa, whose result is the second block, and makes the next step's input: the second
/// block xor the first one, which is what the salsa took xor the second block before.
macro_rules! end_of_write {
    ($i:literal) => {
        concat!(
            mov!("zmm16", concat!("[{g} + 3072 + 64*", $i, "]")),
            end_of_write_held!($i, 16),
            mov!(concat!("[{g} + 64*", $i, "]"), "zmm16"),
        )
    };
}

macro_rules! end_of_write_held {
    ($i:literal, $z:literal) => {
        concat!(
            concat!("vpaddd zmm", $i, ", zmm", $i, ", zmm", $z, "\n"),
            concat!(
                "vpternlogd zmm",
                $z,
                ", zmm",
                $i,
                ", [{g} + 2048 + 64*",
                $i,
                "], 0x96\n"
            ),
            mov!(concat!("[{g} + 2048 + 64*", $i, "]"), concat!("zmm", $i)),
            mov!(concat!("zmm", $i), concat!("zmm", $z)),
        )
    };
}

/// Writes the last step's input, for who reads it from memory.
macro_rules! store {
    ($i:literal) => {
        mov!(concat!("[{g} + 64*", $i, "]"), concat!("zmm", $i))
    };
}

/// Fills the memory of `group`: writes a row and mixes the blocks, 1024 times.
///
/// A row is the first block xor the second one, and then the second one: the first is never needed
/// alone, and not kept.
///
/// # Safety
/// The processor has AVX-512F, and there are 1024 times 16 rows at `memory`.
pub(in crate::scrypt) unsafe fn write(group: &mut Group, memory: *mut u8) {
    // SAFETY: reads and writes within `group` and the memory; a prefetch beyond it touches nothing.
    unsafe {
        run!(
            concat!(
                each_word!(load_held, load),
                "2:\n",
                write_rounds!("", pair!(26, 27, 28, 29), 0, 0, 1),
                write_rounds!("{g} + 256", 16, 2, 3),
                write_rounds!("{g} + 512", 32, 4, 5),
                write_rounds!("{g} + 768", 48, 6, 7),
                each_word!(middle_of_write_held, middle_of_write),
                write_rounds!("{g} + 2048", 64, 8, 9),
                write_rounds!("{g} + 2304", 80, 10, 11),
                write_rounds!("{g} + 2560", 96, 12, 13),
                write_rounds!("{g} + 2816", 112, 14, 15),
                each_word!(end_of_write_held, end_of_write),
                "add {rows}, 2048\n",
                "dec {count:e}\n",
                "jnz 2b\n",
                store!(0), store!(1), store!(2), store!(3),
            );
            g = in(reg) core::ptr::from_mut(group);
            rows = memory, count = 1024
        );
    }
}
