//! Connections whose requests name an authority that is none.
//!
//! `etcdctl` 3.4 puts the endpoint as it was written into `:authority`: `http://127.0.0.1:2379`, or a socket's path. Go's
//! servers take it; h2 refuses the request before anybody sees it. Nobody here reads it, so it is overwritten on its way
//! in, by one that is as long in both its forms: compressed, so that no frame changes its length; and plain, so that what
//! both ends remember of earlier fields stays the same. A client has one authority for a connection: one whose first
//! request is in order is passed through and not looked at again.
//!
//! | file | what |
//! |---|---|
//! | `huffman` | strings as RFC 7541 compresses them, as far as printable ASCII goes |
//! | `field` | finds the authority in a block of fields |
//! | `frames` | finds blocks of fields in what a connection brings |
//! | `stream` | the connection, repaired as it is read |

mod field;
mod frames;
mod huffman;
mod stream;

pub use stream::Repaired;
