use std::collections::BTreeMap;

use crate::Account;

/// Numbers for the accounts that are in some slot; a number is used again when its account is in none.
#[derive(Clone, Debug, Default)]
pub(super) struct Accounts {
    ids: BTreeMap<Account, u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: Account,
    uses: u64,
}

impl Accounts {
    /// The account's number, new if need be; it lasts while it is used.
    pub(super) fn id(&mut self, account: &Account) -> u32 {
        if let Some(id) = self.ids.get(account) {
            return *id;
        }
        let entry = Entry {
            name: Account::clone(account),
            uses: 0,
        };
        let id = if let Some(id) = self.free.pop() {
            self.entries[id as usize] = entry;
            id
        } else {
            self.entries.push(entry);
            u32::try_from(self.entries.len() - 1).expect("2^32 accounts do not fit into memory")
        };
        self.ids.insert(Account::clone(account), id);
        id
    }

    /// One more slot holds the account.
    pub(super) fn retain(&mut self, id: u32) {
        self.entries[id as usize].uses += 1;
    }

    /// One slot less holds the account.
    pub(super) fn release(&mut self, id: u32) {
        let entry = &mut self.entries[id as usize];
        entry.uses -= 1;
        if entry.uses == 0 {
            self.ids.remove(&entry.name);
            self.free.push(id);
        }
    }

    pub(super) fn name(&self, id: u32) -> &Account {
        &self.entries[id as usize].name
    }

    /// One past the highest number in use.
    pub(super) fn ids_end(&self) -> usize {
        self.entries.len()
    }

    /// All accounts in ascending order of their text.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (&Account, u32)> {
        self.ids.iter().map(|(name, id)| (name, *id))
    }
}
