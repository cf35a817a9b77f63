//! Secrets in the words of others: a program that gives up may print what it was given. What looks like a secret is not
//! told on, since more people read the status of a resource than the log of its pod.

/// In place of a secret.
const HIDDEN: &str = "<hidden>";
/// Names of what is secret, as parts of longer names.
const NAMES: [&str; 8] =
    ["token", "secret", "passw", "apikey", "api_key", "api-key", "authorization", "credential"];
/// Words after which a secret comes.
const SCHEMES: [&str; 2] = ["bearer", "basic"];
/// How well-known keys begin.
const KEYS: [&str; 12] =
    ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "sk-", "xoxb-", "xoxp-", "AKIA", "eyJ"];
/// What is shorter is a word such as `missing` and no secret.
const SHORTEST: usize = 8;

/// The words with single spaces between them, and without what looks like a secret.
pub(super) fn hidden<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    let mut announced = false;
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        let plain = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let bare = plain.to_ascii_lowercase();
        if (announced && is_random(plain))
            || KEYS.iter().any(|key| plain.starts_with(key) && plain.len() > SHORTEST)
        {
            line.push_str(HIDDEN);
            announced = false;
            continue;
        }
        line.push_str(&assigned(&without_user(word)));
        announced = SCHEMES.contains(&bare.as_str()) || is_name(&bare);
    }
    line
}

/// Whether a word after an announcement is a secret rather than a part of the sentence.
fn is_random(word: &str) -> bool {
    word.len() >= SHORTEST && word.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

fn is_name(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    NAMES.iter().any(|name| text.contains(name))
}

/// `NAME=VALUE` and `NAME:VALUE` of a secret name, also in the query of a URL.
fn assigned(word: &str) -> String {
    let parts = word.split_inclusive(['&', '?', ',', ';']);
    let shown = parts.map(|part| match part.find(['=', ':']) {
        Some(at) if is_name(&part[..at]) && part.len() > at + 1 => {
            let end = part.rfind(['&', '?', ',', ';']).filter(|end| end + 1 == part.len() && *end > at);
            format!("{}{HIDDEN}{}", &part[..=at], end.map_or("", |end| &part[end..]))
        }
        _ => part.to_owned(),
    });
    shown.collect()
}

/// A URL without its user and password.
fn without_user(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{HIDDEN}{}", &rest[at..]),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::hidden;

    #[test]
    fn what_looks_like_a_secret_is_hidden() {
        for (said, told) in [
            ("token ghp_51Sesame9999 refused", "token <hidden> refused"),
            ("Authorization: Bearer Sesame-5121", "Authorization: Bearer <hidden>"),
            ("GITHUB_TOKEN=sesame is wrong", "GITHUB_TOKEN=<hidden> is wrong"),
            ("cannot reach postgres://me:sesame@db:5432/x", "cannot reach postgres://<hidden>@db:5432/x"),
            ("GET https://a.test/?api_key=sesame&page=2", "GET https://a.test/?api_key=<hidden>&page=2"),
            ("{\"password\":\"sesame\",\"a\":1}", "{\"password\":<hidden>,\"a\":1}"),
            ("key \"sk-sesame5121\" is revoked", "key <hidden> is revoked"),
        ] {
            assert_eq!(hidden(said.split(' ')), told);
        }
    }

    #[test]
    fn sentences_stay_what_they_are() {
        for said in [
            "GITHUB_TOKEN is not set",
            "error: the token is missing",
            "panicked at src/main.rs:12:5: no such file",
            "listening on http://127.0.0.1:8080/mcp?x=1",
            "password: required",
        ] {
            assert_eq!(hidden(said.split(' ')), said);
        }
    }
}
