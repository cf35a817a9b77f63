//! The multiplexer's behaviour, written down as conversations in `testdata/mux` and replayed with the
//! server's bytes split at every point.
//!
//! A transcript is text, one step a line; empty lines and lines that begin with `#` are skipped.
//!
//! | line | meaning |
//! |---|---|
//! | `shared`, `exclusive` | first line: how the process is shared |
//! | `in-flight 3`, `timeout 60s` | second lines: limits |
//! | `attach A`, `initialized A`, `detach A` | a session comes, is initialized, goes |
//! | `connect`, `disconnect` | a process starts, ends |
//! | `serve {"logging":{}}` | a process starts, and answers `initialize` with these capabilities; of what happens only what is no part of the handshake is expected |
//! | `wait 59s` | time passes, and what is overdue ends |
//! | `A> {…}` | session A sends a message; its n-th request opens the exchange `A.n` |
//! | `server> …` | the server writes a line; adjacent ones are read as one block of bytes |
//! | `server< {…}` | expected: a line to the server |
//! | `A.1= {…}`, `A.1< {…}`, `A.1 ends` | expected: the exchange's response, a message before it, no response |
//! | `A< {…}` | expected: a message on the session's standalone stream |
//! | `ready`, `refused`, `overloaded`, `skipped`, `dropped reason` | expected: outcomes without a message |
//! | `holds 2` | expected now: requests in flight; `idle`: nothing that needs the process |
//!
//! After a step all that happens is expected, in order. `$name` stands for a number of the multiplexer's
//! choice: the first expectation that has it settles it. Two names never stand for the same request; names
//! of the server's requests begin with `q`.

mod replay;
mod script;

use std::{collections::BTreeSet, fs, path::Path};

use replay::{Split, replay};
use script::Script;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/mux"))
}

fn check(name: &str) {
    let text = fs::read_to_string(folder().join(name).with_extension("txt")).expect("a file for each name");
    let script = Script::parse(&text).unwrap_or_else(|mistake| panic!("{name}.txt: {mistake}"));
    let replay = |split| replay(&script, split).unwrap_or_else(|m| panic!("{name}.txt, {split:?}: {m}"));
    let bytes = replay(Split::Never);
    replay(Split::EverywhereAtOnce);
    for at in 1..bytes {
        replay(Split::At(at));
    }
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(stringify!($name)); })*

        #[test]
        fn every_transcript_is_replayed() {
            let replayed: BTreeSet<String> = [$(concat!(stringify!($name), ".txt").to_owned()),*].into();
            let files = fs::read_dir(folder()).unwrap();
            let files: BTreeSet<String> =
                files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            assert_eq!(replayed, files);
        }
    };
}

transcripts! {
    a_cancelled_subscription_is_ended_and_released
    a_level_asked_for_before_the_first_handshake_is_kept
    a_question_to_the_client_starts_the_time_anew
    a_refused_subscription_counts_for_nobody
    a_request_ends_at_its_deadline
    a_request_that_was_never_sent_is_not_cancelled
    a_restart_answers_and_replays
    a_restart_of_an_exclusive_server
    a_server_that_dies_before_its_handshake
    a_server_that_refuses_the_handshake
    a_server_without_logging_has_no_level
    a_session_that_ends_cancels_and_answers
    a_session_that_ends_while_it_subscribes_gets_an_end
    a_subscription_that_times_out_fails_for_all_who_wait
    an_equal_token_in_flight_twice_is_the_newest
    an_extended_deadline_is_kept_to_the_second
    an_id_in_flight_twice_gets_both_answers
    answers_to_nothing_are_dropped
    batches_from_the_server
    cancelling_ends_only_ones_own_request
    cancelling_recognises_an_id_by_its_value
    changes_of_roots_cross_only_when_exclusive
    client_notifications_to_a_shared_server
    equal_ids_of_two_sessions_do_not_meet
    ids_are_rewritten_and_restored
    junk_between_messages_is_skipped
    list_changes_reach_each_initialized_session_once
    logs_of_a_cancelled_request_reach_no_other
    logs_of_a_subscribing_session_reach_no_other
    logs_of_an_exclusive_server_are_placed_and_never_dropped
    logs_reach_the_only_busy_session
    nobody_asked_for_a_level_so_the_servers_own_applies
    progress_of_a_task_outlives_its_request
    progress_starts_the_time_anew_up_to_a_maximum
    progress_that_nobody_asked_for_is_dropped
    progress_tokens_are_rewritten_when_shared
    progress_tokens_are_untouched_when_exclusive
    questions_of_a_shared_server_are_refused
    questions_of_an_exclusive_server_cross
    questions_that_the_server_withdraws
    subscriptions_are_counted
    tasks_are_not_offered_when_shared
    the_handshake_is_never_cancelled
    the_last_words_of_a_process_that_was_given_up
    the_log_level_is_the_most_verbose_asked_for
    the_servers_ping_is_answered_before_the_handshake
    the_servers_ping_is_answered_here
    too_many_in_flight
    unknown_notifications_of_an_exclusive_server
    unknown_notifications_of_the_server
    unsubscribing_while_subscribing_is_settled_by_the_outcome
    updates_of_sub_resources_reach_who_subscribed_above
    what_a_gone_session_still_sends_harms_nobody
    who_asked_for_no_level_does_not_get_anothers_debugging
}
