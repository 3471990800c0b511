//! The two answers of a row, both out of the command's report: what an examination finds out, and what the runtime does.

use std::io;
use std::time::Instant;

use pullagent_diagnosis::message::classify;
use pullagent_testkit::containerd::SOCKET;
use pullagent_testkit::node::Node;
use pullagent_testkit::world::{Login, Password};
use serde_json::{Value, json};

/// What pullagent finds out.
#[derive(Default)]
pub(crate) struct Ours {
    pub(crate) verdict: String,
    pub(crate) code: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) summary: String,
    pub(crate) seconds: f64,
}

/// What the runtime does.
#[derive(Default)]
pub(crate) struct Runtime {
    pub(crate) pull: Pull,
    /// Whether pullagent says that both agree.
    pub(crate) agrees: Option<bool>,
    /// What pullagent makes of both.
    pub(crate) verdict: String,
    pub(crate) code: Option<String>,
    pub(crate) seconds: f64,
}

/// How a pull of the runtime ends.
#[derive(Default)]
pub(crate) enum Pull {
    #[default]
    NotAsked,
    Done,
    Failed {
        message: String,
        /// The cause that its message tells.
        code: Option<String>,
        /// What its message would allow as well.
        also: Vec<String>,
    },
    Cancelled,
}

impl Ours {
    /// The code, or the verdict where there is none.
    pub(crate) fn word(&self) -> &str {
        self.code.as_deref().unwrap_or(&self.verdict)
    }
}

impl Runtime {
    pub(crate) fn is_unasked(&self) -> bool {
        matches!(self.pull, Pull::NotAsked)
    }

    /// The code, or how it ended.
    pub(crate) fn word(&self) -> String {
        match &self.pull {
            Pull::NotAsked => "not asked".to_owned(),
            Pull::Done => "pulled".to_owned(),
            Pull::Cancelled => "cancelled".to_owned(),
            Pull::Failed { code, .. } => code.clone().unwrap_or_else(|| "unclassified".to_owned()),
        }
    }
}

/// Whether both say the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    Same,
    /// The runtime's words tell another cause and allow ours.
    Allowed,
    Differs,
    /// The runtime did not answer.
    Untold,
}

/// Whether the runtime says the same as this verdict and code.
pub(crate) fn agreement(verdict: &str, code: Option<&str>, runtime: &Runtime) -> Agreement {
    match &runtime.pull {
        Pull::Done if matches!(verdict, "pullable" | "degraded") => Agreement::Same,
        Pull::Failed { code: Some(said), .. } if code == Some(said) => Agreement::Same,
        Pull::Failed { also, .. } if also.iter().any(|allowed| code == Some(allowed)) => Agreement::Allowed,
        // A runtime cannot know what secrets there are, nor which words a bound of ours would have cut off.
        Pull::Failed { .. } if runtime.agrees == Some(true) => Agreement::Allowed,
        Pull::Done | Pull::Failed { .. } => Agreement::Differs,
        Pull::Cancelled | Pull::NotAsked => Agreement::Untold,
    }
}

/// What an examination alone finds out.
pub(crate) async fn examined(node: &Node) -> io::Result<Ours> {
    let (report, seconds) = probe(node, "never").await?;
    let cause = &report["cause"];
    Ok(Ours {
        verdict: text(&report["verdict"]).unwrap_or_default(),
        code: text(&cause["code"]),
        detail: text(&cause["detail"]),
        host: text(&cause["host"]),
        summary: text(&cause["summary"]).unwrap_or_default(),
        seconds,
    })
}

/// What the runtime does when it is asked to pull, and what is made of it.
pub(crate) async fn pulled(node: &Node) -> io::Result<Runtime> {
    let (report, _) = probe(node, "always").await?;
    let pull = &report["pull"];
    let code = text(&report["cause"]["code"]);
    let ended = match pull["outcome"].as_str() {
        None => Pull::NotAsked,
        Some("ok") => Pull::Done,
        Some("cancelled") => Pull::Cancelled,
        Some(_) => {
            let message = text(&pull["message"]).unwrap_or_default();
            let told = classify(&message).into_iter().next();
            let also = told.iter().flat_map(|told| &told.also).map(ToString::to_string).collect();
            let said = told.and_then(|told| told.cause).map(|cause| cause.code.to_string());
            Pull::Failed { message, code: said.or_else(|| code.clone()), also }
        }
    };
    Ok(Runtime {
        pull: ended,
        agrees: pull["agrees"].as_bool(),
        verdict: text(&report["verdict"]).unwrap_or_default(),
        code,
        seconds: pull["ms"].as_f64().unwrap_or_default() / 1000.0,
    })
}

/// The report of `pullagent probe` on the node, and the seconds that it took. The proxies and the trust that count are
/// those of the runtime's own process.
async fn probe(node: &Node, pull: &str) -> io::Result<(Value, f64)> {
    let began = Instant::now();
    let described = node.described();
    let mut command = node.command(env!("CARGO_BIN_EXE_pullagent"));
    command
        .env("NODE_NAME", "node-1")
        .args(["probe", "-o", "json", "--timeout", "60s", "--pull", pull])
        .args(["--runtime-endpoint", &format!("unix://{SOCKET}")]);
    for (number, login) in described.logins.iter().enumerate() {
        // The node is probed twice at a time.
        let file = format!("/run/secret-{pull}-{number}");
        std::fs::write(node.path(&file), secret(&described.image, login))?;
        command.args(["--secret", &file]);
    }
    let output = command.arg(&described.image).output().await?;
    let report = serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("pullagent makes no report: {error}: {said}"))
    })?;
    Ok((report, began.elapsed().as_secs_f64()))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// A login as a pull secret for the image's registry.
fn secret(image: &str, login: &Login) -> String {
    match login {
        Login::Dockerconfigjson(text) => text.clone(),
        Login::Password(Password { username, password }) => {
            let registry = image.split('/').next().unwrap_or_default();
            json!({ "auths": { registry: { "username": username, "password": password } } }).to_string()
        }
    }
}
