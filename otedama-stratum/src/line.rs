//! Bounded framing: bytes in any cut to whole lines.

/// A line that is longer than the reader allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line is longer than {max_len} bytes")]
pub struct LineTooLong {
    /// The limit, in bytes before the line feed.
    pub max_len: usize,
}

/// Cuts a byte stream into lines. Blank lines are skipped.
///
/// A line that arrives whole is borrowed straight from the input. The reader owns heap memory only
/// while a line is incomplete, and at most `max_len` bytes of it.
#[derive(Debug)]
pub struct LineReader {
    max_len: usize,
    partial: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// `partial` holds the start of a line.
    Filling,
    /// `partial` was handed out and is forgotten at the next call.
    HandedOut,
    /// A line was too long; nothing more is read.
    Overflowed,
}

impl LineReader {
    /// A reader of lines of up to `max_len` bytes, counted without the line feed.
    pub const fn new(max_len: usize) -> Self {
        Self {
            max_len,
            partial: Vec::new(),
            state: State::Filling,
        }
    }

    /// The next whole line, without its line ending, or `None` when `input` is used up; what is left
    /// of an incomplete line is kept. Call it until it gives `None`.
    ///
    /// # Errors
    /// When a line is longer than the limit. Every later call fails too, since the stream's framing
    /// is lost.
    pub fn push<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Option<&'a [u8]>, LineTooLong> {
        match self.state {
            State::Filling => {}
            State::HandedOut => {
                self.partial = Vec::new();
                self.state = State::Filling;
            }
            State::Overflowed => return Err(self.too_long(input)),
        }
        loop {
            let Some(end) = memchr::memchr(b'\n', input) else {
                if self.partial.len() + input.len() > self.max_len {
                    return Err(self.too_long(input));
                }
                self.partial.extend_from_slice(input);
                *input = &[];
                return Ok(None);
            };
            if self.partial.len() + end > self.max_len {
                return Err(self.too_long(input));
            }
            let (line, rest) = (&input[..end], &input[end + 1..]);
            *input = rest;
            if self.partial.is_empty() {
                let line = without_cr(line);
                if !line.is_empty() {
                    return Ok(Some(line));
                }
            } else {
                self.partial.extend_from_slice(line);
                if without_cr(&self.partial).is_empty() {
                    self.partial = Vec::new();
                    continue;
                }
                self.state = State::HandedOut;
                return Ok(Some(without_cr(&self.partial)));
            }
        }
    }

    /// How many bytes of an incomplete line are kept.
    pub fn buffered(&self) -> usize {
        if self.state == State::Filling {
            self.partial.len()
        } else {
            0
        }
    }

    fn too_long(&mut self, input: &mut &[u8]) -> LineTooLong {
        self.partial = Vec::new();
        self.state = State::Overflowed;
        *input = &[];
        LineTooLong {
            max_len: self.max_len,
        }
    }
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(reader: &mut LineReader, chunk: &[u8], lines: &mut Vec<Vec<u8>>) -> Result<(), LineTooLong> {
        let mut input = chunk;
        while let Some(line) = reader.push(&mut input)? {
            lines.push(line.to_vec());
        }
        assert!(input.is_empty());
        Ok(())
    }

    #[test]
    fn a_whole_line_is_borrowed_from_the_input() {
        let mut reader = LineReader::new(16);
        let bytes = b"abc\r\ndef\nrest".as_slice();
        let mut input = bytes;
        let first = reader.push(&mut input).unwrap().unwrap();
        assert_eq!(first, b"abc");
        assert_eq!(first.as_ptr(), bytes.as_ptr());
        assert_eq!(reader.push(&mut input).unwrap(), Some(b"def".as_slice()));
        assert_eq!(reader.push(&mut input).unwrap(), None);
        assert_eq!(reader.buffered(), 4);
        let mut input = b"\n".as_slice();
        assert_eq!(reader.push(&mut input).unwrap(), Some(b"rest".as_slice()));
        assert_eq!(reader.push(&mut input).unwrap(), None);
        assert_eq!(reader.partial.capacity(), 0, "an idle reader owns no heap memory");
    }

    #[test]
    fn the_limit_counts_what_stands_before_the_line_feed() {
        let mut reader = LineReader::new(4);
        let mut lines = Vec::new();
        read_all(&mut reader, b"abcd\nabc\r\n", &mut lines).unwrap();
        assert_eq!(lines, [b"abcd".to_vec(), b"abc".to_vec()]);
        assert_eq!(
            read_all(&mut reader, b"abcde\nab\n", &mut lines),
            Err(LineTooLong { max_len: 4 })
        );
        assert_eq!(lines.len(), 2);
        assert_eq!(
            read_all(&mut reader, b"a\n", &mut lines),
            Err(LineTooLong { max_len: 4 })
        );
    }

    #[test]
    fn a_line_without_an_end_is_refused_before_it_ends() {
        let mut reader = LineReader::new(4);
        let mut lines = Vec::new();
        read_all(&mut reader, b"abc", &mut lines).unwrap();
        assert!(read_all(&mut reader, b"de", &mut lines).is_err());
        assert_eq!(reader.buffered(), 0);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_lines_of_the_whole(
            pieces in prop::collection::vec(prop::sample::select(vec![
                b"\n".to_vec(), b"\r\n".to_vec(), b"\r".to_vec(), b"a".to_vec(), b"bcd".to_vec(), b"efghij".to_vec(),
            ]), 0..40),
            cuts in prop::collection::vec(0usize..8, 0..60),
        ) {
            const MAX: usize = 12;
            let whole: Vec<u8> = pieces.concat();
            let mut expected = Vec::new();
            let mut fits = true;
            let mut rest = whole.as_slice();
            while let Some(end) = rest.iter().position(|b| *b == b'\n') {
                if end > MAX { break; }
                let line = without_cr(&rest[..end]);
                if !line.is_empty() { expected.push(line.to_vec()); }
                rest = &rest[end + 1..];
            }
            if rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()) > MAX { fits = false; }

            let mut reader = LineReader::new(MAX);
            let mut lines = Vec::new();
            let mut result = Ok(());
            let mut left = whole.as_slice();
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (chunk, rest) = left.split_at(cut.min(left.len()));
                left = rest;
                result = read_all(&mut reader, chunk, &mut lines);
                prop_assert!(reader.buffered() <= MAX);
                if result.is_err() { break; }
            }
            prop_assert_eq!(lines, expected);
            prop_assert_eq!(result.is_ok(), fits);
        }
    }
}
