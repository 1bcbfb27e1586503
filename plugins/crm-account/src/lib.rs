//! Makes the customer's account record, once however often it is asked.
//!
//! This file is the border: the types of `wit/world.wit` outside, [`account`] inside, and the granted store as
//! the [`account::Records`] it works on. It never changes a record that exists, never lists the store and never
//! touches a key that is not one of the customer's candidate ids.

mod account;

use account::Records;
use bindings::exports::kapell::crm_account::accounts::{Account, AccountError, Customer, Guest};
use bindings::wasi::keyvalue::store;

/// The skill's own name for its store; the operator binds it to a real one.
const STORE: &str = "accounts";

kapell_sdk::skill!(
    CrmAccount,
    world: "kapell:crm-account/crm-account",
    wit: ["../../wit/deps/keyvalue", "wit"]
);

struct CrmAccount;

impl Guest for CrmAccount {
    fn create(customer: Customer, accepted: Vec<String>) -> Result<Account, AccountError> {
        let bucket = store::open(STORE).map_err(|error| store_failed("open", STORE, &error))?;
        account::create(&bucket, customer, accepted)
    }
}

impl Records for store::Bucket {
    fn read(&self, id: &str) -> Result<Option<Vec<u8>>, AccountError> {
        self.get(id).map_err(|error| store_failed("read", id, &error))
    }

    fn write(&self, id: &str, record: &[u8]) -> Result<(), AccountError> {
        self.set(id, record).map_err(|error| store_failed("write", id, &error))
    }
}

fn store_failed(operation: &str, thing: &str, error: &store::Error) -> AccountError {
    let cause = match error {
        store::Error::NoSuchStore => "no such store",
        store::Error::AccessDenied => "access denied",
        store::Error::Other(text) => text,
    };
    AccountError::StoreFailed(format!("{operation} `{thing}`: {cause}"))
}
