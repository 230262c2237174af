//! scryptROMix (RFC 7914, section 5) with a vector for each row of Salsa20's square, as SSE2, AVX2 and
//! NEON do it: their registers are too few for a vector per word.
//!
//! A row's words lie on the square's diagonals, so that a quarter round works on four columns at once
//! and three turns of rows change between columns and rows. Several vectors' hashes go through the
//! rounds together, since each step waits for the one before.

use super::kernel::{MEMORY_PER_HASH, ROWS};
use super::lanes::{Lanes, Rows};
use super::pbkdf2::{Header, expand, finish};
use super::soft::Row;

/// Which word of Salsa20's square lies where.
const DIAGONALS: [usize; 16] = [0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11];

/// The two blocks of `G` vectors' hashes, a vector for each of their four rows.
struct Set<L, const G: usize> {
    first: [[L; G]; 4],
    second: [[L; G]; 4],
    /// Where in memory each hash's next row begins, in rows.
    next: [[usize; 2]; G],
}

/// Computes the hashes of at most `sets * G * L::HASHES` headers.
#[inline(always)]
pub(super) fn hash<L: Rows, const G: usize>(
    cpu: L::Cpu,
    memory: &mut [u8],
    headers: &[Header],
    midstate: Option<&[u32; 8]>,
    out: &mut [[u32; 8]],
) {
    let lanes = L::ZERO.as_ref().len();
    let set_len = G * L::HASHES;
    let sets = headers.len().div_ceil(set_len);
    let mut keys = Vec::with_capacity(headers.len().div_ceil(lanes));
    let mut rows = vec![[0; 32]; sets * set_len];
    for (some, rows) in headers.chunks(lanes).zip(rows.chunks_mut(lanes)) {
        let (key, x) = expand::<L>(cpu, some, midstate);
        keys.push(key);
        for i in 0..32 {
            let words = x[i].to_words();
            for (row, word) in rows.iter_mut().zip(words.as_ref()) {
                row[i] = *word;
            }
        }
    }
    let mut states = Vec::with_capacity(sets);
    for rows in rows.chunks_exact(set_len) {
        states.push(Set::load(cpu, rows));
    }
    mix::<L, G>(cpu, &mut states, memory);
    for (set, rows) in states.iter().zip(rows.chunks_exact_mut(set_len)) {
        set.store(rows);
    }
    for ((key, rows), out) in keys.iter().zip(rows.chunks(lanes)).zip(out.chunks_mut(lanes)) {
        let mut x = [L::splat(cpu, 0); 32];
        for i in 0..32 {
            let mut words = L::ZERO;
            for (word, row) in words.as_mut().iter_mut().zip(rows) {
                *word = row[i];
            }
            x[i] = L::from_words(cpu, words);
        }
        let hashes = finish(cpu, key, &x);
        for i in 0..8 {
            let words = hashes[i].to_words();
            for (hash, word) in out.iter_mut().zip(words.as_ref()) {
                hash[i] = *word;
            }
        }
    }
}

/// Fills the memory and reads it back, the sets taking turns in the second part: what one set's hashes
/// read next is known a whole block before they need it.
#[inline(always)]
fn mix<L: Rows, const G: usize>(cpu: L::Cpu, sets: &mut [Set<L, G>], memory: &mut [u8]) {
    let set_len = G * L::HASHES;
    let each = set_len * MEMORY_PER_HASH;
    let memory = &mut memory[..sets.len() * each];
    for (set, memory) in sets.iter_mut().zip(memory.chunks_exact_mut(each)) {
        let (rows, _) = memory.as_chunks_mut::<128>();
        for rows in rows.chunks_exact_mut(set_len) {
            set.write(rows);
            set.block_mix();
        }
        set.find_next(cpu, rows);
    }
    for _ in 0..ROWS {
        for (set, memory) in sets.iter_mut().zip(memory.chunks_exact(each)) {
            let (rows, _) = memory.as_chunks::<128>();
            set.read(cpu, rows);
            set.block_mix();
            set.find_next(cpu, rows);
        }
    }
}

