//! The image of a pod's sandbox, made here: one program that waits. Nothing is to be pulled for it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use sha2::{Digest, Sha256};

/// What the runtime calls it.
pub(super) const IMAGE: &str = "pullagent.test/sandbox:1";
/// The program in it, and beside it.
pub(super) const PROGRAM: &str = "wait-forever";

/// Without a library, as there is none in the image.
const SOURCE: &str = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n";

/// Writes the program and the image, as `docker save` does, into a folder; returns the archive.
pub(super) fn write(folder: &Path) -> PathBuf {
    let path = |name: &str| folder.join(name);
    std::fs::write(path("wait.c"), SOURCE).expect("a file");
    run(Command::new("cc").args(["-static", "-Os", "-o", PROGRAM, "wait.c"]).current_dir(folder));
    run(Command::new("tar").args(["-cf", "layer.tar", PROGRAM]).current_dir(folder));
    let layer = digest(&std::fs::read(path("layer.tar")).expect("the layer"));
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": { "Entrypoint": [format!("/{PROGRAM}")] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
    })
    .to_string();
    let name = format!("{}.json", digest(config.as_bytes()));
    std::fs::write(path(&name), config).expect("a file");
    let manifest = json!([{ "Config": name, "RepoTags": [IMAGE], "Layers": ["layer.tar"] }]);
    std::fs::write(path("manifest.json"), manifest.to_string()).expect("a file");
    run(Command::new("tar").args(["-cf", "image.tar", "manifest.json", &name, "layer.tar"]).current_dir(folder));
    path("image.tar")
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[track_caller]
fn run(command: &mut Command) {
    let ran = command.output().expect("cc and tar start; `tests/setup` installs them");
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
}
