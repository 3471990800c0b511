//! Whether the image store grows during a pull: containerd's folder of unfinished downloads where it can be read, else
//! the filesystem that images are written to. The CRI itself tells nothing until a pull is over.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use pullagent_diagnosis::pull::{Growth, STILL};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::client::Client;
use crate::host_root::below;

/// The time between two looks.
const TICK: Duration = Duration::from_millis(400);
/// The time that one look may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// Unfinished downloads that are counted.
const MAX_DOWNLOADS: usize = 1024;

/// How far a pull is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Since it was begun.
    pub elapsed: Duration,
    /// By how many bytes the image store was seen to grow.
    pub brought: u64,
}

/// By how many bytes the image store of the runtime at `socket` grows within `span`; `None` where that cannot be seen.
pub async fn growth_during(span: Duration, socket: &Path, host_root: &Path) -> Option<u64> {
    let by = Instant::now() + PATIENCE;
    let client = Client::connect(socket, by).await.ok()?;
    let mountpoint = client.image_filesystem(by).await.ok()??;
    let places = Places::of(host_root, Path::new(&mountpoint));
    let mut watch = Watch::default();
    // It ends by the time being over.
    let _ = timeout(span, watch.run(&places, Instant::now(), &mut |_| {})).await;
    watch.last.map(|_| watch.grown)
}

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// containerd's unfinished downloads.
    ingest: Option<PathBuf>,
    /// A folder of the image filesystem.
    filesystem: Option<PathBuf>,
}

impl Places {
    /// The places of a runtime that says that its images are at `mountpoint`. Below containerd's root, each snapshotter
    /// and its content store have a folder of their own (`plugins/content/local/store.go` for the one within).
    pub(super) fn of(host_root: &Path, mountpoint: &Path) -> Self {
        let is_containerds =
            mountpoint.file_name().is_some_and(|name| name.to_string_lossy().starts_with("io.containerd.snapshotter."));
        let content = mountpoint.parent().map(|root| root.join("io.containerd.content.v1.content/ingest"));
        Self {
            ingest: content.filter(|_| is_containerds).and_then(|folder| below(host_root, &folder).ok()),
            filesystem: below(host_root, mountpoint).ok(),
        }
    }

    fn look(&self) -> Sample {
        let used = |folder: &PathBuf| {
            let statistics = statvfs(folder).ok()?;
            let blocks = statistics.blocks().saturating_sub(statistics.blocks_free());
            Some(blocks.saturating_mul(statistics.fragment_size()))
        };
        Sample { downloads: self.ingest.as_deref().and_then(downloads), used: self.filesystem.as_ref().and_then(used) }
    }
}

/// The bytes of each unfinished download; `None` where they may not be seen.
fn downloads(ingest: &Path) -> Option<BTreeMap<OsString, u64>> {
    let entries = fs::read_dir(ingest).ok()?.take(MAX_DOWNLOADS).flatten();
    let size = |entry: &fs::DirEntry| Some(entry.path().join("data").symlink_metadata().ok()?.len());
    Some(entries.filter_map(|entry| Some((entry.file_name(), size(&entry)?))).collect())
}

/// What was seen at one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sample {
    downloads: Option<BTreeMap<OsString, u64>>,
    used: Option<u64>,
}

/// What was seen since the pull began.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: Option<Sample>,
    /// When the last look was, since the first.
    seen: Duration,
    /// When the store was last seen to change.
    changed: Duration,
    grown: u64,
}

