//! The two steps of scryptROMix for eight hashes in AVX2 registers, one for each word of Salsa20's
//! square, so that no round moves words between lanes.
//!
//! Twelve of the sixteen words stay in registers, the other four take turns with four of those: of the
//! words' four quarters, a half round works on two, and the third can stay. Everything besides the
//! rounds is spread thinly between them, so that the store buffer never stops the rounds. A compiler
//! neither finds that allocation nor keeps that order; therefore the steps are written out.
#![allow(unsafe_code, reason = "instructions in an order of our own")]

use core::arch::asm;
use core::mem::offset_of;

use super::avx2::Words;
use super::words;

/// A group of eight hashes.
pub(super) type Group = words::Group<Words>;

/// The second half of what was read from memory, four words that have no register, and vectors half
/// transposed.
pub(super) type Spare = [[u32; 8]; 28];

// The steps know the fields' places by number.
const _: () = assert!(
    offset_of!(Group, input) == 0
        && offset_of!(Group, first) == 512
        && offset_of!(Group, second) == 1024
        && offset_of!(Group, middle) == 1536
        && offset_of!(Group, spare) == 2048
        && offset_of!(Group, next) == 2944
);

/// Bytes of the rows of eight hashes, which lie side by side.
pub(super) const ROWS: usize = 8 * 128;

/// Runs `$text` with the operands that follow; it may use every AVX2 register.
macro_rules! run {
    ($text:expr; $($operand:ident = in(reg) $value:expr),*; $($scratch:ident),*) => {
        asm!(
            $text,
            $($operand = in(reg) $value,)*
            $($scratch = out(reg) _,)*
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
            out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _,
            out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _,
            out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
            options(nostack),
        )
    };
}

/// `x ^= (y + z) <<< l` for each of two quarter rounds; `r` is 32 less `l`.
macro_rules! step {
    ($x0:literal $y0:literal $z0:literal, $x1:literal $y1:literal $z1:literal, $l:literal $r:literal) => {
        concat!(
            concat!("vpaddd ymm12, ymm", $y0, ", ymm", $z0, "\n"),
            concat!("vpaddd ymm14, ymm", $y1, ", ymm", $z1, "\n"),
            concat!("vpslld ymm13, ymm12, ", $l, "\n"),
            concat!("vpslld ymm15, ymm14, ", $l, "\n"),
            concat!("vpsrld ymm12, ymm12, ", $r, "\n"),
            concat!("vpsrld ymm14, ymm14, ", $r, "\n"),
            concat!("vpxor ymm", $x0, ", ymm", $x0, ", ymm13\n"),
            concat!("vpxor ymm", $x1, ", ymm", $x1, ", ymm15\n"),
            concat!("vpxor ymm", $x0, ", ymm", $x0, ", ymm12\n"),
            concat!("vpxor ymm", $x1, ", ymm", $x1, ", ymm14\n"),
        )
    };
}

/// Two quarter rounds side by side, and other work after each of their steps.
macro_rules! quarters {
    (
        [$a0:literal $b0:literal $c0:literal $d0:literal] [$a1:literal $b1:literal $c1:literal $d1:literal]
        $w0:expr, $w1:expr, $w2:expr, $w3:expr
    ) => {
        concat!(
            step!($b0 $a0 $d0, $b1 $a1 $d1, 7 25),
            $w0,
            step!($c0 $b0 $a0, $c1 $b1 $a1, 9 23),
            $w1,
            step!($d0 $c0 $b0, $d1 $c1 $b1, 13 19),
            $w2,
            step!($a0 $d0 $c0, $a1 $d1 $c1, 18 14),
            $w3
        )
    };
}

