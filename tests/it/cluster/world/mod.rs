//! The world's conformance suite: each test runs over a fake, over our own store, and over a real etcd.

mod cases;
mod faults;
mod stage;
mod store_away;

/// One test a case and store.
macro_rules! over_each_store {
    ($($case:ident)*) => { $(
        mod $case {
            use super::stage::{Stage, Stores};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_a_fake() {
                super::cases::$case(&mut Stage::over(Stores::Fake).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_our_store() {
                super::cases::$case(&mut Stage::over(Stores::Ours).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_etcd() {
                super::cases::$case(&mut Stage::over(Stores::Etcd).await).await;
            }
        }
    )* };
}

over_each_store! {
    a_string_is_set_read_followed_and_removed
    a_long_string_is_written_whole
    a_string_that_is_so_already_is_not_written
    a_string_is_replaced_only_if_it_is_what_it_was_taken_for
    each_host_has_its_own_text_under_a_name
    an_export_reaches_those_it_is_for_and_no_others
    a_changed_export_is_told_as_one_change
    what_is_no_longer_exported_is_withdrawn_also_by_a_later_run
    what_cannot_be_read_is_told_as_such
    a_thousand_exports_are_stored_in_few_batches
    candidates_choose_who_is_to_do_it
    a_candidate_that_goes_makes_room
    deploys_form_a_chain
    what_is_being_uploaded_is_not_removed
    blobs_are_found_by_their_hash_and_unnamed_ones_are_removed
}
