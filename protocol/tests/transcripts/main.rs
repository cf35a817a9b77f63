//! The multiplexers' behaviour, written down as conversations in `testdata/mux`, a folder for each era of
//! servers, and replayed with the server's bytes split at every point.
//!
//! A transcript is text, one step a line; empty lines and lines that begin with `#` are skipped.
//!
//! | line | meaning |
//! |---|---|
//! | `shared`, `exclusive` | first line: a legacy server, and how the process is shared |
//! | `modern` | first line: a server of 2026-07-28 |
//! | `in-flight 3`, `timeout 60s` | second lines: limits |
//! | `define name text` | `%name` stands for the text from here on, as `mcp/` does for `io.modelcontextprotocol/` |
//! | `attach A`, `initialized A`, `detach A` | a session comes, is initialized, goes |
//! | `attach A {…}` | a session comes, with these params of its `initialize` |
//! | `detach A.2` | the modern client whose second request this is goes |
//! | `connect`, `disconnect` | a process starts, ends |
//! | `serve {"logging":{}}` | a process starts, and answers the handshake with these capabilities; of what happens only what is no part of the handshake is expected |
//! | `wait 59s` | time passes, and what is overdue ends |
//! | `call A.1 {…}` | a modern client's request to a legacy server, with its exchange; the part before the point names it as a member |
//! | `resume A.2 1 {…}` | it comes back on another exchange, with the state of a round |
//! | `listen A.1 {…}`, `end-listens` | a modern client listens; all listens end |
//! | `A> {…}` | session A sends a message; its n-th request opens the exchange `A.n`; one that has not been attached is a modern client |
//! | `server> …` | the server writes a line; adjacent ones are read as one block of bytes |
//! | `server@$name> …` | the server writes a line on the stream of this request |
//! | `server< {…}` | expected: a line to the server |
//! | `A.1= {…}`, `A.1< {…}`, `A.1 ends` | expected: the exchange's response, a message before it, no response |
//! | `A< {…}` | expected: a message on the session's standalone stream |
//! | `A.1? 1 {…}` | expected: the exchange ends with a round of questions |
//! | `invalid …` | expected: a client that comes back is refused, and why |
//! | `ready`, `refused`, `overloaded`, `skipped`, `changed list`, `dropped reason` | expected: outcomes without a message |
//! | `holds 2` | expected now: requests in flight; `idle`: nothing that needs the process; `quiet`, `unquiet`: no call that does |
//!
//! After a step all that happens is expected, in order. `$name` stands for a number of the multiplexer's
//! choice: the first expectation that has it settles it. Two names never stand for the same request; names
//! of the server's requests begin with `q`.

mod replay;
mod script;

use std::{
    fs,
    path::{Path, PathBuf},
};

use replay::{Split, replay};
use script::Script;

fn folder(era: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/mux")).join(era)
}

fn check(era: &str, name: &str) {
    let text =
        fs::read_to_string(folder(era).join(name).with_extension("txt")).expect("a file for each name");
    let script = Script::parse(&text).unwrap_or_else(|mistake| panic!("{name}.txt: {mistake}"));
    let replay = |split| replay(&script, split).unwrap_or_else(|m| panic!("{name}.txt, {split:?}: {m}"));
    let bytes = replay(Split::Never);
    replay(Split::EverywhereAtOnce);
    for at in 1..bytes {
        replay(Split::At(at));
    }
}

