//! The command line of `why`.

use std::time::Duration;

use clap::{ArgAction, Args};
use pullagent_diagnosis::report::Format;

use super::kube::KubeArguments;
use super::standpoint::StandpointArguments;
use super::{FailOn, parse_timeout};

/// Find out why a pod cannot get its image: its images, its pull secrets, and what its kubelet said
///
/// Reads the pod, its pull secrets and its events, examines each image that failed from this node as the kubelet and the
/// runtime would pull it, offers the logins that the kubelet offers in its order, and compares that with the kubelet's
/// last attempt. Run it on the pod's node.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0  it could be pulled now, is still being pulled, or no image is the matter
  1  a pull would fail               3  it could not be told
  2  wrong usage, or own trouble: the pod does not exist, the API server does not answer

Examples:
  pullagent why pod/web-0 -n shop
  pullagent why web-0 -n shop -o json
  pullagent why pod/web-0 -n shop --kubeconfig ~/.kube/config      with your own rights")]
pub(crate) struct WhyArguments {
    /// The pod
    #[arg(value_name = "pod/NAME", value_parser = parse_pod)]
    pub(crate) pod: String,

    #[command(flatten)]
    pub(crate) kube: KubeArguments,

    /// How long one image may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_timeout)]
    pub(crate) timeout: Duration,

    #[command(flatten)]
    pub(crate) standpoint: StandpointArguments,

    /// Exit with 1 for a verdict that is no failure too
    #[arg(long, value_name = "VERDICT")]
    pub(crate) fail_on: Option<FailOn>,

    /// Show every hop, address and certificate
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// How to report: text, short, json, markdown or ticket
    #[arg(short, long, value_name = "FORMAT", default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// `pod/NAME`, `pods/NAME`, `po/NAME` or the name alone, as kubectl takes them.
fn parse_pod(text: &str) -> Result<String, String> {
    let (kind, name) = text.split_once('/').unwrap_or(("pod", text));
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    match kind {
        "pod" | "pods" | "po" if is_name => Ok(name.to_owned()),
        "pod" | "pods" | "po" => Err("that is no name of a pod".to_owned()),
        _ => Err("only pods can be asked about: write pod/NAME".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_pod;

    #[test]
    fn a_pod_is_named_as_for_kubectl() {
        let check = |text: &str, want: Option<&str>| assert_eq!(parse_pod(text).ok().as_deref(), want, "{text}");
        check("pod/web-0", Some("web-0"));
        check("po/web-0", Some("web-0"));
        check("web-0", Some("web-0"));
        check("deployment/web", None);
        check("pod/", None);
        check("pod/a/b", None);
        check("", None);
    }
}
