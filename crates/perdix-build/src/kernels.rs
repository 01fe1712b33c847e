//! The builder: from a kernel crate's folder to inspected PTX.

mod cargo;
mod sources;
mod symbols;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Arch, BuildError, Header, Policy, Report, Toolchain};

/// A kernel crate to compile. Made by [`Kernels::new`], run by [`Kernels::build`].
#[derive(Clone, Debug)]
pub struct Kernels {
    path: PathBuf,
    arch: Arch,
    policy: Policy,
    features: Vec<String>,
    rustflags: Vec<String>,
    target_dir: Option<PathBuf>,
    generator: String,
}

/// What [`Kernels::build`] made.
#[derive(Clone, Debug)]
pub struct Output {
    /// The PTX: a [`Header`] and what the compiler wrote.
    pub ptx: String,
    /// Where the PTX lies: `OUT_DIR/<package>.ptx` in a build script, else in the inner build's target folder.
    pub path: PathBuf,
    /// The name of the kernel crate's package.
    pub package: String,
    /// The kernels and functions in it.
    pub report: Report,
    /// Every file that the PTX was made from, those of path dependencies included.
    pub sources: Vec<PathBuf>,
}

impl Kernels {
    /// Takes the folder of a kernel crate: a library that is `no_std` for the GPU and has a panic handler, which
    /// `perdix-gpu` brings. Relative paths start at the current folder, which in a build script is its crate's.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            arch: Arch::default(),
            policy: Policy::default(),
            features: Vec::new(),
            rustflags: Vec::new(),
            target_dir: None,
            generator: concat!("perdix-build ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// The oldest architecture that must run the kernels. [`Arch::Sm70`] unless set.
    #[must_use]
    pub fn arch(mut self, arch: Arch) -> Self {
        self.arch = arch;
        self
    }

    /// Enables a feature of the kernel crate.
    #[must_use]
    pub fn feature(mut self, feature: impl Into<String>) -> Self {
        self.features.push(feature.into());
        self
    }

    /// Adds an argument to every call of the compiler, say `--cfg=foo`.
    #[must_use]
    pub fn rustflag(mut self, flag: impl Into<String>) -> Self {
        self.rustflags.push(flag.into());
        self
    }

    /// What the inspection lets pass.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The inner build's target folder. Unless set, it lies below `OUT_DIR` in a build script and is
    /// `target/ptx` in the kernel crate's folder otherwise; never the outer build's, whose lock is held.
    #[must_use]
    pub fn target_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.target_dir = Some(folder.into());
        self
    }

    /// What the header's first line says made the file, for PTX that is kept in a repository.
    #[must_use]
    pub fn generator(mut self, text: impl Into<String>) -> Self {
        self.generator = text.into();
        self
    }

    /// Finds the compiler as [`Toolchain::find`] does, seen from the kernel crate, the calling crate and `OUT_DIR`.
    ///
    /// # Errors
    /// When the crate's folder does not exist or no usable compiler is found.
    pub fn find_toolchain(&self) -> Result<Toolchain, BuildError> {
        let mut near = vec![self.folder()?];
        near.extend(["CARGO_MANIFEST_DIR", "OUT_DIR"].into_iter().filter_map(env::var_os).map(PathBuf::from));
        Ok(Toolchain::find(&near)?)
    }

    /// Compiles the crate, inspects the PTX and writes it out. In a build script it also tells cargo which files to watch
    /// and sets `PERDIX_PTX_<PACKAGE>` (upper case, `_` for `-`) to the PTX's path for the crate's `env!`.
    ///
    /// # Errors
    /// When no compiler is found, the crate does not compile, or [`inspect`](crate::inspect()) refuses the PTX.
    pub fn build(&self) -> Result<Output, BuildError> {
        self.build_with(&self.find_toolchain()?)
    }

