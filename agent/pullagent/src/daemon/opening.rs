//! The API server, opened as soon as it can be: a kubeconfig or a certificate may come long after the daemon has started.
//!
//! Sends nothing to the API server. That it is down is the matter of whoever asks it.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Duration, sleep};
use tracing::{info, warn};

use super::watching::PODS;
use crate::http::Readiness;
use crate::kube::{Asked, Cluster, open_as, pauses};
use crate::settings::{IdentityChoice, Settings};

/// The pause once the growing ones are used up, which they are not.
const LONGEST: Duration = Duration::from_secs(30);

/// The API server, once it is there. It stays the same from then on.
pub(crate) type Opened = watch::Receiver<Option<Arc<Cluster>>>;

/// Opens the API server as the settings have it, again and again until that succeeds. Until then the daemon is not ready,
/// unless the settings say that nobody is asked.
pub(crate) async fn open_once_it_can_be(
    settings: watch::Receiver<Arc<Settings>>,
    readiness: Readiness,
    opened: watch::Sender<Option<Arc<Cluster>>>,
) {
    if let Some(cluster) = keep_trying(settings, readiness, open).await {
        opened.send_replace(Some(cluster));
    }
}

async fn open(settings: Arc<Settings>) -> anyhow::Result<Arc<Cluster>> {
    let asked = Asked { choice: settings.kubernetes.identity, ..Asked::default() };
    let cluster = open_as(asked, &settings).await?;
    for note in &cluster.identity().notes {
        warn!("{}: {}", note.what, note.why);
    }
    info!(identity = cluster.identity().name, "asking the API server");
    Ok(Arc::new(cluster))
}

/// What the first attempt that succeeds comes to; `None` once the settings cannot change any more and name nobody.
async fn keep_trying<T>(
    mut settings: watch::Receiver<Arc<Settings>>,
    readiness: Readiness,
    mut attempt: impl AsyncFnMut(Arc<Settings>) -> anyhow::Result<T>,
) -> Option<T> {
    let mut growing = pauses();
    let mut told = String::new();
    loop {
        let now = settings.borrow_and_update().clone();
        if now.kubernetes.identity == IdentityChoice::None {
            info!("kubernetes.identity is none: no pod is watched");
            readiness.is_there(PODS);
            settings.changed().await.ok()?;
            continue;
        }
        match attempt(now).await {
            Ok(opened) => return Some(opened),
            Err(error) => {
                let why = format!("{error:#}");
                readiness.wait_for(PODS, &why);
                // Once for each obstacle: the same one may last for days.
                if why != told {
                    warn!("no pod is watched for now: {why}");
                    told = why;
                }
            }
        }
        tokio::select! {
            () = sleep(growing.next().unwrap_or(LONGEST)) => {}
            Ok(()) = settings.changed() => growing = pauses(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use anyhow::bail;
    use tokio::time::Instant;

    use super::*;

    fn settings(identity: IdentityChoice) -> Arc<Settings> {
        let mut settings = Settings::default();
        settings.kubernetes.identity = identity;
        Arc::new(settings)
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_tried_with_growing_pauses_until_it_can_be_opened() {
        let (_tell, told) = watch::channel(settings(IdentityChoice::Auto));
        let (readiness, begun) = (Readiness::default(), Instant::now());
        let attempts = RefCell::new(Vec::new());
        let attempt = async |_| {
            attempts.borrow_mut().push(begun.elapsed());
            anyhow::ensure!(attempts.borrow().len() >= 12, "there is no kubeconfig");
            Ok("opened")
        };
        assert_eq!(keep_trying(told, readiness.clone(), attempt).await, Some("opened"));
        assert_eq!(readiness.waits_for(), [(PODS, "there is no kubeconfig".to_owned())], "it is listed yet");
        let attempts = attempts.into_inner();
        let pauses: Vec<Duration> = attempts.windows(2).map(|two| two[1].saturating_sub(two[0])).collect();
        assert!(pauses.iter().all(|pause| !pause.is_zero() && *pause <= 2 * LONGEST), "{pauses:?}");
        assert!(pauses[0] < Duration::from_secs(5) && pauses[10] > Duration::from_secs(10), "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_where_nobody_is_to_be_asked_and_new_settings_count_at_once() {
        let (tell, told) = watch::channel(settings(IdentityChoice::None));
        let readiness = Readiness::default();
        readiness.wait_for(PODS, "nobody was asked yet");
        let attempt = async |settings: Arc<Settings>| match settings.kubernetes.identity {
            IdentityChoice::Kubelet => bail!("there is no kubeconfig"),
            choice => Ok(choice),
        };
        let trying = tokio::spawn({
            let readiness = readiness.clone();
            async move { keep_trying(told, readiness, attempt).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(readiness.waits_for(), []);
        tell.send_replace(settings(IdentityChoice::Kubelet));
        tokio::task::yield_now().await;
        assert_eq!(readiness.waits_for().len(), 1);
        let before = Instant::now();
        tell.send_replace(settings(IdentityChoice::Kubeconfig));
        assert_eq!(trying.await.unwrap(), Some(IdentityChoice::Kubeconfig));
        assert_eq!(Instant::now(), before);
    }
}
