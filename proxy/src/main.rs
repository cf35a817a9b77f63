//! The `waggle-proxy` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some("demo") {
        return ExitCode::from(64);
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let served = runtime.block_on(waggle_proxy::demo::serve(tokio::io::stdin(), tokio::io::stdout()));
    // A read of stdin cannot be interrupted: do not wait for the thread that may be inside one.
    runtime.shutdown_background();
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
