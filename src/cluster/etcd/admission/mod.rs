//! Who gets in, and whose turn it is: one host, or a stranger, cannot take from the others what all need.
//!
//! | file | what |
//! |---|---|
//! | `source` | where a connection comes from, and as whom |
//! | `door` | connections that have not shown yet that they speak HTTP. Pure |
//! | `gate` | the door with its deadlines, and what waits in it |
//! | `opened` | a connection whose first bytes were read before it is served |
//! | `guests` | what each identity has open: connections, calls, bytes of requests |
//! | `http_bounds` | what one connection may cost |
//! | `weighed` | a request's body, weighed as it comes |
//! | `origin` | for whom a call is answered |
//! | `class` | what goes first. Pure |
//! | `fair` | changes that wait for the core: by class, and in each class by turns. Pure |
//! | `turned_away` | how often what was refused, for `/metrics` |
//!
//! A connection passes the door, then is a guest, then its changes wait in the fair queue in front of the consensus.
//! A member's own changes and its peers' messages do not: `node::inbox`.

mod class;
mod door;
mod fair;
mod gate;
mod guests;
mod http_bounds;
mod opened;
mod origin;
mod source;
mod turned_away;
mod weighed;

pub use class::Class;
pub use door::{Door, DoorBounds};
pub use fair::{Bounds, FairQueue};
pub use gate::{Entering, Gate};
pub use guests::{GuestBounds, Guests, Stay};
pub use http_bounds::bound;
pub use opened::Opened;
pub use origin::Origin;
pub use source::{Identity, Source};
pub use turned_away::{Reason, TurnedAway};