/// Two rounds of Salsa20 (RFC 7914, section 3), and other work in sixteen places.
///
/// The words 8, 9, 12, 13 are in the registers 4 to 7, and 2, 3, 6, 7 in 8 to 11. The registers 0 to 3
/// have 0, 1, 4, 5 in the first and last half round, and 10, 11, 14, 15 in between.
#[rustfmt::skip]
macro_rules! rounds {
    (
        $a0:expr, $a1:expr, $a2:expr, $a3:expr; $b0:expr, $b1:expr, $b2:expr, $b3:expr;
        $c0:expr, $c1:expr, $c2:expr, $c3:expr; $d0:expr, $d1:expr, $d2:expr, $d3:expr
    ) => {
        concat!(
            quarters!([0 2 4 6] [3 5 7 1] $a0, $a1, $a2, $a3),
            "vmovdqa [{g} + 2560], ymm0\n", "vmovdqa ymm0, [{g} + 2688]\n",
            "vmovdqa [{g} + 2592], ymm1\n", "vmovdqa ymm1, [{g} + 2720]\n",
            "vmovdqa [{g} + 2624], ymm2\n", "vmovdqa ymm2, [{g} + 2752]\n",
            "vmovdqa [{g} + 2656], ymm3\n", "vmovdqa ymm3, [{g} + 2784]\n",
            quarters!([0 2 8 10] [3 9 11 1] $b0, $b1, $b2, $b3),
            quarters!([0 1 4 5] [3 6 7 2] $c0, $c1, $c2, $c3),
            "vmovdqa [{g} + 2688], ymm0\n", "vmovdqa ymm0, [{g} + 2560]\n",
            "vmovdqa [{g} + 2720], ymm1\n", "vmovdqa ymm1, [{g} + 2592]\n",
            "vmovdqa [{g} + 2752], ymm2\n", "vmovdqa ymm2, [{g} + 2624]\n",
            "vmovdqa [{g} + 2784], ymm3\n", "vmovdqa ymm3, [{g} + 2656]\n",
            quarters!([0 1 8 9] [3 10 11 2] $d0, $d1, $d2, $d3),
        )
    };
}

/// `$text` for each word, its register, and where it lies while it has none.
macro_rules! each_word {
    ($in_register:ident, $spare:ident) => {
        concat!(
            $in_register!(0, 0),
            $in_register!(1, 1),
            $in_register!(4, 2),
            $in_register!(5, 3),
            $in_register!(8, 4),
            $in_register!(9, 5),
            $in_register!(12, 6),
            $in_register!(13, 7),
            $in_register!(2, 8),
            $in_register!(3, 9),
            $in_register!(6, 10),
            $in_register!(7, 11),
            $spare!(10, 12, 2688),
            $spare!(11, 13, 2720),
            $spare!(14, 14, 2752),
            $spare!(15, 15, 2784),
        )
    };
}

/// Loads a word of the salsa's input.
macro_rules! load {
    ($i:literal, $y:literal) => {
        concat!("vmovdqa ymm", $y, ", [{g} + 32*", $i, "]\n")
    };
}

macro_rules! load_spare {
    ($i:literal, $y:literal, $at:literal) => {
        concat!(load!($i, $y), "vmovdqa [{g} + ", $at, "], ymm", $y, "\n")
    };
}

/// Ends the first salsa, whose result is the first block, and xors the second block in.
macro_rules! middle_of_write {
    ($i:literal, $y:literal) => {
        concat!(
            concat!("vpaddd ymm", $y, ", ymm", $y, ", [{g} + 32*", $i, "]\n"),
            concat!("vmovdqa [{g} + 512 + 32*", $i, "], ymm", $y, "\n"),
            concat!("vpxor ymm", $y, ", ymm", $y, ", [{g} + 1024 + 32*", $i, "]\n"),
            concat!("vmovdqa [{g} + 1536 + 32*", $i, "], ymm", $y, "\n"),
        )
    };
}

macro_rules! middle_of_write_spare {
    ($i:literal, $y:literal, $at:literal) => {
        concat!(
            concat!("vmovdqa ymm", $y, ", [{g} + ", $at, "]\n"),
            middle_of_write!($i, $y),
            concat!("vmovdqa [{g} + ", $at, "], ymm", $y, "\n"),
        )
    };
}

/// Ends the second salsa, whose result is the second block, and xors the first one in for the next step.
macro_rules! end_of_write {
    ($i:literal, $y:literal) => {
        concat!(
            concat!("vpaddd ymm", $y, ", ymm", $y, ", [{g} + 1536 + 32*", $i, "]\n"),
            concat!("vmovdqa [{g} + 1024 + 32*", $i, "], ymm", $y, "\n"),
            concat!("vpxor ymm", $y, ", ymm", $y, ", [{g} + 512 + 32*", $i, "]\n"),
            concat!("vmovdqa [{g} + 32*", $i, "], ymm", $y, "\n"),
        )
    };
}

macro_rules! end_of_write_spare {
    ($i:literal, $y:literal, $at:literal) => {
        concat!("vmovdqa ymm", $y, ", [{g} + ", $at, "]\n", end_of_write!($i, $y))
    };
}

