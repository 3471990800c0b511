//! The demonstration: starts a small company's registries on loopback, probes good and broken images with the real
//! command, shows each screen, and fails if one does not come out as it must.
#![expect(clippy::print_stdout, reason = "showing screens is what it is for")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Output, Stdio};

use pullagent_testkit::world::World;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// One image and what must come out for it.
struct Step {
    /// Said before it.
    about: &'static str,
    /// The image, `{ID}` standing for the address of that server by its name.
    image: &'static str,
    /// The password of the user `ci` to be offered.
    password: Option<&'static str>,
    /// What must stand on the screen.
    shows: &'static str,
}

const fn step(about: &'static str, image: &'static str, shows: &'static str) -> Step {
    Step { about, image, password: None, shows }
}

const STEPS: &[Step] = &[
    step("An image that is there", "{main}/shop/web:2.4.1", "WOULD PULL"),
    step("A tag that was never pushed", "{main}/shop/web:2.4.2", "[TagNotFound]"),
    step("A repository with a typing error", "{main}/shop/wbe:2.4.1", "[RepositoryNotFound]"),
    step("An image for other machines", "{main}/shop/batch:7", "[PlatformMismatch]"),
    step("A private image, and no login", "{main}/internal/billing:1.0", "[CredentialsMissing"),
    Step {
        about: "A private image, and a wrong password",
        image: "{main}/internal/billing:1.0",
        password: Some("battery-staple"),
        shows: "[CredentialsRejected]",
    },
    Step {
        about: "A private image, and the right one",
        image: "{main}/internal/billing:1.0",
        password: Some("correct-horse"),
        shows: "WOULD PULL",
    },
    step("A name that is no image reference", "https://{main}/Shop/Web", "[InvalidReference]"),
    step("A certificate that ran out", "{old}/shop/web:1.9", "[TlsCertificateExpired]"),
    step("A certificate of an unknown authority", "{lab}/shop/web:2.5-rc1", "[TlsUnknownAuthority]"),
    step("A registry whose layers are on a dead host", "{cdn}/shop/web:2.4.1", "[ConnectionRefused]"),
    step("A registry that has had enough", "{hub}/library/redis:7", "[RateLimited]"),
    step("A sign-in page in place of a registry", "{portal}/shop/web:2.4.1", "[NotARegistry]"),
    step("Plain HTTP in place of HTTPS", "{plain}/shop/web:2.4.1", "[PlaintextRegistry]"),
    step("A firewall that swallows TLS", "{silent}/shop/web:2.4.1", "[TlsHandshakeTimeout?]"),
];

/// The servers' ids and names.
const NAMES: &[(&str, &str)] = &[
    ("main", "registry.acme.test"),
    ("old", "old.acme.test"),
    ("lab", "lab.acme.test"),
    ("cdn", "cdn.acme.test"),
    ("hub", "hub.acme.test"),
    ("portal", "portal.acme.test"),
    ("plain", "plain.acme.test"),
    ("silent", "silent.acme.test"),
];

/// The servers share this one thread with the waiting for the command.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match show().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn show() -> Result<(), Box<dyn std::error::Error>> {
    let world = World::from_toml("demo/world.toml", include_str!("../../demo/world.toml")).await?;
    let root = tempfile::tempdir()?;
    world.write_root(root.path())?;
    let command = command_path()?;
    let mut wrong = Vec::new();
    for (number, step) in STEPS.iter().enumerate() {
        let image = image(step, &world)?;
        println!("{}. {}\n\n$ pullagent probe {image}", number + 1, step.about);
        let output = probe(&command, root.path(), &image, step.password).await?;
        let screen = String::from_utf8_lossy(&output.stdout);
        print!("{screen}{}", String::from_utf8_lossy(&output.stderr));
        println!("(exit status {})\n", output.status.code().unwrap_or(-1));
        if !screen.contains(step.shows) {
            wrong.push(format!("{}: `{}` is not on the screen", step.about, step.shows));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong.join("\n").into());
    }
    println!("{} images, each explained. Yours: pullagent probe IMAGE", STEPS.len());
    Ok(())
}

/// The command that was built beside this one.
fn command_path() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let path = std::env::current_exe()?.with_file_name("pullagent");
    if path.is_file() { Ok(path) } else { Err(format!("`{}` is not built: run `make demo`", path.display()).into()) }
}

fn image(step: &Step, world: &World) -> Result<String, Box<dyn std::error::Error>> {
    let mut image = step.image.to_owned();
    for (id, name) in NAMES {
        let port = world.addr(id).ok_or_else(|| format!("no server `{id}`"))?.port();
        image = image.replace(&format!("{{{id}}}"), &format!("{name}:{port}"));
    }
    Ok(image)
}

/// Runs the command with an environment of its own, so that no proxy of the caller's comes in between.
async fn probe(command: &Path, root: &Path, image: &str, password: Option<&str>) -> std::io::Result<Output> {
    let mut probe = Command::new(command);
    probe.env_clear().env("NODE_NAME", "node-1").arg("probe").arg("--host-root").arg(root).arg(image);
    if password.is_some() {
        probe.args(["--username", "ci", "--password-stdin"]);
    }
    let mut child = probe.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(password.unwrap_or_default().as_bytes()).await?;
    }
    child.wait_with_output().await
}
