//! What an image's configuration says about its process, and the command that a container runs.

/// What the configuration of an image says about its process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrypoint {
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`: the arguments, or with no `ENTRYPOINT` the command.
    pub cmd: Vec<String>,
    /// `WORKDIR`, if set.
    pub working_dir: Option<String>,
    /// `USER`, if set: a name or a number, possibly with `:group`.
    pub user: Option<String>,
    /// The digest of what the reference named: of the index, for a multi-platform image.
    pub digest: String,
}

impl Entrypoint {
    /// The number of the image's user. None for a name, of which the kubelet cannot tell that it is not root, and
    /// for an image that says nothing, and therefore runs as root.
    pub fn uid(&self) -> Option<i64> {
        let user = self.user.as_deref()?;
        let uid = user.split_once(':').map_or(user, |(uid, _group)| uid);
        uid.parse::<u32>().ok().map(i64::from)
    }
}

/// The words to run, with Kubernetes' semantics: a command replaces `ENTRYPOINT` and drops `CMD`, arguments replace
/// `CMD`, and an empty list is as good as none.
///
/// The words are meant for a container's `command` or `args`, where Kubernetes expands `$(NAME)`. It does not do that
/// in an image's own words, therefore their dollar signs come out doubled, which the expansion reverts.
pub fn command(spec_command: &[String], spec_args: &[String], image: &Entrypoint) -> Vec<String> {
    let of_image = |words: &[String]| words.iter().map(|word| word.replace('$', "$$")).collect();
    let (mut words, cmd) = match spec_command {
        [] => (of_image(&image.entrypoint), of_image(&image.cmd)),
        command => (command.to_vec(), Vec::new()),
    };
    match spec_args {
        [] => words.extend(cmd),
        args => words.extend_from_slice(args),
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(entrypoint: &[&str], cmd: &[&str]) -> Entrypoint {
        Entrypoint {
            entrypoint: words(entrypoint),
            cmd: words(cmd),
            working_dir: None,
            user: None,
            digest: "sha256:0".into(),
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    /// The table of Kubernetes' documentation, and the images that have one of the two alone.
    #[test]
    fn command_and_args_mean_what_they_mean_in_a_container() {
        let both = image(&["/ep-1"], &["foo", "bar"]);
        let (only_entrypoint, only_cmd) = (image(&["/ep-2"], &[]), image(&[], &["/cmd-3", "baz"]));
        for (command_of_spec, args, image, expected) in [
            (&[][..], &[][..], &both, &["/ep-1", "foo", "bar"][..]),
            (&["/c"], &[], &both, &["/c"]),
            (&[], &["zoo", "boo"], &both, &["/ep-1", "zoo", "boo"]),
            (&["/c"], &["zoo", "boo"], &both, &["/c", "zoo", "boo"]),
            (&[], &[], &only_entrypoint, &["/ep-2"]),
            (&[], &["zoo"], &only_entrypoint, &["/ep-2", "zoo"]),
            (&[], &[], &only_cmd, &["/cmd-3", "baz"]),
            (&[], &["/zoo"], &only_cmd, &["/zoo"]),
        ] {
            assert_eq!(command(&words(command_of_spec), &words(args), image), words(expected));
        }
    }

    /// What Kubernetes' expansion does to a word when no variable is defined.
    fn expanded(word: &str) -> String {
        word.replace("$$", "$")
    }

    #[test]
    fn an_images_own_dollars_survive_the_expansion() {
        let image = image(&["sh", "-c"], &["echo $$ $(date) $HOME $"]);
        let run = command(&[], &[], &image);
        assert_eq!(
            run.iter().map(|w| expanded(w)).collect::<Vec<_>>(),
            words(&["sh", "-c", "echo $$ $(date) $HOME $"])
        );
        // The words of the resource are the user's, who knows the expansion.
        assert_eq!(
            command(&words(&["/c", "$(A)"]), &words(&["$(B)"]), &image),
            words(&["/c", "$(A)", "$(B)"])
        );
    }

    #[test]
    fn a_numeric_user_is_known_before_the_pod_runs() {
        for (user, uid) in [
            (None, None),
            (Some("app"), None),
            (Some("1000"), Some(1000)),
            (Some("65532:65532"), Some(65532)),
            (Some("0:0"), Some(0)),
            (Some("1000:staff"), Some(1000)),
            (Some("-1"), None),
            (Some(""), None),
        ] {
            let image = Entrypoint { user: user.map(str::to_owned), ..image(&[], &[]) };
            assert_eq!(image.uid(), uid, "{user:?}");
        }
    }
}
