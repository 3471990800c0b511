//! What of a pod fails for its image, and what is to be asked about it. Knows no time.

use pullagent_diagnosis::pod::{Container, ContainerState, Pod, is_error_text, is_image_failure, tells_no_cause};
use pullagent_diagnosis::reference::Reference;

/// Bytes of an image's name that are kept: more than any that can be parsed and served.
const LONGEST_IMAGE: usize = 1024;
/// Bytes of the kubelet's message that are kept.
const LONGEST_MESSAGE: usize = 2048;
/// Containers of one pod that are looked at.
const MOST_CONTAINERS: usize = 64;

/// One image of one pod: a container's, a volume's, or the sandbox's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    /// The pod's namespace.
    pub(crate) namespace: String,
    /// The pod's uid.
    pub(crate) uid: String,
    /// The pod's name.
    pub(crate) pod: String,
    /// The container's or volume's name; empty for the sandbox.
    pub(crate) container: String,
    /// The place that its events name.
    pub(crate) field_path: Option<String>,
}

impl Subject {
    /// The image of a container or volume.
    pub(crate) fn container(pod: &Pod, container: &Container) -> Self {
        Self { container: container.name.clone(), field_path: container.field_path(), ..Self::sandbox(pod) }
    }

    /// The image of the pod's sandbox.
    pub(crate) fn sandbox(pod: &Pod) -> Self {
        let (namespace, uid, pod) = (pod.namespace.clone(), pod.uid.clone(), pod.name.clone());
        Self { namespace, uid, pod, container: String::new(), field_path: None }
    }

    /// Whether the kubelet does not get a container's image.
    pub(crate) fn fails(container: &Container) -> bool {
        matches!(&container.state, ContainerState::Waiting { reason, .. } if is_image_failure(reason))
    }

    /// Whether a container fails and its status does not tell why.
    pub(crate) fn is_unclear(container: &Container) -> bool {
        let ContainerState::Waiting { reason, message } = &container.state else { return false };
        !is_error_text(reason) && tells_no_cause(message) && is_image_failure(reason)
    }

    /// Whether it is the sandbox's image.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.container.is_empty()
    }
}

/// Pull secrets: the same names in another namespace are others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Secrets {
    /// Where they are.
    pub(crate) namespace: String,
    /// Their names, in the kubelet's order.
    pub(crate) names: Vec<String>,
}

/// How the kubelet fails, as far as it makes another question. Words that alternate during one failure are one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// It asked for a pull, or was about to.
    Pull,
    /// It cannot read the name.
    Name,
    /// It may not pull.
    Never,
    /// It cannot ask the runtime.
    Inspect,
    /// The runtime cannot pull the sandbox's image.
    Sandbox,
    /// No image at all: whether the registry answers. No login is offered.
    Registry,
}

/// What is asked. All that ask the same are given one answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    /// The image as written.
    pub(crate) image: String,
    /// The pull secrets; `None` where only what the node has of its own is offered, so that all may share the answer.
    pub(crate) secrets: Option<Secrets>,
    /// How the kubelet fails.
    pub(crate) class: Class,
    /// The host that the image names; empty where it names none.
    pub(crate) registry: String,
}

impl Question {
    fn new(image: &str, secrets: Option<Secrets>, class: Class) -> Self {
        let image = cut(image, LONGEST_IMAGE).to_owned();
        let registry = Reference::parse(&image).map(|reference| host(&reference.registry).to_owned());
        Self { image, secrets, class, registry: registry.unwrap_or_default() }
    }

    /// What is asked of a sandbox's image, which the runtime pulls with logins of its own.
    pub(crate) fn of_sandbox(image: &str) -> Self {
        Self::new(image, None, Class::Sandbox)
    }

    /// What is asked of an image that nobody fails with, as a check does.
    pub(crate) fn of_image(image: &str, secrets: Option<Secrets>) -> Self {
        Self::new(image, secrets, Class::Pull)
    }

    /// What is asked of a registry by itself.
    pub(crate) fn of_registry(registry: &str) -> Self {
        let (image, registry) = (cut(registry, LONGEST_IMAGE).to_owned(), host(registry).to_owned());
        Self { image, secrets: None, class: Class::Registry, registry }
    }
}

