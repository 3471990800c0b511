//! What was seen of one process, and whether a process so seen counts as the node's runtime. Values in, answer out.

use std::path::PathBuf;

use super::cgroup::outside_pods;
use super::doubt::Doubt;
use super::formats::Life;

/// All that decides over one process.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    /// Before everything else was read.
    pub(super) before: Life,
    /// After everything else was read.
    pub(super) after: Life,
    /// Its real, effective, saved and filesystem user.
    pub(super) users: [u32; 4],
    /// Its user namespace, and that of process 1.
    pub(super) user_namespaces: [PathBuf; 2],
    /// Its `/proc/PID/cgroup`, and that of process 1.
    pub(super) cgroups: [String; 2],
}

impl Sight {
    /// Refuses a process that is not the node's own root from start to end.
    pub(super) fn judge(&self) -> Result<(), Doubt> {
        if self.before != self.after || self.before.ended {
            return Err(Doubt::Ended);
        }
        if let Some(user) = self.users.into_iter().find(|user| *user != 0) {
            return Err(Doubt::NotRoot(user));
        }
        let [namespace, of_init] = &self.user_namespaces;
        if namespace != of_init {
            return Err(Doubt::UserNamespace);
        }
        let [cgroup, of_init] = &self.cgroups;
        outside_pods(cgroup, of_init)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> Sight {
        let life = Life { started: 100, ended: false };
        Sight {
            before: life,
            after: life,
            users: [0; 4],
            user_namespaces: ["user:[1]".into(), "user:[1]".into()],
            cgroups: ["0::/system.slice/containerd.service\n".to_owned(), "0::/init.scope\n".to_owned()],
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Sight), want: &str) {
        let mut sight = runtime();
        change(&mut sight);
        let why = sight.judge().unwrap_err().to_string();
        assert!(why.contains(want), "{why}");
    }

    #[test]
    fn every_rule_refuses_by_itself() {
        runtime().judge().unwrap();
        check(|sight| sight.after.started = 101, "ended");
        check(|sight| sight.after.ended = true, "ended");
        check(|sight| (sight.before.ended, sight.after.ended) = (true, true), "ended");
        for user in 0..4 {
            check(|sight| sight.users[user] = 1000, "as user 1000");
        }
        check(|sight| sight.user_namespaces[0] = "user:[2]".into(), "another user namespace");
        check(|sight| sight.cgroups[0] = "0::/kubepods/pod1/x\n".into(), "in a pod");
        check(|sight| sight.cgroups[0].clear(), "cannot be told");
    }
}
