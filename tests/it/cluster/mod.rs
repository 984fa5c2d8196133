//! The store, as its clients see it.

mod served;

mod etcdctl;
