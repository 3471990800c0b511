//! Names to addresses, as the node resolves them.

macro_rules! dns {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => { $next! { [$($later)*] $($rows)*

    DnsNameNotFound {
        layer: Some(Layer::Dns), owner: Some(Owner::Network), severity: Error,
        meaning: "A name server that the node uses says that the host name does not exist. The node's resolver counts, \
            not the cluster's: names like `registry.default.svc` are known to pods only.",
        reads: {
            Runtimes: ["no such host", "Name or service not known", "no address associated with hostname"],
        },
        mistakes: [
            "A look-up inside a pod proves nothing: it asks the cluster's DNS, the pull asks the node's.",
            "It does not mean that the image is missing: no registry was asked.",
        ],
        confirm: [
            "getent ahosts HOST" => "On the node: what its resolver makes of the name, with /etc/hosts.",
            "dig HOST @SERVER"
                => "Each server of the node's /etc/resolv.conf apart. The first that says no ends the search, even if \
                    the second one knows the name.",
        ],
        remedy: [
            "Check the spelling of the host; in a token or storage host that comes from the registry, its configured \
                name is wrong or internal.",
            "For an internal name, add the record, or let the node's servers forward its zone. As a stopgap, write it \
                into the node's /etc/hosts.",
            "For a registry inside the cluster, use a name that the nodes resolve: an ingress, a node port, or a \
                mirror entry of the runtime.",
        ],
        places: {
            Eks: "ECR in a private network: the endpoints `ecr.api` and `ecr.dkr` need private DNS, and the VPC its \
                DNS support switched on.",
            Gke: "Artifact Registry through private zones: `pkg.dev` and `gcr.io` are two of them.",
            Aks: "A registry with a private endpoint: its zone `privatelink.azurecr.io` must be linked to the nodes' \
                network.",
        },
        confused: {
            DnsServerFailure: "`server misbehaving` says nothing about the name.",
            DnsTimeout: "No server answered.",
            InvalidReference: "The name is no valid image, so no host was looked up.",
            ProxyUnreachable: "With `proxyconnect` before it, the name that is missing is the proxy's.",
        },
    }

    DnsServerFailure {
        layer: Some(Layer::Dns), owner: Some(Owner::Network), severity: Error,
        meaning: "The node's name servers answer with a failure (SERVFAIL, REFUSED), or every one of them is closed or \
            unreachable. That says nothing about whether the name exists.",
        reads: {
            Runtimes: [
                "server misbehaving",
                "Temporary failure in name resolution",
                "Try again",
                "read: connection refused",
                "dial udp",
            ],
        },
        confirm: [
            "dig HOST @SERVER"
                => "SERVFAIL: its forwarder or DNSSEC fails. REFUSED: it does not serve this node. Refused or \
                    unreachable: nothing listens there.",
            "resolvectl status" => "With `nameserver 127.0.0.53`: the servers behind systemd-resolved.",
        ],
        remedy: [
            "Mend the server that fails, or take it out of /etc/resolv.conf at its source: DHCP, netplan, \
                NetworkManager or systemd-resolved.",
            "With `nameserver 127.0.0.53`: `systemctl restart systemd-resolved`.",
            "If the servers are the cluster's own (CoreDNS), the node cannot pull the images that CoreDNS needs: give \
                nodes servers outside the cluster.",
        ],
        confused: {
            DnsNameNotFound: "A server says that the name does not exist.",
            DnsTimeout: "Nobody answers; here someone does, with a failure or a refusal.",
            ConnectionRefused: "`dial tcp HOST:443` and no `lookup` before it: the name was resolved.",
        },
    }

    DnsTimeout {
        layer: Some(Layer::Dns), owner: Some(Owner::Network), severity: Error,
        meaning: "No name server answered in time. It is the look-up that hangs, not the registry.",
        reads: {
            Runtimes: ["53: i/o timeout", "dial tcp: lookup harbor.lab.example: i/o timeout", "read udp"],
        },
        mistakes: [
            "A `NetworkPolicy` does not govern it: the node asks, not a pod.",
        ],
        confirm: [
            "dig HOST @SERVER" => "From the node, for each server of its /etc/resolv.conf.",
            "dig +tcp HOST @SERVER" => "Large answers need TCP: where only that is closed, just those time out.",
        ],
        remedy: [
            "Open port 53 from the node to each of its servers, for UDP and TCP, in firewalls and security groups.",
            "Take dead servers out of /etc/resolv.conf, at their source: DHCP, netplan, NetworkManager or \
                systemd-resolved. Each costs up to 5 s an attempt.",
        ],
        confused: {
            ConnectionTimeout: "`dial tcp ADDRESS:443: i/o timeout`: the name was resolved, the host does not answer.",
            DnsServerFailure: "A server answers, with a failure.",
        },
    }
    } };
}
