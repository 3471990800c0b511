//! Certificates and handshakes.

macro_rules! tls {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => { $next! { [$($later)*] $($rows)*

    TlsUnknownAuthority {
        layer: Some(Layer::Tls), owner: Some(Owner::Network), severity: Error,
        meaning: "The certificate chain ends in an authority that the runtime does not trust. That `curl` on the node \
            succeeds proves little: the runtime reads the system's CA bundle only when it starts.",
        details: [
            "privateAuthority" owned by Node: "The registry's certificate comes from a private CA that this node has \
                not been given.",
            "interception": "A device in between presents its own certificate for public names.",
            "missingIntermediate" owned by Registry: "The server leaves out an intermediate certificate. Browsers \
                fetch it, Go does not.",
        ],
        reads: {
            Runtimes: [
                "x509: certificate signed by unknown authority",
                "failed to verify certificate: x509: certificate signed by unknown authority",
            ],
        },
        mistakes: [
            "`ctr images pull` ignores the CRI registry configuration, so certs.d does not count for it unless it gets \
                `--hosts-dir`.",
            "A CA in the pod or in its image changes nothing: the node pulls.",
        ],
        confirm: [
            "openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null"
                => "Who signed. One certificate only: the intermediate is missing. A firewall's name: interception.",
        ],
        remedy: [
            "Private CA, for this registry: give every node's runtime the CA's certificate (certs.d of containerd, \
                CRI-O or Docker).",
            "Private CA or inspecting proxy, for everything: put it into /usr/local/share/ca-certificates/ and run \
                `update-ca-certificates` (RHEL: /etc/pki/ca-trust/source/anchors/ and `update-ca-trust`), then restart \
                the runtime. Or ask for the registry's hosts to be left uninspected.",
            "Missing intermediate: let the server send its whole chain, the leaf first.",
        ],
        places: {
            Containerd: "`ca = \"/etc/containerd/certs.d/HOST/ca.crt\"` in /etc/containerd/certs.d/HOST/hosts.toml, \
                read at each pull if `config_path` is set; setting that in config.toml needs a restart.",
            CriO: "/etc/containers/certs.d/HOST/ca.crt, read at each pull.",
            Docker: "/etc/docker/certs.d/HOST/ca.crt, read at each pull.",
            K3s: "`configs.HOST.tls.ca_file` in registries.yaml, then restart the agent.",
            Gke: "`privateRegistryAccessConfig` in the containerd configuration of the node pool; nodes are made anew.",
            Aks: "`az aks update --custom-ca-trust-certificates FILE`.",
            OpenShift: "`additionalTrustedCA` of `image.config.openshift.io/cluster`; for an inspecting proxy \
                `trustedCA` of `proxy/cluster`.",
            Talos: "A `TrustedRootsConfig` document, or `machine.registries.config.HOST.tls.ca`.",
            Bottlerocket: "`settings.pki.NAME.data` with `trusted = true`.",
        },
        confused: {
            TlsHostnameMismatch: "The authority is trusted and the name is wrong.",
            TrustDrift: "The CA was added to the bundle after the runtime had started: restart it.",
            ProxyUnreachable: "With `proxyconnect` before it, it is the proxy's certificate.",
        },
    }

    TlsHostnameMismatch {
        layer: Some(Layer::Tls), owner: Some(Owner::Registry), severity: Error,
        meaning: "The certificate is for other names than the one that was asked for. If its names have nothing to do \
            with the registry, the node talks to something else: a wrong DNS answer, a captive portal or a gateway.",
        reads: {
            Runtimes: [
                "x509: certificate is valid for",
                "x509: certificate is not valid for any names",
                "because it doesn't contain any IP SANs",
                "x509: certificate relies on legacy Common Name field, use SANs instead",
            ],
        },
        confirm: [
            "openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -ext subjectAltName"
                => "Its names; `*` stands for one label. `TRAEFIK DEFAULT CERT` and `Kubernetes Ingress Controller \
                    Fake Certificate` are an ingress that has none for this name.",
            "getent ahosts HOST" => "On the node: whether it is the registry's address at all.",
        ],
        remedy: [
            "Use the name that the certificate holds in the image and in mirror entries, or issue it for this name as \
                a subject alternative name; an IP address must be listed as such, the common name does not count.",
            "If the certificate is a stranger's, compare the address with the right one: `getent ahosts HOST`. A \
                wildcard record in a search domain of /etc/resolv.conf can capture names.",
        ],
        confused: {
            TlsUnknownAuthority: "The name is right and the authority is unknown.",
            TlsHandshakeFailure: "`unrecognized name`: the server refuses the name before it shows a certificate.",
        },
    }

    TlsCertificateExpired {
        layer: Some(Layer::Tls), owner: Some(Owner::Registry), severity: Error,
        meaning: "A certificate of the chain is past its end, by a clock that is right. If the node's clock is wrong, \
            the cause is `NodeClockWrong`.",
        reads: {
            Runtimes: [
                "x509: certificate has expired or is not yet valid",
                "certificate has expired or is not yet valid: current time",
            ],
        },
        mistakes: [
            "Go uses the same words for expired and not yet valid: `is after` or `is before` at the end tells.",
        ],
        confirm: [
            "openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -dates"
                => "The leaf as it is served now. Add `-showcerts` before `</dev/null` to see the intermediates.",
        ],
        remedy: [
            "Renew the certificate on the registry, its load balancer or mirror, and reload that service: a renewed \
                file that was not reloaded serves the old one.",
            "If an inspecting proxy issued it, its own certificate needs renewal.",
        ],
        confused: {
            NodeClockWrong: "The certificate is good by any other clock: `timedatectl`.",
            TlsNotYetValid: "`current time … is before …`.",
            CertificateExpiring: "It is still valid.",
        },
    }

    TlsNotYetValid {
        layer: Some(Layer::Tls), owner: Some(Owner::Registry), severity: Error,
        meaning: "A certificate of the chain is not valid yet, by a clock that is right. If the node's clock is wrong, \
            the cause is `NodeClockWrong`.",
        reads: {
            Runtimes: [
                "x509: certificate has expired or is not yet valid",
                "certificate has expired or is not yet valid: current time",
            ],
        },
        confirm: [
            "openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -dates"
                => "`notBefore` lies in the future.",
            "timedatectl" => "On the node: whether it is the node's clock instead.",
        ],
        remedy: [
            "Serve the former certificate until then, or issue one that is valid now.",
            "Check the clock of the CA that issued it: a certificate fresh from a CA whose clock is ahead starts in \
                the future.",
        ],
        confused: {
            NodeClockWrong: "Far more frequent: a node that starts at 1970 or was paused.",
            TlsCertificateExpired: "`current time … is after …`.",
        },
    }

    NodeClockWrong {
        layer: Some(Layer::Tls), owner: Some(Owner::Node), severity: Error,
        meaning: "The certificate is fine by the time that the server and others give, but not by this node's clock. \
            Tokens fail on such a node as well.",
        reads: {
            Runtimes: ["current time 1970-01-01", "certificate has expired or is not yet valid: current time"],
        },
        confirm: [
            "timedatectl" => "`System clock synchronized: yes`?",
            "curl -sIk https://HOST/v2/ | grep -i '^date'; date -u" => "The server's time and the node's, one below \
                the other.",
        ],
        remedy: [
            "Set it: `chronyc makestep`, or `systemctl restart systemd-timesyncd`; and let the node reach its time \
                servers on UDP port 123.",
            "A machine that starts at 1970 has lost its clock's battery, a virtual machine may have been paused: let \
                it synchronise before the kubelet starts.",
        ],
        confused: {
            TlsCertificateExpired: "It is expired by the right time too.",
            CredentialsRejected: "The clock is right, and the token is refused.",
        },
    }

    TlsHandshakeTimeout {
        layer: Some(Layer::Tls), owner: Some(Owner::Network), severity: Error,
        meaning: "TCP connects, then the TLS handshake never ends. Small packets pass and large ones get lost, or a \
            firewall holds the handshake back.",
        reads: {
            Runtimes: ["net/http: TLS handshake timeout"],
        },
        confirm: [
            "openssl s_client -connect HOST:443 -servername HOST </dev/null"
                => "Hangs after `CONNECTED`. Without `-servername` it does not: a device stalls on this name.",
            "ping -M do -s 1472 HOST" => "With smaller sizes until it passes: the largest plus 28 is the path's MTU.",
        ],
        remedy: [
            "A path with a smaller MTU: lower the MTU of the node's interface, or clamp the MSS on VPN and tunnel \
                gateways.",
            "A firewall or inspecting device that stalls on this host name: ask for HOST to be let through.",
            "If only runtimes built with Go 1.24 or later hang, the larger first packet upsets a middle box: \
                `GODEBUG=tlsmlkem=0` in the runtime's environment proves it.",
            "On a starved node (CPU, memory) handshakes time out too: look at its load at that time.",
        ],
        confused: {
            ConnectionTimeout: "TCP itself does not connect.",
            TlsHandshakeFailure: "The other end answers, with an alert.",
            ConnectionReset: "The handshake is cut rather than held.",
        },
    }

    TlsHandshakeFailure {
        layer: Some(Layer::Tls), owner: Some(Owner::Registry), severity: Error,
        meaning: "The two sides do not agree on TLS: version, cipher, a client certificate that is asked for, a server \
            name that is not served; or what answers speaks neither TLS nor HTTP. It is not about trust in the \
            certificate.",
        reads: {
            Runtimes: [
                "remote error: tls: handshake failure",
                "remote error: tls: protocol version not supported",
                "remote error: tls: certificate required",
                "remote error: tls: unrecognized name",
                "remote error: tls: internal error",
                "tls: first record does not look like a TLS handshake",
            ],
        },
        confirm: [
            "openssl s_client -connect HOST:443 -servername HOST -tls1_2 </dev/null"
                => "Version and cipher, or the alert. openssl accepts older ciphers than Go: look at which one it \
                    took.",
        ],
        remedy: [
            "Version or cipher: Go wants TLS 1.2 at least and a cipher suite with forward secrecy. Mend an older \
                server.",
            "Certificate required: give the node its key pair.",
            "Unrecognised name: the server or load balancer has no entry for this host; add it, or use the right name.",
            "No TLS at all: another service listens on this port; correct the port.",
        ],
        places: {
            Containerd: "Key pair: `client = [[\"/path/client.cert\", \"/path/client.key\"]]` in hosts.toml, read at \
                each pull.",
            CriO: "client.cert and client.key in /etc/containers/certs.d/HOST/.",
            Docker: "client.cert and client.key in /etc/docker/certs.d/HOST/.",
            K3s: "`configs.HOST.tls.cert_file` and `key_file` in registries.yaml, then restart the agent.",
        },
        confused: {
            TlsUnknownAuthority: "The handshake works, the certificate is not trusted.",
            PlaintextRegistry: "What answers is plain HTTP: `server gave HTTP response`.",
            ConnectionReset: "The connection is cut without an alert.",
        },
    }

    PlaintextRegistry {
        layer: Some(Layer::Tls), owner: Some(Owner::Node), severity: Error,
        meaning: "One side speaks HTTP where the other speaks HTTPS: mostly the registry is plain and the node has not \
            been told so. Runtimes ask over HTTPS unless the host is `localhost`.",
        reads: {
            Runtimes: ["http: server gave HTTP response to HTTPS client"],
            Registry: ["Client sent an HTTP request to an HTTPS server"],
        },
        mistakes: [
            "`insecure-registries` of Docker is not read by containerd or CRI-O on the same machine.",
            "`ctr images pull --plain-http` proves that the registry works, not that the CRI configuration does: ctr \
                ignores that.",
        ],
        confirm: [
            "curl -sv http://HOST:PORT/v2/" => "From the node: 200 or 401 over plain HTTP.",
            "crictl pull IMAGE" => "The runtime's own configuration, with none of the pod's secrets.",
        ],
        remedy: [
            "Best give the registry a certificate; logins go over the wire in clear otherwise.",
            "Else tell the runtime of every node that this host is plain: hosts.toml of containerd, registries.conf of \
                CRI-O, daemon.json of Docker.",
            "If it is the other way round, the registry serves HTTPS and the node asks plainly: take the `http://` or \
                `insecure` entry away.",
        ],
        places: {
            Containerd: "A table `[host.\"http://HOST:PORT\"]` with `capabilities = [\"pull\", \"resolve\"]` in \
                /etc/containerd/certs.d/HOST:PORT/hosts.toml. It is read at each pull, but `config_path` in \
                config.toml only at start; 1.6 and 1.7 ignore a bare `server = \"http://…\"`.",
            CriO: "`insecure = true` for that location in a file of /etc/containers/registries.conf.d/, then \
                `systemctl reload crio`.",
            Docker: "`insecure-registries` in /etc/docker/daemon.json, then `systemctl reload docker`.",
            K3s: "An `http://` endpoint under `mirrors` in registries.yaml, then restart the agent.",
            OpenShift: "`registrySources.insecureRegistries` of `image.config.openshift.io/cluster`.",
            Talos: "An `http://` endpoint under `machine.registries.mirrors`.",
            Bottlerocket: "An `http://` endpoint under `settings.container-registry.mirrors`.",
            Minikube: "`minikube start --insecure-registry=HOST:PORT`, for a new cluster only.",
        },
        confused: {
            TlsHandshakeFailure: "What answers is neither TLS nor HTTP.",
            ConfigIgnored: "The entry is there and the runtime does not read it.",
        },
    }
    } };
}
