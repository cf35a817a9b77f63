//! What the server's container runs.

use k8s_openapi::api::apps::v1::Deployment;
use serde::{Deserialize, Serialize};

use super::{
    context::{Context, Kind},
    names,
};
use crate::observed::{ImageCommand, ImageState};

/// What is known of the program to run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    /// None needs to be known: the container runs as it is, or there is none.
    AsItIs,
    /// It was given.
    Given(Vec<String>),
    /// It is the image's own.
    OfImage {
        argv: Vec<String>,
        image: ImageCommand,
        /// Why the registry does not say it now, if it was remembered.
        remembered: Option<String>,
    },
    /// It cannot be known yet.
    Unknown { reason: String, message: String },
}

/// What was read from an image, as it is remembered on the Deployment.
#[derive(Debug, Deserialize, Serialize)]
struct Memory {
    image: String,
    #[serde(flatten)]
    command: ImageCommand,
}

impl Command {
    pub(super) fn of(context: &Context<'_>) -> Self {
        let spec = context.spec;
        if context.kind() != Kind::Launched {
            return Self::AsItIs;
        }
        if !spec.command.is_empty() {
            return Self::Given([spec.command.as_slice(), &spec.args].concat());
        }
        let image = spec.image.as_deref().unwrap_or_default();
        let remembered = || context.deployment().and_then(|deployment| recall(deployment, image));
        match &context.observed.image {
            ImageState::Known(command) => Self::of_image(image, &spec.args, command.clone(), None),
            ImageState::Unknown { reason, message } => match remembered() {
                Some(command) => Self::of_image(image, &spec.args, command, Some(message.clone())),
                None => Self::Unknown { reason: reason.clone(), message: message.clone() },
            },
            ImageState::NotNeeded => match remembered() {
                Some(command) => Self::of_image(image, &spec.args, command, None),
                None => Self::Unknown {
                    reason: "Pending".to_owned(),
                    message: format!("The entrypoint of `{image}` has not been read from its registry yet."),
                },
            },
        }
    }

    /// As Kubernetes does it: arguments take the place of CMD and leave ENTRYPOINT.
    fn of_image(image: &str, args: &[String], command: ImageCommand, remembered: Option<String>) -> Self {
        // In a container's `command` Kubernetes expands `$(NAME)`, in an image's own it does not.
        let literal =
            |words: &[String]| -> Vec<String> { words.iter().map(|word| word.replace('$', "$$")).collect() };
        let mut argv = literal(&command.entrypoint);
        argv.extend(if args.is_empty() { literal(&command.cmd) } else { args.to_vec() });
        if argv.is_empty() {
            return Self::Unknown {
                reason: "NoEntrypoint".to_owned(),
                message: format!(
                    "The image `{image}` has neither ENTRYPOINT nor CMD; write the program to run in `spec.command`."
                ),
            };
        }
        Self::OfImage { argv, image: command, remembered }
    }

    /// The words after the launcher's own, if there is a launcher and they are known.
    pub(super) fn argv(&self) -> &[String] {
        match self {
            Self::Given(argv) | Self::OfImage { argv, .. } => argv,
            Self::AsItIs | Self::Unknown { .. } => &[],
        }
    }

    /// The annotation of the Deployment that remembers what was read from `image`.
    pub(super) fn memory(&self, image: &str) -> Option<String> {
        let Self::OfImage { image: command, .. } = self else { return None };
        let memory = Memory { image: image.to_owned(), command: command.clone() };
        serde_json::to_string(&memory).ok()
    }
}

/// What was read from `image` when the Deployment was written.
fn recall(deployment: &Deployment, image: &str) -> Option<ImageCommand> {
    let text = deployment.metadata.annotations.as_ref()?.get(names::IMAGE_COMMAND)?;
    let memory: Memory = serde_json::from_str(text).ok()?;
    (memory.image == image).then_some(memory.command)
}
