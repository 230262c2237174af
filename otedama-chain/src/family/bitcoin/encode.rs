//! Bitcoin's serialisation, as far as blocks and coinbases need it.

/// Appends `n` as a compact size: 1, 3, 5 or 9 bytes.
pub(crate) fn push_compact_size(out: &mut Vec<u8>, n: u64) {
    let bytes = n.to_le_bytes();
    match n {
        0..=0xfc => out.push(bytes[0]),
        0xfd..=0xffff => {
            out.push(0xfd);
            out.extend_from_slice(&bytes[..2]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xfe);
            out.extend_from_slice(&bytes[..4]);
        }
        _ => {
            out.push(0xff);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Length of `n` as a compact size.
pub(crate) fn compact_size_len(n: u64) -> usize {
    match n {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// Appends `value` and its length as a compact size.
pub(crate) fn push_bytes(out: &mut Vec<u8>, value: &[u8]) {
    push_compact_size(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends a push of at most 75 bytes to a script; nothing if `data` is empty.
pub(crate) fn push_data(script: &mut Vec<u8>, data: &[u8]) {
    debug_assert!(data.len() <= 75, "longer pushes need another opcode");
    if !data.is_empty() {
        script.push(data.len() as u8);
        script.extend_from_slice(data);
    }
}

/// Appends the height that starts a coinbase script (BIP 34): `OP_0`, `OP_1` to `OP_16`, or the
/// shortest little-endian number with a free sign bit, as Bitcoin Core's `CScript << int64_t` does.
pub(crate) fn push_height(script: &mut Vec<u8>, height: u64) {
    match height {
        0 => script.push(0x00),
        1..=16 => script.push(0x50 + height as u8),
        _ => {
            let bytes = height.to_le_bytes();
            // One bit more than the number has, for the sign.
            let len = (64 - height.leading_zeros() as usize) / 8 + 1;
            if len > bytes.len() {
                push_data(script, &[&bytes[..], &[0]].concat());
            } else {
                push_data(script, &bytes[..len]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn height_script(height: u64) -> Vec<u8> {
        let mut script = Vec::new();
        push_height(&mut script, height);
        script
    }

    #[test]
    fn heights_as_core_writes_them() {
        assert_eq!(height_script(0), [0x00]);
        assert_eq!(height_script(1), [0x51]);
        assert_eq!(height_script(16), [0x60]);
        assert_eq!(height_script(17), [0x01, 0x11]);
        assert_eq!(height_script(127), [0x01, 0x7f]);
        assert_eq!(height_script(128), [0x02, 0x80, 0x00]);
        assert_eq!(height_script(255), [0x02, 0xff, 0x00]);
        assert_eq!(height_script(256), [0x02, 0x00, 0x01]);
        assert_eq!(height_script(32_767), [0x02, 0xff, 0x7f]);
        assert_eq!(height_script(32_768), [0x03, 0x00, 0x80, 0x00]);
        // Block 227,931 was the first for which BIP 34 held.
        assert_eq!(height_script(227_931), [0x03, 0x5b, 0x7a, 0x03]);
        assert_eq!(height_script(u64::MAX).len(), 10);
    }

    #[test]
    fn compact_sizes_at_their_limits() {
        for (n, bytes) in [
            (0, &[0][..]),
            (0xfc, &[0xfc]),
            (0xfd, &[0xfd, 0xfd, 0]),
            (0xffff, &[0xfd, 0xff, 0xff]),
            (0x1_0000, &[0xfe, 0, 0, 1, 0]),
            (0xffff_ffff, &[0xfe, 0xff, 0xff, 0xff, 0xff]),
            (0x1_0000_0000, &[0xff, 0, 0, 0, 0, 1, 0, 0, 0]),
        ] {
            let mut out = Vec::new();
            push_compact_size(&mut out, n);
            assert_eq!(out, bytes);
            assert_eq!(compact_size_len(n), bytes.len());
        }
    }
}
