//! The figures of this machine, in one table.

fn main() -> std::process::ExitCode {
    perdix_cli::benchmark()
}
