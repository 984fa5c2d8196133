//! `etcdctl`, Debian's and that of etcd 3.5, against `mgmt etcd` as a process of its own; and beside it the real etcd 3.5,
//! which must answer the same.

mod beside;

mod alarms;
mod flags;
mod keys;
mod leases;
mod locks;
mod members;
mod mirror;
mod restore;
mod rights;
mod served;
mod snapshots;
mod transactions;
mod watches;
