//! What is said of the node's pull configuration, counted again and again.

use std::sync::Arc;
use std::time::Duration;

use pullagent_diagnosis::pull_configuration::pull_configuration;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::standpoint::{self, Wanted};

/// The time between two looks.
const AGAIN: Duration = Duration::from_hours(1);

/// Looks now, from time to time, and as soon as the settings are others; until nobody can change them any more.
pub(crate) async fn keep_linting(mut settings: watch::Receiver<Arc<Settings>>, metrics: Metrics) {
    loop {
        let now = settings.borrow_and_update().clone();
        match standpoint::look(&now, Wanted::Configuration(None)).await {
            Ok(here) => {
                let configuration = pull_configuration(&here.node, None);
                metrics.linted(configuration.findings.iter().map(|finding| finding.code));
            }
            Err(error) => warn!(error = format!("{error:#}"), "cannot look at the node's configuration"),
        }
        tokio::select! {
            () = sleep(AGAIN) => {}
            changed = settings.changed() => if changed.is_err() { return },
        }
    }
}
