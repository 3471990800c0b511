//! Starts the world of one scenario file, for trying things by hand and for benchmarks: `pullagent-world FILE ROOT`
//! writes the node's root to ROOT, prints the image, the runtime's environment and the expected code as one line of
//! JSON, and serves until its standard input ends.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use pullagent_testkit::world::World;
use tokio::io::AsyncReadExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "pullagent-world: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [file, root] = paths.as_slice() else { return Err("usage: pullagent-world FILE ROOT".into()) };
    let world = World::load(file).await?;
    world.write_root(root)?;
    let described = serde_json::json!({
        "image": world.image(),
        "env": world.env(),
        "code": world.expect().code,
    });
    writeln!(std::io::stdout(), "{described}")?;
    // Nothing is expected but the end.
    let mut stdin = tokio::io::stdin();
    while stdin.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}
