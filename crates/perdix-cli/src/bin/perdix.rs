//! The command `perdix`.

fn main() -> std::process::ExitCode {
    perdix_cli::perdix()
}
