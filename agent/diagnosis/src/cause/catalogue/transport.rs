//! TCP and the streams on it.

macro_rules! transport {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => { $next! { [$($later)*] $($rows)*

    ConnectionRefused {
        layer: Some(Layer::Transport), owner: Some(Owner::Network), severity: Error,
        meaning: "The host is reached and refuses the connection on this port: nothing listens there, or a firewall \
            rejects it. `localhost` in an image is the node itself, never the pod.",
        reads: {
            Runtimes: ["connect: connection refused", "getsockopt: connection refused"],
            CriO: ["RegistryUnavailable: pinging container registry"],
        },
        mistakes: [
            "A service's cluster address works only where the node itself routes to it, and `kubectl port-forward` \
                helps your machine alone.",
        ],
        confirm: [
            "curl -sv https://HOST:PORT/v2/" => "From the node. An image without a port is asked for on 443.",
            "ss -ltn 'sport = :PORT'" => "On the registry's machine: whether something listens, and not on 127.0.0.1 \
                only.",
        ],
        remedy: [
            "Start the registry, or correct the port in the image, in the mirror entry or in the load balancer.",
            "If the registry runs and other machines reach it, look for a firewall rule that rejects the node's \
                address.",
        ],
        places: {
            Minikube: "The registry add-on listens on the node's port 5000, not on your machine's `localhost`.",
            Kind: "A node is a container: your machine's `localhost` is not its own. Connect the registry to the \
                network `kind`.",
        },
        confused: {
            ConnectionTimeout: "No answer at all: packets are dropped rather than refused.",
            ProxyUnreachable: "With `proxyconnect` before it, it is the proxy that refuses.",
            RuntimeUnavailable: "`dial unix` with a socket's path: it is the runtime, not a registry.",
            RegistryUnavailable: "The kubelet calls CRI-O's refused connection `RegistryUnavailable`; that code here \
                means a 5xx.",
        },
    }

    ConnectionTimeout {
        layer: Some(Layer::Transport), owner: Some(Owner::Network), severity: Error,
        meaning: "Packets to the host get no answer: something between the node and it drops them. A `NetworkPolicy` \
            does not govern the kubelet's pulls; look at firewalls, security groups, routes and endpoints of the node.",
        details: [
            "connect": "Nothing answers the request to connect.",
            "headers": "The connection opens, then the answer does not come: mostly a middle box, an overloaded \
                registry or a path with a smaller MTU.",
        ],
        reads: {
            Runtimes: [
                "dial tcp 74.125.203.82:443: i/o timeout",
                "i/o timeout",
                "Client.Timeout exceeded while awaiting headers",
                "net/http: timeout awaiting response headers",
            ],
        },
        mistakes: [
            "That a pod reaches the host proves nothing: the node may leave by another route or proxy.",
        ],
        confirm: [
            "curl -sv --connect-timeout 5 https://HOST/v2/" => "From the node. `curl` obeys the shell's proxy, the \
                runtime its own.",
            "ip route get ADDRESS" => "The way and the source address that a firewall sees.",
        ],
        remedy: [
            "Open the way from the node's address to HOST and its port in the firewall and in the security groups of \
                both sides. Blobs and tokens often come from other hosts: the chain that `pullagent probe IMAGE` shows \
                names them.",
            "In a private network, check the NAT gateway, the route, and the endpoints of the cloud.",
            "If only a proxy leads out, set it for the runtime, not for the shell: see `ProxyUnreachable`.",
        ],
        places: {
            Eks: "ECR without a NAT needs three endpoints: `ecr.api`, `ecr.dkr` and the S3 gateway, which serves the \
                layers. The security groups of the first two must admit the nodes on 443.",
            Gke: "Private nodes need Private Google Access, or Cloud NAT for other registries.",
            Aks: "`az aks check-acr -g GROUP -n CLUSTER --acr NAME` tests from a node; layers come from \
                `*.blob.core.windows.net` or the data endpoint.",
        },
        confused: {
            DnsTimeout: "`lookup HOST` before the timeout: no name server answers.",
            ConnectionRefused: "An answer comes at once, and it is no.",
            TlsHandshakeTimeout: "TCP connects, the handshake hangs.",
            PullStalled: "The connection was good and bytes flowed.",
        },
    }

    NetworkUnreachable {
        layer: Some(Layer::Transport), owner: Some(Owner::Network), severity: Error,
        meaning: "The node has no way to the address: no route, or a router says that network or host cannot be \
            reached. Often it is an IPv6 address on a node without IPv6.",
        reads: {
            Runtimes: [
                "connect: network is unreachable",
                "connect: no route to host",
                "connect: cannot assign requested address",
            ],
        },
        confirm: [
            "ip route get ADDRESS" => "`unreachable`, or no default route.",
            "curl -4 -sv https://HOST/v2/" => "Works while the runtime fails on an IPv6 address: the node lacks IPv6.",
        ],
        remedy: [
            "Without a default route, mend the node's network configuration.",
            "`no route to host` with a route in place: a firewall rejects with an ICMP message, or the host does not \
                answer ARP in the node's own network.",
            "For an IPv6 address on a node without IPv6, use the IPv4 name of the registry, or take the AAAA record \
                away.",
        ],
        confused: {
            ConnectionTimeout: "Packets leave and nobody answers.",
            AddressFamilyBroken: "One family fails and the other one carries the pull.",
        },
    }

    ConnectionReset {
        layer: Some(Layer::Transport), owner: Some(Owner::Network), severity: Error,
        meaning: "The connection was open and was cut in the middle of the exchange, by the other end or by something \
            in between. What had arrived until then was fine.",
        reads: {
            Runtimes: ["read: connection reset by peer", "write: broken pipe", "unexpected EOF"],
            Containerd: ["short read: expected"],
            CriO: ["happened during read: unexpected EOF"],
        },
        confirm: [
            "curl -sv -o /dev/null URL"
                => "From the node, a large layer: a cut at a steady size or time points at a limit in between.",
            "openssl s_client -connect HOST:443 -servername HOST </dev/null"
                => "A reset here, and none without `-servername`: a middle box filters by name.",
        ],
        remedy: [
            "A cut at a steady size or time points at a limit of a proxy, firewall or load balancer: ask for its idle \
                timeout and body limit.",
            "A cut during the TLS handshake, for this host name only, is a middle box that filters by name: ask for \
                HOST to be allowed.",
            "Compare with another node and another network; look into the registry's and the load balancer's log at \
                that time.",
        ],
        confused: {
            PullStalled: "Nobody cuts the connection, it just stops.",
            ContentCorrupt: "All bytes arrive and they are the wrong ones.",
            TlsHandshakeFailure: "The other end says why, by a TLS alert.",
        },
    }
    } };
}
