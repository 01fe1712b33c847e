//! Counts, and what they are compared by.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use serde_json::{Value, json};

/// How much a path may grow or shrink before it counts, made by the same compiler.
const SAME: f64 = 0.02;

/// The same for another compiler or C library.
const OTHER: f64 = 0.15;

/// Instructions per message.
#[derive(Debug, PartialEq)]
pub(super) struct Counts {
    /// Compiler and C library.
    pub(super) made_by: String,
    pub(super) per_message: BTreeMap<String, f64>,
}

/// The file is not what `--update` writes.
#[derive(Debug, thiserror::Error)]
#[error("benches/instructions.json cannot be read: {0}. Run `cargo xtask instructions --update`")]
pub(super) struct Unreadable(String);

impl Counts {
    pub(super) fn to_json(&self) -> String {
        let rounded = self.per_message.iter().map(|(name, count)| (name.clone(), json!(round(*count))));
        let counts: serde_json::Map<_, _> = rounded.collect();
        format!("{:#}\n", json!({ "made_by": self.made_by, "instructions_per_message": counts }))
    }

    pub(super) fn from_json(text: &str) -> Result<Self, Unreadable> {
        let value: Value = serde_json::from_str(text).map_err(|error| Unreadable(error.to_string()))?;
        let missing = |what: &str| Unreadable(format!("no {what}"));
        let made_by = value["made_by"].as_str().ok_or_else(|| missing("made_by"))?.to_owned();
        let counts = value["instructions_per_message"].as_object().ok_or_else(|| missing("counts"))?;
        let number = |(name, count): (&String, &Value)| Some((name.clone(), count.as_f64()?));
        let per_message =
            counts.iter().map(number).collect::<Option<_>>().ok_or_else(|| missing("number"))?;
        Ok(Self { made_by, per_message })
    }

    /// What has become of the kept counts.
    pub(super) fn compare(&self, now: &Self) -> Comparison {
        let tolerance = if self.made_by == now.made_by { SAME } else { OTHER };
        let rows = now.per_message.iter().map(|(name, count)| {
            let kept = self.per_message.get(name).copied();
            let verdict = match kept {
                Some(kept) if *count > kept * (1.0 + tolerance) => Verdict::More,
                Some(kept) if *count >= kept * (1.0 - tolerance) => Verdict::Same,
                // A path that is not kept yet has to be.
                _ => Verdict::Less,
            };
            Row { name: name.clone(), kept, now: *count, verdict }
        });
        let made_by = (tolerance == OTHER).then(|| (self.made_by.clone(), now.made_by.clone()));
        Comparison { rows: rows.collect(), tolerance, made_by }
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| instructions per message ({}) | |\n|---|---|", self.made_by)?;
        self.per_message.iter().try_for_each(|(name, count)| writeln!(f, "| {name} | {count:.1} |"))
    }
}

/// How a count stands to the kept one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    More,
    Same,
    /// Less, or not kept yet.
    Less,
}

/// Kept and new counts side by side.
#[derive(Debug)]
pub(super) struct Comparison {
    rows: Vec<Row>,
    tolerance: f64,
    /// The two makers, if they differ.
    made_by: Option<(String, String)>,
}

#[derive(Debug)]
struct Row {
    name: String,
    kept: Option<f64>,
    now: f64,
    verdict: Verdict,
}

impl Comparison {
    pub(super) fn has(&self, verdict: Verdict) -> bool {
        self.rows.iter().any(|row| row.verdict == verdict)
    }

    /// The paths with this verdict.
    pub(super) fn names(&self, verdict: Verdict) -> String {
        let named = self.rows.iter().filter(|row| row.verdict == verdict).map(|row| row.name.as_str());
        named.collect::<Vec<_>>().join("; ")
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((kept, now)) = &self.made_by {
            writeln!(
                f,
                "kept counts are by {kept}, these by {now}: allowed to differ by {:.0} %",
                100.0 * self.tolerance
            )?;
        }
        writeln!(f, "| instructions per message | kept | now | change |\n|---|---|---|---|")?;
        for row in &self.rows {
            let kept = row.kept.map_or("–".to_owned(), |kept| format!("{kept:.1}"));
            let change =
                row.kept.map_or("new".to_owned(), |kept| format!("{:+.1} %", 100.0 * (row.now / kept - 1.0)));
            writeln!(f, "| {} | {kept} | {:.1} | {change} |", row.name, row.now)?;
        }
        Ok(())
    }
}

fn round(count: f64) -> f64 {
    (10.0 * count).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(made_by: &str, pairs: &[(&str, f64)]) -> Counts {
        let per_message = pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Counts { made_by: made_by.to_owned(), per_message }
    }

    #[test]
    fn counts_survive_the_file() {
        let some = counts("rustc 1, glibc 2", &[("a", 101.5), ("b", 7.0)]);
        assert_eq!(Counts::from_json(&some.to_json()).unwrap(), some);
        assert!(Counts::from_json("{}").unwrap_err().to_string().contains("--update"));
        assert!(
            Counts::from_json("{\"made_by\": \"x\", \"instructions_per_message\": {\"a\": \"b\"}}").is_err()
        );
    }

    #[test]
    fn the_same_compiler_may_grow_by_two_percent() {
        let kept = counts("x", &[("a", 100.0), ("b", 100.0), ("c", 100.0)]);
        let compared = kept.compare(&counts("x", &[("a", 102.0), ("b", 102.1), ("c", 97.9)]));
        assert_eq!((compared.names(Verdict::Same), compared.names(Verdict::More)), ("a".into(), "b".into()));
        assert_eq!(compared.names(Verdict::Less), "c");
    }

    #[test]
    fn another_compiler_may_grow_by_fifteen() {
        let kept = counts("x", &[("a", 100.0), ("b", 100.0)]);
        let compared = kept.compare(&counts("y", &[("a", 114.9), ("b", 115.1)]));
        assert_eq!((compared.names(Verdict::Same), compared.names(Verdict::More)), ("a".into(), "b".into()));
        assert!(compared.to_string().contains("15 %"));
    }

    #[test]
    fn a_new_path_asks_for_an_update() {
        let compared = counts("x", &[]).compare(&counts("x", &[("a", 1.0)]));
        assert!(compared.has(Verdict::Less) && !compared.has(Verdict::More));
    }
}