    /// [`Kernels::build`] with a compiler that was found before.
    ///
    /// # Errors
    /// When the crate does not compile or [`inspect`](crate::inspect()) refuses the PTX.
    pub fn build_with(&self, toolchain: &Toolchain) -> Result<Output, BuildError> {
        let folder = self.folder()?;
        let out_dir = build_script_folder();
        let target_dir = match (&self.target_dir, &out_dir) {
            (Some(chosen), _) => chosen.clone(),
            (None, Some(out_dir)) => out_dir.join("perdix-ptx"),
            (None, None) => folder.join("target/ptx"),
        };
        fs::create_dir_all(&target_dir).map_err(BuildError::file(&target_dir))?;
        let target_dir = fs::canonicalize(&target_dir).map_err(BuildError::file(&target_dir))?;

        let inner = cargo::Inner { kernels: self, toolchain, folder: &folder, target_dir: &target_dir };
        let raw = inner.compile()?;
        let package = inner.package()?;
        let written = fs::read_to_string(&raw).map_err(BuildError::file(&raw))?;
        let report = crate::inspect::inspect_with(&written, self.policy)
            .map_err(|source| BuildError::Refused { path: raw.clone(), source })?;

        let ptx = self.header(toolchain, &package).render() + &symbols::normalise(&written);
        let path = out_dir.as_deref().unwrap_or(&target_dir).join(format!("{package}.ptx"));
        fs::write(&path, &ptx).map_err(BuildError::file(&path))?;
        let sources = sources::of(&folder, &target_dir.join(cargo::ARTIFACTS))?;
        if out_dir.is_some() {
            announce(&package, &path, &sources);
        }
        Ok(Output { ptx, path, package, report, sources })
    }

    /// The header that a build with this compiler writes; `package` is the kernel crate's name.
    #[must_use]
    pub fn header(&self, toolchain: &Toolchain, package: &str) -> Header {
        Header {
            generator: self.generator.clone(),
            compiler: toolchain.version().to_owned(),
            target: format!("{} {} of {package}", self.arch, self.arch.ptx_feature()),
            command: format!(
                "RUSTFLAGS=\"{}\" cargo {}",
                self.flags().join(" "),
                self.arguments("FILE").join(" ")
            ),
        }
    }

    fn folder(&self) -> Result<PathBuf, BuildError> {
        let found = fs::canonicalize(&self.path).ok().filter(|folder| folder.join("Cargo.toml").is_file());
        found.ok_or_else(|| BuildError::NoCrate(self.path.clone()))
    }

    fn flags(&self) -> Vec<String> {
        let mut flags = vec![
            format!("-Ctarget-cpu={}", self.arch),
            format!("-Ctarget-feature=+{}", self.arch.ptx_feature()),
            "-Zunstable-options".to_owned(),
            // Panics become one trap instruction instead of formatting code that no GPU can print from.
            "-Cpanic=immediate-abort".to_owned(),
            // Pinned, so that symbols look the same from every compiler and can be normalised.
            "-Csymbol-mangling-version=v0".to_owned(),
        ];
        flags.extend(self.rustflags.iter().cloned());
        flags
    }

    fn arguments(&self, file: &str) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["rustc", "--lib", "--release", "-Zbuild-std=core", "--target", "nvptx64-nvidia-cuda"]
                .map(str::to_owned)
                .into();
        if !self.features.is_empty() {
            arguments.extend(["--features".to_owned(), self.features.join(",")]);
        }
        arguments.extend([
            "--crate-type=staticlib".to_owned(),
            "--".to_owned(),
            format!("--emit=asm={file}"),
        ]);
        arguments
    }
}

/// `OUT_DIR`, but only inside a build script: a program started by `cargo run` may see the variable too.
fn build_script_folder() -> Option<PathBuf> {
    env::var_os("HOST")
        .and(env::var_os("CARGO_CFG_TARGET_ARCH"))
        .and(env::var_os("OUT_DIR"))
        .map(PathBuf::from)
}

fn announce(package: &str, ptx: &Path, sources: &[PathBuf]) {
    for source in sources {
        println!("cargo:rerun-if-changed={}", source.display());
    }
    for variable in [crate::toolchain::RUSTC_VARIABLE, crate::toolchain::FOLDER_VARIABLE] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    println!("cargo:rustc-env=PERDIX_PTX_{}={}", package.to_uppercase().replace('-', "_"), ptx.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_crate_is_named() {
        let error = Kernels::new("/nowhere/kernels").build().unwrap_err().to_string();
        assert!(error.contains("/nowhere/kernels") && error.contains("Cargo.toml"), "{error}");
    }

    #[test]
    fn the_command_names_architecture_and_features() {
        let kernels = Kernels::new(".").arch(Arch::Sm90).feature("a").feature("b");
        assert!(kernels.flags().contains(&"-Ctarget-cpu=sm_90".to_owned()));
        let arguments = kernels.arguments("FILE").join(" ");
        assert!(
            arguments.contains("--features a,b --crate-type=staticlib -- --emit=asm=FILE"),
            "{arguments}"
        );
    }
}
