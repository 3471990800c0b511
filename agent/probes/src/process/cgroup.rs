//! Whether a process runs in a pod, by its cgroups (cgroups(7)). Text in, answer out.

use super::doubt::Doubt;

/// Part of the name of the cgroup that the kubelet puts all pods below: `kubepods`, `kubepods.slice`,
/// `kubelet-kubepods.slice` (`pkg/kubelet/cm/qos_container_manager_linux.go`, `cgroup_manager_linux.go`).
const PODS: &str = "kubepods";

/// Refuses a process in a pod. `process` and `init` are the `/proc/PID/cgroup` of the process and of process 1.
///
/// The kernel tells paths relative to the reader's own cgroup namespace: seen from inside a container another pod may
/// be `/../../pod1234`, without the word that gives it away. Process 1 shows how many steps up the node's root is; a
/// path with fewer begins somewhere below that root, at an ancestor of ours, and tells nothing.
pub(super) fn outside_pods(process: &str, init: &str) -> Result<(), Doubt> {
    let mut told = false;
    for line in process.lines() {
        let (hierarchy, path) = split(line).ok_or(Doubt::CgroupUntold)?;
        if path.split('/').any(|segment| segment.contains(PODS)) {
            return Err(Doubt::InAPod);
        }
        let of_init = init.lines().filter_map(split).find(|(other, _)| *other == hierarchy);
        if of_init.is_none_or(|(_, of_init)| steps_up(of_init) != steps_up(path)) {
            return Err(Doubt::CgroupUntold);
        }
        told = true;
    }
    if told { Ok(()) } else { Err(Doubt::CgroupUntold) }
}

/// The systemd service that a `/proc/PID/cgroup` puts a process into: the last part of a path that is named like one, as
/// `systemd-cgls` shows it. None where systemd did not start it.
pub(super) fn service(process: &str) -> Option<String> {
    let paths = process.lines().filter_map(split).map(|(_, path)| path);
    let services = paths.filter_map(|path| path.rsplit('/').find(|segment| segment.ends_with(".service")));
    services.map(str::to_owned).next()
}

/// A line's hierarchy (`0:`, `4:memory`) and path. No controller's name has a colon, a path may.
fn split(line: &str) -> Option<(&str, &str)> {
    let colons: Vec<usize> = line.match_indices(':').map(|(at, _)| at).take(2).collect();
    let [_, second] = colons[..] else { return None };
    Some((line.get(..second)?, line.get(second + 1..)?))
}

fn steps_up(path: &str) -> usize {
    path.trim_start_matches('/').split('/').take_while(|segment| *segment == "..").count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_by_its_cgroup() {
        let check = |cgroup: &str, want: Option<&str>| assert_eq!(service(cgroup).as_deref(), want, "{cgroup}");
        check("0::/system.slice/containerd.service\n", Some("containerd.service"));
        check("4:memory:/system.slice/k3s.service/x\n1:name=systemd:/system.slice/k3s.service\n", Some("k3s.service"));
        check("0::/user.slice/user-0.slice/session-1.scope\n", None);
        check("0::/\n", None);
    }

    #[track_caller]
    fn check(process: &str, init: &str, want: &str) {
        let got = match outside_pods(process, init) {
            Ok(()) => "outside",
            Err(Doubt::InAPod) => "in a pod",
            Err(Doubt::CgroupUntold) => "untold",
            Err(other) => panic!("{other}"),
        };
        assert_eq!(got, want, "{process}");
    }

    #[test]
    fn a_service_is_outside_and_a_pod_is_not() {
        let init = "0::/init.scope\n";
        check("0::/system.slice/containerd.service\n", init, "outside");
        check("0::/\n", init, "outside");
        check("0::/system.slice/docker-0a1b.scope\n", init, "outside");
        check("0::/system.slice/a:b.service\n", init, "outside");
        check("0::/system.slice/containerd.service (deleted)\n", init, "outside");
        check("0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/x.scope\n", init, "in a pod");
        check("0::/kubepods/besteffort/pod1/0a1b\n", init, "in a pod");
        check("0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1.slice/x.scope\n", init, "in a pod");
        check("0::/custom/kubepods/pod1\n", init, "in a pod");
        check(
            "0::/system.slice/containerd.service/kubepods-besteffort-pod1.slice:cri-containerd:0a\n",
            init,
            "in a pod",
        );
    }

    #[test]
    fn one_hierarchy_of_the_first_version_is_enough_to_be_in_a_pod() {
        let init = "9:name=systemd:/init.scope\n4:cpu,cpuacct:/\n0::/init.scope\n";
        check("9:name=systemd:/system.slice/docker.service\n4:cpu,cpuacct:/system.slice\n0::/x\n", init, "outside");
        check("9:name=systemd:/system.slice/docker.service\n4:cpu,cpuacct:/kubepods/pod1/x\n0::/x\n", init, "in a pod");
        check("9:name=systemd:/system.slice\n3:freezer:/\n", init, "untold");
    }

    #[test]
    fn from_inside_a_container_only_what_is_told_by_the_nodes_root_counts() {
        let init = "0::/../../../../init.scope\n";
        check("0::/../../../../system.slice/containerd.service\n", init, "outside");
        check("0::/../../../../kubepods.slice/x\n", init, "in a pod");
        // Pods beside ours, in our own class, and our own.
        check("0::/../../../kubepods-pod2.slice/cri-containerd-2.scope\n", init, "in a pod");
        check("0::/../../pod2/0a1b\n", init, "untold");
        check("0::/../0a1b\n", init, "untold");
        check("0::/\n", init, "untold");
        check("0::/../../../../../strange\n", init, "untold");
        check("0::/../../..\n", "0::/../../..\n", "outside");
        check("0::/..service\n", "0::/\n", "outside");
    }

    #[test]
    fn what_is_not_understood_is_untold() {
        for process in ["", "\n", "nonsense\n", "0:/x\n", "0::/a\nnonsense\n"] {
            check(process, "0::/\n", "untold");
        }
        check("0::/\n", "", "untold");
    }
}
