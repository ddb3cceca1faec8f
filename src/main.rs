use std::process::ExitCode;

fn main() -> ExitCode {
    // Reads which fault points are armed: none in a release build.
    let _armed = fail::FailScenario::setup();
    roomwatt::cli::main()
}