/// Ends the first salsa, whose result is the first block, and xors the second block and what was read in.
macro_rules! middle_of_read {
    ($i:literal, $y:literal) => {
        concat!(
            concat!("vpaddd ymm", $y, ", ymm", $y, ", [{g} + 32*", $i, "]\n"),
            concat!("vmovdqa [{g} + 512 + 32*", $i, "], ymm", $y, "\n"),
            concat!("vpxor ymm", $y, ", ymm", $y, ", [{g} + 1024 + 32*", $i, "]\n"),
            concat!("vpxor ymm", $y, ", ymm", $y, ", [{g} + 2048 + 32*", $i, "]\n"),
            concat!("vmovdqa [{g} + 1536 + 32*", $i, "], ymm", $y, "\n"),
        )
    };
}

macro_rules! middle_of_read_spare {
    ($i:literal, $y:literal, $at:literal) => {
        concat!(
            concat!("vmovdqa ymm", $y, ", [{g} + ", $at, "]\n"),
            middle_of_read!($i, $y),
            concat!("vmovdqa [{g} + ", $at, "], ymm", $y, "\n"),
        )
    };
}

/// Ends the second salsa, whose result is the second block.
macro_rules! end_of_read {
    ($i:literal, $y:literal) => {
        concat!(
            concat!("vpaddd ymm", $y, ", ymm", $y, ", [{g} + 1536 + 32*", $i, "]\n"),
            concat!("vmovdqa [{g} + 1024 + 32*", $i, "], ymm", $y, "\n"),
        )
    };
}

macro_rules! end_of_read_spare {
    ($i:literal, $y:literal, $at:literal) => {
        concat!("vmovdqa ymm", $y, ", [{g} + ", $at, "]\n", end_of_read!($i, $y))
    };
}

/// Writes the four words from `$from` on to `$at` in the rows of two hashes of each four: the first two
/// where `$half` is `l`, the last two where it is `h` (and `$by` 256).
macro_rules! put {
    ($from:literal, $at:literal, $half:literal, $by:literal) => {
        concat!(
            concat!("vmovdqa ymm12, [{g} + ", $from, "]\n"),
            concat!("vmovdqa ymm13, [{g} + 64 + ", $from, "]\n"),
            concat!("vpunpck", $half, "dq ymm12, ymm12, [{g} + 32 + ", $from, "]\n"),
            concat!("vpunpck", $half, "dq ymm13, ymm13, [{g} + 96 + ", $from, "]\n"),
            "vpunpcklqdq ymm14, ymm12, ymm13\n",
            "vpunpckhqdq ymm15, ymm12, ymm13\n",
            concat!("vmovdqu [{rows} + ", $by, " + ", $at, "], xmm14\n"),
            concat!("vextracti128 [{rows} + 512 + ", $by, " + ", $at, "], ymm14, 1\n"),
            concat!("vmovdqu [{rows} + 128 + ", $by, " + ", $at, "], xmm15\n"),
            concat!("vextracti128 [{rows} + 640 + ", $by, " + ", $at, "], ymm15, 1\n"),
        )
    };
}

/// Claims the two cache lines of the next row of hash `$h`, for writing.
macro_rules! claim {
    ($h:literal) => {
        concat!(
            concat!("prefetcht0 [{rows} + 1024 + 128*", $h, "]\n"),
            concat!("prefetcht0 [{rows} + 1024 + 128*", $h, " + 64]\n"),
        )
    };
}

/// Two rounds, in which the four words from `$from` on go to `$at` in each hash's row.
#[rustfmt::skip]
macro_rules! write_rounds {
    ($from:literal, $at:literal, $h:literal) => {
        rounds!(
            put!($from, $at, "l", 0), "", "", "";
            "", "", claim!($h), "";
            put!($from, $at, "h", 256), "", "", "";
            "", "", "", ""
        )
    };
}

/// Writes the rows of `group` to `rows`, and mixes its blocks.
///
/// A row is the first block xor the second one, and then the second one: the first is never needed alone.
///
/// # Safety
/// The processor has AVX2, and there are [`ROWS`] bytes at `rows`.
pub(super) unsafe fn write(group: &mut Group, rows: *mut u8) {
    // SAFETY: reads and writes within `group` and the rows; a prefetch beyond them touches nothing.
    unsafe {
        run!(
            concat!(
                each_word!(load, load_spare),
                write_rounds!(0, 0, 0),
                write_rounds!(128, 16, 1),
                write_rounds!(256, 32, 2),
                write_rounds!(384, 48, 3),
                each_word!(middle_of_write, middle_of_write_spare),
                write_rounds!(1024, 64, 4),
                write_rounds!(1152, 80, 5),
                write_rounds!(1280, 96, 6),
                write_rounds!(1408, 112, 7),
                each_word!(end_of_write, end_of_write_spare),
            );
            g = in(reg) core::ptr::from_mut(group), rows = in(reg) rows;
        );
    }
}

