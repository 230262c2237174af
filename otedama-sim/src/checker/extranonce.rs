//! No extranonce1 is given twice, unless its own session comes back for it.

use std::collections::BTreeMap;

use otedama_pool::ConnId;

#[derive(Debug, Default)]
pub(super) struct Extranonces {
    /// Every value that was ever given, with the session that has it.
    given: BTreeMap<Vec<u8>, Option<String>>,
    in_use: BTreeMap<Vec<u8>, ConnId>,
    of_conn: BTreeMap<ConnId, Vec<u8>>,
}

impl Extranonces {
    pub(super) fn given(
        &mut self,
        conn: ConnId,
        extranonce1: &[u8],
        session: Option<String>,
        named: Option<&str>,
    ) -> Result<(), String> {
        // What follows the first four bytes are zeros that fill up a short extranonce2.
        let (value, fill) = extranonce1.split_at(extranonce1.len().min(4));
        if value.len() != 4 || fill.iter().any(|b| *b != 0) {
            return Err(format!("{extranonce1:?} is no extranonce1 of this pool"));
        }
        if let Some(other) = self.in_use.get(value) {
            return Err(format!("{conn:?} and {other:?} share the extranonce1 {value:?}"));
        }
        if let Some(before) = self.given.get(value)
            && (named.is_none() || before.as_deref() != named)
        {
            return Err(format!(
                "the extranonce1 {value:?} was given to {conn:?} although another session had it"
            ));
        }
        self.given.insert(value.to_vec(), session);
        self.in_use.insert(value.to_vec(), conn);
        self.of_conn.insert(conn, value.to_vec());
        Ok(())
    }

    pub(super) fn closed(&mut self, conn: ConnId) {
        if let Some(value) = self.of_conn.remove(&conn) {
            self.in_use.remove(&value);
        }
    }
}
