//! The store, as its clients see it.

mod raw;
mod served;

mod etcdctl;
mod headers;
mod pages;
mod queues;
mod refusals;
mod tls;
mod watches;
