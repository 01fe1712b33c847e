//! The places in kernels' sources that events come from.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use perdix_core::events::{Level, SITE_END, SITE_FIELD, SITE_MAGIC, count_arguments, site_id};

use crate::ptx::byte_lists;

/// One place in the source: an `event!`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    level: Level,
    line: u32,
    file: String,
    module: String,
    format: String,
    arguments: usize,
}

impl Site {
    /// How much its events matter.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The source file, as the compiler was told it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line in it.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The module's path, beginning with the kernel crate's name.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The format.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// How many arguments it asks for.
    pub(super) fn arguments(&self) -> usize {
        self.arguments
    }

    /// The site with this text, without what it begins and ends with; `None` if it is none.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(SITE_FIELD);
        let mut field = || fields.next();
        let (level, line, file, module, format) = (field()?, field()?, field()?, field()?, field()?);
        if field().is_some() {
            return None;
        }
        Some(Self {
            level: Level::from_name(level)?,
            line: line.parse().ok()?,
            file: file.into(),
            module: module.into(),
            format: format.into(),
            arguments: count_arguments(format).ok()?,
        })
    }
}

/// As in `file:line "format"`.
impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {:?}", self.file, self.line, self.format)
    }
}

/// The sites of a module, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sites(BTreeMap<u32, Site>);

impl Sites {
    /// The sites in a kernel module's PTX. `Kernels::sites` (feature `cuda`) has them for a module that was loaded.
    ///
    /// # Errors
    /// [`SitesError::Clash`].
    pub fn from_ptx(ptx: &str) -> Result<Self, SitesError> {
        let mut sites = Self::default();
        byte_lists(ptx).try_for_each(|bytes| sites.add(&bytes))?;
        Ok(sites)
    }