/// Asks for the two cache lines of the row that hash `$h` of the other group reads next.
macro_rules! ask {
    ($h:literal) => {
        concat!(
            concat!("mov {x0:e}, dword ptr [{other} + 2944 + 4*", $h, "]\n"),
            concat!("prefetcht0 [{memory} + {x0} + 128*", $h, "]\n"),
            concat!("prefetcht0 [{memory} + {x0} + 128*", $h, " + 64]\n"),
        )
    };
}

/// Pairs up four words at `$at` in the rows of the hashes `$h`, `$h` + 1, `$h` + 4 and `$h` + 5, into two
/// spare vectors.
macro_rules! pair {
    ($at:expr, $h:literal, $to:literal) => {
        concat!(
            concat!("mov {x0:e}, dword ptr [{other} + 2944 + 4*", $h, "]\n"),
            concat!("mov {x1:e}, dword ptr [{other} + 2948 + 4*", $h, "]\n"),
            concat!("mov {x2:e}, dword ptr [{other} + 2960 + 4*", $h, "]\n"),
            concat!("mov {x3:e}, dword ptr [{other} + 2964 + 4*", $h, "]\n"),
            concat!("vmovdqu xmm12, [{memory} + {x0} + 128*", $h, " + ", $at, "]\n"),
            concat!(
                "vmovdqu xmm13, [{memory} + {x1} + 128 + 128*",
                $h,
                " + ",
                $at,
                "]\n"
            ),
            concat!(
                "vinserti128 ymm12, ymm12, [{memory} + {x2} + 512 + 128*",
                $h,
                " + ",
                $at,
                "], 1\n"
            ),
            concat!(
                "vinserti128 ymm13, ymm13, [{memory} + {x3} + 640 + 128*",
                $h,
                " + ",
                $at,
                "], 1\n"
            ),
            "vpunpckldq ymm14, ymm12, ymm13\n",
            "vpunpckhdq ymm15, ymm12, ymm13\n",
            concat!("vmovdqa [{other} + 2816 + ", $to, "], ymm14\n"),
            concat!("vmovdqa [{other} + 2848 + ", $to, "], ymm15\n"),
        )
    };
}

/// Pairs up those pairs, into the registers 13 and 12: the first two words, or with `$half` 32 the last.
macro_rules! pair_pairs {
    ($half:literal) => {
        concat!(
            concat!("vmovdqa ymm12, [{other} + 2816 + ", $half, "]\n"),
            concat!("vpunpcklqdq ymm13, ymm12, [{other} + 2880 + ", $half, "]\n"),
            concat!("vpunpckhqdq ymm12, ymm12, [{other} + 2880 + ", $half, "]\n"),
        )
    };
}

/// Xors a pair of the row's words, at `$at` among the blocks' words, and both blocks, which makes the
/// other group's next input.
macro_rules! join {
    ($half:literal, $at:expr) => {
        concat!(
            pair_pairs!($half),
            concat!("vpxor ymm13, ymm13, [{other} + 512 + ", $at, "]\n"),
            concat!("vpxor ymm12, ymm12, [{other} + 544 + ", $at, "]\n"),
            concat!("vpxor ymm13, ymm13, [{other} + 1024 + ", $at, "]\n"),
            concat!("vpxor ymm12, ymm12, [{other} + 1056 + ", $at, "]\n"),
            concat!("vmovdqa [{other} + ", $at, "], ymm13\n"),
            concat!("vmovdqa [{other} + 32 + ", $at, "], ymm12\n"),
        )
    };
}

/// Keeps a pair of the row's further words for the other group's second salsa.
macro_rules! keep {
    ($half:literal, $at:expr) => {
        concat!(
            pair_pairs!($half),
            concat!("vmovdqa [{other} + 2048 + ", $at, "], ymm13\n"),
            concat!("vmovdqa [{other} + 2080 + ", $at, "], ymm12\n"),
        )
    };
}

