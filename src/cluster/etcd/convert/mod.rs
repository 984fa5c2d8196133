//! Between the wire's messages and the store's words.
//!
//! What the wire allows and the store has no words for (an empty key, a bad enum, an operation that is not set) is
//! refused here, with etcd's own errors.

mod auth;
mod error;
mod reply;
mod request;
mod unrequest;

pub use auth::{permission, permission_range, permission_to_wire};
pub use error::RequestError;
pub use reply::{alarm_to_wire, delete_reply, event, key_value, member, put_reply, range_reply, txn_reply};
pub use request::{alarm_kind, delete, put, range, txn};
pub use unrequest::{alarm_kind_to_wire, delete_to_wire, ends_of, put_to_wire, txn_to_wire};
