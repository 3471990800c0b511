//! A world outside of the node: its servers run in a network of their own at the other end of a cable, since nobody may
//! make a node's agent ask the node itself.

use std::process::Command;
use std::sync::mpsc;
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, unshare};
use pullagent_testkit::world::World;
use tokio::sync::oneshot;

/// Where its servers are to listen.
pub(super) const ADDRESS: &str = "10.77.0.2";

/// Lays the cable from the network of the thread that runs this to that of process 1.
const CABLE: &str = "set -e
ip link set lo up
ip link add outside type veth peer name node netns 1
ip address add 10.77.0.2/24 dev outside
ip link set outside up
nsenter --net=/proc/1/ns/net sh -ec 'ip address add 10.77.0.1/24 dev node; ip link set node up; ip route add default via 10.77.0.2'";

/// The thread in whose network a world is. Its servers stop when this is dropped.
pub(super) struct Outside {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Outside {
    /// Starts the world of this text there. Takes a test that is process 1 of a network of its own.
    pub(super) fn start(text: String) -> (World, Self) {
        let (said, hear) = mpsc::channel();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            // Of this thread alone: whatever it opens from now on is in another network.
            unshare(CloneFlags::CLONE_NEWNET).expect("a network");
            let laid = Command::new("sh").args(["-c", CABLE]).status().expect("a shell starts");
            assert!(laid.success(), "no cable was laid");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let world = World::from_toml("outside", &text).await.expect("the world starts");
                assert!(said.send(world).is_ok(), "nobody waits for the world");
                // An error is the end, too.
                let _ = ended.await;
            });
        });
        let world = hear.recv().expect("the world starts");
        (world, Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
