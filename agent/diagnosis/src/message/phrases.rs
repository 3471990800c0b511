//! Every phrase that is looked for, found in one pass over the text.
//!
//! The wordings of causes stand beside their layers; here stand the phrases around them: where a failure is told,
//! where an image or a host is named, at which stage it happened.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::runtime::Runtime;
use crate::layer::wordings::{self, Wording};

/// What a phrase tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A pull failed, whatever else the text says.
    Failure,
    /// It is about a pull; a failure only together with a wording.
    Pull,
    /// It is about something else of a pod's life.
    NotAPull,
    /// Whose words these are.
    Runtime(Runtime),
    /// An image stands behind it; the smaller the number, the nearer to what the user wrote.
    Image(u8),
    /// An image stands behind it of which the lines that follow speak.
    Context,
    /// `TAG in REPOSITORY` stands behind it.
    TagIn,
    /// A text that Docker cannot parse as an image stands behind it, and a colon.
    Unparsed,
    /// The repository stands before it.
    ImageBefore,
    /// A host stands behind it.
    Host,
    /// `http://` or `https://`.
    Url,
    /// A name that is looked up stands behind it.
    Lookup,
    /// An address that is dialled or spoken with stands behind it.
    Dial,
    /// What follows happened on the way to the proxy.
    ToProxy,
    /// At which stage of the pull.
    Stage(Stage),
    /// A status number follows.
    Status,
    /// One character follows that decides.
    InvalidCharacter,
    /// What follows is told of the mirrors, the failure itself behind them.
    Mirrors,
    /// What follows is noise: the same failure, read as another kind of artifact.
    Artifact,
    /// The runtime goes on to its next endpoint.
    NextHost,
    /// The image is that of the sandbox.
    Sandbox,
    /// GitLab's Kubernetes executor waited for the pod.
    GitLab,
    /// One phrase of a wording: its row, and which of its phrases.
    Wording(u16, u8),
}

/// A stage of a pull, as the words around an error tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The first contact.
    Ping,
    /// A token, without a login.
    AnonymousToken,
    /// A token, with a login.
    LoginToken,
    /// A token; with or without a login is not told.
    Token,
    /// The manifest.
    Manifest,
    /// A layer or the configuration.
    Blob,
}

use Mark::{Context, Failure, Image, NextHost, NotAPull, Pull};
use Runtime::{Containerd, CriO, Docker};

