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

use core::arch::asm;
use core::mem::offset_of;

use super::avx512::Words;
use super::words;

/// A group of sixteen hashes.
pub(super) type Group = words::Group<Words>;

/// Rows from memory on their way into registers: by four words, then by hash modulo 4, then by hash.
pub(super) type Stage = [[[[u32; 4]; 4]; 4]; 8];

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
        asm!(
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
pub(super) unsafe fn write(group: &mut Group, memory: *mut u8) {
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

/// Asks for the two cache lines of the row that hash `$h` of the other group reads next.
macro_rules! ask {
    ($h:literal) => {
        concat!(
            concat!("mov {x4:e}, dword ptr [{other} + 6144 + 4*", $h, "]\n"),
            concat!("prefetcht0 [{memory} + {x4} + 128*", $h, "]\n"),
            concat!("prefetcht0 [{memory} + {x4} + 128*", $h, " + 64]\n"),
        )
    };
}

/// Takes up the places of the rows that the hashes `$c`, `$c` + 4, `$c` + 8 and `$c` + 12 read next.
macro_rules! find {
    ($c:literal) => {
        concat!(
            concat!("mov {x0:e}, dword ptr [{other} + 6144 + 4*", $c, "]\n"),
            concat!("mov {x1:e}, dword ptr [{other} + 6160 + 4*", $c, "]\n"),
            concat!("mov {x2:e}, dword ptr [{other} + 6176 + 4*", $c, "]\n"),
            concat!("mov {x3:e}, dword ptr [{other} + 6192 + 4*", $c, "]\n"),
        )
    };
}

/// Copies the words 4 `$r` to 4 `$r` + 3 of those rows to the stage.
macro_rules! copy {
    ($c:literal, $r:literal) => {
        concat!(
            concat!(
                "vmovdqu64 xmm20, [{memory} + {x0} + 128*",
                $c,
                " + 16*",
                $r,
                "]\n"
            ),
            concat!("vmovdqa64 [{other} + 4096 + 256*", $r, " + 64*", $c, "], xmm20\n"),
            concat!(
                "vmovdqu64 xmm21, [{memory} + {x1} + 128*",
                $c,
                " + 16*",
                $r,
                " + 512]\n"
            ),
            concat!("vmovdqa64 [{other} + 4112 + 256*", $r, " + 64*", $c, "], xmm21\n"),
            concat!(
                "vmovdqu64 xmm22, [{memory} + {x2} + 128*",
                $c,
                " + 16*",
                $r,
                " + 1024]\n"
            ),
            concat!("vmovdqa64 [{other} + 4128 + 256*", $r, " + 64*", $c, "], xmm22\n"),
            concat!(
                "vmovdqu64 xmm23, [{memory} + {x3} + 128*",
                $c,
                " + 16*",
                $r,
                " + 1536]\n"
            ),
            concat!("vmovdqa64 [{other} + 4144 + 256*", $r, " + 64*", $c, "], xmm23\n"),
        )
    };
}

/// Two rounds, in which four rows are asked for.
macro_rules! ask_rounds {
    ($h0:literal, $h1:literal, $h2:literal, $h3:literal) => {
        rounds!(ask!($h0), "", ask!($h1), ""; ask!($h2), "", ask!($h3), "")
    };
}

/// Two rounds, in which four rows are asked for, and four come to the stage that were asked for before.
macro_rules! ask_and_copy_rounds {
    ($h0:literal, $h1:literal, $h2:literal, $h3:literal, $c:literal) => {
        rounds!(
            concat!(ask!($h0), find!($c), copy!($c, 0)), copy!($c, 1),
            concat!(ask!($h1), copy!($c, 2)), copy!($c, 3);
            concat!(ask!($h2), copy!($c, 4)), copy!($c, 5),
            concat!(ask!($h3), copy!($c, 6)), copy!($c, 7)
        )
    };
}

/// Two rounds, in which four rows come to the stage.
macro_rules! copy_rounds {
    ($c:literal) => {
        rounds!(
            concat!(find!($c), copy!($c, 0)), copy!($c, 1), copy!($c, 2), copy!($c, 3);
            copy!($c, 4), copy!($c, 5), copy!($c, 6), copy!($c, 7)
        )
    };
}

/// Copies four rows to the stage.
macro_rules! copy_all {
    ($c:literal) => {
        concat!(
            find!($c),
            copy!($c, 0),
            copy!($c, 1),
            copy!($c, 2),
            copy!($c, 3),
            copy!($c, 4),
            copy!($c, 5),
            copy!($c, 6),
            copy!($c, 7),
        )
    };
}

/// Takes up a row's words 4 `$r` to 4 `$r` + 3 from the stage, into the registers 22 to 25.
macro_rules! take {
    ($r:literal) => {
        concat!(
            load_four!(concat!("{g} + 4096 + 256*", $r)),
            pair!(20, 21, 22, 23),
            pair_pairs!()
        )
    };
}

/// Starts a step with the words that are given: both blocks and the row, xored.
macro_rules! start_of_read {
    ($i:literal, $row:literal, $keep:expr) => {
        concat!(
            mov!(concat!("zmm", $i), concat!("[{g} + 1024 + 64*", $i, "]")),
            concat!(
                "vpternlogd zmm",
                $i,
                ", zmm",
                $row,
                ", [{g} + 2048 + 64*",
                $i,
                "], 0x96\n"
            ),
            mov!($keep, concat!("zmm", $i)),
        )
    };
}

/// Ends the first salsa, whose result is the first block, and xors the second block and the row in.
macro_rules! middle_of_read {
    ($i:literal, $row:literal, $kept:expr, $keep:expr) => {
        concat!(
            concat!("vpaddd zmm", $i, ", zmm", $i, ", ", $kept, "\n"),
            mov!(concat!("[{g} + 1024 + 64*", $i, "]"), concat!("zmm", $i)),
            concat!(
                "vpternlogd zmm",
                $i,
                ", zmm",
                $row,
                ", [{g} + 2048 + 64*",
                $i,
                "], 0x96\n"
            ),
            mov!($keep, concat!("zmm", $i)),
        )
    };
}

/// Ends the second salsa, whose result is the second block.
macro_rules! end_of_read {
    ($i:literal, $kept:expr) => {
        concat!(
            concat!("vpaddd zmm", $i, ", zmm", $i, ", ", $kept, "\n"),
            mov!(concat!("[{g} + 2048 + 64*", $i, "]"), concat!("zmm", $i)),
        )
    };
}

/// A step of `group`, with other work in each two of its rounds.
macro_rules! read {
    ($w0:expr, $w1:expr, $w2:expr, $w3:expr, $w4:expr, $w5:expr, $w6:expr, $w7:expr) => {
        concat!(
            take!(0),
            start_of_read!(0, 22, "zmm26"),
            start_of_read!(1, 23, "zmm27"),
            start_of_read!(2, 24, "zmm28"),
            start_of_read!(3, 25, "zmm29"),
            take!(1),
            start_of_read!(4, 22, "zmm30"),
            start_of_read!(5, 23, "zmm31"),
            start_of_read!(6, 24, "[{g} + 64*6]"),
            start_of_read!(7, 25, "[{g} + 64*7]"),
            take!(2),
            start_of_read!(8, 22, "[{g} + 64*8]"),
            start_of_read!(9, 23, "[{g} + 64*9]"),
            start_of_read!(10, 24, "[{g} + 64*10]"),
            start_of_read!(11, 25, "[{g} + 64*11]"),
            take!(3),
            start_of_read!(12, 22, "[{g} + 64*12]"),
            start_of_read!(13, 23, "[{g} + 64*13]"),
            start_of_read!(14, 24, "[{g} + 64*14]"),
            start_of_read!(15, 25, "[{g} + 64*15]"),
            $w0,
            $w1,
            $w2,
            $w3,
            take!(4),
            middle_of_read!(0, 22, "zmm26", "zmm26"),
            middle_of_read!(1, 23, "zmm27", "zmm27"),
            middle_of_read!(2, 24, "zmm28", "zmm28"),
            middle_of_read!(3, 25, "zmm29", "zmm29"),
            take!(5),
            middle_of_read!(4, 22, "zmm30", "zmm30"),
            middle_of_read!(5, 23, "zmm31", "zmm31"),
            middle_of_read!(6, 24, "[{g} + 64*6]", "[{g} + 3072 + 64*6]"),
            middle_of_read!(7, 25, "[{g} + 64*7]", "[{g} + 3072 + 64*7]"),
            take!(6),
            middle_of_read!(8, 22, "[{g} + 64*8]", "[{g} + 3072 + 64*8]"),
            middle_of_read!(9, 23, "[{g} + 64*9]", "[{g} + 3072 + 64*9]"),
            middle_of_read!(10, 24, "[{g} + 64*10]", "[{g} + 3072 + 64*10]"),
            middle_of_read!(11, 25, "[{g} + 64*11]", "[{g} + 3072 + 64*11]"),
            take!(7),
            middle_of_read!(12, 22, "[{g} + 64*12]", "[{g} + 3072 + 64*12]"),
            middle_of_read!(13, 23, "[{g} + 64*13]", "[{g} + 3072 + 64*13]"),
            middle_of_read!(14, 24, "[{g} + 64*14]", "[{g} + 3072 + 64*14]"),
            middle_of_read!(15, 25, "[{g} + 64*15]", "[{g} + 3072 + 64*15]"),
            $w4,
            $w5,
            $w6,
            $w7,
            end_of_read!(12, "[{g} + 3072 + 64*12]"),
            end_of_read!(1, "zmm27"),
            end_of_read!(6, "[{g} + 3072 + 64*6]"),
            end_of_read!(11, "[{g} + 3072 + 64*11]"),
            end_of_read!(0, "zmm26"),
            end_of_read!(5, "zmm31"),
            end_of_read!(10, "[{g} + 3072 + 64*10]"),
            end_of_read!(15, "[{g} + 3072 + 64*15]"),
            end_of_read!(4, "zmm30"),
            end_of_read!(9, "[{g} + 3072 + 64*9]"),
            end_of_read!(14, "[{g} + 3072 + 64*14]"),
            end_of_read!(3, "zmm29"),
            end_of_read!(8, "[{g} + 3072 + 64*8]"),
            end_of_read!(13, "[{g} + 3072 + 64*13]"),
            end_of_read!(2, "zmm28"),
            end_of_read!(7, "[{g} + 3072 + 64*7]"),
        )
    };
}

/// Mixes the blocks of `group` and its rows, which are on the stage, and gets those of `other` there from
/// `memory`: when it is `other`'s turn, nothing has to be waited for.
///
/// # Safety
/// The processor has AVX-512F and VL, and there are 16 rows at `memory` plus each of `other.next`.
pub(super) unsafe fn read_with(group: &mut Group, other: &mut Group, memory: *const u8) {
    // SAFETY: reads and writes within the groups, and reads the rows of `other`.
    unsafe {
        run!(
            read!(
                ask_rounds!(0, 4, 8, 12),
                ask_rounds!(1, 5, 9, 13),
                ask_and_copy_rounds!(2, 6, 10, 14, 0),
                ask_and_copy_rounds!(3, 7, 11, 15, 1),
                copy_rounds!(2),
                copy_rounds!(3),
                plain_rounds!(),
                plain_rounds!()
            );
            g = in(reg) core::ptr::from_mut(group), other = in(reg) core::ptr::from_mut(other),
            memory = in(reg) memory;
            x0 = 0_u64, x1 = 0_u64, x2 = 0_u64, x3 = 0_u64, x4 = 0_u64
        );
    }
}

/// Mixes the blocks of `group` and its rows, which are on the stage.
///
/// # Safety
/// The processor has AVX-512F.
pub(super) unsafe fn read(group: &mut Group) {
    // SAFETY: reads and writes within `group`.
    unsafe {
        run!(
            read!(
                plain_rounds!(), plain_rounds!(), plain_rounds!(), plain_rounds!(),
                plain_rounds!(), plain_rounds!(), plain_rounds!(), plain_rounds!()
            );
            g = in(reg) core::ptr::from_mut(group);
        );
    }
}

/// Gets the rows of `other` from `memory` to the stage, waiting for them.
///
/// # Safety
/// As [`read_with`].
pub(super) unsafe fn fetch(other: &mut Group, memory: *const u8) {
    // SAFETY: reads and writes within `other`, and reads its rows.
    unsafe {
        run!(
            concat!(
                ask!(0), ask!(4), ask!(8), ask!(12), ask!(1), ask!(5), ask!(9), ask!(13),
                ask!(2), ask!(6), ask!(10), ask!(14), ask!(3), ask!(7), ask!(11), ask!(15),
                copy_all!(0), copy_all!(1), copy_all!(2), copy_all!(3),
            );
            other = in(reg) core::ptr::from_mut(other), memory = in(reg) memory;
            x0 = 0_u64, x1 = 0_u64, x2 = 0_u64, x3 = 0_u64, x4 = 0_u64
        );
    }
}
