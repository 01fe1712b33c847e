//! Which tests run: for a tool that slows kernels down so much that only some of them fit.

use libtest_mimic::Trial;

/// The environment variable that names tests, divided by white space: each by its whole name, or by the end of it behind a `/`.
pub(crate) const VARIABLE: &str = "PERDIX_TESTS";

/// A name that is no test's: a list that has gone stale must not pass for a check.
#[derive(Debug)]
pub(crate) struct Unknown(String);

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{VARIABLE} names `{}`, but there is no such test; --list lists them", self.0)
    }
}

/// The trials that `names` names, in their order.
pub(crate) fn select(trials: Vec<Trial>, names: &str) -> Result<Vec<Trial>, Unknown> {
    let names: Vec<&str> = names.split_whitespace().collect();
    if let Some(unknown) = names.iter().find(|name| !trials.iter().any(|trial| is_named(trial.name(), name)))
    {
        return Err(Unknown((*unknown).to_owned()));
    }
    Ok(trials.into_iter().filter(|trial| names.iter().any(|name| is_named(trial.name(), name))).collect())
}

fn is_named(test: &str, name: &str) -> bool {
    test.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials() -> Vec<Trial> {
        let names =
            ["managed/fenced/warp/bytes", "pinned/fenced/warp/bytes", "managed/fenced/bytes", "general"];
        names.into_iter().map(|name| Trial::test(name, || Ok(()))).collect()
    }

    fn selected(names: &str) -> Vec<String> {
        let selected = select(trials(), names).unwrap();
        selected.iter().map(|trial| trial.name().to_owned()).collect()
    }

    #[test]
    fn tests_are_named_in_whole_or_by_their_end() {
        assert_eq!(selected("warp/bytes"), ["managed/fenced/warp/bytes", "pinned/fenced/warp/bytes"]);
        assert_eq!(selected(" general\n fenced/bytes "), ["managed/fenced/bytes", "general"]);
        assert_eq!(selected("bytes").len(), 3);
        assert!(selected("").is_empty());
    }

    #[test]
    fn a_name_that_is_no_tests_is_refused() {
        for unknown in ["ytes", "warp", "managed", "none"] {
            let error = select(trials(), &format!("general {unknown}")).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains(&format!("`{unknown}`")), "{error}");
        }
    }
}
