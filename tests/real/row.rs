//! One world with one containerd: set up, asked, and held against what is expected.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use pullagent_testkit::containerd::{Containerd, Release, SOCKET};
use pullagent_testkit::node::Node;
use pullagent_testkit::world::{Described, Expect};
use tokio::time::timeout;

use crate::WORLD;
use crate::answers::{Agreement, Ours, Pull, Runtime, agreement, examined, pulled};
use crate::expected::{self, Disaster, NOT_ASKED, disaster_of, exception};

/// When a row counts as one that never ends.
const END: Duration = Duration::from_mins(3);

/// One world with one containerd.
pub(crate) struct Row {
    pub(crate) world: String,
    pub(crate) file: PathBuf,
    pub(crate) release: Release,
    /// Whether somebody waits for a deadline.
    pub(crate) slow: bool,
}

/// What came out of a row.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) ours: Ours,
    pub(crate) runtime: Runtime,
    wrong: Vec<String>,
}

impl Row {
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.world, self.release.version)
    }

    pub(crate) async fn run(self) -> Outcome {
        let name = self.name();
        let late = || io::Error::new(io::ErrorKind::TimedOut, "it takes longer than all its deadlines together");
        match timeout(END, self.answers()).await.unwrap_or_else(|_| Err(late())) {
            Ok((described, ours, runtime)) => {
                let wrong = self.differences(&described.expect, &ours, &runtime);
                Outcome { name, ours, runtime, wrong }
            }
            Err(error) => {
                let wrong = vec![format!("there is no answer: {error}")];
                Outcome { name, ours: Ours::default(), runtime: Runtime::default(), wrong }
            }
        }
    }

    async fn answers(&self) -> io::Result<(Described, Ours, Runtime)> {
        let this = std::env::current_exe()?;
        let node = Node::start([this.as_os_str(), WORLD.as_ref(), self.file.as_os_str()]).await?;
        let disaster = disaster_of(&self.world);
        if let Some(Disaster::Network(lines)) = disaster {
            node.shell(lines).await?;
        }
        let size = if let Some(Disaster::Disk(size)) = disaster { Some(size) } else { None };
        let containerd = self.release.start(&node, size).await?;
        match disaster {
            Some(Disaster::Killed) => {
                containerd.kill(&node).await?;
                ask(&node).await
            }
            Some(Disaster::KilledInTheMiddle) => {
                let ours = examined(&node).await?;
                let (runtime, killed) = tokio::join!(pulled(&node), async {
                    Containerd::loads_something(&node).await;
                    containerd.kill(&node).await
                });
                killed?;
                Ok((node.described().clone(), ours, runtime?))
            }
            _ => {
                if let Some(Disaster::SocketGone) = disaster {
                    node.shell(&format!("rm {SOCKET}")).await?;
                }
                let answers = ask(&node).await;
                drop(containerd);
                answers
            }
        }
    }

    /// In what the answers differ from what was expected.
    fn differences(&self, expect: &Expect, ours: &Ours, runtime: &Runtime) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut compare = |what: &str, want: Option<&str>, got: Option<&str>| {
            if want != got {
                wrong.push(format!("{what}: {} in place of {}", got.unwrap_or("none"), want.unwrap_or("none")));
            }
        };
        let (verdict, code) = match expected::ours(&self.world, &self.release.version) {
            Some((verdict, code)) => (verdict, Some(code)),
            None => (expect.verdict.as_str(), expect.code.as_deref()),
        };
        compare("verdict", Some(verdict), Some(&ours.verdict));
        compare("code", code, ours.code.as_deref());
        if code == expect.code.as_deref() {
            for (what, want, got) in [("detail", &expect.detail, &ours.detail), ("host", &expect.host, &ours.host)] {
                if want.is_some() {
                    compare(what, want.as_deref(), got.as_deref());
                }
            }
        }
        let agrees = match agreement(verdict, code, runtime) {
            Agreement::Same | Agreement::Allowed => true,
            Agreement::Untold => runtime.is_unasked() && code.is_some_and(|code| NOT_ASKED.contains(&code)),
            Agreement::Differs => false,
        };
        match exception(&self.world, &self.release.version) {
            Some(does) if does != runtime.word() => compare("runtime", Some(does), Some(&runtime.word())),
            Some(_) if agrees => wrong.push("the runtime agrees, though it is listed that it does not".to_owned()),
            None if !agrees => wrong.push(format!("the runtime does not agree: {}", runtime.word())),
            _ => {}
        }
        wrong.extend(reconciled(ours, runtime));
        wrong
    }
}

/// What is wrong in what pullagent makes of both answers: a finished pull decides, and a cause that both can share stays.
fn reconciled(ours: &Ours, runtime: &Runtime) -> Option<String> {
    let agreement = agreement(&ours.verdict, ours.code.as_deref(), runtime);
    let agrees = matches!(agreement, Agreement::Same | Agreement::Allowed);
    let (verdict, code) = (runtime.verdict.as_str(), runtime.code.as_deref());
    let is_right = match &runtime.pull {
        Pull::NotAsked | Pull::Cancelled => true,
        Pull::Done => matches!(verdict, "pullable" | "degraded") && code.is_none(),
        Pull::Failed { .. } if agrees => verdict == "failing" && code == ours.code.as_deref(),
        Pull::Failed { code: said, .. } => verdict == "failing" && code == said.as_deref(),
    };
    let says_so = runtime.agrees.is_none_or(|says| says == agrees);
    (!is_right || !says_so)
        .then(|| format!("made of both: {verdict} {}, agrees: {:?}", code.unwrap_or("without a cause"), runtime.agrees))
}

/// Both answers, asked for side by side.
async fn ask(node: &Node) -> io::Result<(Described, Ours, Runtime)> {
    let (ours, runtime) = tokio::join!(examined(node), pulled(node));
    Ok((node.described().clone(), ours?, runtime?))
}

impl Outcome {
    pub(crate) fn agreement(&self) -> Agreement {
        agreement(&self.ours.verdict, self.ours.code.as_deref(), &self.runtime)
    }

    /// What is wrong with it, if anything.
    pub(crate) fn complaint(&self) -> Option<String> {
        if self.wrong.is_empty() {
            return None;
        }
        let said = match &self.runtime.pull {
            Pull::Failed { message, .. } => format!("\n    runtime said: {message}"),
            _ => String::new(),
        };
        Some(format!("{}: {}\n    pullagent: {}{said}", self.name, self.wrong.join("; "), self.ours.summary))
    }
}
