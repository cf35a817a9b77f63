//! `Accepted`: whether the specification can be carried out as it is written.

use super::{super::problem::Problem, verdict::Verdict, words};

/// The longest list of mistakes, in bytes: who has made more sees the rest when these are gone.
const LONGEST: usize = 4096;

pub(super) fn verdict(problems: &[Problem]) -> Verdict {
    let Some(first) = problems.first() else {
        return Verdict::good("Accepted", "The specification is carried out as it is written.");
    };
    let all: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    Verdict::bad(first.reason, words::clipped(&all.join(" "), LONGEST)).alarming(first.reason)
}
