//! A mesh as costs: who is connected to whom, what is said, how long it takes. Virtual time, one event queue, seeded;
//! no store runs, but the real steward decides who serves.
//!
//! | file | what |
//! |---|---|
//! | `constants` | what is measured or assumed, with its source |
//! | `mesh` | the hosts, the servers, and what happens next |
//! | `agenda` | the queue of events |
//! | `connecting` | clients find a server, are refused, change over |
//! | `serving` | stores start, stop and die |
//! | `rim` | what the steward sees, and how its orders are done |
//! | `ticking` | what goes on all the time, once a second |
//! | `scenario` | all join at once; a server dies; all restart, one after the other |
//! | `report` | the outcome, as rows of a table |

pub mod agenda;
pub mod client;
pub mod connecting;
pub mod constants;
pub mod flow;
pub mod mesh;
pub mod report;
pub mod rim;
pub mod scenario;
pub mod server;
pub mod serving;
pub mod ticking;
