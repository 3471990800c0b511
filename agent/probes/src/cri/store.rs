//! The runtime's image store: what it holds of an image, and how much room is left where it writes. Changes nothing.

use std::path::Path;
use std::time::Duration;

use nix::sys::statvfs::{Statvfs, statvfs};
use pullagent_diagnosis::case::NotChecked;
use pullagent_diagnosis::runtime::{ImageFilesystem, Store};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::client::{Client, within};
use crate::host_root::below;

/// The time for each question.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks the runtime at `socket` for `image`, as the kubelet names it, and for its filesystem, which is then looked at
/// below `host_root`. Ends by the deadline; what could not be learnt is said in the answer.
pub(crate) async fn look(socket: &Path, host_root: &Path, image: &str, deadline: Instant) -> Store {
    let by = deadline.min(within(PATIENCE));
    let mut store = Store::default();
    let client = match Client::connect(socket, by).await {
        Ok(client) => client,
        Err(error) => {
            store.held_unknown = true;
            store.not_checked.push(NotChecked::new(HELD, error.to_string()));
            store.not_checked.push(NotChecked::new(ROOM, error.to_string()));
            return store;
        }
    };
    let (held, mountpoint) = tokio::join!(client.held(image, by), client.image_filesystem(by));
    match held {
        Ok(held) => store.held = held,
        Err(failure) => {
            store.held_unknown = true;
            store.not_checked.push(NotChecked::new(HELD, failure.to_string()));
        }
    }
    match mountpoint {
        Ok(Some(path)) => match room(host_root, &path, deadline.min(within(PATIENCE))).await {
            Ok(statistics) => store.filesystem = Some(filesystem(path, &statistics)),
            Err(why) => {
                store.not_checked.push(NotChecked::new(ROOM, why));
                store.filesystem = Some(ImageFilesystem { path, free_bytes: None, free_inodes: None });
            }
        },
        Ok(None) => store.not_checked.push(NotChecked::new(ROOM, "the runtime does not say where it is")),
        Err(failure) => store.not_checked.push(NotChecked::new(ROOM, failure.to_string())),
    }
    store
}

/// Whether the runtime at `socket` holds an image under this name; in words, why it did not say.
pub async fn holds(socket: &Path, image: &str) -> Result<bool, String> {
    let by = within(PATIENCE);
    let client = Client::connect(socket, by).await.map_err(|error| error.to_string())?;
    client.held(image, by).await.map(|held| held.is_some()).map_err(|failure| failure.to_string())
}

const HELD: &str = "what the node holds of the image";
const ROOM: &str = "the room on the image filesystem";

/// The statistics of the filesystem that the node calls `path`. A filesystem that hangs is not waited for.
async fn room(host_root: &Path, path: &str, by: Instant) -> Result<Statvfs, String> {
    let (root, inside) = (host_root.to_owned(), path.to_owned());
    let asked = spawn_blocking(move || {
        let folder = below(&root, Path::new(&inside)).map_err(|error| format!("{inside}: {error}"))?;
        statvfs(&folder).map_err(|errno| format!("{inside}: {}", errno.desc()))
    });
    match timeout_at(by, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => Err(format!("{path}: no answer in time")),
    }
}

/// What is left there for a runtime, which is root: the blocks that are kept for root count.
fn filesystem(path: String, statistics: &Statvfs) -> ImageFilesystem {
    let free = statistics.blocks_free().saturating_mul(statistics.fragment_size());
    // Some filesystems have no inodes to count, btrfs among them.
    let inodes = (statistics.files() > 0).then(|| statistics.files_free());
    ImageFilesystem { path, free_bytes: Some(free), free_inodes: inodes }
}
