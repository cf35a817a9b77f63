//! `ImageResolved`: whether it is known what to run.

use super::{
    super::{
        command::Command,
        context::{Context, Kind},
    },
    verdict::Verdict,
};

pub(super) fn verdict(context: &Context<'_>, command: &Command) -> Verdict {
    match command {
        Command::AsItIs if context.kind() == Kind::Remote => {
            Verdict::good("NotNeeded", "The server runs elsewhere.")
        }
        Command::AsItIs => Verdict::good("NotNeeded", "The image runs as it is."),
        Command::Given(_) => Verdict::good("NotNeeded", "The program to run is in `spec.command`."),
        Command::OfImage { image, remembered: None, .. } => {
            Verdict::good("Resolved", format!("The program to run was read from `{}`.", image.resolved))
        }
        Command::OfImage { image, remembered: Some(why), .. } => Verdict::good(
            "Remembered",
            format!("The program to run was read from `{}` before; it cannot be now: {why}", image.resolved),
        ),
        Command::Unknown { reason, message } if reason == "Pending" => Verdict::unknown("Pending", message),
        Command::Unknown { reason, message } => {
            Verdict::bad(reason.clone(), message).alarming("ImageNotResolved")
        }
    }
}