impl Watch {
    /// Looks again and again, and tells each time. Ends only by being dropped.
    pub(super) async fn run(
        &mut self,
        places: &Places,
        started: Instant,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Infallible {
        let first = Instant::now();
        loop {
            let looked_at = places.clone();
            let at = first.elapsed();
            match timeout(PATIENCE, spawn_blocking(move || looked_at.look())).await {
                Ok(Ok(sample)) => self.note(at, sample),
                // The filesystem hangs: another look would only hang beside the first.
                Ok(Err(_)) | Err(_) => std::future::pending::<()>().await,
            }
            progress(Progress { elapsed: started.elapsed(), brought: self.grown });
            sleep(TICK).await;
        }
    }

    /// What the store did.
    pub(super) fn growth(&self) -> Growth {
        let idle = self.seen.saturating_sub(self.changed);
        if idle >= STILL {
            Growth::Still { seconds: u32::try_from(idle.as_secs()).unwrap_or(u32::MAX) }
        } else if self.grown > 0 {
            Growth::Grew { bytes: self.grown }
        } else {
            Growth::NotSeen
        }
    }

    fn note(&mut self, at: Duration, sample: Sample) {
        if sample == Sample::default() {
            return;
        }
        if let Some(last) = &self.last {
            let (changed, bytes) = difference(last, &sample);
            if changed {
                self.changed = at;
            }
            self.grown = self.grown.saturating_add(bytes);
        } else {
            self.changed = at;
        }
        self.seen = at;
        self.last = Some(sample);
    }
}

/// Whether the store changed from one look to the next, and by how many bytes it grew.
///
/// While something is downloaded, that alone counts: the filesystem belongs to others too. Before, and while layers are
/// unpacked, any change of the filesystem counts as the pull's, so that a pull is rather not called stalled.
fn difference(before: &Sample, after: &Sample) -> (bool, u64) {
    if let (Some(before), Some(after)) = (&before.downloads, &after.downloads)
        && !(before.is_empty() && after.is_empty())
    {
        let grown = after.iter().map(|(name, size)| size.saturating_sub(*before.get(name).unwrap_or(&0)));
        return (before != after, grown.fold(0, u64::saturating_add));
    }
    let bytes = match (before.used, after.used) {
        (Some(before), Some(used)) if after.downloads.is_none() => used.saturating_sub(before),
        _ => 0,
    };
    (before.used != after.used, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each download's size, and the bytes used on the filesystem.
    type Look<'a> = (Option<&'a [u64]>, Option<u64>);

    /// Looks a second apart.
    #[track_caller]
    fn check(looks: &[Look<'_>], want: Growth) {
        let mut watch = Watch::default();
        for (second, (downloads, used)) in looks.iter().enumerate() {
            let name = |at: usize| OsString::from(format!("{at}"));
            let downloads =
                downloads.map(|sizes| sizes.iter().enumerate().map(|(at, size)| (name(at), *size)).collect());
            watch.note(Duration::from_secs(second as u64), Sample { downloads, used: *used });
        }
        assert_eq!(watch.growth(), want, "{looks:?}");
    }

    #[test]
    fn only_a_store_that_was_watched_for_long_enough_is_still() {
        check(&[], Growth::NotSeen);
        check(&[(Some(&[7][..]), None); 5], Growth::NotSeen);
        check(&[(Some(&[7][..]), None); 6], Growth::Still { seconds: 5 });
        check(&[(None, None); 9], Growth::NotSeen);
        check(&[(None, Some(7)); 7], Growth::Still { seconds: 6 });
    }

    #[test]
    fn a_download_that_stands_is_seen_on_a_busy_filesystem() {
        let looks: Vec<Look<'_>> = (0..8).map(|n| (Some(&[7][..]), Some(n))).collect();
        check(&looks, Growth::Still { seconds: 7 });
        // Without a look at the downloads, what others write counts as the pull's.
        let looks: Vec<Look<'_>> = (0..8).map(|n| (None, Some(n))).collect();
        check(&looks, Growth::Grew { bytes: 7 });
    }

    #[test]
    fn unpacking_is_no_standstill() {
        let looks: Vec<Look<'_>> = (0..8).map(|n| (Some(&[][..]), Some(n))).collect();
        check(&looks, Growth::NotSeen);
    }

    #[test]
    fn what_was_downloaded_stays_counted_when_it_is_moved_to_the_store() {
        check(&[(Some(&[0]), Some(0)), (Some(&[5, 1]), Some(6)), (Some(&[]), Some(6))], Growth::Grew { bytes: 6 });
    }

    #[test]
    fn containerds_downloads_are_found_beside_its_snapshots() {
        let root = tempfile::tempdir().unwrap();
        let ingest = root.path().join("var/lib/containerd/io.containerd.content.v1.content/ingest");
        fs::create_dir_all(ingest.join("4a1f")).unwrap();
        fs::create_dir_all(root.path().join("var/lib/containerd/io.containerd.snapshotter.v1.overlayfs")).unwrap();
        fs::write(ingest.join("4a1f/data"), "12345").unwrap();
        let at = Path::new("/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs");
        let sample = Places::of(root.path(), at).look();
        assert_eq!(sample.downloads, Some(BTreeMap::from([("4a1f".into(), 5)])));
        assert!(sample.used.is_some());
        assert_eq!(Places::of(root.path(), Path::new("/var/lib/containers/storage")).look(), Sample::default());
    }
}
