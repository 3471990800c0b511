//! The proxy on the way.

macro_rules! proxy {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => { $next! { [$($later)*] $($rows)*

    ProxyUnreachable {
        layer: Some(Layer::Proxy), owner: Some(Owner::Network), severity: Error,
        meaning: "The node cannot use its proxy: its name, its address, its TLS or its CONNECT fails before the \
            registry comes into play. The runtime's own environment counts, not the shell's and not /etc/environment.",
        reads: {
            Runtimes: [
                "proxyconnect tcp: dial tcp",
                "proxyconnect tcp: tls",
                "lookup http: no such host",
                "socks connect tcp",
            ],
        },
        mistakes: [
            "`HTTPS_PROXY` in your shell, in /etc/environment or in the pod changes nothing: the runtime reads its own \
                environment, once, when it starts.",
            "With a proxy the node never resolves the registry's name: a DNS test on the node tells nothing then.",
        ],
        confirm: [
            "tr '\\0' '\\n' < /proc/$(pidof containerd)/environ | grep -i _proxy"
                => "What the runtime really uses (`crio`, `dockerd`). It may show a password.",
            "curl -sv -x PROXY https://HOST/v2/" => "From the node: whether the proxy answers CONNECT.",
        ],
        remedy: [
            "Correct `HTTPS_PROXY` where the service takes it from, and restart the runtime.",
            "`lookup http` means that the value is broken: write `http://HOST:PORT`, without quotes, and \
                percent-encode special characters of a password.",
            "If this registry needs no proxy, add its host to `NO_PROXY`, entries separated by commas.",
        ],
        places: {
            Containerd: "/etc/systemd/system/containerd.service.d/http-proxy.conf, then `systemctl daemon-reload && \
                systemctl restart containerd`.",
            CriO: "Likewise crio.service.d, or /etc/sysconfig/crio.",
            Docker: "`proxies` in /etc/docker/daemon.json goes before docker.service.d; then `systemctl restart \
                docker`.",
            K3s: "/etc/systemd/system/k3s.service.env (k3s-agent, rke2-server, rke2-agent), then restart that service; \
                `CONTAINERD_HTTPS_PROXY` reaches containerd only.",
            Aks: "`az aks update --http-proxy-config FILE`; nodes are made anew.",
            OpenShift: "`oc edit proxy/cluster`; the nodes reboot one by one.",
            Talos: "`machine.env` in the machine configuration.",
            Bottlerocket: "`settings.network.https-proxy` and `settings.network.no-proxy`.",
        },
        confused: {
            ProxyDenied: "The proxy answers, and says no.",
            DnsNameNotFound: "No `proxyconnect`: the name that is missing is the registry's.",
            TlsUnknownAuthority: "Without `proxyconnect` the certificate is the registry's, or an inspecting proxy's.",
        },
    }

    ProxyDenied {
        layer: Some(Layer::Proxy), owner: Some(Owner::Network), severity: Error,
        meaning: "The proxy answers CONNECT with something else than 200, so the registry was never reached. Go shows \
            only the status text, as in `: Forbidden`; a refusal of the registry itself comes with a number, as in \
            `403 Forbidden`.",
        details: [
            "authRequired" owned by Node: "The proxy wants a login and the node offers none, or a wrong one.",
            "forbidden": "The proxy's rules do not allow this host or port.",
            "upstreamFailed": "The proxy itself cannot reach the host.",
        ],
        reads: {
            Runtimes: [
                "Proxy Authentication Required",
                ": Forbidden",
                ": Bad Gateway",
                ": Service Unavailable",
                ": Gateway Timeout",
                "connection not allowed by ruleset",
            ],
        },
        confirm: [
            "curl -sv -x PROXY https://HOST/v2/" => "From the node: `CONNECT tunnel failed, response 403` is the \
                proxy's own answer.",
        ],
        remedy: [
            "Forbidden: ask for CONNECT to HOST:443 to be allowed for the nodes, and for the token and storage hosts \
                as well: the chain that `pullagent probe IMAGE` shows names them.",
            "Login wanted: set `HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT`, special characters percent-encoded, for \
                the runtime, in a file that others cannot read (mode 0600), and restart it. `ProxyUnreachable` says \
                where.",
            "Upstream failed: the proxy cannot resolve or reach HOST. For an internal registry add its host to \
                `NO_PROXY`; only commas separate entries, and `.example.com` leaves `example.com` itself out.",
        ],
        confused: {
            AccessDenied: "With a number, `403 Forbidden`: the registry itself refuses.",
            RegistryUnavailable: "With a number, `503 Service Unavailable`: the registry itself fails.",
            ProxyUnreachable: "The proxy does not answer at all.",
        },
    }
    } };
}
