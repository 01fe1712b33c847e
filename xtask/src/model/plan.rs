//! What is to be checked: the first comment of each model says it.
//!
//! ```text
//! @instance CAPACITY=2 MESSAGES=4              must hold, always checked
//! @long CAPACITY=4 MESSAGES=9                  must hold, checked with --long
//! @mutation NAME CAPACITY=2: what goes wrong   the model with the macro MUT_NAME must fail, and in this way
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::check::ModelError;
use crate::shell;

/// One run of the checker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// The model's file.
    pub(crate) file: PathBuf,
    /// Its name.
    pub(crate) model: String,
    /// The macros that make the instance.
    pub(crate) instance: Vec<String>,
    /// What is broken on purpose, and how that must show.
    pub(crate) mutation: Option<Mutation>,
    pub(crate) is_long: bool,
}

/// Something broken on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutation {
    pub(crate) name: String,
    /// The property that must fail.
    pub(crate) caught_by: String,
}

impl Job {
    /// All macros.
    pub(crate) fn macros(&self) -> Vec<String> {
        let mutation = self.mutation.iter().map(|mutation| format!("{PREFIX}{}", mutation.name));
        self.instance.iter().cloned().chain(mutation).collect()
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.model, self.macros().join(" "))
    }
}

/// All that the models ask for.
#[derive(Debug)]
pub(crate) struct Plan(Vec<Job>);

/// What the macros of mutations begin with.
const PREFIX: &str = "MUT_";

impl Plan {
    /// Reads the models of a folder, and sees to it that no mutation in them goes untried.
    pub(crate) fn read(folder: &Path) -> Result<Self, ModelError> {
        let entries = fs::read_dir(folder).map_err(shell::file(folder))?;
        let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "pml"));
        files.sort();
        let mut jobs = Vec::new();
        let mut used = BTreeSet::new();
        for file in &files {
            let text = fs::read_to_string(file).map_err(shell::file(file))?;
            jobs.extend(parse(file, &text)?);
            used.extend(mutations(&text));
        }
        let tried: BTreeSet<_> =
            jobs.iter().filter_map(|job| Some(job.mutation.as_ref()?.name.clone())).collect();
        if let Some(name) = used.symmetric_difference(&tried).next() {
            return Err(ModelError::Untried { name: name.clone(), is_used: used.contains(name) });
        }
        Ok(Self(jobs))
    }

    /// The jobs of one form whose name has `only` in it.
    pub(crate) fn jobs(&self, long: bool, only: Option<&str>) -> Vec<Job> {
        let named = |job: &&Job| {
            only.is_none_or(|only| job.to_string().to_lowercase().contains(&only.to_lowercase()))
        };
        self.0.iter().filter(|job| long || !job.is_long).filter(named).cloned().collect()
    }
}

fn parse(file: &Path, text: &str) -> Result<Vec<Job>, ModelError> {
    let model = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut jobs = Vec::new();
    for line in text.lines() {
        let Some((word, rest)) = line.trim().strip_prefix('@').and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let bad = || ModelError::Annotation { file: file.to_owned(), line: line.trim().to_owned() };
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (instance, mutation) = match word {
            "instance" | "long" => (words(rest), None),
            "mutation" => {
                let (before, caught_by) = rest.split_once(": ").ok_or_else(bad)?;
                let mut instance = words(before);
                if instance.is_empty() {
                    return Err(bad());
                }
                let name = instance.remove(0);
                (instance, Some(Mutation { name, caught_by: caught_by.trim().to_owned() }))
            }
            _ => return Err(bad()),
        };
        jobs.push(Job {
            file: file.to_owned(),
            model: model.clone(),
            instance,
            mutation,
            is_long: word == "long",
        });
    }
    Ok(jobs)
}

/// The mutations that a model's text can be given.
fn mutations(text: &str) -> impl Iterator<Item = String> {
    let rest = text.split(PREFIX).skip(1);
    rest.map(|rest| {
        rest.split(|c: char| !c.is_ascii_uppercase() && c != '_').next().unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "/* A model.\n   @instance CAPACITY=1 WIDE\n   @long CAPACITY=8\n\
                        \x20  @mutation NO_FENCE CAPACITY=1: reads too early\n*/\n#ifdef MUT_NO_FENCE\n#endif\n";

    #[test]
    fn the_first_comment_says_what_to_check() {
        let jobs = parse(Path::new("models/cpu.pml"), TEXT).unwrap();
        assert_eq!(
            jobs.iter().map(Job::to_string).collect::<Vec<_>>(),
            ["cpu CAPACITY=1 WIDE", "cpu CAPACITY=8", "cpu CAPACITY=1 MUT_NO_FENCE"]
        );
        assert_eq!(jobs[2].mutation.as_ref().unwrap().caught_by, "reads too early");
        assert!(jobs[1].is_long && !jobs[0].is_long);
        assert!(parse(Path::new("a.pml"), "@mutation NAME without a property").is_err());
        assert!(parse(Path::new("a.pml"), "@instanec CAPACITY=1").is_err());
    }

    #[test]
    fn a_mutation_that_nobody_tries_is_an_error() {
        let folder = std::env::temp_dir().join(format!("perdix-plan-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.pml"), TEXT).unwrap();
        let plan = Plan::read(&folder).unwrap();
        assert_eq!((plan.jobs(false, None).len(), plan.jobs(true, None).len()), (2, 3));
        assert_eq!(plan.jobs(true, Some("no_fence")).len(), 1);
        fs::write(folder.join("b.pml"), "#ifdef MUT_FORGOTTEN\n").unwrap();
        let error = Plan::read(&folder).unwrap_err().to_string();
        assert!(error.contains("FORGOTTEN"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_repositorys_models_are_in_order() {
        let plan = Plan::read(&crate::workspace::root().join("models")).unwrap();
        assert!(plan.jobs(false, None).iter().filter(|job| job.mutation.is_some()).count() >= 40);
    }
}
