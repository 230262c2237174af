//! scryptROMix (RFC 7914, section 5) with a vector for each row of Salsa20's square, as SSE2 and NEON do
//! it.
//!
//! A row's words lie on the square's diagonals, so that a quarter round works on four columns at once
//! and three turns of rows change between columns and rows. The vectors of several hashes go through the
//! rounds together, since each step waits for the one before.

use super::kernel::{MEMORY_PER_HASH, ROWS};
use super::lanes::Lanes;
use super::pbkdf2::{Header, expand, finish};
use super::soft::Row;

/// A vector of four words, which can also hold a row of one hash.
pub(super) trait Rows: Lanes<Words = [u32; 4]> {
    /// The bytes 16 `part` to 16 `part` + 15 of `row`.
    fn get(cpu: Self::Cpu, row: &[u8; 128], part: usize) -> Self;
    /// Writes those bytes.
    fn put(self, row: &mut [u8; 128], part: usize);
    /// The row turned: word `i` is what word `(i + 1) % 4` was.
    fn turn1(self) -> Self;
    /// The row turned by two words.
    fn turn2(self) -> Self;
    /// The row turned by three words.
    fn turn3(self) -> Self;
    /// The row's first word.
    fn first(self) -> u32;
    /// Asks for the cache lines of `row`, to be read soon.
    fn prefetch(cpu: Self::Cpu, row: &[u8; 128]);
}

/// Which word of Salsa20's square lies where.
const DIAGONALS: [usize; 16] = [0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11];

/// How many hashes go through the rounds together.
pub(super) const LANES: usize = 4;

/// The rows of a block of each hash.
type Block<L> = [[L; LANES]; 4];

/// The two blocks of each hash.
struct Group<L> {
    first: Block<L>,
    second: Block<L>,
    /// Which of the group's rows each hash reads next.
    next: [usize; LANES],
}

/// Computes the hashes of `headers`, whose groups take turns.
#[inline(always)]
pub(super) fn hash<L: Rows>(
    cpu: L::Cpu,
    memory: &mut [u8],
    headers: &[Header],
    midstate: Option<&[u32; 8]>,
    out: &mut [[u32; 8]],
) {
    let mut keys = Vec::with_capacity(headers.len().div_ceil(LANES));
    let mut groups = Vec::with_capacity(keys.capacity());
    for headers in headers.chunks(LANES) {
        let (key, x) = expand::<L>(cpu, headers, midstate);
        keys.push(key);
        groups.push(Group::load(cpu, &x));
    }
    mix::<L>(cpu, &mut groups, memory);
    for ((key, group), out) in keys.iter().zip(&groups).zip(out.chunks_mut(LANES)) {
        finish(cpu, key, &group.store(cpu), out);
    }
}

/// Fills the memory and reads it back, the groups taking turns in the second part: what one group's
/// hashes read next is known a whole step before they need it.
#[inline(always)]
fn mix<L: Rows>(cpu: L::Cpu, groups: &mut [Group<L>], memory: &mut [u8]) {
    const EACH: usize = LANES * MEMORY_PER_HASH;
    let memory = &mut memory[..groups.len() * EACH];
    for (group, memory) in groups.iter_mut().zip(memory.chunks_exact_mut(EACH)) {
        let (rows, _) = memory.as_chunks_mut::<128>();
        for rows in rows.as_chunks_mut().0 {
            group.write(rows);
            group.block_mix();
        }
        group.find_next(cpu, rows);
    }
    for _ in 0..ROWS {
        for (group, memory) in groups.iter_mut().zip(memory.chunks_exact(EACH)) {
            let (rows, _) = memory.as_chunks::<128>();
            group.read(cpu, rows);
            group.block_mix();
            group.find_next(cpu, rows);
        }
    }
}

impl<L: Rows> Group<L> {
    #[inline(always)]
    fn load(cpu: L::Cpu, x: &[L; 32]) -> Self {
        let mut hashes: [Row; LANES] = [[0; 32]; LANES];
        for i in 0..32 {
            let words = x[i].to_words();
            for lane in 0..LANES {
                hashes[lane][i] = words[lane];
            }
        }
        let zero = [[L::splat(cpu, 0); LANES]; 4];
        let mut group = Self {
            first: zero,
            second: zero,
            next: [0; LANES],
        };
        for r in 0..4 {
            for lane in 0..LANES {
                let (mut first, mut second) = (L::ZERO, L::ZERO);
                for i in 0..4 {
                    let word = DIAGONALS[4 * r + i];
                    first[i] = hashes[lane][word];
                    second[i] = hashes[lane][16 + word];
                }
                group.first[r][lane] = L::from_words(cpu, first);
                group.second[r][lane] = L::from_words(cpu, second);
            }
        }
        group
    }

