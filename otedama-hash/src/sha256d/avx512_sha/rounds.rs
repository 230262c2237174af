//! The rounds themselves.
//!
//! Their text is put together by macros, which are given registers by number. zmm24 to zmm29 are for free use, and
//! zmm30 and zmm31 hold the last two message words. The states of the SHA unit's four messages are in xmm1 to
//! xmm8: words f, e, b and a in those with odd numbers, h, g, d and c in those with even ones.
#![allow(unsafe_code, reason = "assembly")]

use core::arch::asm;
use core::mem::offset_of;

use super::{GROUPS, Lanewise, SIDES, Side, Space, Words};
use crate::sha256d::job::{FINAL, Final, Job};

/// The text of rounds: for each kind of them (a macro below) what its message word is made of, the macro of the round
/// proper, and the rounds' numbers. The registers of a to h move on by one name from round to round; those that
/// the SHA unit writes and reads, and that of the message word two rounds before, swap.
macro_rules! rounds {
    ($base:literal {} $($registers:tt)*) => { "" };
    ($base:literal { $kind:ident $of:tt $round:ident [] $($more:tt)* } $($registers:tt)*) => {
        rounds!($base { $($more)* } $($registers)*)
    };
    (
        $base:literal { $kind:ident $of:tt $round:ident [$t:literal $($ts:literal)*] $($more:tt)* }
        $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal;
        $sha:tt $w:literal $other_sha:tt $other_w:literal
    ) => {
        concat!(
            $kind!($of $t $d $h $w),
            $round!($base $t; $a $b $c $d $e $f $g $h; $sha),
            rounds!(
                $base { $kind $of $round [$($ts)*] $($more)* }
                $h $a $b $c $d $e $f $g; $other_sha $other_w $sha $w
            ),
        )
    };
}

/// Two rounds of one of the SHA unit's messages, by the sums at an offset.
macro_rules! sha {
    ($base:literal $t:literal $offset:literal $to:literal $from:literal) => {
        concat!(
            "movq xmm0, qword ptr [{side} + 128*(", $t, "-", $base, ") + ", $offset, "]\n",
            "sha256rnds2 xmm", $to, ", xmm", $from, "\n",
        )
    };
}

/// Round t, of which h holds the constant and the message word already.
macro_rules! round {
    (
        $base:literal $t:literal;
        $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal;
        [$to0:literal $from0:literal $to1:literal $from1:literal $to2:literal $from2:literal $to3:literal $from3:literal]
    ) => {
        concat!(
            sha!($base $t 0 $to0 $from0),
            "vprord zmm24, zmm", $e, ", 6\n",
            "vprord zmm25, zmm", $e, ", 11\n",
            "vprord zmm26, zmm", $e, ", 25\n",
            "vpternlogd zmm24, zmm25, zmm26, 0x96\n",
            sha!($base $t 8 $to1 $from1),
            "vmovdqa64 zmm25, zmm", $e, "\n",
            "vpternlogd zmm25, zmm", $f, ", zmm", $g, ", 0xca\n",
            "vpaddd zmm", $h, ", zmm", $h, ", zmm25\n",
            "vpaddd zmm", $h, ", zmm", $h, ", zmm24\n",
            "vprord zmm24, zmm", $a, ", 2\n",
            "vprord zmm25, zmm", $a, ", 13\n",
            "vprord zmm26, zmm", $a, ", 22\n",
            sha!($base $t 64 $to2 $from2),
            "vpternlogd zmm24, zmm25, zmm26, 0x96\n",
            "vmovdqa64 zmm25, zmm", $a, "\n",
            "vpternlogd zmm25, zmm", $b, ", zmm", $c, ", 0xe8\n",
            "vpaddd zmm", $d, ", zmm", $d, ", zmm", $h, "\n",
            sha!($base $t 72 $to3 $from3),
            "vpaddd zmm24, zmm24, zmm25\n",
            "vpaddd zmm", $h, ", zmm", $h, ", zmm24\n",
        )
    };
}

/// The same without the new a, which the last rounds of all don't need.
macro_rules! round_e {
    (
        $base:literal $t:literal;
        $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal;
        [$to0:literal $from0:literal $to1:literal $from1:literal $to2:literal $from2:literal $to3:literal $from3:literal]
    ) => {
        concat!(
            sha!($base $t 0 $to0 $from0),
            sha!($base $t 8 $to1 $from1),
            "vprord zmm24, zmm", $e, ", 6\n",
            "vprord zmm25, zmm", $e, ", 11\n",
            "vprord zmm26, zmm", $e, ", 25\n",
            "vpternlogd zmm24, zmm25, zmm26, 0x96\n",
            sha!($base $t 64 $to2 $from2),
            "vmovdqa64 zmm25, zmm", $e, "\n",
            "vpternlogd zmm25, zmm", $f, ", zmm", $g, ", 0xca\n",
            "vpaddd zmm", $h, ", zmm", $h, ", zmm25\n",
            "vpaddd zmm", $h, ", zmm", $h, ", zmm24\n",
            sha!($base $t 72 $to3 $from3),
            "vpaddd zmm", $d, ", zmm", $d, ", zmm", $h, "\n",
        )
    };
}