/// The phrases around the wordings. Lower case; single blanks.
const FRAMES: &[(&str, &[Mark])] = &[
    // The kubelet: the image as the pod has it.
    ("failed to pull image \"", &[Failure, Image(1)]),
    ("failed to pull image", &[Failure]),
    ("back-off pulling image \"", &[Failure, Image(1)]),
    ("back-off pulling image", &[Failure]),
    ("errimagepull", &[Failure]),
    ("imagepullbackoff", &[Failure]),
    ("imageinspecterror", &[Failure]),
    ("image pull failed for ", &[Failure, Image(1)]),
    ("image pull failed", &[Failure]),
    ("trying and failing to pull image", &[Failure]),
    ("failed to inspect image \"", &[Failure, Image(1)]),
    ("failed to record image pull intent for container image \"", &[Failure, Image(1)]),
    ("failed to apply default image tag \"", &[Pull, Image(1)]),
    ("container image \"", &[Pull, Image(1)]),
    ("couldn't parse image name \"", &[Pull, Image(2)]),
    ("couldn't parse image reference \"", &[Pull, Image(2)]),
    ("image=\"", &[Image(2)]),
    // The container as Go prints it, in the kubelet's journal.
    (",image:", &[Image(2)]),
    ("failed to parse image reference \"", &[Pull, Image(3)]),
    ("image=", &[Image(6)]),
    ("from image service failed", &[Failure]),
    ("imagestatus \"", &[Failure, Image(4)]),
    ("pull image \"", &[Image(3)]),
    ("pulling image \"", &[Image(3)]),
    ("sandbox image \"", &[Pull, Image(1), Mark::Sandbox]),
    ("sandbox image", &[Pull, Mark::Sandbox]),
    ("for image ", &[Image(6)]),
    ("imagepullsecret", &[Pull]),
    ("image pull secret", &[Pull]),
    ("error syncing pod", &[Pull]),
    ("image credential provider", &[Pull]),
    // containerd
    ("failed to pull and unpack image \"", &[Failure, Image(3), Mark::Runtime(Containerd)]),
    ("failed to resolve reference \"", &[Failure, Image(4), Mark::Runtime(Containerd), Mark::Stage(Stage::Manifest)]),
    ("failed to resolve image", &[Pull, Mark::Runtime(Containerd), Mark::Stage(Stage::Manifest)]),
    ("failed to resolve ref ", &[Failure, Image(4), Mark::Stage(Stage::Manifest)]),
    ("pullimage \"", &[Pull, Image(4)]),
    ("failed to do request", &[Pull, Mark::Runtime(Containerd)]),
    ("failed to authorize", &[Pull, Mark::Runtime(Containerd)]),
    ("fetch anonymous token", &[Pull, Mark::Runtime(Containerd), Mark::Stage(Stage::AnonymousToken)]),
    ("fetch oauth token", &[Pull, Mark::Runtime(Containerd), Mark::Stage(Stage::LoginToken)]),
    ("fetch token", &[Pull, Mark::Stage(Stage::Token)]),
    ("unexpected status", &[Pull, Mark::Status]),
    ("pulling from host ", &[Pull, Mark::Host, Mark::Runtime(Containerd), Mark::Stage(Stage::Manifest)]),
    ("failed with status code", &[Pull, Mark::Status]),
    ("failed to copy", &[Pull, Mark::Runtime(Containerd), Mark::Stage(Stage::Blob)]),
    ("httpreadseeker", &[Pull, Mark::Runtime(Containerd), Mark::Stage(Stage::Blob)]),
    ("could not fetch content descriptor", &[Pull, Mark::Runtime(Containerd)]),
    ("failed to extract layer", &[Pull, Mark::Runtime(Containerd)]),
    ("failed to prepare extraction snapshot", &[Pull, Mark::Runtime(Containerd)]),
    ("reference for unknown type", &[Pull, Mark::Runtime(Containerd)]),
    ("on snapshotter", &[Pull, Mark::Runtime(Containerd)]),
    ("failed commit on ref", &[Pull, Mark::Runtime(Containerd)]),
    ("trying next host", &[Pull, NextHost, Mark::Runtime(Containerd)]),
    ("fetch failed", &[Pull]),
    ("cancel pulling image", &[Failure, Mark::Runtime(Containerd)]),
    ("containerd", &[Mark::Runtime(Containerd)]),
    ("rh.client.do", &[Pull]),
    ("ctr: ", &[Pull, Mark::Runtime(Containerd)]),
    // CRI-O, podman, skopeo
    ("docker://", &[Image(5)]),
    ("initializing source", &[Pull, Mark::Runtime(CriO)]),
    ("initializing image from source", &[Pull, Mark::Runtime(CriO)]),
    ("pinging container registry ", &[Pull, Mark::Host, Mark::Runtime(CriO), Mark::Stage(Stage::Ping)]),
    ("pinging docker registry", &[Pull, Mark::Runtime(CriO), Mark::Stage(Stage::Ping)]),
    ("pinging docker registry ", &[Mark::Host]),
    ("reading manifest ", &[Pull, Mark::TagIn, Mark::Runtime(CriO), Mark::Stage(Stage::Manifest)]),
    ("requesting bearer token", &[Pull, Mark::Runtime(CriO), Mark::Stage(Stage::Token)]),
    ("retrieve auth token", &[Pull, Mark::Runtime(CriO), Mark::Stage(Stage::Token)]),
    ("decoding bearer token", &[Pull, Mark::Runtime(CriO), Mark::Stage(Stage::Token)]),
    ("getting username and password", &[Pull, Mark::Runtime(CriO)]),
    ("copying system image", &[Pull, Mark::Runtime(CriO)]),
    ("parsing image configuration", &[Pull, Mark::Runtime(CriO), Mark::Stage(Stage::Blob)]),
    ("reading blob", &[Pull, Mark::Runtime(CriO), Mark::Stage(Stage::Blob)]),
    ("fetching blob", &[Pull, Mark::Runtime(CriO), Mark::Stage(Stage::Blob)]),
    ("writing blob", &[Pull, Mark::Runtime(CriO), Mark::Stage(Stage::Blob)]),
    ("reading config blob", &[Pull, Mark::Runtime(CriO), Mark::Stage(Stage::Blob)]),
    ("determining manifest mime type", &[Pull, Mark::Runtime(CriO)]),
    ("unable to pull image or oci artifact", &[Failure, Mark::Runtime(CriO)]),
    ("unable to pull ", &[Failure, Image(6), Mark::Runtime(CriO)]),
    ("error pulling image \"", &[Failure, Image(4)]),
    ("pulling image failed", &[Failure]),
    ("pulling image:", &[Failure]),
    ("while pulling image:", &[Failure]),
    ("error while pulling image", &[Failure]),
    ("short-name \"", &[Pull, Image(4), Mark::Runtime(CriO)]),
    ("image name ", &[Image(6)]),
    ("source image rejected", &[Mark::Runtime(CriO)]),
    ("registries.conf", &[Pull, Mark::Runtime(CriO)]),
    ("policy.json", &[Pull, Mark::Runtime(CriO)]),
    ("mirrors also failed: ", &[Pull, Mark::Mirrors, Mark::Runtime(CriO)]),
    ("; artifact err:", &[Mark::Artifact]),
    ("http status: ", &[Mark::Status]),
    ("http code", &[Mark::Status]),
    ("statuscode: ", &[Mark::Status]),
    ("invalid status code from registry", &[Pull, Mark::Status]),
    ("failed with status:", &[Mark::Status]),
    ("requested url returned error", &[Mark::Status]),
    ("crio[", &[Mark::Runtime(CriO)]),
    ("podman", &[Mark::Runtime(CriO)]),
    // Docker and what stands before it
    ("error response from daemon", &[Pull, Mark::Runtime(Docker)]),
    ("no such image: ", &[Pull, Mark::Unparsed]),
    ("pull access denied for ", &[Failure, Image(4), Mark::Runtime(Docker)]),
    ("manifest for ", &[Pull, Image(4), Mark::Runtime(Docker)]),
    (" not found: does not exist or no pull access", &[Pull, Mark::ImageBefore, Mark::Runtime(Docker)]),
    ("error pulling image configuration", &[Pull, Mark::Runtime(Docker), Mark::Stage(Stage::Blob)]),
    ("error parsing http ", &[Pull, Mark::Status, Mark::Runtime(Docker)]),
    ("failed to register layer", &[Pull, Mark::Runtime(Docker)]),
    ("download failed after attempts", &[Pull, Mark::Runtime(Docker), Mark::Stage(Stage::Blob)]),
    ("with pull after error", &[Pull, Mark::Runtime(Docker)]),
    ("for pull after error", &[Pull, Mark::Runtime(Docker)]),
    ("cannotpullcontainererror", &[Failure]),
    ("failed to solve: ", &[Pull, Image(7)]),
    ("unable to find image '", &[Context, Mark::Runtime(Docker)]),
    ("pulling repository ", &[Pull]),
    ("trying to pull repository ", &[Context]),
    ("trying to pull ", &[Context]),
    ("pulling docker image ", &[Context]),
    ("docker pull ", &[Context]),
    ("podman pull ", &[Context]),
    ("nerdctl pull ", &[Context]),
    ("crictl pull ", &[Context]),
    ("ctr images pull ", &[Context]),
    ("ctr i pull ", &[Context]),
    ("ctr image pull ", &[Context]),
    ("image: ", &[Context]),
    ("\"image\": \"", &[Context]),
    ("\"image\":\"", &[Context]),
    ("waiting for pod running", &[Failure, Mark::GitLab]),
    ("image_pull_secrets", &[Mark::GitLab]),
    // Registries asked by hand
    ("/v2/", &[Pull]),
    ("/v1/_ping", &[Pull]),
    ("/v1/repositories/", &[Pull]),
    ("/v1/images/", &[Pull]),
    ("{\"errors\":[{\"code\"", &[Pull]),
    ("\"errors\": [", &[Pull]),
    // Hosts
    ("http://", &[Mark::Url]),
    ("https://", &[Mark::Url]),
    ("host=", &[Mark::Host]),
    ("lookup ", &[Mark::Lookup]),
    ("dial tcp ", &[Mark::Dial]),
    ("dial tcp4 ", &[Mark::Dial]),
    ("dial tcp6 ", &[Mark::Dial]),
    ("read tcp ", &[Mark::Dial]),
    ("write tcp ", &[Mark::Dial]),
    ("proxyconnect tcp", &[Mark::ToProxy]),
    ("socks connect tcp", &[Mark::ToProxy]),
    ("invalid proxy address", &[Mark::ToProxy]),
    ("invalid character '", &[Mark::InvalidCharacter]),
    // Other things that go wrong with a pod, in words that pulls use too
    ("successfully pulled image", &[NotAPull]),
    ("mountvolume.", &[NotAPull]),
    ("unable to attach or mount volumes", &[NotAPull]),
    ("readiness probe failed", &[NotAPull]),
    ("liveness probe failed", &[NotAPull]),
    ("startup probe failed", &[NotAPull]),
];