    #[inline(always)]
    fn store(&self, cpu: L::Cpu) -> [L; 32] {
        let mut words = [L::ZERO; 32];
        for r in 0..4 {
            for lane in 0..LANES {
                let first = self.first[r][lane].to_words();
                let second = self.second[r][lane].to_words();
                for i in 0..4 {
                    let word = DIAGONALS[4 * r + i];
                    words[word][lane] = first[i];
                    words[16 + word][lane] = second[i];
                }
            }
        }
        let mut x = [L::splat(cpu, 0); 32];
        for i in 0..32 {
            x[i] = L::from_words(cpu, words[i]);
        }
        x
    }

    /// Writes every hash's blocks to its row.
    #[inline(always)]
    fn write(&self, rows: &mut [[u8; 128]; LANES]) {
        for lane in 0..LANES {
            for r in 0..4 {
                self.first[r][lane].put(&mut rows[lane], r);
                self.second[r][lane].put(&mut rows[lane], 4 + r);
            }
        }
    }

    /// Xors the rows that [`find_next`](Self::find_next) found into the blocks.
    #[inline(always)]
    fn read(&mut self, cpu: L::Cpu, rows: &[[u8; 128]]) {
        for lane in 0..LANES {
            let row = &rows[self.next[lane]];
            for r in 0..4 {
                self.first[r][lane] = self.first[r][lane].xor(L::get(cpu, row, r));
                self.second[r][lane] = self.second[r][lane].xor(L::get(cpu, row, 4 + r));
            }
        }
    }

    /// Integerify: finds the row that each hash reads next, and asks for it.
    #[inline(always)]
    fn find_next(&mut self, cpu: L::Cpu, rows: &[[u8; 128]]) {
        for lane in 0..LANES {
            self.next[lane] = self.second[0][lane].first() as usize % ROWS * LANES + lane;
            L::prefetch(cpu, &rows[self.next[lane]]);
        }
    }

    /// scryptBlockMix with r = 1 (RFC 7914, section 4).
    #[inline(always)]
    fn block_mix(&mut self) {
        let Self { first, second, .. } = self;
        xor_into(first, second);
        salsa20_8(first);
        xor_into(second, first);
        salsa20_8(second);
    }
}

#[inline(always)]
fn xor_into<L: Lanes>(to: &mut Block<L>, from: &Block<L>) {
    for r in 0..4 {
        for lane in 0..LANES {
            to[r][lane] = to[r][lane].xor(from[r][lane]);
        }
    }
}

/// `x[to] ^= (x[a] + x[b]) <<< L` for every hash, where `L + R` is 32.
macro_rules! step {
    ($x:ident[$to:literal], $a:literal, $b:literal, $l:literal, $r:literal) => {
        for lane in 0..LANES {
            let sum = $x[$a][lane].add($x[$b][lane]);
            $x[$to][lane] = $x[$to][lane].xor(sum.rotl::<$l, $r>());
        }
    };
}

/// The Salsa20/8 core (RFC 7914, section 3).
#[inline(always)]
fn salsa20_8<L: Rows>(block: &mut Block<L>) {
    let mut x = *block;
    for _ in 0..4 {
        step!(x[1], 0, 3, 7, 25);
        step!(x[2], 1, 0, 9, 23);
        step!(x[3], 2, 1, 13, 19);
        step!(x[0], 3, 2, 18, 14);
        for lane in 0..LANES {
            x[1][lane] = x[1][lane].turn3();
            x[2][lane] = x[2][lane].turn2();
            x[3][lane] = x[3][lane].turn1();
        }
        step!(x[3], 0, 1, 7, 25);
        step!(x[2], 3, 0, 9, 23);
        step!(x[1], 2, 3, 13, 19);
        step!(x[0], 1, 2, 18, 14);
        for lane in 0..LANES {
            x[1][lane] = x[1][lane].turn1();
            x[2][lane] = x[2][lane].turn2();
            x[3][lane] = x[3][lane].turn3();
        }
    }
    for r in 0..4 {
        for lane in 0..LANES {
            block[r][lane] = block[r][lane].add(x[r][lane]);
        }
    }
}
