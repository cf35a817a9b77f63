//! What a person must know and did not know before.

use waggle_crds::conditions::ConditionType;

use super::{
    Notice,
    context::Context,
    status::{self, Report, Truth, words},
};

/// The longest note that an event may have, in bytes.
const LONGEST: usize = 1024;

/// A notice for each condition that says something else than it said before, if that is worth an event.
pub(super) fn notices(context: &Context<'_>, report: &Report) -> Vec<Notice> {
    let fresh = report.verdicts.iter().filter(|(about, verdict)| {
        status::previous(context, *about)
            .is_none_or(|before| before.reason != verdict.reason || before.message != verdict.message)
    });
    let bad = fresh.filter_map(|(_, verdict)| {
        let reason = verdict.alarm?;
        Some(Notice { warning: true, reason, message: words::clipped(&verdict.message, LONGEST) })
    });
    bad.chain(ready(context, report)).collect()
}

fn ready(context: &Context<'_>, report: &Report) -> Option<Notice> {
    let (_, verdict) = report.verdicts.iter().find(|(about, _)| *about == ConditionType::Ready)?;
    let was = status::previous(context, ConditionType::Ready)
        .is_some_and(|before| before.status == Truth::True.as_str());
    (verdict.truth == Truth::True && !was).then(|| Notice {
        warning: false,
        reason: "Ready",
        message: words::clipped(&verdict.message, LONGEST),
    })
}
