//! Five checks of the transport, a line each.

fn main() -> std::process::ExitCode {
    perdix_cli::transport_test()
}
