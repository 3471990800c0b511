//! The registry, its token service and its storage.

macro_rules! registry {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => { $next! { [$($later)*] $($rows)*

    RegistryUnavailable {
        layer: Some(Layer::Registry), owner: Some(Owner::Registry), severity: Error,
        meaning: "The registry, its mirror or its token service answers with a server error (5xx). The node reached \
            it; nothing in the image or on the node causes it.",
        reads: {
            Runtimes: [
                "502 Bad Gateway",
                "503 Service Unavailable",
                "504 Gateway Timeout",
                "500 Internal Server Error",
            ],
            CriO: ["received unexpected HTTP status: 5"],
        },
        mistakes: [
            "The kubelet's reason `RegistryUnavailable` is another thing: there CRI-O found nobody listening, see \
                `ConnectionRefused`.",
        ],
        confirm: [
            "curl -si https://HOST/v2/ | head -20" => "Status and `server`: the registry, or a load balancer in its \
                place.",
        ],
        remedy: [
            "Look at the registry's status page, or at its own log and its storage, database and disk.",
            "If a load balancer answers in its place, check whether its backends are healthy.",
            "Wait and let the kubelet retry, at most every five minutes; deleting the pod retries at once.",
        ],
        confused: {
            ProxyDenied: "`: Service Unavailable` without a number is the proxy's word.",
            RateLimited: "429: there are too many requests, and the registry is well.",
            ConnectionRefused: "Nobody answers on that port.",
        },
    }

    NotARegistry {
        layer: Some(Layer::Registry), owner: Some(Owner::Network), severity: Error,
        meaning: "Something answers and it is not a registry: a web page instead of a manifest, a captive portal, a \
            token service that gives no token. The status looks fine, so a mirror that answers like this hides the \
            upstream.",
        reads: {
            Containerd: ["unexpected media type text/html", "mismatched image rootfs and manifest layers"],
            Runtimes: ["invalid character '<' looking for beginning of value"],
            CriO: ["decoding bearer token"],
        },
        confirm: [
            "curl -si https://HOST/v2/ | head -20"
                => "A registry answers 200 or 401 with `Docker-Distribution-Api-Version` or JSON; a login page names \
                    its owner.",
        ],
        remedy: [
            "Correct the host, port or path: a web front end is often another host or port than the registry behind \
                it.",
            "If a proxy or portal answers in its place, ask for the registry's hosts to be let through unchanged.",
        ],
        places: {
            Containerd: "Mirror for Docker Hub: the upstream is `https://registry-1.docker.io`; `server = \
                \"https://docker.io\"` in hosts.toml leads to a web page.",
        },
        confused: {
            RepositoryNotFound: "A 404 in the registry's own JSON.",
            UnsupportedManifest: "A media type that is an artifact's, not `text/html`.",
            RegistryUnavailable: "An error page with 5xx keeps the meaning of its status.",
        },
    }

    BlobUnavailable {
        layer: Some(Layer::Registry), owner: Some(Owner::Registry), severity: Error,
        meaning: "The manifest is served, but the registry or its storage refuses a layer or the image's configuration \
            (4xx). Tag and login are fine.",
        reads: {
            Containerd: ["failed to copy: httpReadSeeker: failed open: unexpected status"],
            CriO: ["fetching blob:"],
            Registry: ["blob unknown to registry", "BLOB_UNKNOWN"],
        },
        confirm: [
            "skopeo copy docker://IMAGE dir:/tmp/image"
                => "From the node and from elsewhere: fails everywhere, or only here.",
        ],
        remedy: [
            "If another node or client gets the layer, look at the difference: storage hosts (S3, Azure Blob, a CDN) \
                have their own address rules, and signed links fail on a node whose clock is wrong.",
            "If nobody gets it, the registry has lost it: push the image again. A garbage collection during a push, \
                and a half-replicated mirror, do this.",
            "In a proxy cache, delete the cached repository so that it is fetched anew.",
        ],
        places: {
            Eks: "Layers of ECR come from S3: the policy of the S3 gateway endpoint must allow \
                `arn:aws:s3:::prod-REGION-starport-layer-bucket/*`.",
        },
        confused: {
            AccessDenied: "The manifest itself is refused.",
            DigestNotFound: "The digest is a manifest's, not a layer's.",
            ClockSkew: "Signed links of the storage fail when the clock is off.",
        },
    }

    ContentCorrupt {
        layer: Some(Layer::Registry), owner: Some(Owner::Registry), severity: Error,
        meaning: "What arrived is not what the manifest promised: its size or digest differs, it is cut short or does \
            not decode. Nothing was run from it.",
        details: [
            "remote": "The registry, a mirror or something on the way delivers wrong bytes.",
            "local" owned by Node: "The bytes that the node keeps are damaged or incomplete.",
        ],
        reads: {
            Containerd: ["unexpected commit digest", "failed size validation"],
            CriO: ["Digest did not match, expected"],
            Docker: ["filesystem layer verification failed for digest"],
            Runtimes: ["archive/tar: invalid tar header"],
        },
        confirm: [
            "skopeo copy docker://IMAGE dir:/tmp/image" => "Checks every digest, past the node's store and its \
                mirrors.",
            "crictl pull IMAGE" => "Through the runtime's mirrors. It uses none of the pod's secrets.",
        ],
        remedy: [
            "If `skopeo copy docker://IMAGE dir:/tmp/image` fails too, push the image again, or empty the mirror or \
                cache; containerd does not turn to the upstream after a mirror's wrong bytes.",
            "If only behind a proxy, its virus scan or compression changes the bytes: let the storage hosts pass \
                unchanged.",
            "If only on this node: `crictl rmi IMAGE` and try again; if it comes back, check disk and memory \
                (`dmesg`).",
        ],
        places: {
            Containerd: "`ctr -n k8s.io content ls` shows what the node keeps.",
        },
        confused: {
            ConnectionReset: "The stream was cut: `unexpected EOF`, `short read`.",
            UnpackFailed: "The bytes are right and the node cannot write them.",
            NotARegistry: "The bytes are a web page.",
        },
    }
    } };
}