    /// The sites in any bytes: a compiled module, say, or the file of a program that runs its kernels on emulated lanes.
    ///
    /// # Errors
    /// [`SitesError::Clash`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SitesError> {
        let mut sites = Self::default();
        sites.add(bytes)?;
        Ok(sites)
    }

    /// The sites in this program's own file: those of kernels that it runs on emulated lanes.
    ///
    /// # Errors
    /// [`SitesError::Read`], [`SitesError::Clash`].
    pub fn of_this_program() -> Result<Self, SitesError> {
        Self::from_bytes(&std::fs::read(std::env::current_exe()?)?)
    }

    /// The site of a number.
    pub fn get(&self, id: u32) -> Option<&Site> {
        self.0.get(&id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Numbers and sites.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Site)> {
        self.0.iter().map(|(id, site)| (*id, site))
    }

    /// Adds another table's sites: of several modules whose events come through one ring.
    ///
    /// # Errors
    /// [`SitesError::Clash`]; those before it were added.
    pub fn extend(&mut self, other: &Self) -> Result<(), SitesError> {
        other.0.iter().try_for_each(|(id, site)| self.insert(*id, site.clone()))
    }

    /// Adds the sites that lie somewhere in these bytes. What only looks like one is passed over.
    fn add(&mut self, bytes: &[u8]) -> Result<(), SitesError> {
        let magic = SITE_MAGIC.as_bytes();
        let mut rest = bytes;
        while let Some(start) = find(rest, magic) {
            let text = rest.get(start..).unwrap_or_default();
            rest = rest.get(start + 1..).unwrap_or_default();
            let Some(end) = text.iter().position(|byte| *byte == SITE_END as u8) else { return Ok(()) };
            let Some(Ok(text)) = text.get(..=end).map(std::str::from_utf8) else { continue };
            let inner = text.strip_prefix(SITE_MAGIC).and_then(|text| text.strip_suffix(SITE_END));
            if let Some(site) = inner.and_then(Site::parse) {
                self.insert(site_id(text), site)?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, id: u32, site: Site) -> Result<(), SitesError> {
        match self.0.entry(id) {
            Entry::Vacant(vacant) => {
                vacant.insert(site);
                Ok(())
            }
            // One line may be compiled several times.
            Entry::Occupied(known) if *known.get() == site => Ok(()),
            Entry::Occupied(known) => {
                Err(SitesError::Clash { id, first: Box::new(known.get().clone()), second: Box::new(site) })
            }
        }
    }
}

/// Where `wanted`, which is not empty, first lies in `bytes`.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let (first, mut from) = (*wanted.first()?, 0);
    loop {
        let rest = bytes.get(from..)?;
        let at = rest.iter().position(|byte| *byte == first)?;
        if rest.get(at..)?.starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
}

/// Why the table of sites could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SitesError {
    /// This program's file could not be read.
    #[error(
        "this program's file cannot be read for the sites of its events: {0}; give them with `Sites::from_bytes`"
    )]
    Read(#[from] std::io::Error),
    /// Two sites have the same number, so that their events cannot be told apart.
    #[error(
        "the events {first} and {second} have the same number {id:#010x}; change one of their formats a little"
    )]
    Clash {
        /// The number.
        id: u32,
        /// One of them.
        first: Box<Site>,
        /// The other.
        second: Box<Site>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(level: &str, line: &str, format: &str) -> String {
        format!("{SITE_MAGIC}{level}\u{1f}{line}\u{1f}src/lib.rs\u{1f}my::module\u{1f}{format}\u{4}")
    }

    #[test]
    fn sites_are_found_among_other_bytes() {
        let (one, two) = (text("INFO", "7", "a {}"), text("TRACE", "8", "é"));
        let bytes =
            [b"\x01perdix\x00", one.as_bytes(), SITE_MAGIC.as_bytes(), two.as_bytes(), one.as_bytes(), b"x"]
                .concat();
        let sites = Sites::from_bytes(&bytes).unwrap();
        assert_eq!(sites.len(), 2);
        let site = sites.get(site_id(&one)).unwrap();
        assert_eq!((site.level(), site.line(), site.format(), site.arguments()), (Level::Info, 7, "a {}", 1));
        assert_eq!((site.file(), site.module()), ("src/lib.rs", "my::module"));
        assert_eq!(sites.get(site_id(&two)).unwrap().format(), "é");
    }

    #[test]
    fn what_only_looks_like_a_site_is_passed_over() {
        for broken in [
            text("LOUD", "7", "a"),
            text("INFO", "x", "a"),
            text("INFO", "7", "a {"),
            text("INFO", "7", "a\u{1f}b"),
        ] {
            assert!(Sites::from_bytes(broken.as_bytes()).unwrap().is_empty(), "{broken:?}");
        }
        let whole = text("INFO", "7", "a {}");
        for cut in 0..whole.len() {
            assert!(Sites::from_bytes(&whole.as_bytes()[..cut]).unwrap().is_empty());
        }
    }

    #[test]
    fn sites_are_read_from_ptx() {
        let list = |text: &str| text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        let (one, two) = (text("INFO", "7", "a {}"), text("WARN", "9", "b"));
        let ptx = format!(
            ".global .align 1 .b8 A[9] = {{{}}};\n.global .b64 T[2] = {{1, 4611686018427387904}};\n.global .b8 B[] = {{{}}};\n",
            list(&one),
            list(&two)
        );
        let sites = Sites::from_ptx(&ptx).unwrap();
        assert_eq!(sites.iter().map(|(_, site)| site.line()).sum::<u32>(), 16);
        assert_eq!(sites, Sites::from_bytes([one, two].concat().as_bytes()).unwrap());
        assert!(Sites::from_ptx("").unwrap().is_empty());
    }

    #[test]
    fn two_sites_of_one_number_are_an_error() {
        let site = |text: &str| {
            Site::parse(text.strip_prefix(SITE_MAGIC).unwrap().strip_suffix('\u{4}').unwrap()).unwrap()
        };
        let mut sites = Sites::default();
        let (one, two) = (site(&text("INFO", "7", "a")), site(&text("INFO", "8", "a")));
        sites.insert(1, one.clone()).unwrap();
        sites.insert(1, one).unwrap();
        let error = sites.insert(1, two).unwrap_err().to_string();
        assert!(error.contains("src/lib.rs:7") && error.contains("src/lib.rs:8"), "{error}");
    }
}
