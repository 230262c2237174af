//! What an instruction set's file offers.

use super::pbkdf2::Header;

/// How many rows of 128 bytes a hash fills and then reads back: N.
pub(super) const ROWS: usize = 1024;
/// Bytes of those rows.
pub(super) const MEMORY_PER_HASH: usize = ROWS * 128;

/// Computes hashes side by side. A value exists only where the processor has the instructions.
pub(super) trait Kernel: Send + Sync {
    /// Name of the instruction set.
    fn name(&self) -> &'static str;

    /// How many hashes to ask of one scan.
    fn scan_len(&self) -> u64;

    /// How many hashes it computes in one instruction stream.
    fn lanes(&self) -> usize;

    /// How many such streams take turns, so that one's memory arrives while another computes.
    fn sets(&self) -> usize;

    /// Hashes up to `lanes() * sets()` headers into the slots of the same index. A `midstate` is that of
    /// every header. `memory` holds [`MEMORY_PER_HASH`] bytes for each lane of the sets in use.
    fn hash(&self, memory: &mut [u8], headers: &[Header], midstate: Option<&[u32; 8]>, out: &mut [[u32; 8]]);
}

/// Implements [`Kernel`] for a type with the fields `cpu` and `sets` by a function that is compiled for the
/// instructions that `cpu` proves to be there.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! vector_kernel {
    ($kernel:ident, $name:literal, $features:literal, $scan_len:literal, $hash:expr) => {
        impl Kernel for $kernel {
            fn name(&self) -> &'static str {
                $name
            }

            fn scan_len(&self) -> u64 {
                $scan_len
            }

            fn lanes(&self) -> usize {
                LANES
            }

            fn sets(&self) -> usize {
                self.sets
            }

            fn hash(
                &self,
                memory: &mut [u8],
                headers: &[Header],
                midstate: Option<&[u32; 8]>,
                out: &mut [[u32; 8]],
            ) {
                #[target_feature(enable = $features)]
                fn compiled(
                    cpu: Cpu,
                    memory: &mut [u8],
                    headers: &[Header],
                    midstate: Option<&[u32; 8]>,
                    out: &mut [[u32; 8]],
                ) {
                    $hash(cpu, memory, headers, midstate, out);
                }
                // SAFETY: `self.cpu` proves that the processor has the instructions.
                unsafe { compiled(self.cpu, memory, headers, midstate, out) }
            }
        }
    };
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) use vector_kernel;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::scrypt::pbkdf2::midstate;
    use crate::scrypt::soft;
    use crate::sha256d::state_bytes;

    /// Bytes that look random.
    pub(in crate::scrypt) fn header_bytes(seed: u32) -> [u8; 80] {
        let mut state = u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        core::array::from_fn(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
    }

    pub(in crate::scrypt) fn header(bytes: &[u8; 80]) -> Header {
        let (fours, _) = bytes.as_chunks::<4>();
        core::array::from_fn(|i| u32::from_be_bytes(fours[i]))
    }

    /// Compares `kernel` with the portable code on random headers: every count up to its batch, with and
    /// without a shared midstate, `rounds` times.
    pub(in crate::scrypt) fn agrees_with_soft(kernel: &dyn Kernel, rounds: u32) {
        let batch = kernel.lanes() * kernel.sets();
        let mut memory = vec![0xa5; batch * MEMORY_PER_HASH];
        for round in 0..rounds {
            let mut bytes: Vec<_> = (0..batch as u32)
                .map(|i| header_bytes(1 + round * 1000 + i))
                .collect();
            if round % 2 == 1 {
                let first = bytes[0];
                for other in &mut bytes {
                    other[..64].copy_from_slice(&first[..64]);
                }
            }
            let headers: Vec<_> = bytes.iter().map(header).collect();
            let shared = (round % 2 == 1).then(|| midstate(&headers[0]));
            let expected: Vec<_> = bytes.iter().map(|b| soft::scrypt(b, &mut memory)).collect();
            let counts = if round < 2 { 0..=batch } else { batch..=batch };
            for count in counts {
                let mut out = vec![[0; 8]; count];
                kernel.hash(&mut memory, &headers[..count], shared.as_ref(), &mut out);
                let hashes: Vec<_> = out.iter().map(state_bytes).collect();
                assert_eq!(hashes, expected[..count], "{count} of {batch} headers");
            }
        }
    }
}
