use serde_json::value::RawValue;

/// Longest request id that is echoed, in bytes of its JSON token.
pub const MAX_ID_LEN: usize = 64;

/// A request's id, kept as the JSON token so that the reply echoes it to the byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Id<'a> {
    /// `null`, or no id at all.
    #[default]
    Null,
    /// A number or a string, with its quotes, at most [`MAX_ID_LEN`] bytes.
    Raw(&'a str),
}

impl<'a> Id<'a> {
    /// The JSON token.
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::Null => "null",
            Self::Raw(token) => token,
        }
    }

    /// The id as an integer, if it is one; also when a server sends it back as a string.
    pub fn as_u64(self) -> Option<u64> {
        let token = self.as_str();
        token
            .strip_prefix('"')
            .and_then(|t| t.strip_suffix('"'))
            .unwrap_or(token)
            .parse()
            .ok()
    }

    /// The id of a message; `None` if it is neither number, string nor null, or too long to echo.
    pub(super) fn from_raw(raw: Option<&'a RawValue>) -> Option<Self> {
        let Some(token) = raw.map(RawValue::get) else {
            return Some(Self::Null);
        };
        let scalar = matches!(token.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9'));
        (scalar && token.len() <= MAX_ID_LEN).then_some(Self::Raw(token))
    }
}