// Kinds of rounds: they add the constant and the message word to h.

/// In the tail block h and d are the same for all nonces.
macro_rules! tail_first {
    (() $t:literal $d:literal $h:literal $w:literal) => {
        concat!(
            splat!($h, concat!("{first_h} + 4*(", $t, "-4)")),
            splat!($d, concat!("{first_d} + 4*(", $t, "-4)")),
        )
    };
}

/// In the final block h and d are the initial state's.
macro_rules! final_first {
    (() $t:literal $d:literal $h:literal $w:literal) => {
        concat!(
            splat!($h, concat!("{first_h} + 4*(", $t, "-1)")),
            add_word!($h, $t + 0),
            splat!($d, concat!("{start} + 4*(4-", $t, ")")),
        )
    };
}

/// The message word is in the constant already.
macro_rules! constant {
    (() $t:literal $d:literal $h:literal $w:literal) => { add_splat!($h, $h, concat!("{rounds} + 4*", $t)) };
}

/// The message word is in memory already.
macro_rules! word {
    (() $t:literal $d:literal $h:literal $w:literal) => {
        concat!(constant!(() $t $d $h $w), add_word!($h, $t + 0))
    };
}

/// A new message word, from the words so many rounds before and what all nonces have in common of it.
macro_rules! new_word {
    ((2 15 $($term:tt)*) $t:literal $d:literal $h:literal $w:literal) => {
        concat!(
            small_sigma0!($t),
            $(term!(27 $t $term),)*
            small_sigma1!($w),
            "vpaddd zmm", $w, ", zmm", $w, ", zmm27\n",
            keep_word!($t $d $h $w),
        )
    };
    ((15 $($term:tt)*) $t:literal $d:literal $h:literal $w:literal) => {
        concat!(
            small_sigma0!($t),
            "vmovdqa64 zmm", $w, ", zmm27\n",
            $(term!($w $t $term),)*
            keep_word!($t $d $h $w),
        )
    };
    ((2 $($term:tt)*) $t:literal $d:literal $h:literal $w:literal) => {
        concat!(small_sigma1!($w), $(term!($w $t $term),)* keep_word!($t $d $h $w))
    };
}

macro_rules! term {
    ($to:literal $t:literal 7) => { add_word!($to, $t + 9) };
    ($to:literal $t:literal 16) => { add_word!($to, $t + 0) };
    ($to:literal $t:literal shared) => { add_splat!($to, $to, concat!("{shared} + 4*(", $t, "-16)")) };
}

/// zmm27 = small sigma 0 of the message word 15 rounds before.
macro_rules! small_sigma0 {
    ($t:literal) => {
        concat!(
            "vmovdqa64 zmm29, [{w} + 64*((", $t, "+1)&15)]\n",
            "vprord zmm27, zmm29, 7\n",
            "vprord zmm28, zmm29, 18\n",
            "vpsrld zmm29, zmm29, 3\n",
            "vpternlogd zmm27, zmm28, zmm29, 0x96\n",
        )
    };
}

/// Small sigma 1 of a register, in place.
macro_rules! small_sigma1 {
    ($w:literal) => {
        concat!(
            "vprord zmm25, zmm", $w, ", 17\n",
            "vprord zmm26, zmm", $w, ", 19\n",
            "vpsrld zmm", $w, ", zmm", $w, ", 10\n",
            "vpternlogd zmm", $w, ", zmm25, zmm26, 0x96\n",
        )
    };
}

/// Writes a new message word to memory, and adds it and the constant to h.
macro_rules! keep_word {
    ($t:literal $d:literal $h:literal $w:literal) => {
        concat!(
            "vmovdqa64 [{w} + 64*(", $t, "&15)], zmm", $w, "\n",
            constant!(() $t $d $h $w),
            "vpaddd zmm", $h, ", zmm", $h, ", zmm", $w, "\n",
        )
    };
}

/// Adds the message word that is `n` after the one of 16 rounds before.
macro_rules! add_word {
    ($to:literal, $t:literal + $n:literal) => {
        concat!("vpaddd zmm", $to, ", zmm", $to, ", [{w} + 64*((", $t, "+", $n, ")&15)]\n")
    };
}

/// The same word in every lane.
macro_rules! splat {
    ($to:literal, $at:expr) => { concat!("vpbroadcastd zmm", $to, ", dword ptr [{job} + ", $at, "]\n") };
}

