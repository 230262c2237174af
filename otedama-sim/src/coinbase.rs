//! The outputs of a serialised block's first transaction, in Bitcoin's family.

/// Scripts and amounts; the transactions begin after a header of so many bytes.
pub(crate) fn outputs(block: &[u8], header_len: usize) -> Option<Vec<(Vec<u8>, u64)>> {
    let mut rest = block.get(header_len..)?;
    compact_size(&mut rest)?;
    take(&mut rest, 4)?;
    if rest.starts_with(&[0, 1]) {
        take(&mut rest, 2)?;
    }
    for _ in 0..compact_size(&mut rest)? {
        take(&mut rest, 36)?;
        let len = compact_size(&mut rest)?;
        take(&mut rest, len)?;
        take(&mut rest, 4)?;
    }
    let count = compact_size(&mut rest)?;
    (0..count)
        .map(|_| {
            let amount = u64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
            let len = compact_size(&mut rest)?;
            Some((take(&mut rest, len)?.to_vec(), amount))
        })
        .collect()
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(head)
}

fn compact_size(rest: &mut &[u8]) -> Option<usize> {
    Some(match take(rest, 1)?[0] {
        0xfd => usize::from(u16::from_le_bytes(take(rest, 2)?.try_into().ok()?)),
        0xfe => u32::from_le_bytes(take(rest, 4)?.try_into().ok()?) as usize,
        0xff => return None,
        small => usize::from(small),
    })
}
