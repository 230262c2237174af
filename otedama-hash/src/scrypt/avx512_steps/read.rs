//! The steps that read the memory back.
#![allow(unsafe_code, reason = "instructions in an order of our own")]

use super::Group;

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
pub(in crate::scrypt) unsafe fn read_with(group: &mut Group, other: &mut Group, memory: *const u8) {
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
pub(in crate::scrypt) unsafe fn read(group: &mut Group) {
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
pub(in crate::scrypt) unsafe fn fetch(other: &mut Group, memory: *const u8) {
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
