//! Starts the world of one scenario file, for trying things by hand and for benchmarks: `pullagent-world FILE ROOT`
//! writes the node's root to ROOT, prints the image, the runtime's environment and the expected code as one line of
//! JSON, and serves until its standard input ends. With `--port-53` in front the world's resolvers listen where a
//! resolv.conf can name them, which takes a network namespace of its own.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use pullagent_testkit::world::{DnsPorts, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "pullagent-world: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let ports = if arguments.first().is_some_and(|first| first.as_os_str() == "--port-53") {
        arguments.remove(0);
        DnsPorts::Standard
    } else {
        DnsPorts::Free
    };
    let [file, root] = arguments.as_slice() else { return Err("usage: pullagent-world [--port-53] FILE ROOT".into()) };
    Ok(serve(file, root, ports).await?)
}
