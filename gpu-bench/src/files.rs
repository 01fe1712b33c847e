//! Results and reports in files.

use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::report::html;
use crate::results::{FORMAT, Results};

/// Reads results that [`save`] wrote.
///
/// # Errors
/// [`Error::File`], [`Error::Json`], [`Error::Format`].
pub fn load(path: &Path) -> Result<Results, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    let results: Results =
        serde_json::from_str(&text).map_err(|source| Error::Json { path: path.to_owned(), source })?;
    match results.format {
        FORMAT => Ok(results),
        found => Err(Error::Format { path: path.to_owned(), found }),
    }
}

/// Writes results as JSON. A reader never sees half a file.
///
/// # Errors
/// [`Error::File`].
pub fn save(results: &Results, path: &Path) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(results)
        .map_err(|source| Error::Json { path: path.to_owned(), source })?;
    write(path, &(text + "\n"))
}

/// Writes the HTML report.
///
/// # Errors
/// [`Error::Plot`], [`Error::File`].
pub fn save_report(results: &Results, path: &Path) -> Result<(), Error> {
    write(path, &html::html(results).map_err(Error::Plot)?)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|source| Error::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        let results = Results { format: FORMAT, command: "x".to_owned(), ..Results::default() };
        save(&results, &path).unwrap();
        assert_eq!(load(&path).unwrap(), results);
        save_report(&results, &folder.path().join("bench.html")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_no_result_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bench.json");
        assert!(matches!(load(&path), Err(Error::File { .. })));
        fs::write(&path, "{}").unwrap();
        assert!(matches!(load(&path), Err(Error::Json { .. })));
        save(&Results { format: FORMAT + 1, ..Results::default() }, &path).unwrap();
        assert!(matches!(load(&path), Err(Error::Format { found, .. }) if found == FORMAT + 1));
    }
}
