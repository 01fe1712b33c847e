//! What a run of a target came to.

use super::Target;

/// The figures that libFuzzer wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// Inputs run.
    executions: u64,
    /// Branches reached.
    edges: u64,
    /// Branches, with how often, and values compared.
    features: u64,
    /// Inputs that each reach something of their own.
    inputs: u64,
    seconds: u64,
    pub(super) passed: bool,
}

impl Figures {
    /// Reads a log.
    pub(super) fn of(log: &str, passed: bool) -> Self {
        let mut figures = Self { passed, ..Self::default() };
        for line in log.lines() {
            if let Some(stat) = line.strip_prefix("stat::number_of_executed_units:") {
                figures.executions = stat.trim().parse().unwrap_or(0);
            } else if line.starts_with('#') && line.contains(" cov: ") {
                figures.edges = after(line, "cov:");
                figures.features = after(line, "ft:");
                figures.inputs = after(line, "corp:");
            } else if line.starts_with("Done ") {
                figures.seconds = after(line, "in");
            }
        }
        figures
    }

    pub(super) fn verdict(&self) -> &'static str {
        if self.passed { "passed" } else { "FAILED" }
    }
}

/// The number behind a word, up to what is no digit.
fn after(line: &str, word: &str) -> u64 {
    let rest = line.split_whitespace().skip_while(|part| *part != word).nth(1).unwrap_or_default();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

pub(super) fn table(rows: &[(Target, Figures)]) -> String {
    let mut text = String::from(
        "| target | inputs run | s | branches | features | corpus | |\n|---|---|---|---|---|---|---|",
    );
    for (target, figures) in rows {
        let Figures { executions, edges, features, inputs, seconds, .. } = figures;
        text += &format!(
            "\n| {target} | {executions} | {seconds} | {edges} | {features} | {inputs} | {} |",
            figures.verdict()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "#2\tINITED cov: 65 ft: 66 corp: 1/1b exec/s: 0 rss: 35Mb\n\
        #1946\tDONE   cov: 1134 ft: 2352 corp: 171/1053b lim: 11 exec/s: 92 rss: 302Mb\n\
        Done 1946 runs in 21 second(s)\nstat::number_of_executed_units: 1946\n";

    #[test]
    fn the_last_figures_count() {
        let figures = Figures::of(LOG, true);
        let expected =
            Figures { executions: 1946, edges: 1134, features: 2352, inputs: 171, seconds: 21, passed: true };
        assert_eq!(figures, expected);
        let table = table(&[(Target::named("device").unwrap(), figures)]);
        assert!(table.ends_with("| device | 1946 | 21 | 1134 | 2352 | 171 | passed |"), "{table}");
    }

    #[test]
    fn a_log_without_figures_has_none() {
        assert_eq!(Figures::of("==1==ERROR: AddressSanitizer", false), Figures::default());
        assert_eq!(Figures::default().verdict(), "FAILED");
    }
}
