//! How often: the registry's limits and the kubelet's own.

macro_rules! limits {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => { $next! { [$($later)*] $($rows)*

    RateLimited {
        layer: Some(Layer::Limits), owner: Some(Owner::Registry), severity: Error,
        meaning: "The registry or its token service refuses more requests for now (status 429). It is the registry's \
            own limit, not the kubelet's `registryPullQPS`.",
        details: [
            "ip": "The limit is counted for the address: everything behind the same NAT shares it.",
            "account": "The limit is counted for the account that was used.",
        ],
        reads: {
            Runtimes: ["429 Too Many Requests"],
            Registry: [
                "toomanyrequests: You have reached your",
                "toomanyrequests: Rate exceeded",
                "toomanyrequests: retry-after:",
                "Data limit exceeded",
                "Quota exceeded for quota metric",
            ],
        },
        mistakes: [
            "Deleting pods to retry makes it worse: each attempt counts again, and containerd asks up to five times in \
                one.",
            "A laptop's `docker login` raises nothing: the login that the kubelet offers decides which account is \
                counted.",
        ],
        confirm: [
            "TOKEN=$(curl -s \
                'https://auth.docker.io/token?service=registry.docker.io&scope=repository:ratelimitpreview/test:pull' \
                | jq -r .token)"
                => "From the node, for Docker Hub: an anonymous token. With `-u USER` one for an account.",
            "curl -sI -H \"Authorization: Bearer $TOKEN\" \
                https://registry-1.docker.io/v2/ratelimitpreview/test/manifests/latest | grep -i ratelimit"
                => "Limit, remainder, and who is counted. A HEAD costs nothing.",
        ],
        remedy: [
            "Pull with a login: the limit of an account is higher than the shared one of an address. See \
                `CredentialsMissing` for the secret.",
            "Put a mirror or proxy cache between the nodes and the registry.",
            "Ask less: `imagePullPolicy: IfNotPresent` and fixed tags instead of `latest`.",
            "Else wait: Docker Hub counts over six hours, cloud registries over a second or a minute.",
        ],
        places: {
            Containerd: "Mirror: /etc/containerd/certs.d/docker.io/hosts.toml, read at each pull.",
            CriO: "Mirror: `[[registry.mirror]]` in registries.conf, then `systemctl reload crio`.",
            Docker: "Mirror, for Docker Hub only: `registry-mirrors` in /etc/docker/daemon.json, then `systemctl \
                reload docker`.",
            K3s: "`mirrors` in registries.yaml, then restart the agent.",
            Eks: "ECR has pull-through caches for Docker Hub and others.",
            Gke: "`mirror.gcr.io` is asked first for Docker Hub; it holds popular images only.",
            OpenShift: "An `ImageTagMirrorSet` or `ImageDigestMirrorSet`.",
            Talos: "`machine.registries.mirrors`.",
            Bottlerocket: "`settings.container-registry.mirrors`.",
        },
        confused: {
            KubeletThrottled: "`pull QPS exceeded` is the kubelet's own limit: no registry was asked.",
            RegistryUnavailable: "5xx: the registry is in trouble, whoever asks.",
        },
        after: "Let the kubelet's back-off work, at most five minutes between two attempts: each pod that is deleted \
            before the limit has room again spends more of it.",
    }

    KubeletThrottled {
        layer: Some(Layer::Limits), owner: Some(Owner::Cluster), severity: Error,
        meaning: "The kubelet's own limit (`registryPullQPS`, `registryBurst`) refused to start the pull. No registry \
            was asked and none has refused anything.",
        reads: {
            Kubelet: ["pull QPS exceeded", "ErrImagePull: pull QPS exceeded"],
        },
        confirm: [
            "kubectl get --raw /api/v1/nodes/NODE/proxy/configz | jq '.kubeletconfig | {registryPullQPS, \
                registryBurst}'"
                => "The limits of this node's kubelet.",
        ],
        remedy: [
            "After a burst of new pods do nothing: the kubelet tries again by itself, at first after 10 seconds.",
            "If it keeps happening, raise `registryPullQPS` (default 5) and `registryBurst` (default 10) in the \
                kubelet's configuration (/var/lib/kubelet/config.yaml on kubeadm), or set `registryPullQPS: 0` for no \
                limit, and restart the kubelet.",
        ],
        confused: {
            RateLimited: "429 or `toomanyrequests`: the registry refuses.",
        },
        after: "The kubelet tries again by itself; deleting pods only asks for more pulls at once.",
    }
    } };
}
