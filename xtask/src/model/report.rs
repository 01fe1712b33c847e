//! The tables at the end.

use std::fmt;

use super::check::Finding;
use super::plan::Job;
use crate::workspace;

/// What all runs found, beside what they should find.
#[derive(Debug)]
pub(crate) struct Report {
    instances: Vec<[String; 6]>,
    mutations: Vec<[String; 4]>,
    /// How to see what went wrong.
    hints: Vec<String>,
}

impl Report {
    pub(crate) fn new(jobs: &[Job], findings: &[Finding]) -> Self {
        let mut report = Self {
            instances: vec![["model", "instance", "states", "depth", "seconds", "result"].map(str::to_owned)],
            mutations: vec![["mutation", "model", "caught by", "result"].map(str::to_owned)],
            hints: Vec::new(),
        };
        for (job, finding) in jobs.iter().zip(findings) {
            report.add(job, finding);
        }
        report
    }

    /// Runs that did not end as they should.
    pub(crate) fn unexpected(&self) -> usize {
        self.hints.len()
    }

    fn add(&mut self, job: &Job, finding: &Finding) {
        let wrong = finding.wrong.clone();
        let problem = match &job.mutation {
            None => wrong.or_else(|| finding.truncated.map(str::to_owned)),
            Some(mutation) if wrong.as_ref() == Some(&mutation.caught_by) => None,
            Some(mutation) if wrong.is_some() => Some(format!("expected: {}", mutation.caught_by)),
            Some(_) => Some("NOT CAUGHT".to_owned()),
        };
        if problem.is_some() {
            let (folder, model) = (workspace::shown(&finding.folder), &job.model);
            self.hints.push(format!("{job}\n    cd {folder} && ./pan -r {model}.pml.trail"));
        }
        let result = problem.unwrap_or_else(|| "ok".to_owned());
        let instance = job.instance.join(" ");
        match &job.mutation {
            None => self.instances.push([
                job.model.clone(),
                instance,
                finding.states.to_string(),
                finding.depth.to_string(),
                format!("{:.1}", finding.took.as_secs_f64()),
                result,
            ]),
            Some(mutation) => self.mutations.push([
                mutation.name.to_lowercase().replace('_', " "),
                format!("{} {instance}", job.model),
                finding.wrong.clone().unwrap_or_else(|| "nothing".to_owned()),
                result,
            ]),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, &self.instances)?;
        table(f, &self.mutations)?;
        for hint in &self.hints {
            writeln!(f, "{hint}")?;
        }
        write!(
            f,
            "{} instances and {} mutations, {} not as they should be",
            self.instances.len() - 1,
            self.mutations.len() - 1,
            self.hints.len()
        )
    }
}

/// Writes rows in columns as wide as they need, if there is more than the heading.
fn table<const N: usize>(f: &mut fmt::Formatter<'_>, rows: &[[String; N]]) -> fmt::Result {
    if rows.len() < 2 {
        return Ok(());
    }
    let width = |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.len())).max().unwrap_or(0);
    let widths: Vec<_> = (0..N).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    writeln!(f)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::model::plan::Mutation;

    fn job(mutation: Option<&str>) -> Job {
        let mutation = mutation
            .map(|caught_by| Mutation { name: "NO_FENCE".to_owned(), caught_by: caught_by.to_owned() });
        let instance = vec!["CAPACITY=1".to_owned()];
        Job { file: PathBuf::new(), model: "cpu".to_owned(), instance, mutation, is_long: false }
    }

    fn found(wrong: Option<&str>, truncated: Option<&'static str>) -> Finding {
        let wrong = wrong.map(str::to_owned);
        Finding { wrong, truncated, states: 7, depth: 3, took: Duration::ZERO, folder: PathBuf::new() }
    }

    #[test]
    fn only_what_should_be_found_may_be_found() {
        let cases = [
            (job(None), found(None, None), 0),
            (job(None), found(Some("hangs"), None), 1),
            (job(None), found(None, Some("too shallow")), 1),
            (job(Some("hangs")), found(Some("hangs"), None), 0),
            (job(Some("hangs")), found(Some("reads too early"), None), 1),
            (job(Some("hangs")), found(None, None), 1),
        ];
        for (job, finding, unexpected) in cases {
            let report = Report::new(std::slice::from_ref(&job), std::slice::from_ref(&finding));
            assert_eq!(report.unexpected(), unexpected, "{job} {finding:?}\n{report}");
        }
    }

    #[test]
    fn a_mutation_that_is_not_caught_stands_out() {
        let report = Report::new(&[job(Some("hangs"))], &[found(None, None)]).to_string();
        assert!(report.contains("no fence  cpu CAPACITY=1  nothing    NOT CAUGHT"), "{report}");
        assert!(report.ends_with("0 instances and 1 mutations, 1 not as they should be"), "{report}");
    }
}
