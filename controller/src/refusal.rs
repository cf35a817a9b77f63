//! What the API server does not want, told in the status: the plan is pure and cannot know it.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use waggle_crds::{McpServerStatus, conditions::ConditionType};

use crate::{error::Refusal, plan::Notice, text::shortened};

/// What a condition's message may have.
const LONGEST: usize = 4096;

/// Puts a refusal into the conditions that it makes untrue. `before` is the status that the resource has.
pub fn tell(
    status: &mut McpServerStatus,
    before: Option<&McpServerStatus>,
    refusal: &Refusal,
    now: Timestamp,
) {
    for kind in [ConditionType::Accepted, ConditionType::Ready] {
        let known = before.and_then(|before| find(before, kind));
        let since =
            known.filter(|known| known.status == "False").map(|known| known.last_transition_time.clone());
        let condition = Condition {
            type_: kind.as_str().to_owned(),
            status: "False".to_owned(),
            reason: refusal.reason.to_owned(),
            message: shortened(&refusal.message, LONGEST).to_owned(),
            last_transition_time: since.unwrap_or(Time(now)),
            observed_generation: status.observed_generation,
        };
        match status.conditions.iter_mut().find(|known| known.type_ == kind.as_str()) {
            Some(known) => *known = condition,
            None => status.conditions.push(condition),
        }
    }
}

/// The same for `kubectl describe`.
pub fn notice(refusal: &Refusal) -> Notice {
    Notice { warning: true, reason: refusal.reason, message: refusal.message.clone() }
}

fn find(status: &McpServerStatus, kind: ConditionType) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_refusal_that_goes_on_stays() {
        let refusal = Refusal { reason: "Invalid", message: "spec.template: no".to_owned() };
        let (early, late) = (Timestamp::from_second(100).unwrap(), Timestamp::from_second(200).unwrap());
        let mut first = McpServerStatus::default();
        tell(&mut first, None, &refusal, early);
        let mut second = McpServerStatus::default();
        tell(&mut second, Some(&first), &refusal, late);
        assert_eq!(first, second);
        assert_eq!(first.conditions.len(), 2);
        let ready = find(&first, ConditionType::Ready).unwrap();
        assert_eq!((ready.status.as_str(), ready.message.as_str()), ("False", "spec.template: no"));
    }
}
