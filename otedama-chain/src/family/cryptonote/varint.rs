//! Numbers of variable length: seven bits a byte, the lowest first, the highest bit set in all but the last.

/// Takes a number from the front of `bytes`. `None` where it is cut off, larger than 64 bits, or longer than it
/// needs to be, which nodes refuse as well.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a number.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(mut bytes: &[u8]) -> Option<(u64, usize)> {
        take(&mut bytes).map(|value| (value, bytes.len()))
    }

    #[test]
    fn the_limits_of_each_length() {
        for (bytes, value) in [
            (&[0][..], 0),
            (&[0x7f], 0x7f),
            (&[0x80, 1], 0x80),
            (&[0xff, 0x7f], 0x3fff),
            (&[0x80, 0x80, 1], 0x4000),
            (
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
                u64::MAX,
            ),
        ] {
            assert_eq!(taken(bytes), Some((value, 0)));
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn what_is_no_number() {
        for bytes in [
            &[][..],
            &[0x80],
            &[0x80, 0],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            &[0xff; 10],
            &[0xff; 11],
        ] {
            assert_eq!(taken(bytes), None, "{bytes:02x?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn numbers_round_trip(value: u64, rest: Vec<u8>) {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            bytes.extend(&rest);
            proptest::prop_assert_eq!(taken(&bytes), Some((value, rest.len())));
        }

        #[test]
        fn outside_bytes_never_panic(bytes: Vec<u8>) {
            if let Some((value, left)) = taken(&bytes) {
                let mut again = Vec::new();
                put(&mut again, value);
                proptest::prop_assert_eq!(&again[..], &bytes[..bytes.len() - left]);
            }
        }
    }
}