macro_rules! add_splat {
    ($to:literal, $from:literal, $at:expr) => {
        concat!("vpaddd zmm", $to, ", zmm", $from, ", dword ptr [{job} + ", $at, "]{{1to16}}\n")
    };
}

/// Gives the SHA unit its next four messages.
macro_rules! load_messages {
    () => {
        "movdqa xmm1, [{side} + {abef}]
        movdqa xmm3, [{side} + {abef} + 64]
        movdqa xmm5, [{side} + {abef} + 128]
        movdqa xmm7, [{side} + {abef} + 192]
        movdqa xmm2, [{start_cdgh}]
        movdqa xmm4, xmm2
        movdqa xmm6, xmm2
        movdqa xmm8, xmm2\n"
    };
}

/// Writes their states. The next four are 16 bytes on, or at the start of the next side.
macro_rules! store_messages {
    () => {
        "movdqa [{side} + {abef}], xmm1
        movdqa [{side} + {abef} + 64], xmm3
        movdqa [{side} + {abef} + 128], xmm5
        movdqa [{side} + {abef} + 192], xmm7
        movdqa [{side} + {cdgh}], xmm2
        movdqa [{side} + {cdgh} + 64], xmm4
        movdqa [{side} + {cdgh} + 128], xmm6
        movdqa [{side} + {cdgh} + 192], xmm8
        add {side}, 16
        test {side}, 63
        jnz 3f
        add {side}, {rest_of_side}
        3:\n"
    };
}

/// `asm!` with what both blocks need. No vector register keeps its value.
macro_rules! blocks_asm {
    ($space:ident, $($rest:tt)*) => {
        asm!(
            "vzeroupper",
            $($rest)*
            w = inout(reg) &raw mut (*$space).words => _,
            side = inout(reg) &raw mut (*$space).sides => _,
            groups = inout(reg) GROUPS => _,
            group_len = const size_of::<[Words; 16]>(),
            abef = const offset_of!(Side, abef),
            cdgh = const offset_of!(Side, cdgh),
            rest_of_side = const size_of::<Side>() - 64,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _,
            out("zmm6") _, out("zmm7") _, out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
            out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _, out("zmm16") _, out("zmm17") _,
            out("zmm18") _, out("zmm19") _, out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
            out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _, out("zmm28") _, out("zmm29") _,
            out("zmm30") _, out("zmm31") _, out("k1") _,
            options(nostack),
        )
    };
}

/// Hashes the tail blocks: the groups' in vectors, and at the same time the sides' in the SHA unit.
#[target_feature(enable = "avx512f,avx512bw,sha")]
#[inline(never)]
pub(super) unsafe fn tail_blocks(job: &Job, lanewise: &Lanewise, space: *mut Space) {
    // SAFETY: the caller's promise; what is read and written is within the types of the operands.
    unsafe {
        blocks_asm!(
            space,
            "2:",
            "vmovdqa64 zmm24, [{steps}]",
            "vpaddd zmm24, zmm24, dword ptr [{bases}]{{1to16}}",
            "add {bases}, 4",
            concat!(
                add_splat!(20, 24, "{start}"), splat!(21, "{start} + 4"), splat!(22, "{start} + 8"),
                add_splat!(16, 24, "{start} + 16"), splat!(17, "{start} + 20"), splat!(18, "{start} + 24"),
            ),
            // Message words 18 and 19.
            "vprord zmm27, zmm24, 7",
            "vprord zmm28, zmm24, 18",
            "vpsrld zmm29, zmm24, 3",
            "vpternlogd zmm27, zmm28, zmm29, 0x96",
            concat!(add_splat!(30, 27, "{shared} + 8"), add_splat!(31, 24, "{shared} + 12")),
            "vmovdqa64 [{w} + 128], zmm30",
            "vmovdqa64 [{w} + 192], zmm31",
            concat!(
                load_messages!(),
                rounds!(
                    4 {
                        tail_first () round [4 5 6]
                        constant () round [7 8 9 10 11 12 13 14 15 16 17]
                        word () round [18 19]
                        new_word (2 shared) round [20]
                        new_word (2) round [21]
                        new_word (2 shared) round [22 23 24]
                        new_word (2 7) round [25 26 27 28 29]
                        new_word (2 7 shared) round [30 31 32]
                        new_word (2 15 7 shared) round [33]
                    }
                    20 21 22 23 16 17 18 19; [2 1 4 3 6 5 8 7] 30 [1 2 3 4 5 6 7 8] 31
                ),
                store_messages!(),
                load_messages!(),
                rounds!(
                    34 {
                        new_word (2 15 16 7) round [
                            34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
                        ]
                    }
                    22 23 16 17 18 19 20 21; [2 1 4 3 6 5 8 7] 30 [1 2 3 4 5 6 7 8] 31
                ),
                store_messages!(),
                add_splat!(17, 17, "{feed} + 4"), add_splat!(18, 18, "{feed} + 8"),
                add_splat!(19, 19, "{feed} + 12"), add_splat!(20, 20, "{feed} + 16"),
                add_splat!(21, 21, "{feed} + 20"), add_splat!(22, 22, "{feed} + 24"),
                add_splat!(23, 23, "{feed} + 28"),
            ),
            "vmovdqa64 [{w}], zmm16",
            "vmovdqa64 [{w} + 64], zmm17",
            "vmovdqa64 [{w} + 128], zmm18",
            "vmovdqa64 [{w} + 192], zmm19",
            "vmovdqa64 [{w} + 256], zmm20",
            "vmovdqa64 [{w} + 320], zmm21",
            "vmovdqa64 [{w} + 384], zmm22",
            "vmovdqa64 [{w} + 448], zmm23",
            "add {w}, {group_len}",
            "dec {groups}",
            "jnz 2b",
            steps = in(reg) &raw const lanewise.steps,
            bases = inout(reg) &raw const lanewise.bases => _,
            start_cdgh = in(reg) &raw const lanewise.cdgh,
            job = in(reg) job,
            rounds = const offset_of!(Job, tail),
            first_h = const offset_of!(Job, tail_h),
            first_d = const offset_of!(Job, tail_d),
            start = const offset_of!(Job, start),
            shared = const offset_of!(Job, words),
            feed = const offset_of!(Job, feed),
        );
    }
}

