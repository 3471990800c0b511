//! What the state of the runtime, its store and its disk means.

use crate::cause::{Code, Confidence};
use crate::finding::Finding;
use crate::reference::Reference;
use crate::runtime::{HeldImage, ImageFilesystem, Kind, Runtime, RuntimeAnswer, SocketFailure};
use crate::text::{clean, size_in_words};

/// Bytes of foreign words in a sentence.
const WORDS: usize = 160;

/// A runtime that gives the kubelet no answer; `None` if it does, or if only we may not ask.
pub fn unavailable(runtime: &Runtime) -> Option<Finding> {
    let RuntimeAnswer::Broken(failure) = &runtime.answer else { return None };
    let endpoint = &runtime.endpoint;
    let by = runtime.named_by.as_ref().map(|by| format!(", which {by} names,")).unwrap_or_default();
    let what = match failure {
        SocketFailure::Absent => "does not exist".to_owned(),
        SocketFailure::NotASocket { kind } => format!("is {kind} and no socket"),
        SocketFailure::Refused => "refuses connections: nobody listens".to_owned(),
        SocketFailure::Silent => "takes connections and does not answer".to_owned(),
        SocketFailure::NotGrpc { why } => format!("does not speak gRPC: {}", clean(why, WORDS)),
        SocketFailure::NoCri { why } => format!("does not offer the CRI, so its plugin did not load: {}", said(why)),
        SocketFailure::Failed { why } => format!("does not serve the kubelet: {}", said(why)),
    };
    let finding = Finding::new(Code::RuntimeUnavailable, format!("the runtime's socket {endpoint}{by} {what}"));
    Some(match failure {
        SocketFailure::NoCri { .. } => finding.fix(
            "look in the runtime's log for why its CRI plugin did not load, mend its configuration and restart it",
        ),
        SocketFailure::Absent | SocketFailure::NotASocket { .. } => {
            finding.fix("start the runtime, and compare the socket with the kubelet's `--container-runtime-endpoint`")
        }
        _ => finding.fix("look at the runtime's service and its log, and restart it"),
    })
}

/// A runtime that went away in the middle of a pull.
pub fn lost(runtime: &Runtime, why: &str) -> Finding {
    let summary = format!("{} went away while it was pulling: {}", runtime.called(), said(why));
    Finding::new(Code::RuntimeUnavailable, summary).fix("look at the runtime's service and its log, and restart it")
}

/// A filesystem without room for what is `missing`, in bytes as they are transferred.
pub fn disk_full(filesystem: &ImageFilesystem, missing: Option<u64>) -> Option<Finding> {
    let path = clean(&filesystem.path, WORDS);
    let (summary, confidence) = match (filesystem.free_bytes, filesystem.free_inodes, missing) {
        (_, Some(0), _) => (format!("the image filesystem {path} has no inodes left"), Confidence::Certain),
        (Some(0), ..) => (format!("the image filesystem {path} has no space left"), Confidence::Certain),
        (Some(free), _, Some(missing)) if free < missing => (
            format!(
                "the image filesystem {path} has {} left, and the image has {} to transfer, more when unpacked",
                size_in_words(free),
                size_in_words(missing)
            ),
            // Some of its layers may be there already.
            Confidence::Likely,
        ),
        _ => return None,
    };
    Some(
        Finding::new(Code::DiskFull, summary)
            .at_most(confidence)
            .run("remove images that no container uses", &["crictl", "rmi", "--prune"])
            .fix("then look for what else fills the disk, or give it more room"),
    )
}

/// A pull that was still at it when the time was over, and brought nothing for a while.
pub fn stalled(runtime: &Runtime, seconds: u32) -> Finding {
    let summary = format!(
        "{} was still pulling when the time was over, and its image store had not grown for {seconds} s",
        runtime.called()
    );
    Finding::new(Code::PullStalled, summary)
        .at_most(Confidence::Likely)
        .fix("look for a proxy or firewall that holds long transfers back; a longer `--timeout` shows whether it ends")
}

/// The runtime came to another result than the examination.
pub fn disagrees(runtime: Option<&Runtime>, ours: &str, theirs: &str) -> Finding {
    let log = match runtime.and_then(Runtime::version).map(crate::runtime::RuntimeVersion::kind) {
        Some(Kind::CriO) => "crio",
        Some(Kind::Docker) => "docker",
        _ => "containerd",
    };
    let called = runtime.map_or("the runtime".to_owned(), Runtime::called);
    Finding::new(Code::RuntimeDisagrees, format!("this examination says {ours}, but {called} {theirs}"))
        .run(
            "read the runtime's own log of this pull: it names every endpoint that it tried",
            &["journalctl", "-u", log, "-n", "50"],
        )
        .fix("compare what the running process has with the files: its environment, its mirrors, its CA bundle")
}

/// The node holds another image under the tag than the registry serves.
pub fn stale_image(held: &HeldImage, served: &str, reference: &Reference) -> Option<Finding> {
    if reference.digest.is_some() || held.is_served_at(served) {
        return None;
    }
    let has = held.digest().map_or_else(|| "an image without a digest".to_owned(), |digest| clean(digest, WORDS));
    let summary = format!("the node holds {has} under this tag, the registry serves {}", clean(served, WORDS));
    let fix =
        "a pod with imagePullPolicy IfNotPresent starts with the node's; name the digest, or a tag that never moves";
    Some(Finding::new(Code::StaleImage, summary).fix(fix))
}

/// The next pod has to wait for the image of its sandbox.
pub fn sandbox_image_missing(image: &str) -> Finding {
    let image = clean(image, WORDS);
    let summary = format!("{image}, which every pod's sandbox is made of, is not on the node: the next pod pulls it");
    Finding::new(Code::SandboxImageMissing, summary).run("pull it now", &["crictl", "pull", &image])
}

fn said(why: &str) -> String {
    format!("\"{}\"", clean(why, WORDS))
}