/// A phrase at its place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    phrase: u32,
}

impl Hit {
    /// What it tells.
    pub(super) fn marks(&self) -> &'static [Mark] {
        PHRASES.marks.get(self.phrase as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether it tells this.
    pub(super) fn is(&self, mark: Mark) -> bool {
        self.marks().contains(&mark)
    }
}

/// All phrases, ready to be looked for.
struct Phrases {
    finder: Option<AhoCorasick>,
    marks: Vec<Vec<Mark>>,
    wordings: Vec<&'static Wording>,
}

static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    let wordings: Vec<&'static Wording> = wordings::all().collect();
    let mut marks: BTreeMap<&'static str, Vec<Mark>> = BTreeMap::new();
    for (phrase, told) in FRAMES {
        marks.entry(phrase).or_default().extend(*told);
    }
    for (row, wording) in (0_u16..).zip(&wordings) {
        for (part, phrase) in (0_u8..).zip(wording.phrases) {
            marks.entry(phrase).or_default().push(Mark::Wording(row, part));
        }
    }
    let finder = AhoCorasick::builder().ascii_case_insensitive(true).build(marks.keys()).ok();
    Phrases { finder, marks: marks.into_values().collect(), wordings }
});

/// Every phrase in the text, in order of its beginning.
pub(super) fn find(text: &str) -> Vec<Hit> {
    let Some(finder) = &PHRASES.finder else { return Vec::new() };
    let mut hits: Vec<Hit> = finder
        .find_overlapping_iter(text)
        .map(|found| Hit { start: found.start(), end: found.end(), phrase: found.pattern().as_u32() })
        .collect();
    hits.sort_by_key(|hit| hit.start);
    hits
}

/// The wording in this row.
pub(super) fn wording(row: u16) -> Option<&'static Wording> {
    PHRASES.wordings.get(usize::from(row)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_phrases_together_can_be_looked_for() {
        assert!(PHRASES.finder.is_some());
    }

    #[test]
    fn phrases_are_found_in_any_case_and_within_each_other() {
        let hits = find("Failed to pull image \"a\": x509: Certificate signed by unknown authority");
        assert!(hits.iter().any(|hit| hit.is(Mark::Image(1))));
        assert_eq!(hits.iter().filter(|hit| hit.is(Mark::Failure)).count(), 2);
        let codes = hits.iter().flat_map(Hit::marks).filter_map(|mark| match mark {
            Mark::Wording(row, _) => wording(*row).map(|w| w.code.name()),
            _ => None,
        });
        assert!(codes.into_iter().any(|code| code == "TlsUnknownAuthority"));
    }

    #[test]
    fn frames_are_written_as_texts_are_compared() {
        for (phrase, _) in FRAMES {
            assert_eq!(*phrase, phrase.to_ascii_lowercase());
            assert!(!phrase.contains("  "), "{phrase}");
        }
    }
}
