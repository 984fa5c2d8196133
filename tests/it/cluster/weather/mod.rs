//! Bad weather at a member: clients that misbehave, disks that are full, folders that are wrong.

mod connections;
mod folders;
mod requests;
mod room;
mod slow;