/// Two rounds, in which four rows are asked for.
macro_rules! ask_rounds {
    ($h0:literal, $h1:literal, $h2:literal, $h3:literal) => {
        rounds!(
            "", ask!($h0), "", "";
            "", ask!($h1), "", "";
            "", ask!($h2), "", "";
            "", ask!($h3), "", ""
        )
    };
}

/// Two rounds, in which `$take` takes up eight words of every row: those at `$row` in it, and at `$at`
/// among the words of their block.
#[rustfmt::skip]
macro_rules! take_rounds {
    ($take:ident, $row:literal, $at:literal) => {
        rounds!(
            pair!($row, 0, 0), "", pair!($row, 2, 64), "";
            $take!(0, $at), "", $take!(32, concat!($at, " + 64")), "";
            pair!(concat!($row, " + 16"), 0, 0), "", pair!(concat!($row, " + 16"), 2, 64), "";
            $take!(0, concat!($at, " + 128")), "", $take!(32, concat!($at, " + 192")), ""
        )
    };
}

/// `$take` takes up four words of every row: those at `$row` in it, and at `$at` among the words of
/// their block.
macro_rules! take_all {
    ($take:ident, $row:expr, $at:expr) => {
        concat!(
            pair!($row, 0, 0),
            pair!($row, 2, 64),
            $take!(0, $at),
            $take!(32, concat!($at, " + 64")),
        )
    };
}

/// Two rounds without other work.
#[rustfmt::skip]
macro_rules! plain_rounds {
    () => { rounds!("", "", "", ""; "", "", "", ""; "", "", "", ""; "", "", "", "") };
}

/// Mixes the blocks of `group`, whose rows from memory are at hand, and gets those of `other` there from
/// `memory`: when it is `other`'s turn, nothing has to be waited for.
///
/// # Safety
/// The processor has AVX2, and there are [`ROWS`] bytes at `memory` plus each of `other.next`.
pub(super) unsafe fn read_with(group: &mut Group, other: &mut Group, memory: *const u8) {
    // SAFETY: reads and writes within the groups, and reads the rows of `other`.
    unsafe {
        run!(
            concat!(
                each_word!(load, load_spare),
                ask_rounds!(0, 1, 2, 3),
                ask_rounds!(4, 5, 6, 7),
                plain_rounds!(),
                plain_rounds!(),
                each_word!(middle_of_read, middle_of_read_spare),
                take_rounds!(join, 0, 0),
                take_rounds!(join, 32, 256),
                take_rounds!(keep, 64, 0),
                take_rounds!(keep, 96, 256),
                each_word!(end_of_read, end_of_read_spare),
            );
            g = in(reg) core::ptr::from_mut(group), other = in(reg) core::ptr::from_mut(other),
            memory = in(reg) memory; x0, x1, x2, x3
        );
    }
}

/// Mixes the blocks of `group`, whose rows from memory are at hand.
///
/// # Safety
/// The processor has AVX2.
pub(super) unsafe fn read(group: &mut Group) {
    // SAFETY: reads and writes within `group`.
    unsafe {
        run!(
            concat!(
                each_word!(load, load_spare),
                plain_rounds!(),
                plain_rounds!(),
                plain_rounds!(),
                plain_rounds!(),
                each_word!(middle_of_read, middle_of_read_spare),
                plain_rounds!(),
                plain_rounds!(),
                plain_rounds!(),
                plain_rounds!(),
                each_word!(end_of_read, end_of_read_spare),
            );
            g = in(reg) core::ptr::from_mut(group);
        );
    }
}

/// Gets the rows of `other` from `memory`, waiting for them.
///
/// # Safety
/// As [`read_with`].
pub(super) unsafe fn fetch(other: &mut Group, memory: *const u8) {
    // SAFETY: reads and writes within `other`, and reads its rows.
    unsafe {
        run!(
            concat!(
                ask!(0), ask!(1), ask!(2), ask!(3), ask!(4), ask!(5), ask!(6), ask!(7),
                take_all!(join, 0, 0), take_all!(join, 16, 128),
                take_all!(join, 32, 256), take_all!(join, 48, 384),
                take_all!(keep, 64, 0), take_all!(keep, 80, 128),
                take_all!(keep, 96, 256), take_all!(keep, 112, 384),
            );
            other = in(reg) core::ptr::from_mut(other), memory = in(reg) memory; x0, x1, x2, x3
        );
    }
}