/// Hashes the hashes of the tail blocks in the same way, and marks the groups' nonces.
#[target_feature(enable = "avx512f,avx512bw,sha")]
#[inline(never)]
pub(super) unsafe fn final_blocks(job: &Job, space: *mut Space, masks: &mut [u16; GROUPS + SIDES]) {
    // SAFETY: as in `tail_blocks`.
    unsafe {
        blocks_asm!(
            space,
            "2:",
            "vmovdqa64 zmm24, [{w}]",
            concat!(
                add_splat!(23, 24, "{start}"), splat!(16, "{start} + 4"), splat!(17, "{start} + 8"),
                add_splat!(19, 24, "{start} + 16"), splat!(20, "{start} + 20"), splat!(21, "{start} + 24"),
                load_messages!(),
                rounds!(
                    1 {
                        final_first () round [1 2 3]
                        word () round [4 5 6 7]
                        constant () round [8 9 10 11 12 13 14 15]
                        new_word (15 16) round [16]
                        new_word (15 16 shared) round [17]
                        new_word (2 15 16) round [18 19 20 21]
                        new_word (2 15 16 shared) round [22]
                        new_word (2 16 7 shared) round [23]
                        new_word (2 7 shared) round [24]
                        new_word (2 7) round [25 26 27 28 29]
                        new_word (2 7 shared) round [30]
                    }
                    23 16 17 18 19 20 21 22; [2 1 4 3 6 5 8 7] 31 [1 2 3 4 5 6 7 8] 30
                ),
                store_messages!(),
                load_messages!(),
                rounds!(
                    31 {
                        new_word (2 15 7 shared) round [31]
                        new_word (2 15 16 7) round [
                            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56
                        ]
                        new_word (2 15 16 7) round_e [57 58 59 60]
                    }
                    17 18 19 20 21 22 23 16; [2 1 4 3 6 5 8 7] 31 [1 2 3 4 5 6 7 8] 30
                ),
                store_messages!(),
            ),
            "vmovdqa64 zmm24, [{reverse}]",
            "vpshufb zmm23, zmm23, zmm24",
            "vpcmpud k1, zmm23, dword ptr [{limit}]{{1to16}}, 2",
            "kmovw word ptr [{masks}], k1",
            "add {masks}, 2",
            "add {w}, {group_len}",
            "dec {groups}",
            "jnz 2b",
            reverse = in(reg) &raw const REVERSE,
            limit = in(reg) &raw const job.limit,
            masks = inout(reg) masks.as_mut_ptr() => _,
            start_cdgh = in(reg) &raw const START_CDGH,
            job = in(reg) &raw const FINAL,
            rounds = const offset_of!(Final, rounds),
            first_h = const offset_of!(Final, h),
            start = const offset_of!(Final, start),
            shared = const offset_of!(Final, words),
        );
    }
}

/// Where `vpshufb` takes the bytes from to reverse those of each word.
static REVERSE: Words = {
    let mut words = [0x0001_0203; 16];
    let mut i = 0;
    while i < 16 {
        words[i] += 0x0404_0404 * (i as u32 % 4);
        i += 1;
    }
    Words(words)
};

/// Words h, g, d and c before round 1 of the final block.
static START_CDGH: Words = {
    let mut words = [0; 16];
    [words[0], words[1], words[2], words[3]] = [FINAL.start[7], FINAL.start[6], FINAL.start[3], FINAL.start[2]];
    Words(words)
};
