use std::process::ExitCode;

fn main() -> ExitCode {
    roomwatt::cli::main()
}
