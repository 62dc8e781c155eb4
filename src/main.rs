//! The `weighhouse` command: see `weighhouse help`.

fn main() -> std::process::ExitCode {
    weighhouse::cli::run()
}
