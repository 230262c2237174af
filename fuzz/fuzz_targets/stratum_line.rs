//! Any cut of a stream gives the lines of the whole, within the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otedama_stratum::line::LineReader;

const MAX_LEN: usize = 32;

fn lines(stream: &[u8], cut: usize) -> (Vec<Vec<u8>>, bool) {
    let mut reader = LineReader::new(MAX_LEN);
    let mut lines = Vec::new();
    for chunk in stream.chunks(cut) {
        let mut input = chunk;
        loop {
            match reader.push(&mut input) {
                Ok(Some(line)) => lines.push(line.to_vec()),
                Ok(None) => break,
                Err(_) => return (lines, false),
            }
        }
        assert!(input.is_empty() && reader.buffered() <= MAX_LEN);
    }
    (lines, true)
}

fuzz_target!(|data: &[u8]| {
    let Some((cut, stream)) = data.split_first() else {
        return;
    };
    let whole = lines(stream, usize::MAX);
    assert_eq!(lines(stream, usize::from(*cut).max(1)), whole);
    assert_eq!(lines(stream, 1), whole);
    assert!(
        whole
            .0
            .iter()
            .all(|line| !line.is_empty() && line.len() <= MAX_LEN && !line.contains(&b'\n'))
    );
});
