//! The node itself, and what cannot be told.

macro_rules! node {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => { $next! { [$($later)*] $($rows)*

    RuntimeUnavailable {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Error,
        meaning: "The container runtime's CRI socket is absent, refuses, does not answer or does not offer the image \
            service. Every pull on this node fails, whatever the image.",
        reads: {
            Kubelet: [
                "rpc error: code = Unavailable desc = connection error",
                "unknown service runtime.v1.ImageService",
                "unknown service runtime.v1alpha2.ImageService",
                "transport: Error while dialing dial unix",
                "validate CRI v1 runtime API for endpoint",
            ],
        },
        mistakes: [
            "`ctr version` works without the CRI plugin: use `crictl info`, which asks as the kubelet does.",
        ],
        confirm: [
            "crictl --runtime-endpoint unix:///run/containerd/containerd.sock info" => "On the node: what the kubelet \
                would get.",
            "journalctl -u containerd -b | grep -i 'level=error\\|failed to load'" => "Why the CRI plugin did not \
                load.",
        ],
        remedy: [
            "Look at the service and its log: `systemctl status containerd` and `journalctl -u containerd` (`crio`, \
                `docker` with `cri-docker`, `k3s`).",
            "`v1alpha2`: the kubelet is older, or `v1`: newer, than what the runtime speaks; bring them together.",
            "Compare the socket with the kubelet's `--container-runtime-endpoint` (`containerRuntimeEndpoint` in its \
                configuration).",
        ],
        places: {
            Containerd: "`unknown service`: it runs without its CRI plugin. Take `cri` out of `disabled_plugins` in \
                /etc/containerd/config.toml, which the packages of Docker put there; or `mirrors` stands beside \
                `config_path`, see `RuntimeConfigInvalid`. Then restart it.",
            CriO: "Socket: /var/run/crio/crio.sock.",
            Docker: "The kubelet needs cri-dockerd: /run/cri-dockerd.sock.",
            K3s: "Socket: /run/k3s/containerd/containerd.sock; log in `journalctl -u k3s` and \
                agent/containerd/containerd.log below /var/lib/rancher/k3s.",
        },
        confused: {
            ConnectionRefused: "`dial tcp`: a registry refuses, not a socket.",
            RuntimeConfigInvalid: "The runtime runs, and each pull fails on a file.",
        },
    }

    RuntimeConfigInvalid {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Error,
        meaning: "The runtime's own pull configuration cannot be used: an unreadable CA or key pair, a bad policy.json \
            or registries.conf, `mirrors` together with `config_path`. Pulls fail before any traffic.",
        details: [
            "tlsFiles": "A CA or key pair cannot be read or used.",
            "mirrorsWithConfigPath": "config.toml has `mirrors`, or in 1.x `configs.*.tls`, together with `config_path`: \
                containerd's image plugin does not load.",
            "registriesConf": "registries.conf or one of its drop-ins cannot be used.",
            "policyFile": "policy.json is missing or broken.",
            "notStarting": "The runtime would not start with the files as they are now.",
        ],
        reads: {
            Containerd: ["unable to load CA cert", "unable to read CA cert", "failed to load X509 key pair"],
            CriO: ["open /etc/containers/policy.json: no such file", "loading registries configuration"],
        },
        mistakes: [
            "`ctr images pull` ignores the CRI registry configuration: that it works proves nothing about it.",
        ],
        confirm: [
            "pullagent probe IMAGE" => "Reads the files as this version of the runtime does.",
            "crictl pull IMAGE" => "Fails at once with the same words.",
        ],
        remedy: [
            "Correct the file that the message names.",
            "Compare it with a node that works.",
        ],
        places: {
            Containerd: "One unreadable `ca` or `client` in a hosts.toml fails all endpoints of that registry; write \
                key pairs as `client = [[\"CERT\", \"KEY\"]]`. It is read at each pull. In config.toml use \
                `config_path` or `mirrors`, not both, and restart containerd.",
            CriO: "Correct registries.conf, its registries.conf.d/ or /etc/containers/policy.json, then `systemctl \
                reload crio`. A `*.cert` in certs.d/HOST/ needs its `*.key`.",
            Docker: "`dockerd --validate --config-file /etc/docker/daemon.json`; a `*.cert` in \
                /etc/docker/certs.d/HOST/ needs its `*.key`.",
            K3s: "The files are generated: correct registries.yaml, or config.toml.tmpl (containerd 2: \
                config-v3.toml.tmpl), and restart the agent.",
            OpenShift: "The files are the Machine Config Operator's: `oc get machineconfigpool` shows whether it could \
                write them.",
        },
        confused: {
            ConfigIgnored: "The runtime goes on without the file, and asks the upstream.",
            RuntimeUnavailable: "The socket itself does not serve images.",
            TlsUnknownAuthority: "The CA file can be read, and is not the right one.",
        },
    }

    DiskFull {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Error,
        meaning: "The filesystem for images has no space or no inodes left. An unpacked image takes several times what \
            is transferred.",
        reads: {
            Runtimes: ["no space left on device", "disk quota exceeded"],
        },
        confirm: [
            "df -h PATH; df -i PATH" => "On the node, for the paths below: space and inodes. Either of them can run \
                out alone.",
            "crictl imagefsinfo" => "Which filesystem the runtime uses for images, and how much of it.",
        ],
        remedy: [
            "Remove unused images: `crictl rmi --prune`. Then look for what else fills the disk: logs in \
                /var/log/pods, `emptyDir` volumes.",
            "Give the image filesystem more room, or let the kubelet clean up earlier: `imageGCHighThresholdPercent` \
                in its configuration.",
        ],
        places: {
            Containerd: "/var/lib/containerd",
            CriO: "/var/lib/containers, and /var/tmp while pulling",
            Docker: "/var/lib/docker",
            K3s: "/var/lib/rancher",
            Bottlerocket: "The data volume (/local): give it more room in the launch template.",
        },
        confused: {
            UnpackFailed: "There is room, and writing fails for another reason.",
        },
    }

    UnpackFailed {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Error,
        meaning: "The content arrived and is right, but the node cannot unpack it: a parent snapshot is missing, a \
            mount is busy, the filesystem is read-only, or an owner cannot be set. A full disk is `DiskFull`.",
        reads: {
            Containerd: ["failed to stat parent", "failed to extract layer"],
            Docker: ["failed to register layer"],
            Runtimes: ["device or resource busy", "read-only file system", "lchown"],
        },
        confirm: [
            "dmesg -T | tail -50" => "On the node: errors of the disk or the filesystem.",
            "findmnt -T /var/lib/containerd" => "`ro` among the options: the kernel has made it read-only.",
        ],
        remedy: [
            "Read-only: look at `dmesg` for filesystem errors, check the disk and mount it anew.",
            "Missing snapshot: drain the node, stop pods and containerd, remove the images concerned (`crictl rmi \
                IMAGE`) or, if that does not help, empty /var/lib/containerd, and start it again.",
            "Busy: a scanner or backup holds the mounts; exclude /var/lib/containerd and /var/lib/containers from it.",
            "`lchown`: a rootless or user-namespaced runtime has too few subordinate ids in /etc/subuid and \
                /etc/subgid for the owners in the image.",
        ],
        confused: {
            DiskFull: "`no space left on device`.",
            ContentCorrupt: "What arrived is wrong: digest, size or archive.",
        },
    }

    PullStalled {
        layer: Some(Layer::Node), owner: Some(Owner::Network), severity: Error,
        meaning: "Bytes flowed, then stopped until a deadline; or a request was taken and never answered. The runtime \
            then says no more than that it was cancelled.",
        reads: {
            Runtimes: ["context canceled", "context deadline exceeded"],
            Kubelet: ["rpc error: code = Canceled desc = context canceled"],
            Containerd: ["cancel pulling image"],
        },
        mistakes: [
            "The kubelet sets no deadline for a pull, and `runtimeRequestTimeout` does not apply to it.",
            "Not every runtime gives up: containerd 1.6, and 2.1 with its default engine, can hang for many minutes \
                without an error.",
        ],
        confirm: [
            "curl -o /dev/null URL" => "From the node, a large layer: watch where it stops.",
            "journalctl -u containerd | grep -i 'no progress'" => "The runtime's own reason for cancelling stands only \
                in its log.",
        ],
        remedy: [
            "Look for a proxy, firewall or inspecting device that holds long transfers back: fetch a large layer from \
                the node with `curl` and watch where it stops.",
            "Slow rather than stalled: raise the runtime's deadline.",
            "Many pulls at once on a thin line starve each other: `maxParallelImagePulls` in the kubelet's \
                configuration, or a mirror near the nodes.",
            "Also look whether the runtime was restarted at that time: `journalctl -u containerd` (`crio`, `docker`).",
        ],
        places: {
            Containerd: "`image_pull_progress_timeout` (5m) in config.toml from 1.7 on, then restart it.",
            CriO: "`pull_progress_timeout` in crio.conf, then restart it.",
        },
        confused: {
            ConnectionReset: "The connection was cut, and somebody said so.",
            ConnectionTimeout: "It never opened, or never answered the first request.",
        },
    }

    PolicyRejected {
        layer: Some(Layer::Node), owner: Some(Owner::Cluster), severity: Error,
        meaning: "A rule forbids this image here: a signature or trust policy, a blocked registry, or an admission \
            rule of the runtime. The registry would have served it.",
        details: [
            "signature": "A signature is required and is missing, invalid or by another key.",
            "blocked": "The registry is blocked in the node's configuration.",
            "admission": "An authorisation plugin or admission rule of the runtime refused it.",
        ],
        reads: {
            Kubelet: ["SignatureValidationFailed"],
            CriO: [
                "A signature was required, but no signature exists",
                "Source image rejected: Invalid GPG signature",
                "is blocked in /etc/containers/registries.conf",
            ],
            Docker: ["authorization denied by plugin"],
        },
        confirm: [
            "cat /etc/containers/policy.json" => "On the node: `reject` or a required key for this registry.",
            "grep -rn blocked /etc/containers/registries.conf /etc/containers/registries.conf.d/" => "Blocked \
                registries.",
        ],
        remedy: [
            "Signature: sign the image with the key that the policy asks for, or add the key or registry to the \
                policy.",
            "Blocked: take the image from an allowed registry, or lift the block.",
            "Admission: ask whoever runs the plugin.",
        ],
        places: {
            CriO: "/etc/containers/policy.json, and `blocked = true` in /etc/containers/registries.conf.d/; then \
                `systemctl reload crio`.",
            OpenShift: "`registrySources` of `image.config.openshift.io/cluster` and `ClusterImagePolicy`: the \
                operator writes those files.",
            Docker: "`authorization-plugins` of /etc/docker/daemon.json names it.",
        },
        confused: {
            AccessDenied: "The registry refuses, not the node.",
            RuntimeConfigInvalid: "The policy file itself is missing or broken.",
        },
    }

    Unknown {
        layer: None, owner: None, severity: Error,
        meaning: "None of these can be told; the text is quoted, never guessed at.",
        reads: {
            Kubelet: ["Back-off pulling image", "trying and failing to pull image"],
        },
        mistakes: [
            "`ImagePullBackOff` is no cause: it says that an earlier pull failed and that the kubelet waits before the \
                next one.",
        ],
        confirm: [
            "kubectl -n NAMESPACE describe pod POD" => "The event `Failed to pull image` of the same pod holds the \
                cause. Events live for an hour.",
            "kubectl -n NAMESPACE get pod POD -o jsonpath='{.status.containerStatuses[*].state.waiting.message}'"
                => "From Kubernetes 1.32 on it repeats the last failure.",
        ],
        remedy: [
            "`ImagePullBackOff` alone names no cause: read the event `Failed to pull image` of the same pod, `kubectl \
                -n NAMESPACE describe pod POD`.",
            "Examine it on the node: `pullagent probe IMAGE`.",
        ],
    }
    } };
}
