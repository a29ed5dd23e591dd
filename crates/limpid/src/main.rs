//! One binary: `limpid <room> <verb>`, `up`, `demo`. Wiring only; each room decides for itself.
//!
//! Exit status: 0 done, 1 refused (a named check did not hold), 2 the input or the machine is not as
//! needed; of an audit also 3 (doubts) and 4 (broken promises).

mod cli;
mod confined;
mod out;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = cli::Limpid::parse();
    if let Some(status) = arguments.work_as_child() {
        return status;
    }
    let out = out::Out::new(arguments.json);
    if let Err(error) = serve::init_tracing(&arguments.log_level) {
        return out.failed(&anyhow::Error::new(error));
    }
    if let Err(error) = arguments.confine() {
        return out.failed(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return out.failed(&anyhow::Error::new(error).context("cannot start the runtime"));
        }
    };
    match runtime.block_on(arguments.run(&out)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => out.failed(&error),
    }
}
