//! The node's pull configuration, looked at again and again: for what is said of it, which is counted, and for whoever
//! tells of it.

use std::sync::Arc;
use std::time::Duration;

use pullagent_diagnosis::case::NodeConfig;
use pullagent_diagnosis::fingerprint::{Facts, trust_hash};
use pullagent_diagnosis::pull_configuration::{PullConfiguration, pull_configuration};
use pullagent_probes::node::{kernel, os_image};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::standpoint::{self, Wanted};

/// The time between two looks: some milliseconds of a core, and soon enough for whoever asks what has changed.
const AGAIN: Duration = Duration::from_mins(5);

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// What the node pulls with.
    pub(crate) configuration: PullConfiguration,
    /// What else the node itself tells.
    pub(crate) facts: Facts,
}

/// The last look; none yet at the beginning. Whoever waits for it is told of one in which something is new.
pub(crate) type Looks = watch::Receiver<Option<Arc<Look>>>;

/// Looks now, from time to time, and as soon as the settings were read again; until nobody can change them any more.
pub(crate) async fn keep_looking(
    mut settings: watch::Receiver<Arc<Settings>>,
    metrics: Metrics,
    seen: watch::Sender<Option<Arc<Look>>>,
) {
    loop {
        let now = settings.borrow_and_update().clone();
        match look(&now).await {
            Ok(look) => {
                metrics.linted(look.configuration.findings.iter().map(|finding| finding.code));
                seen.send_if_modified(|last| {
                    let is_new = last.as_deref() != Some(&look);
                    *last = Some(Arc::new(look));
                    is_new
                });
            }
            Err(error) => warn!(error = format!("{error:#}"), "cannot look at the node's configuration"),
        }
        tokio::select! {
            () = sleep(AGAIN) => {}
            changed = settings.changed() => if changed.is_err() { return },
        }
    }
}

async fn look(settings: &Settings) -> anyhow::Result<Look> {
    let here = standpoint::look(settings, Wanted::Configuration(None)).await?;
    let root = here.host_root;
    let look = tokio::task::spawn_blocking(move || Look {
        configuration: pull_configuration(&here.node, None),
        facts: Facts { kernel: kernel(), os_image: os_image(&root), ..facts(&here.node) },
    });
    Ok(look.await?)
}

fn facts(node: &NodeConfig) -> Facts {
    Facts {
        trust: trust_hash(&node.network.trust.roots),
        has_ipv4: node.node.has_ipv4,
        has_ipv6: node.node.has_ipv6,
        ..Facts::default()
    }
}
