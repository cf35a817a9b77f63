//! The pods' account.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::context::Context;
use crate::observed::Part;

/// An account without any right and without a token, unless another one is named.
pub(super) fn service_account(context: &Context<'_>) -> Option<ServiceAccount> {
    let wanted = context.spec.service_account_name.is_none() && !context.is_foreign(Part::ServiceAccount);
    wanted.then(|| ServiceAccount {
        metadata: context.metadata(),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    })
}

/// The name of the account that the pods have.
pub(super) fn name(context: &Context<'_>) -> String {
    context.spec.service_account_name.clone().unwrap_or_else(|| context.name())
}