macro_rules! transcripts {
    ($era:ident: $($name:ident)*) => {
        mod $era {
            use super::{check, folder};
            use std::{collections::BTreeSet, fs};

            $(#[test] fn $name() { check(stringify!($era), stringify!($name)); })*

            #[test]
            fn every_transcript_is_replayed() {
                let replayed: BTreeSet<String> = [$(concat!(stringify!($name), ".txt").to_owned()),*].into();
                let files = fs::read_dir(folder(stringify!($era))).unwrap();
                let files: BTreeSet<String> =
                    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
                assert_eq!(replayed, files);
            }
        }
    };
}

transcripts! {
    legacy:
    a_call_that_is_answered_while_it_asks
    a_call_that_runs_out_of_time
    a_call_that_was_given_up_may_still_log
    a_cancelled_subscription_is_ended_and_released
    a_client_that_comes_back_speaks_for_itself_anew
    a_late_question_is_of_the_next_round
    a_level_asked_for_before_the_first_handshake_is_kept
    a_listen_that_is_given_up_or_ended_before_it_is_acknowledged
    a_missing_answer_is_asked_for_again
    a_parked_answer_that_nobody_fetches
    a_parked_call_that_is_given_up
    a_question_parks_a_call
    a_question_to_the_client_starts_the_time_anew
    a_refused_subscription_counts_for_nobody
    a_request_ends_at_its_deadline
    a_request_that_was_never_sent_is_not_cancelled
    a_restart_answers_and_replays
    a_restart_of_an_exclusive_server
    a_server_that_dies_before_its_handshake
    a_server_that_dies_while_the_client_is_away
    a_server_that_has_not_introduced_itself
    a_server_that_refuses_the_handshake
    a_server_without_logging_has_no_level
    a_session_that_ends_cancels_and_answers
    a_session_that_ends_while_it_subscribes_gets_an_end
    a_shared_server_asks_no_call
    a_state_is_good_for_one_round
    a_subscription_that_times_out_fails_for_all_who_wait
    a_url_to_visit_first_is_asked_as_input
    an_answer_while_the_client_is_away_is_kept
    an_equal_token_in_flight_twice_is_the_newest
    an_error_while_the_client_is_away_is_kept
    an_extended_deadline_is_kept_to_the_second
    an_id_in_flight_twice_gets_both_answers
    answers_to_nothing_are_dropped
    batches_from_the_server
    calls_are_completed
    calls_get_the_logs_that_they_ask_for
    cancelling_ends_only_ones_own_request
    cancelling_recognises_an_id_by_its_value
    changes_of_roots_cross_only_when_exclusive
    client_notifications_to_a_shared_server
    equal_ids_of_two_sessions_do_not_meet
    errors_of_an_earlier_revision_are_translated
    ids_are_rewritten_and_restored
    junk_between_messages_is_skipped
    list_changes_reach_each_initialized_session_once
    listens_and_sessions_hold_a_resource_together
    listens_are_acknowledged_and_then_told
    listens_outlive_their_server
    listens_subscribe_to_resources
    listens_that_cannot_be
    logs_of_a_cancelled_request_reach_no_other
    logs_of_a_subscribing_session_reach_no_other
    logs_of_an_exclusive_server_are_placed_and_never_dropped
    logs_reach_the_only_busy_session
    nobody_asked_for_a_level_so_the_servers_own_applies
    parallel_questions_are_one_round
    progress_of_a_task_outlives_its_request
    progress_starts_the_time_anew_up_to_a_maximum
    progress_that_a_call_did_not_ask_for_is_dropped
    progress_that_nobody_asked_for_is_dropped
    progress_tokens_are_rewritten_when_shared
    progress_tokens_are_untouched_when_exclusive
    questions_of_a_shared_server_are_refused
    questions_of_an_exclusive_server_cross
    questions_outside_of_calls_that_may_ask
    questions_that_the_server_withdraws
    questions_to_a_call_that_the_server_withdraws
    results_get_what_they_lack
    results_keep_what_they_have
    sessions_and_calls_share_a_server
    subscriptions_are_counted
    tasks_are_not_offered_to_calls
    tasks_are_not_offered_when_shared
    the_handshake_is_never_cancelled
    the_last_words_of_a_process_that_was_given_up
    the_log_level_is_the_most_verbose_asked_for
    the_servers_ping_is_answered_before_the_handshake
    the_servers_ping_is_answered_here
    the_stream_of_a_request_places_what_a_session_gets
    the_time_of_a_call_begins_anew_with_each_exchange
    too_many_calls
    too_many_in_flight
    unknown_notifications_of_an_exclusive_server
    unknown_notifications_of_the_server
    unsubscribing_while_subscribing_is_settled_by_the_outcome
    updates_of_sub_resources_reach_who_subscribed_above
    what_a_client_does_not_declare_is_refused_and_named
    what_a_gone_session_still_sends_harms_nobody
    what_belongs_to_an_earlier_round_does_not_cross
    what_comes_while_the_client_is_away_is_kept
    who_asked_for_no_level_does_not_get_anothers_debugging
}

transcripts! {
    modern:
    a_call_is_cancelled_between_its_rounds
    a_client_has_ten_minutes_to_answer
    a_client_that_answers_with_an_error
    a_client_that_goes_is_cancelled_upstream
    a_feed_that_is_not_acknowledged_in_time
    a_feed_that_the_server_ends_is_opened_again
    a_held_request_ends_at_its_deadline
    a_modern_call_crosses_byte_for_byte
    a_request_ends_at_its_deadline
    a_restart_answers_calls_and_keeps_subscriptions
    a_restart_opens_the_feed_with_what_was_confirmed
    a_result_with_a_state_only_is_tried_again_at_once
    a_server_that_is_not_modern_is_refused
    a_subscription_taken_back_and_wanted_again
    a_subscription_that_breaks_off_is_opened_again
    a_url_elicitation_gets_the_id_that_clients_demand
    answers_of_others_count_for_nothing
    each_session_has_its_own_level
    feeds_on_streams_of_their_own_lose_nothing
    list_changes_reach_each_initialized_session_once
    logs_of_a_cancelled_request_reach_no_other
    logs_reach_the_only_one_who_asked_for_them
    progress_grows_over_rounds
    questions_that_nobody_can_answer_end_the_call
    requests_of_legacy_clients_bear_metadata
    requests_of_the_server_are_refused
    requests_wait_for_the_handshake
    subscriptions_of_modern_clients_do_not_meet
    subscriptions_of_sessions_are_one
    the_servers_questions_become_requests_to_the_client
    too_many_in_flight
    too_many_questions_at_once
    what_a_legacy_schema_refuses_is_taken_away
    what_the_server_has_no_word_for_is_answered_here
    without_list_changes_the_feed_is_there_for_subscribers_only
}
