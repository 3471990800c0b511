//! What is worth knowing and fails no pull.

macro_rules! findings {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => { $next! { [$($later)*] $($rows)*

    MirrorUnavailable {
        layer: Some(Layer::Registry), owner: Some(Owner::Registry), severity: Warning,
        meaning: "A configured mirror fails in another way than by not having the image. The pull works through the \
            next endpoint, more slowly; when that fails too, containerd may show the mirror's error only.",
        reads: {
            Containerd: ["trying next host"],
            CriO: ["Mirrors also failed"],
        },
        mistakes: [
            "`ctr images pull` never asks the mirrors: it ignores the CRI registry configuration.",
        ],
        confirm: [
            "curl -si https://MIRROR/v2/" => "From the node: whether it answers at all.",
            "journalctl -u containerd | grep 'trying next host'" => "Each mirror that was passed over, and why.",
        ],
        remedy: [
            "Mend the mirror, or take it out.",
            "See the finding's own words for what fails: the codes for DNS, TLS and so on apply to a mirror just as \
                well.",
        ],
        places: {
            Containerd: "hosts.toml, read at each pull.",
            CriO: "registries.conf, then `systemctl reload crio`.",
            Docker: "`registry-mirrors` in /etc/docker/daemon.json, then `systemctl reload docker`.",
            K3s: "registries.yaml, then restart the agent.",
            OpenShift: "The `ImageDigestMirrorSet` or `ImageTagMirrorSet` that names it.",
        },
        confused: {
            ConfigIgnored: "The mirror is well and is never asked.",
        },
    }

    ConfigIgnored {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Warning,
        meaning: "A file or a part of the runtime's pull configuration has no effect: broken TOML, an unknown word, a \
            key in the wrong table, a path that this version does not read. The runtime goes on without it and asks \
            the upstream directly.",
        details: [
            "notReloaded": "config.toml was changed after containerd started, and is read at the start only.",
            "colonPath": "A `config_path` with colons, which the transfer engine takes for one directory: every certs.d \
                is ignored.",
            "hostsToml": "hosts.toml is broken and dropped as a whole; the registry itself is asked.",
            "inlineTable": "A host of hosts.toml is written as an inline table or dotted key, has no place in the order \
                and is ignored.",
            "repeatedTable": "Another host's table stands between two of one host, which is asked twice.",
            "serverInHost": "`server` stands below a `[host]` table and belongs to it.",
            "dockerHubWebSite": "`server` is Docker Hub's web site, not its registry.",
            "rootCapabilities": "`capabilities` without a `server` have no effect.",
            "noHost": "A name that begins with `http`, without `://`, is taken for a URL without a host.",
            "unknownKey": "A key that this version does not know.",
            "certificatesUnused": "Certificates beside a hosts.toml are not looked for.",
            "defaultHidden": "A directory without hosts.toml hides `_default`, and with it the mirrors for this registry.",
            "pluginName": "Settings under the plugin name of another version of the file.",
            "tlsRemoved": "`configs.*.tls` of config.toml, which containerd reads no more from 2.0 on.",
            "secondEntry": "Two entries of one registries.conf are for the same prefix, and the first one counts.",
            "replacedEntry": "A later registries.conf has an entry for the same prefix, which replaces the whole earlier \
                one.",
            "oldFormat": "registries.conf in its first format, which newer versions do not read.",
            "newToml": "registries.conf in TOML that older versions do not read.",
            "proxyUrl": "A proxy's URL that Go cannot use: it goes direct, or dials what nobody meant.",
            "allProxy": "`ALL_PROXY` alone, which Go does not read.",
            "noProxySpaces": "Blanks between the entries of `NO_PROXY`, which are separated by commas only.",
            "noProxyScheme": "An entry of `NO_PROXY` with a scheme, which matches nothing.",
            "noProxyWildcard": "A `*` in an entry of `NO_PROXY` where it stands for nothing.",
            "noProxyNetwork": "A network in `NO_PROXY`, which matches addresses only: names are not resolved.",
            "etcEnvironment": "Proxies in /etc/environment, which services do not read.",
        ],
        reads: {
            Containerd: ["failed to decode hosts.toml", "unknown capability"],
        },
        confirm: [
            "crictl info | grep -i configPath"
                => "containerd 1.x only; 2.x does not tell. `containerd config dump` shows the files, not the running \
                    process.",
            "pullagent probe IMAGE" => "Says which file is ignored, and where.",
        ],
        remedy: [
            "Correct the file at the place that the finding names.",
        ],
        places: {
            Containerd: "hosts.toml is read at each pull, but config.toml only at start: `systemctl restart \
                containerd`. `server` belongs above the first `[host]` table; from 2.1 on, `config_path` with a colon \
                finds nothing unless the pull is local.",
            CriO: "A drop-in with the same `prefix` replaces the whole earlier entry; `systemctl reload crio`.",
            K3s: "These files are written from registries.yaml when the agent starts: change that one and restart the \
                agent.",
        },
        confused: {
            RuntimeConfigInvalid: "The runtime does not go on: every pull fails.",
            MirrorUnavailable: "The mirror is asked, and fails.",
        },
    }

    ProxyDrift {
        layer: Some(Layer::Proxy), owner: Some(Owner::Node), severity: Warning,
        meaning: "The proxy settings in the unit or its drop-ins differ from those of the running process. After the \
            next restart the node behaves differently.",
        confirm: [
            "systemctl show -p Environment,EnvironmentFiles containerd" => "What the next start would use.",
            "tr '\\0' '\\n' < /proc/$(pidof containerd)/environ | grep -i _proxy" => "What is used now. It may show a \
                password.",
        ],
        remedy: [
            "If the files are right: `systemctl daemon-reload && systemctl restart containerd` (`crio`, `docker`, \
                `k3s`).",
            "If the process is right, correct the drop-in in /etc/systemd/system/containerd.service.d/, before a \
                restart makes it effective.",
        ],
        confused: {
            ProxyUnreachable: "What is used now does not work.",
        },
    }

    TrustDrift {
        layer: Some(Layer::Tls), owner: Some(Owner::Node), severity: Warning,
        meaning: "The system's CA bundle is newer than the running runtime, which read it when it started. A CA added \
            since is unknown to it, although `curl` accepts it.",
        confirm: [
            "ls -lL /etc/ssl/certs/ca-certificates.crt; ps -o lstart= -p $(pidof containerd)"
                => "The bundle is the younger one. RHEL: /etc/pki/tls/certs/ca-bundle.crt.",
        ],
        remedy: [
            "Restart the runtime: `systemctl restart containerd` (`crio`, `docker`, `k3s`). Running containers go on, \
                under Docker only with `live-restore`.",
        ],
        confused: {
            TlsUnknownAuthority: "The pull fails, because the CA is not trusted.",
        },
    }

    CertificateExpiring {
        layer: Some(Layer::Tls), owner: Some(Owner::Registry), severity: Warning,
        meaning: "A certificate of the chain ends soon: within 14 days, or within a fifth of its lifetime where that \
            is less.",
        confirm: [
            "openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -enddate"
                => "The leaf as it is served now; a renewed file may wait for a reload.",
        ],
        remedy: [
            "Renew it and reload the service that presents it.",
            "If it is renewed by itself (cert-manager, ACME), find out why that has not happened: `kubectl get \
                certificates,challenges -A`.",
        ],
        confused: {
            TlsCertificateExpired: "It has ended.",
        },
    }

    ClockSkew {
        layer: Some(Layer::Tls), owner: Some(Owner::Node), severity: Warning,
        meaning: "The node's clock differs from the time that servers give. It still works; with more of it \
            certificates, tokens and signed links fail.",
        confirm: [
            "timedatectl" => "`System clock synchronized: yes`?",
            "chronyc tracking" => "How far off, and by which source.",
        ],
        remedy: [
            "Let the node reach its time servers on UDP port 123.",
        ],
        confused: {
            NodeClockWrong: "It is so far off that the pull fails.",
        },
    }

    RateLimitLow {
        layer: Some(Layer::Limits), owner: Some(Owner::Registry), severity: Warning,
        meaning: "Little is left of the registry's pull limit for this address or account. The next pulls may be \
            refused until the window has passed.",
        mistakes: [
            "The limit of an address is shared by everything behind the same NAT, not by this node's pulls alone.",
        ],
        remedy: [
            "Pull with a login, or through a mirror or proxy cache: see `RateLimited`.",
        ],
        confused: {
            RateLimited: "Nothing is left: the registry refuses.",
        },
    }

    DnsServerDegraded {
        layer: Some(Layer::Dns), owner: Some(Owner::Network), severity: Warning,
        meaning: "Some of the node's name servers fail or are slow, while another one answers. Look-ups take longer, \
            and break once the good one fails.",
        confirm: [
            "dig HOST @SERVER" => "The server that the finding names, also with `+tcp`.",
        ],
        remedy: [
            "Mend the server that the finding names, or take it out of /etc/resolv.conf at its source: DHCP, netplan, \
                NetworkManager or systemd-resolved.",
        ],
        confused: {
            DnsServerFailure: "All of them fail.",
            DnsTimeout: "None of them answers.",
        },
    }

    AddressFamilyBroken {
        layer: Some(Layer::Transport), owner: Some(Owner::Network), severity: Warning,
        meaning: "The host has IPv4 and IPv6 addresses, the node has both as well, and one of the two does not get \
            through. Each new connection loses time on it.",
        confirm: [
            "curl -4 -sv https://HOST/v2/" => "From the node, over IPv4 only.",
            "curl -6 -sv https://HOST/v2/" => "Over IPv6 only.",
        ],
        remedy: [
            "Mend routes and firewall rules of the one that fails.",
            "If the node should not use IPv6, do not let it have a global address: switch off router advertisements on \
                that interface.",
        ],
        confused: {
            NetworkUnreachable: "No family gets through.",
        },
    }

    CredentialExpiring {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Warning,
        meaning: "The login that works now states that it expires soon. Pulls fail from then on.",
        remedy: [
            "Issue a new token and write it into the secret: see `CredentialsRejected` for the command.",
            "For cloud registries use the kubelet's credential provider, which renews by itself.",
        ],
        confused: {
            CredentialsRejected: "It has expired.",
        },
    }

    RuntimeDisagrees {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Warning,
        meaning: "The examination and the runtime's own pull came to different results. The runtime's result decides; \
            the difference shows that it sees another configuration, network or moment.",
        confirm: [
            "crictl pull IMAGE" => "The runtime's result again. It uses none of the pod's secrets.",
        ],
        remedy: [
            "Look for what only the running process knows: an environment or CA bundle older than the files, another \
                network namespace, a cached answer.",
            "If the runtime is wrong, restart it; if the examination is, please report it with what `-o json` prints.",
        ],
        confused: {
            ProxyDrift: "The difference is the proxy in the runtime's environment.",
            TrustDrift: "The difference is a CA that was added since it started.",
        },
    }

    SandboxImageMissing {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Warning,
        meaning: "The pause image that every pod sandbox needs is not on this node. The next pod makes the runtime \
            pull it, without any pull secret; if that fails, no pod starts.",
        reads: {
            Kubelet: ["FailedCreatePodSandBox"],
            Containerd: ["failed to get sandbox image"],
        },
        mistakes: [
            "The pod's own images and secrets have nothing to do with it: the runtime pulls it by its own \
                configuration.",
        ],
        confirm: [
            "crictl images | grep pause" => "On the node: which one is there.",
            "crictl info | grep -i sandboxImage" => "Which one containerd 1.x wants; 2.x and CRI-O: see their \
                configuration.",
        ],
        remedy: [
            "Pull it now: `crictl pull IMAGE`, with the name that the runtime is configured for.",
            "In a closed network, point the runtime to your own copy and restart it.",
            "Kubelets before 1.29 spare it from their clean-up only if `--pod-infra-container-image` names it; later \
                ones rely on the runtime, which pins it.",
        ],
        places: {
            Containerd: "1.x: `sandbox_image` in config.toml; 2.x: `sandbox` under `pinned_images`.",
            CriO: "`pause_image` in crio.conf.d/, and `pause_image_auth_file` for its login.",
            K3s: "`pause-image` in config.yaml of k3s, or `system-default-registry`.",
        },
    }

    StaleImage {
        layer: Some(Layer::Reference), owner: Some(Owner::Namespace), severity: Info,
        meaning: "The node holds this tag with another digest than the registry serves now. With `IfNotPresent` pods \
            on this node keep running the older one.",
        mistakes: [
            "A tag that is pushed again (`latest`, `stable`, `1.4`) and `IfNotPresent` leave the nodes of one \
                deployment on different images, each on the one of its first pull; a restart changes nothing.",
        ],
        confirm: [
            "kubectl -n NAMESPACE get pods -o \
                custom-columns=POD:.metadata.name,NODE:.spec.nodeName,IMAGE:.status.containerStatuses[*].imageID"
                => "Different digests for one tag.",
            "skopeo inspect --format '{{.Digest}}' docker://IMAGE" => "The digest that the registry serves now.",
        ],
        remedy: [
            "If the new one is wanted, refer to it by digest or by a tag of its own, or set `imagePullPolicy: Always`.",
        ],
        confused: {
            TagNotFound: "The registry does not have the tag any more, and only this node still does.",
        },
    }

    TlsIntercepted {
        layer: Some(Layer::Tls), owner: Some(Owner::Network), severity: Info,
        meaning: "A device in between presents its own certificate for this public host, and the node trusts it. The \
            pull works; the device can read and change what passes.",
        confirm: [
            "openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -issuer"
                => "The issuer is your own network's, not a public CA.",
        ],
        remedy: [
            "If layers fail or crawl, ask for the registry's hosts to be left uninspected: the chain that `pullagent \
                probe IMAGE` shows names them.",
        ],
        confused: {
            TlsUnknownAuthority: "The node does not trust the device, and the pull fails.",
        },
    }

    SecretUnused {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Info,
        meaning: "A pull secret serves no image: its keys are for none of the pods that refer to it, it reached none of \
            its service account's pods, or nobody refers to it.",
        confirm: [
            "kubectl -n NAMESPACE get secret NAME -o go-template='{{index .data \".dockerconfigjson\"}}' | base64 -d | \
                jq '.auths | keys'"
                => "The registries that it is for.",
        ],
        remedy: [
            "Take its name out of the pod template or the service account, or correct its registry key if it was meant \
                for one of these images: see `CredentialsNotMatching`.",
        ],
        confused: {
            CredentialsNotMatching: "An image of the pod needs a login, and no key matches.",
        },
    }
    } };
}
