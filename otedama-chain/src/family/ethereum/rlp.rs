//! Recursive length prefix: how a header is written before it is hashed (Yellow Paper, appendix B).

use otedama_hash::U256;

/// Bytes up to this length have their length in the prefix itself.
const SHORT_MAX: usize = 55;

/// A list that is being written.
#[derive(Default)]
pub(super) struct List {
    items: Vec<u8>,
}

impl List {
    /// Appends a string of bytes.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        // A small byte stands for itself.
        if !matches!(bytes, [0..0x80]) {
            prefix(&mut self.items, 0x80, bytes.len());
        }
        self.items.extend(bytes);
    }

    /// Appends a number: its bytes from the highest that isn't zero, none for 0.
    pub(super) fn number(&mut self, number: U256) {
        let bytes = number.to_be_bytes::<32>();
        self.bytes(&bytes[number.leading_zeros() / 8..]);
    }

    /// The whole list.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut list = Vec::with_capacity(self.items.len() + 9);
        prefix(&mut list, 0xc0, self.items.len());
        list.extend(self.items);
        list
    }
}

/// The prefix of `len` bytes; `kind` is that of none.
fn prefix(out: &mut Vec<u8>, kind: u8, len: usize) {
    if len <= SHORT_MAX {
        out.push(kind + len as u8);
        return;
    }
    let bytes = len.to_be_bytes();
    let bytes = &bytes[len.leading_zeros() as usize / 8..];
    out.push(kind + (SHORT_MAX + bytes.len()) as u8);
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&[u8]]) -> Vec<u8> {
        let mut list = List::default();
        for item in items {
            list.bytes(item);
        }
        list.finish()
    }

    fn number(number: u64) -> Vec<u8> {
        let mut list = List::default();
        list.number(U256::from(number));
        list.finish()
    }

    // ethereum/tests, RLPTests/rlptest.json.
    #[test]
    fn published_examples() {
        assert_eq!(list(&[]), [0xc0]);
        assert_eq!(list(&[b"dog", b"god", b"cat"]), b"\xcc\x83dog\x83god\x83cat");
        assert_eq!(list(&[b""]), [0xc1, 0x80]);
        assert_eq!(list(&[&[0]]), [0xc1, 0]);
        assert_eq!(list(&[&[0x7f]]), [0xc1, 0x7f]);
        assert_eq!(list(&[&[0x80]]), [0xc2, 0x81, 0x80]);
        assert_eq!(number(0), [0xc1, 0x80]);
        assert_eq!(number(79), [0xc1, 79]);
        assert_eq!(number(1000), [0xc3, 0x82, 3, 0xe8]);
        assert_eq!(number(100_000), [0xc4, 0x83, 1, 0x86, 0xa0]);
        let lorem = b"Lorem ipsum dolor sit amet, consectetur adipisicing elit";
        assert_eq!(lorem.len(), 56);
        assert_eq!(list(&[lorem]), [&[0xf8, 58, 0xb8, 56][..], lorem].concat());
        assert_eq!(list(&[&lorem[..55]])[..3], [0xf8, 56, 0xb7]);
    }

    /// Takes an item's or a list's content from the front.
    fn take<'a>(bytes: &mut &'a [u8], kind: u8) -> &'a [u8] {
        let (&first, mut rest) = bytes.split_first().expect("a prefix");
        let len = if kind == 0x80 && first < 0x80 {
            rest = bytes;
            1
        } else if usize::from(first - kind) <= SHORT_MAX {
            usize::from(first - kind)
        } else {
            let (len, behind) = rest.split_at(usize::from(first - kind) - SHORT_MAX);
            rest = behind;
            assert_ne!(len[0], 0, "no leading zeros");
            len.iter().fold(0, |len, &byte| len << 8 | usize::from(byte))
        };
        let (item, behind) = rest.split_at(len);
        *bytes = behind;
        item
    }

    proptest::proptest! {
        #[test]
        fn lists_read_back(
            items in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..300), 0..8),
            value: u64,
        ) {
            let mut list = List::default();
            for item in &items {
                list.bytes(item);
            }
            list.number(U256::from(value));
            let bytes = list.finish();
            let mut rest = &bytes[..];
            let mut content = take(&mut rest, 0xc0);
            proptest::prop_assert!(rest.is_empty());
            for item in &items {
                proptest::prop_assert_eq!(take(&mut content, 0x80), item);
            }
            let digits = take(&mut content, 0x80);
            proptest::prop_assert!(content.is_empty() && digits.first() != Some(&0));
            proptest::prop_assert_eq!(digits.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)), value);
        }
    }
}