impl<L: Rows, const G: usize> Set<L, G> {
    #[inline(always)]
    fn load(cpu: L::Cpu, hashes: &[Row]) -> Self {
        let zero = [[L::splat(cpu, 0); G]; 4];
        let mut set = Self {
            first: zero,
            second: zero,
            next: [[0; 2]; G],
        };
        for r in 0..4 {
            for g in 0..G {
                let (mut first, mut second) = (L::ZERO, L::ZERO);
                for i in 0..4 * L::HASHES {
                    let hash = &hashes[g * L::HASHES + i / 4];
                    let word = DIAGONALS[4 * r + i % 4];
                    first.as_mut()[i] = hash[word];
                    second.as_mut()[i] = hash[16 + word];
                }
                set.first[r][g] = L::from_words(cpu, first);
                set.second[r][g] = L::from_words(cpu, second);
            }
        }
        set
    }

    #[inline(always)]
    fn store(&self, hashes: &mut [Row]) {
        for r in 0..4 {
            for g in 0..G {
                let (first, second) = (self.first[r][g].to_words(), self.second[r][g].to_words());
                for i in 0..4 * L::HASHES {
                    let hash = &mut hashes[g * L::HASHES + i / 4];
                    let word = DIAGONALS[4 * r + i % 4];
                    hash[word] = first.as_ref()[i];
                    hash[16 + word] = second.as_ref()[i];
                }
            }
        }
    }

    /// Writes every hash's blocks to its row of `rows`.
    #[inline(always)]
    fn write(&self, rows: &mut [[u8; 128]]) {
        for g in 0..G {
            let rows = &mut rows[g * L::HASHES..][..L::HASHES];
            for r in 0..4 {
                self.first[r][g].scatter(rows, r);
                self.second[r][g].scatter(rows, 4 + r);
            }
        }
    }

    /// Mixes in the rows that [`find_next`](Self::find_next) found.
    #[inline(always)]
    fn read(&mut self, cpu: L::Cpu, rows: &[[u8; 128]]) {
        for g in 0..G {
            let found = [&rows[self.next[g][0]], &rows[self.next[g][1]]];
            for r in 0..4 {
                self.first[r][g] = self.first[r][g].xor(L::gather(cpu, found, r));
                self.second[r][g] = self.second[r][g].xor(L::gather(cpu, found, 4 + r));
            }
        }
    }

    /// Integerify: which row each hash reads next, and a word to the cache about it.
    #[inline(always)]
    fn find_next(&mut self, cpu: L::Cpu, rows: &[[u8; 128]]) {
        for g in 0..G {
            for h in 0..L::HASHES {
                let row = self.second[0][g].first(h) as usize % ROWS;
                let at = (row * G + g) * L::HASHES + h;
                self.next[g][h] = at;
                L::prefetch(cpu, &rows[at]);
            }
            // A vector of one hash has no second row: let it name a valid one.
            self.next[g][1] = self.next[g][L::HASHES - 1];
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
fn xor_into<L: Lanes, const G: usize>(to: &mut [[L; G]; 4], from: &[[L; G]; 4]) {
    for r in 0..4 {
        for g in 0..G {
            to[r][g] = to[r][g].xor(from[r][g]);
        }
    }
}

/// `x[to] ^= (x[a] + x[b]) <<< L` for every vector.
macro_rules! step {
    ($x:ident[$to:literal], $a:literal, $b:literal, $l:literal, $r:literal) => {
        for g in 0..G {
            $x[$to][g] = $x[$to][g].xor($x[$a][g].add($x[$b][g]).rotl::<$l, $r>());
        }
    };
}

/// The Salsa20/8 core (RFC 7914, section 3).
#[inline(always)]
fn salsa20_8<L: Rows, const G: usize>(block: &mut [[L; G]; 4]) {
    let mut x = *block;
    for _ in 0..4 {
        step!(x[1], 0, 3, 7, 25);
        step!(x[2], 1, 0, 9, 23);
        step!(x[3], 2, 1, 13, 19);
        step!(x[0], 3, 2, 18, 14);
        x[1] = x[1].map(L::turn3);
        x[2] = x[2].map(L::turn2);
        x[3] = x[3].map(L::turn1);
        step!(x[3], 0, 1, 7, 25);
        step!(x[2], 3, 0, 9, 23);
        step!(x[1], 2, 3, 13, 19);
        step!(x[0], 1, 2, 18, 14);
        x[1] = x[1].map(L::turn1);
        x[2] = x[2].map(L::turn2);
        x[3] = x[3].map(L::turn3);
    }
    for r in 0..4 {
        for g in 0..G {
            block[r][g] = block[r][g].add(x[r][g]);
        }
    }
}