impl Question {
    /// What is asked of a container of `pod`, and as whom; of its sandbox where it has no container of that name.
    pub(crate) fn about(pod: &Pod, container: &str, image: &str) -> (Subject, Self) {
        let Some(container) = pod.containers.iter().find(|known| known.name == container) else {
            return (Subject::sandbox(pod), Self::of_sandbox(image));
        };
        let class = match &container.state {
            ContainerState::Waiting { reason, .. } => class(reason),
            _ => None,
        };
        let question = Self::new(&container.image, secrets(pod), class.unwrap_or(Class::Pull));
        (Subject::container(pod, container), question)
    }
}

/// The host that serves a registry, without the port that goes without saying.
pub(super) fn host(registry: &str) -> &str {
    if registry == "docker.io" { "registry-1.docker.io" } else { registry.strip_suffix(":443").unwrap_or(registry) }
}

/// One failure that the kubelet shows.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) subject: Subject,
    pub(super) question: Question,
    /// The kubelet has tried more than once.
    pub(super) is_backing_off: bool,
    pub(super) message: String,
}

/// The images of a pod that fail, by what its kubelet says.
pub(super) fn shown(pod: &Pod) -> Vec<Shown> {
    let secrets = secrets(pod);
    let of = |container: &Container| {
        let ContainerState::Waiting { reason, message } = &container.state else { return None };
        let class = class(reason)?;
        let text = if is_error_text(reason) { reason } else { message };
        Some(Shown {
            subject: Subject::container(pod, container),
            question: Question::new(&container.image, secrets.clone(), class),
            is_backing_off: reason == "ImagePullBackOff",
            message: message_of(text),
        })
    };
    pod.containers.iter().take(MOST_CONTAINERS).filter_map(of).collect()
}

fn secrets(pod: &Pod) -> Option<Secrets> {
    let (namespace, names) = (&pod.namespace, &pod.pull_secrets);
    (!names.is_empty()).then(|| Secrets { namespace: namespace.clone(), names: names.clone() })
}

/// Whether the pod still waits for its sandbox, as far as its containers tell.
pub(crate) fn awaits_sandbox(pod: &Pod) -> bool {
    pod.containers.iter().all(|container| match &container.state {
        ContainerState::Unknown => true,
        ContainerState::Waiting { reason, .. } => matches!(reason.as_str(), "ContainerCreating" | "PodInitializing"),
        ContainerState::Running | ContainerState::Ended { .. } => false,
    })
}

/// The kubelet's words as they are kept.
pub(super) fn message_of(text: &str) -> String {
    cut(text, LONGEST_MESSAGE).to_owned()
}

/// The class of a waiting reason; `None` where it is no image that fails.
fn class(reason: &str) -> Option<Class> {
    is_image_failure(reason).then_some(match reason {
        "InvalidImageName" => Class::Name,
        "ErrImageNeverPull" => Class::Never,
        "ImageInspectError" => Class::Inspect,
        _ => Class::Pull,
    })
}

fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(reason: &str, want: Option<Class>) {
        assert_eq!(class(reason), want, "{reason}");
    }

    #[test]
    fn only_what_fails_for_an_image_counts() {
        check("ImagePullBackOff", Some(Class::Pull));
        check("RegistryUnavailable", Some(Class::Pull));
        check("InvalidImageName", Some(Class::Name));
        check("ErrImageNeverPull", Some(Class::Never));
        check("ImageInspectError", Some(Class::Inspect));
        check("failed to decode pull secret: illegal base64 data at input byte 4", Some(Class::Pull));
        for other in ["ContainerCreating", "PodInitializing", "CrashLoopBackOff", "CreateContainerConfigError", ""] {
            check(other, None);
        }
    }

    #[test]
    fn a_registry_has_one_name() {
        let registry = |image| Question::of_sandbox(image).registry;
        assert_eq!(registry("nginx"), "registry-1.docker.io");
        assert_eq!(registry("r.io:443/a"), registry("r.io/a:2"));
        assert_eq!(registry("r.io:5000/a"), "r.io:5000");
        assert_eq!(registry("r.io/A:::"), "");
        assert_eq!(registry("r.io/a"), Question::of_registry("r.io:443").registry);
    }
}
