//! The rows. A code is named once, here; its order is that of the layers, causes first.

use super::{DetailRow, Layer, Owner, Row, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Makes the enum of codes and the table of rows out of one list, so that neither can lack what the other has.
macro_rules! catalogue {
    ($($code:ident {
        layer: $layer:expr, owner: $owner:expr, severity: $severity:ident,
        meaning: $meaning:literal,
        $(details: [$($detail:literal $(owned by $detail_owner:ident)?: $detail_meaning:literal),+ $(,)?],)?
        wordings: [$($wording:literal),* $(,)?],
        remedy: [$($remedy:literal),* $(,)?] $(,)?
    })+) => {
        /// A stable code: the event reason, the metric label, the `explain` argument and the name of its page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Code {
            $(#[doc = $meaning] $code,)+
        }

        /// Every code with everything that is said of it.
        pub static CATALOGUE: &[Row] = &[$(Row {
            code: Code::$code,
            name: stringify!($code),
            layer: $layer,
            owner: $owner,
            severity: Severity::$severity,
            meaning: $meaning,
            details: &[$($(DetailRow {
                name: $detail,
                owner: catalogue!(@owner $($detail_owner)?),
                meaning: $detail_meaning,
            }),+)?],
            wordings: &[$($wording),*],
            remedy: &[$($remedy),*],
        }),+];
    };
    (@owner) => { None };
    (@owner $owner:ident) => { Some(Owner::$owner) };
}

catalogue! {
    InvalidReference {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The image string cannot be parsed, or it is a short name that the runtime's configuration does not \
            resolve. No registry was asked.",
        details: ["shortName": "The name has no registry and the runtime's short-name rules do not settle on one."],
        wordings: [
            "InvalidImageName",
            "couldn't parse image name",
            "invalid reference format",
            "short name mode is enforcing, but image name",
            "did not resolve to an alias and no unqualified-search registries are defined",
        ],
        remedy: [
            "Write the image in full as `REGISTRY/REPOSITORY:TAG` or `REGISTRY/REPOSITORY@sha256:DIGEST`: the \
                repository in lower case, no `https://`, no blanks, no `:` or `@` at the end.",
            "If a template made it, look at what it became: `kubectl -n NAMESPACE get pod POD -o \
                jsonpath='{.spec.containers[*].image}'`. An empty variable leaves `app:` or `/app`.",
            "Short names on CRI-O: write `docker.io/library/nginx` for `nginx`; or, on the node, give the name an \
                alias or set one registry as `unqualified-search-registries` in /etc/containers/registries.conf.d/ \
                and run `systemctl reload crio`. containerd and Docker take `docker.io`.",
        ],
    }
    RepositoryNotFound {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The registry says that the repository does not exist, to an identity that may see it. A registry \
            that hides private repositories refuses a stranger instead; that is `CredentialsMissing`.",
        wordings: [
            "name unknown:",
            "repository name not known to registry",
            "does not exist in the registry with id",
            "not found or deleted",
            "project nosuch not found",
        ],
        remedy: [
            "Compare everything after the registry with what the registry lists, letter by letter: account, project \
                and group belong to the repository's name.",
            "Create the repository or project where the registry wants that first (ECR, Artifact Registry, Harbor), \
                then push the image.",
            "Behind a mirror or proxy cache, check the path that it expects: a Harbor proxy project wants \
                `HARBOR/PROJECT/library/nginx`, and containerd's `override_path` drops the `/v2` before it.",
        ],
    }
    TagNotFound {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The repository is there, the tag is not. The network is fine and so is the login, if one was \
            needed.",
        wordings: [
            "manifest unknown",
            "not found: manifest unknown: manifest unknown",
            "Requested image not found",
            "manifest tagged by",
            "was deleted or has expired",
        ],
        remedy: [
            "Set a tag that exists: `skopeo list-tags docker://REGISTRY/REPOSITORY` or the registry's page lists \
                them. Without a tag the kubelet asks for `latest`, which many repositories do not have.",
            "Or push this one. Look whether the build that should have pushed it failed, or pushed to another \
                repository.",
            "If it was there yesterday, a retention rule may have removed it: restore it, and refer to releases by \
                digest.",
        ],
    }
    DigestNotFound {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The repository is there, but it holds no manifest with this digest. The tag beside a digest does \
            not matter: the digest decides.",
        wordings: ["manifest unknown", "reading manifest sha256:", "could not fetch content descriptor sha256:"],
        remedy: [
            "Ask the registry for the digest that it has: `skopeo inspect --format '{{.Digest}}' \
                docker://REGISTRY/REPOSITORY:TAG`, and set that.",
            "If the image was copied from another registry, copy all of it unchanged: `skopeo copy --all \
                --preserve-digests docker://SOURCE docker://TARGET`. Recompressing it, or copying one platform only, \
                makes another digest.",
            "If it was there before, a clean-up of untagged manifests may have removed it: push it again and keep a \
                tag on it.",
        ],
    }
    PlatformMismatch {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The image's index has nothing for this node's operating system, architecture and variant. \
            containerd words this as `not found`, though the tag is there; a single image without an index is pulled \
            all the same and dies with `exec format error`, and is reported as a warning.",
        wordings: [
            "no match for platform in manifest",
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            "no image found in image index for architecture",
            "cannot be used on this platform",
        ],
        remedy: [
            "Build and push the image for this platform too: `docker buildx build --platform linux/amd64,linux/arm64 \
                --push -t IMAGE .`.",
            "Or keep the pod on nodes that the image is made for: `nodeSelector: {kubernetes.io/arch: amd64}`.",
            "If the index should have it, look at what it holds: `docker buildx imagetools inspect IMAGE`. A copy \
                made without `skopeo copy --all` keeps one platform only.",
        ],
    }
    UnsupportedManifest {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The manifest is of a kind that this version of the runtime does not take: schema 1, an unknown \
            media type, an encrypted or a foreign layer. The content is intact.",
        wordings: [
            "is no longer supported since containerd",
            "schema 1 image manifests are no longer supported",
            "application/vnd.docker.distribution.manifest.v1+prettyjws not supported",
            "unsupported manifest media type and no default available",
            "unsupported image-specific operation on artifact with type",
        ],
        remedy: [
            "Push the image again with a current builder, or convert it: `skopeo copy --format v2s2 docker://SOURCE \
                docker://TARGET`.",
            "Schema 1 for a while longer: containerd 1.6, 1.7 and CRI-O convert it; containerd 2.0 does with \
                `CONTAINERD_ENABLE_DEPRECATED_PULL_SCHEMA_1_IMAGE=1` in its environment; containerd 2.1 and later \
                never do.",
            "If the reference names a chart, a signature or another artifact, name the image instead.",
            "Encrypted layers need their key on the node: CRI-O reads `decryption_keys_path`, containerd needs a \
                stream processor for them.",
        ],
    }
    NotPresentNeverPull {
        layer: Some(Layer::Reference), owner: Some(Owner::Namespace), severity: Error,
        meaning: "The container's `imagePullPolicy` is `Never` and the image is not on this node. No registry was \
            asked. The kubelet sees only what its own runtime holds (containerd: the namespace `k8s.io`), not what \
            Docker on the same machine has built.",
        wordings: ["ErrImageNeverPull", "is not present with pull policy of Never"],
        remedy: [
            "If a registry has the image, set `imagePullPolicy: IfNotPresent`.",
            "Else bring it to every node that may run the pod. kind: `kind load docker-image IMAGE`; minikube: \
                `minikube image load IMAGE`; k3d: `k3d image import IMAGE`; k3s: `k3s ctr images import FILE.tar`; \
                microk8s: `microk8s ctr image import FILE.tar`.",
            "Other nodes, from `docker save IMAGE -o FILE.tar`. containerd: `ctr -n k8s.io images import FILE.tar`; \
                CRI-O: `skopeo copy docker-archive:FILE.tar containers-storage:IMAGE`.",
            "Check with `crictl images`: the name must be the one in the pod, where `app:1` stands for \
                `docker.io/library/app:1`.",
        ],
    }
    PresentButNotAllowed {
        layer: Some(Layer::Reference), owner: Some(Owner::Namespace), severity: Error,
        meaning: "The image is on this node, but the kubelet (1.33 and later, by default since 1.35) lets a pod use \
            it only with credentials that have been proven for it, and this pod brings none. With the policy `Never` \
            the kubelet then says that it is not present, although it is.",
        wordings: ["ErrImageNeverPull", "is not present with pull policy of Never"],
        remedy: [
            "Give the pod the pull secret of the registry, by `imagePullSecrets` in the pod or in its service \
                account, and let it pull: `imagePullPolicy: IfNotPresent`.",
            "For an image that every pod may use: list it under `preloadedImagesVerificationAllowlist` and set \
                `imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages` in the kubelet's \
                configuration (/var/lib/kubelet/config.yaml on kubeadm), then restart the kubelet.",
        ],
    }
    CredentialsMissing {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Error,
        meaning: "The registry wants a login for this repository and none was offered. It says nothing about whether \
            the repository exists.",
        details: [
            "notFoundOrPrivate": "The registry answers a stranger alike for a repository that does not exist and for \
                one that is private: rule out the typing mistake first.",
        ],
        wordings: [
            "no basic auth credentials",
            "pull access denied, repository does not exist or may require authorization",
            "repository does not exist or may require 'docker login'",
            "insufficient_scope: authorization failed",
            "unauthorized: authentication required",
            "unauthorized: access to the requested resource is not authorized",
        ],
        remedy: [
            "Check the spelling of the repository: `nginx` stands for `docker.io/library/nginx`, and an image \
                without a registry is looked for on Docker Hub.",
            "Create a pull secret in the pod's namespace: `kubectl -n NAMESPACE create secret docker-registry NAME \
                --docker-server=REGISTRY --docker-username=USER --docker-password=\"$PASSWORD\"`. Docker Hub's \
                server is `https://index.docker.io/v1/`.",
            "Name it under `imagePullSecrets` in the pod template. Named in the service account it reaches only pods \
                created afterwards, and only those that list none of their own.",
            "On cloud nodes without secrets, check the kubelet's credential provider: its `matchImages` must match \
                this registry.",
        ],
    }
    CredentialsRejected {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Error,
        meaning: "A login was offered and the registry or its token service says that it is wrong. The kubelet never \
            pulls anonymously once it has a login, so a stale one breaks public images too.",
        details: ["expired": "The password or token was good once and has expired."],
        wordings: [
            "unable to retrieve auth token: invalid username/password",
            "failed to fetch oauth token: unexpected status",
            "incorrect username or password",
            "Your authorization token has expired. Reauthenticate and try again.",
            "HTTP Basic: Access denied",
            "personal access token is expired",
        ],
        remedy: [
            "Try the same user and password by hand: `skopeo login REGISTRY`.",
            "Write the new ones into the secret: `kubectl -n NAMESPACE create secret docker-registry NAME \
                --docker-server=REGISTRY --docker-username=USER --docker-password=\"$PASSWORD\" --dry-run=client -o \
                yaml | kubectl apply -f -`. The next attempt uses them.",
            "Tokens of ECR live 12 hours, those of other clouds less: do not keep them in a secret, use the \
                kubelet's credential provider.",
            "For a public image, take the stale entry out of the secret or out of /var/lib/kubelet/config.json.",
        ],
    }
    AccessDenied {
        layer: Some(Layer::Credentials), owner: Some(Owner::Registry), severity: Error,
        meaning: "The registry knows who asks and does not let that identity pull this repository. The login itself \
            is not wrong.",
        details: [
            "sourceAddress" owned by Network: "The registry refuses the address that the node comes from: a registry \
                firewall, a private endpoint or a geographic block. No login changes that.",
        ],
        wordings: [
            "The client does not have permission for manifest",
            "is not authorized to perform: ecr:BatchGetImage",
            "\"artifactregistry.repositories.downloadArtifacts\" denied on resource",
            "denied: permission_denied",
            "denied: access forbidden",
            "is not allowed access. Refer https://aka.ms/acr/firewall",
        ],
        remedy: [
            "Grant the identity the right to pull this repository. ECR: `ecr:BatchGetImage`, \
                `ecr:GetDownloadUrlForLayer` and `ecr:GetAuthorizationToken`, and the repository's own policy across \
                accounts; Artifact Registry: `roles/artifactregistry.reader`; ACR: `AcrPull`; GitLab: \
                `read_registry`; ghcr.io: `read:packages`.",
            "Check that it is the identity you mean: with several logins the kubelet tries them one after the other, \
                and the node's role counts when the pod has no secret.",
            "Refused by address: let the node's outgoing address into the registry's firewall, or pull through its \
                private endpoint.",
        ],
    }
    SecretNotFound {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Error,
        meaning: "A pull secret that the pod refers to is not in the pod's namespace. The kubelet goes on without \
            it, so by itself it breaks only images that need it; secrets are never taken from another namespace.",
        wordings: [
            "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets",
            "attempting to pull the image may not succeed",
        ],
        remedy: [
            "Compare the names: `kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.imagePullSecrets}'` and \
                `kubectl -n NAMESPACE get secrets`.",
            "Create it there: `kubectl -n NAMESPACE create secret docker-registry NAME --docker-server=REGISTRY \
                --docker-username=USER --docker-password=\"$PASSWORD\"`. The next attempt finds it, the pod need not \
                be recreated.",
            "If nothing needs it any more, take the name out of the pod template and out of the service account, and \
                recreate the pods.",
        ],
    }
    SecretMalformed {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Error,
        meaning: "A pull secret has the wrong type, key or content. With a wrong type or key the kubelet skips it \
            without a word; content that does not decode fails every pull of the pod before any registry is asked.",
        wordings: [
            "illegal base64 data at input byte",
            "unable to parse auth field, must be formatted as base64(username:password)",
            "unexpected end of JSON input",
            "looking for beginning of value",
            "json: cannot unmarshal",
        ],
        remedy: [
            "Look at type and keys, not at the content: `kubectl -n NAMESPACE get secret NAME -o \
                go-template='{{.type}}{{range $key, $value := .data}} {{$key}}{{end}}'`. It must say \
                `kubernetes.io/dockerconfigjson .dockerconfigjson`, or `kubernetes.io/dockercfg .dockercfg`.",
            "Let kubectl write it anew instead of encoding by hand: delete it, then `kubectl -n NAMESPACE create \
                secret docker-registry NAME --docker-server=REGISTRY --docker-username=USER \
                --docker-password=\"$PASSWORD\"`. A secret's type cannot be changed in place.",
            "If a tool generates it: `auth` is base64 of `user:password` in the standard alphabet, the whole is \
                `{\"auths\": {\"REGISTRY\": {\"auth\": \"…\"}}}`, and `stringData` takes it plain while `data` takes \
                it in base64 once more. Files made by `docker login` with `credsStore` hold no login at all.",
        ],
    }
    CredentialsNotMatching {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Error,
        meaning: "There are secrets, a node file or credential provider plugins, but none of their keys or \
            `matchImages` entries matches this image by the kubelet's rules. So the kubelet offered no login, and \
            the registry saw a stranger.",
        wordings: [
            "no basic auth credentials",
            "pull access denied, repository does not exist or may require authorization",
            "unauthorized: authentication required",
        ],
        remedy: [
            "Write the key as the image begins: `registry.example.com:5000` for registry.example.com:5000/team/app. \
                The port must be the same text: `:443` and no port are different keys.",
            "Keep a path in the key shorter than the repository and without a tag. `*` stands within one label of \
                the host only: `*.example.com` matches neither `example.com` nor `a.b.example.com`.",
            "The key for Docker Hub in a secret is `https://index.docker.io/v1/`, with the last slash; in \
                `matchImages` of a plugin it is `docker.io`, without a scheme.",
            "A login that containerd or Docker has of its own does not count for the kubelet, and credential helpers \
                in /var/lib/kubelet/config.json are never run.",
        ],
    }
    CredentialProviderFailed {
        layer: Some(Layer::Credentials), owner: Some(Owner::Cluster), severity: Error,
        meaning: "The kubelet's credential provider plugin failed, or the cloud identity behind it did. The kubelet \
            writes that to its log only and pulls anonymously, so the pod shows the registry's refusal.",
        wordings: [
            "Failed getting credential from external registry credential provider",
            "apiVersion from credential plugin response did not match",
            "error getting credentials - err: exec:",
            "executable file not found in $PATH",
            "fork/exec",
        ],
        remedy: [
            "Read what the plugin said on this node: `journalctl -u kubelet | grep -i 'credential'`.",
            "Check that the binary is there and executable: the kubelet's `--image-credential-provider-bin-dir` \
                holds a file named as `providers[].name` in `--image-credential-provider-config`. After a change \
                restart the kubelet.",
            "Check the node's cloud identity: it needs the right to pull (ECR: `AmazonEC2ContainerRegistryPullOnly`; \
                ACR: `AcrPull`; Artifact Registry: `roles/artifactregistry.reader`), and the metadata service must \
                answer on this node.",
            "The plugin's `apiVersion` must be equal in the configuration and in its answer.",
        ],
    }
    RateLimited {
        layer: Some(Layer::Limits), owner: Some(Owner::Registry), severity: Error,
        meaning: "The registry or its token service refuses more requests for now (status 429). It is the registry's \
            own limit, not the kubelet's `registryPullQPS`.",
        details: [
            "ip": "The limit is counted for the address: everything behind the same NAT shares it.",
            "account": "The limit is counted for the account that was used.",
        ],
        wordings: [
            "429 Too Many Requests",
            "toomanyrequests: You have reached your",
            "toomanyrequests: Rate exceeded",
            "toomanyrequests: retry-after:",
            "Data limit exceeded",
            "Quota exceeded for quota metric",
        ],
        remedy: [
            "Pull with a login: the limit of an account is higher than the shared one of an address. See \
                `CredentialsMissing` for the secret.",
            "Put a mirror or proxy cache between the nodes and the registry. containerd: \
                /etc/containerd/certs.d/docker.io/hosts.toml, read at each pull; CRI-O: `[[registry.mirror]]` in \
                registries.conf, then `systemctl reload crio`; Docker: `registry-mirrors` in \
                /etc/docker/daemon.json, then `systemctl reload docker`.",
            "Ask less: `imagePullPolicy: IfNotPresent` and fixed tags instead of `latest`.",
            "Else wait: Docker Hub counts over six hours, cloud registries over a second or a minute. Deleting pods \
                to retry spends more of it.",
        ],
    }
    KubeletThrottled {
        layer: Some(Layer::Limits), owner: Some(Owner::Cluster), severity: Error,
        meaning: "The kubelet's own limit (`registryPullQPS`, `registryBurst`) refused to start the pull. No \
            registry was asked and none has refused anything.",
        wordings: ["pull QPS exceeded", "ErrImagePull: pull QPS exceeded"],
        remedy: [
            "After a burst of new pods do nothing: the kubelet tries again by itself, at first after 10 seconds.",
            "If it keeps happening, raise `registryPullQPS` (default 5) and `registryBurst` (default 10) in the \
                kubelet's configuration (/var/lib/kubelet/config.yaml on kubeadm), or set `registryPullQPS: 0` for \
                no limit, and restart the kubelet.",
        ],
    }
    DnsNameNotFound {
        layer: Some(Layer::Dns), owner: Some(Owner::Network), severity: Error,
        meaning: "A name server that the node uses says that the host name does not exist. The node's resolver \
            counts, not the cluster's: names like `registry.default.svc` are known to pods only.",
        wordings: ["no such host", "Name or service not known", "no address associated with hostname"],
        remedy: [
            "Check the spelling of the host; in a token or storage host that comes from the registry, its configured \
                name is wrong or internal.",
            "Ask each server of the node's /etc/resolv.conf apart: `dig HOST @SERVER`. The first that says no ends \
                the search, even if the second one knows the name.",
            "For an internal name, add the record, or let the node's servers forward its zone. As a stopgap, write \
                it into the node's /etc/hosts.",
            "For a registry inside the cluster, use a name that the nodes resolve: an ingress, a node port, or a \
                mirror entry of the runtime.",
        ],
    }
    DnsServerFailure {
        layer: Some(Layer::Dns), owner: Some(Owner::Network), severity: Error,
        meaning: "The node's name servers answer with a failure (SERVFAIL, REFUSED), or every one of them is closed \
            or unreachable. That says nothing about whether the name exists.",
        wordings: [
            "server misbehaving",
            "Temporary failure in name resolution",
            "Try again",
            "read: connection refused",
            "dial udp",
        ],
        remedy: [
            "Ask each server of the node's /etc/resolv.conf apart: `dig HOST @SERVER`. SERVFAIL: its forwarder or \
                DNSSEC fails; REFUSED: it does not serve this node; refused or unreachable: nothing listens there.",
            "With `nameserver 127.0.0.53`: `resolvectl status` and `systemctl restart systemd-resolved`.",
            "If the servers are the cluster's own (CoreDNS), the node cannot pull the images that CoreDNS needs: \
                give nodes servers outside the cluster.",
        ],
    }
    DnsTimeout {
        layer: Some(Layer::Dns), owner: Some(Owner::Network), severity: Error,
        meaning: "No name server answered in time. It is the look-up that hangs, not the registry.",
        wordings: ["53: i/o timeout", "dial tcp: lookup harbor.lab.example: i/o timeout", "read udp"],
        remedy: [
            "Check that the node reaches each server of its /etc/resolv.conf on port 53, over UDP and TCP: `dig HOST \
                @SERVER` and `dig +tcp HOST @SERVER`.",
            "Open port 53 for both in firewalls and security groups. Where only TCP is closed, just the large \
                answers time out.",
            "Take dead servers out of /etc/resolv.conf, at their source: DHCP, netplan, NetworkManager or \
                systemd-resolved. Each costs up to 5 s an attempt.",
        ],
    }
    ConnectionRefused {
        layer: Some(Layer::Transport), owner: Some(Owner::Network), severity: Error,
        meaning: "The host is reached and refuses the connection on this port: nothing listens there, or a firewall \
            rejects it. `localhost` in an image is the node itself, never the pod.",
        wordings: [
            "connect: connection refused",
            "getsockopt: connection refused",
            "RegistryUnavailable: pinging container registry",
        ],
        remedy: [
            "Look from the node: `curl -sv https://HOST:PORT/v2/`. An image without a port is asked for on 443.",
            "Start the registry, or correct the port in the image, in the mirror entry or in the load balancer.",
            "If the registry runs and other machines reach it, look for a firewall rule that rejects the node's \
                address.",
        ],
    }
    ConnectionTimeout {
        layer: Some(Layer::Transport), owner: Some(Owner::Network), severity: Error,
        meaning: "Packets to the host get no answer: something between the node and it drops them. A `NetworkPolicy` \
            does not govern the kubelet's pulls; look at firewalls, security groups, routes and endpoints of the \
            node.",
        details: [
            "connect": "Nothing answers the request to connect.",
            "headers": "The connection opens, then the answer does not come: mostly a middle box, an overloaded \
                registry or a path with a smaller MTU.",
        ],
        wordings: [
            "dial tcp 74.125.203.82:443: i/o timeout",
            "i/o timeout",
            "Client.Timeout exceeded while awaiting headers",
            "net/http: timeout awaiting response headers",
        ],
        remedy: [
            "Look from the node: `curl -sv --connect-timeout 5 https://HOST/v2/`.",
            "Open the way from the node's address to HOST and its port in the firewall and in the security groups of \
                both sides. Blobs and tokens often come from other hosts: the chain that `pullagent probe IMAGE` \
                shows names them.",
            "In a private network, check the NAT gateway, the route, and the VPC endpoints: ECR needs those for \
                `ecr.api`, `ecr.dkr` and S3.",
            "If only a proxy leads out, set it for the runtime, not for the shell: see `ProxyUnreachable`.",
        ],
    }
    NetworkUnreachable {
        layer: Some(Layer::Transport), owner: Some(Owner::Network), severity: Error,
        meaning: "The node has no way to the address: no route, or a router says that network or host cannot be \
            reached. Often it is an IPv6 address on a node without IPv6.",
        wordings: [
            "connect: network is unreachable",
            "connect: no route to host",
            "connect: cannot assign requested address",
        ],
        remedy: [
            "Look at the way that the node would take: `ip route get ADDRESS`. Without a default route, mend the \
                node's network configuration.",
            "`no route to host` with a route in place: a firewall rejects with an ICMP message, or the host does not \
                answer ARP in the node's own network.",
            "For an IPv6 address on a node without IPv6, use the IPv4 name of the registry, or take the AAAA record \
                away.",
        ],
    }
    ConnectionReset {
        layer: Some(Layer::Transport), owner: Some(Owner::Network), severity: Error,
        meaning: "The connection was open and was cut in the middle of the exchange, by the other end or by \
            something in between. What had arrived until then was fine.",
        wordings: ["read: connection reset by peer", "write: broken pipe", "unexpected EOF", "short read: expected"],
        remedy: [
            "Try it from the node: `curl -sv -o /dev/null URL`. A cut at a steady size or time points at a limit of \
                a proxy, firewall or load balancer: ask for its idle timeout and body limit.",
            "A cut during the TLS handshake, for this host name only, is a middle box that filters by name: ask for \
                HOST to be allowed.",
            "Compare with another node and another network; look into the registry's and the load balancer's log at \
                that time.",
        ],
    }
    ProxyUnreachable {
        layer: Some(Layer::Proxy), owner: Some(Owner::Network), severity: Error,
        meaning: "The node cannot use its proxy: its name, its address, its TLS or its CONNECT fails before the \
            registry comes into play. The runtime's own environment counts, not the shell's and not \
            /etc/environment.",
        wordings: [
            "proxyconnect tcp: dial tcp",
            "proxyconnect tcp: tls",
            "lookup http: no such host",
            "socks connect tcp",
        ],
        remedy: [
            "See what the runtime really uses: `tr '\\0' '\\n' < /proc/$(pidof containerd)/environ | grep -i _proxy` \
                (`crio`, `dockerd`). It may show a password.",
            "Correct `HTTPS_PROXY` where the service takes it from: \
                /etc/systemd/system/containerd.service.d/http-proxy.conf (crio.service.d, docker.service.d; k3s: \
                /etc/systemd/system/k3s.service.env), then `systemctl daemon-reload && systemctl restart \
                containerd`. Docker: `proxies` in /etc/docker/daemon.json goes before it.",
            "`lookup http` means that the value is broken: write `http://HOST:PORT`, without quotes, and \
                percent-encode special characters of a password.",
            "If this registry needs no proxy, add its host to `NO_PROXY`, entries separated by commas.",
        ],
    }
    ProxyDenied {
        layer: Some(Layer::Proxy), owner: Some(Owner::Network), severity: Error,
        meaning: "The proxy answers CONNECT with something else than 200, so the registry was never reached. Go \
            shows only the status text, as in `: Forbidden`; a refusal of the registry itself comes with a number, \
            as in `403 Forbidden`.",
        details: [
            "authRequired" owned by Node: "The proxy wants a login and the node offers none, or a wrong one.",
            "forbidden": "The proxy's rules do not allow this host or port.",
            "upstreamFailed": "The proxy itself cannot reach the host.",
        ],
        wordings: [
            "Proxy Authentication Required",
            ": Forbidden",
            ": Bad Gateway",
            ": Service Unavailable",
            ": Gateway Timeout",
        ],
        remedy: [
            "Forbidden: ask for CONNECT to HOST:443 to be allowed for the nodes, and for the token and storage hosts \
                as well: the chain that `pullagent probe IMAGE` shows names them.",
            "Login wanted: set `HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT`, special characters percent-encoded, in \
                the drop-in of the runtime (/etc/systemd/system/containerd.service.d/http-proxy.conf, mode 0600), \
                then `systemctl daemon-reload && systemctl restart containerd`.",
            "Upstream failed: the proxy cannot resolve or reach HOST. For an internal registry add its host to \
                `NO_PROXY`; only commas separate entries, and `.example.com` leaves `example.com` itself out.",
        ],
    }
    TlsUnknownAuthority {
        layer: Some(Layer::Tls), owner: Some(Owner::Network), severity: Error,
        meaning: "The certificate chain ends in an authority that the runtime does not trust. That `curl` on the \
            node succeeds proves little: the runtime reads the system's CA bundle only when it starts.",
        details: [
            "privateAuthority" owned by Node: "The registry's certificate comes from a private CA that this node has \
                not been given.",
            "interception": "A device in between presents its own certificate for public names.",
            "missingIntermediate" owned by Registry: "The server leaves out an intermediate certificate. Browsers \
                fetch it, Go does not.",
        ],
        wordings: [
            "x509: certificate signed by unknown authority",
            "failed to verify certificate: x509: certificate signed by unknown authority",
        ],
        remedy: [
            "See who signed: `openssl s_client -connect HOST:443 -servername HOST -showcerts </dev/null`.",
            "Private CA, for this registry. containerd: `ca = \"/etc/containerd/certs.d/HOST/ca.crt\"` in \
                /etc/containerd/certs.d/HOST/hosts.toml, read at each pull if `config_path` is set; CRI-O: \
                /etc/containers/certs.d/HOST/ca.crt; Docker: /etc/docker/certs.d/HOST/ca.crt. k3s and RKE2: \
                `configs` in registries.yaml, then restart the agent.",
            "Private CA or inspecting proxy, for everything: put it into /usr/local/share/ca-certificates/ and run \
                `update-ca-certificates` (RHEL: /etc/pki/ca-trust/source/anchors/ and `update-ca-trust`), then \
                restart the runtime. Or ask for the registry's hosts to be left uninspected.",
            "Missing intermediate: let the server send its whole chain, the leaf first.",
        ],
    }
    TlsHostnameMismatch {
        layer: Some(Layer::Tls), owner: Some(Owner::Registry), severity: Error,
        meaning: "The certificate is for other names than the one that was asked for. If its names have nothing to \
            do with the registry, the node talks to something else: a wrong DNS answer, a captive portal or a \
            gateway.",
        wordings: [
            "x509: certificate is valid for",
            "x509: certificate is not valid for any names",
            "because it doesn't contain any IP SANs",
            "x509: certificate relies on legacy Common Name field, use SANs instead",
        ],
        remedy: [
            "See its names: `openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout \
                -ext subjectAltName`.",
            "Use the name that the certificate holds in the image and in mirror entries, or issue it for this name \
                as a subject alternative name; an IP address must be listed as such, the common name does not count.",
            "If the certificate is a stranger's, compare the address with the right one: `getent ahosts HOST`. A \
                wildcard record in a search domain of /etc/resolv.conf can capture names.",
        ],
    }
    TlsCertificateExpired {
        layer: Some(Layer::Tls), owner: Some(Owner::Registry), severity: Error,
        meaning: "A certificate of the chain is past its end, by a clock that is right. If the node's clock is \
            wrong, the cause is `NodeClockWrong`.",
        wordings: [
            "x509: certificate has expired or is not yet valid",
            "certificate has expired or is not yet valid: current time",
        ],
        remedy: [
            "Renew the certificate on the registry, its load balancer or mirror, and reload that service: a renewed \
                file that was not reloaded serves the old one.",
            "See what is served, intermediates too: `openssl s_client -connect HOST:443 -servername HOST -showcerts \
                </dev/null | openssl x509 -noout -enddate`.",
            "If an inspecting proxy issued it, its own certificate needs renewal.",
        ],
    }
    TlsNotYetValid {
        layer: Some(Layer::Tls), owner: Some(Owner::Registry), severity: Error,
        meaning: "A certificate of the chain is not valid yet, by a clock that is right. If the node's clock is \
            wrong, the cause is `NodeClockWrong`.",
        wordings: [
            "x509: certificate has expired or is not yet valid",
            "certificate has expired or is not yet valid: current time",
        ],
        remedy: [
            "Serve the former certificate until then, or issue one that is valid now.",
            "Check the clock of the CA that issued it: a certificate fresh from a CA whose clock is ahead starts in \
                the future.",
        ],
    }
    NodeClockWrong {
        layer: Some(Layer::Tls), owner: Some(Owner::Node), severity: Error,
        meaning: "The certificate is fine by the time that the server and others give, but not by this node's clock. \
            Tokens fail on such a node as well.",
        wordings: ["current time 1970-01-01", "certificate has expired or is not yet valid: current time"],
        remedy: [
            "Look: `timedatectl` (`System clock synchronized: yes`?) and `chronyc tracking`.",
            "Set it: `chronyc makestep`, or `systemctl restart systemd-timesyncd`; and let the node reach its time \
                servers on UDP port 123.",
            "A machine that starts at 1970 has lost its clock's battery, a virtual machine may have been paused: let \
                it synchronise before the kubelet starts.",
        ],
    }
    TlsHandshakeTimeout {
        layer: Some(Layer::Tls), owner: Some(Owner::Network), severity: Error,
        meaning: "TCP connects, then the TLS handshake never ends. Small packets pass and large ones get lost, or a \
            firewall holds the handshake back.",
        wordings: ["net/http: TLS handshake timeout"],
        remedy: [
            "Check the path's MTU from the node: `ping -M do -s 1472 HOST`, with smaller sizes until it passes; \
                lower the MTU of the interface, or clamp the MSS on VPN and tunnel gateways.",
            "Look for a firewall or inspecting device that stalls on this host name; compare `openssl s_client \
                -connect HOST:443 -servername HOST` with and without `-servername`.",
            "If only runtimes built with Go 1.24 or later hang, the larger first packet upsets a middle box: \
                `GODEBUG=tlsmlkem=0` in the runtime's environment proves it.",
            "On a starved node (CPU, memory) handshakes time out too: look at its load at that time.",
        ],
    }
    TlsHandshakeFailure {
        layer: Some(Layer::Tls), owner: Some(Owner::Registry), severity: Error,
        meaning: "The two sides do not agree on TLS: version, cipher, a client certificate that is asked for, a \
            server name that is not served; or what answers speaks neither TLS nor HTTP. It is not about trust in \
            the certificate.",
        wordings: [
            "remote error: tls: handshake failure",
            "remote error: tls: protocol version not supported",
            "remote error: tls: certificate required",
            "remote error: tls: unrecognized name",
            "remote error: tls: internal error",
            "tls: first record does not look like a TLS handshake",
        ],
        remedy: [
            "Try it from the node: `openssl s_client -connect HOST:443 -servername HOST -tls1_2`. Go wants TLS 1.2 \
                at least and a cipher suite with forward secrecy: mend an older server.",
            "Certificate required: give the node its key pair. containerd: `client = [[\"/path/client.cert\", \
                \"/path/client.key\"]]` in hosts.toml; CRI-O and Docker: client.cert and client.key in \
                certs.d/HOST/.",
            "Unrecognised name: the server or load balancer has no entry for this host; add it, or use the right \
                name.",
            "No TLS at all: another service listens on this port; correct the port.",
        ],
    }
    PlaintextRegistry {
        layer: Some(Layer::Tls), owner: Some(Owner::Node), severity: Error,
        meaning: "One side speaks HTTP where the other speaks HTTPS: mostly the registry is plain and the node has \
            not been told so. Runtimes ask over HTTPS unless the host is `localhost`.",
        wordings: [
            "http: server gave HTTP response to HTTPS client",
            "Client sent an HTTP request to an HTTPS server",
        ],
        remedy: [
            "Best give the registry a certificate; logins go over the wire in clear otherwise.",
            "containerd: a table `[host.\"http://HOST:PORT\"]` with `capabilities = [\"pull\", \"resolve\"]` in \
                /etc/containerd/certs.d/HOST:PORT/hosts.toml. It is read at each pull, but `config_path` in \
                config.toml only at start; 1.6 and 1.7 ignore a bare `server = \"http://…\"`.",
            "CRI-O: `insecure = true` for that location in a file of /etc/containers/registries.conf.d/, then \
                `systemctl reload crio`. Docker: `insecure-registries` in /etc/docker/daemon.json, then `systemctl \
                reload docker`. k3s and RKE2: an `http://` endpoint under `mirrors` in registries.yaml, then restart \
                the agent.",
            "If it is the other way round, the registry serves HTTPS and the node asks plainly: take the `http://` \
                or `insecure` entry away.",
        ],
    }
    RegistryUnavailable {
        layer: Some(Layer::Registry), owner: Some(Owner::Registry), severity: Error,
        meaning: "The registry, its mirror or its token service answers with a server error (5xx). The node reached \
            it; nothing in the image or on the node causes it.",
        wordings: [
            "502 Bad Gateway",
            "503 Service Unavailable",
            "504 Gateway Timeout",
            "500 Internal Server Error",
            "received unexpected HTTP status: 5",
        ],
        remedy: [
            "Look at the registry's status page, or at its own log and its storage, database and disk.",
            "If a load balancer answers in its place, check whether its backends are healthy.",
            "Wait and let the kubelet retry, at most every five minutes; deleting the pod retries at once.",
        ],
    }
    NotARegistry {
        layer: Some(Layer::Registry), owner: Some(Owner::Network), severity: Error,
        meaning: "Something answers and it is not a registry: a web page instead of a manifest, a captive portal, a \
            token service that gives no token. The status looks fine, so a mirror that answers like this hides the \
            upstream.",
        wordings: [
            "unexpected media type text/html",
            "invalid character '<' looking for beginning of value",
            "decoding bearer token",
            "mismatched image rootfs and manifest layers",
        ],
        remedy: [
            "See who answers: `curl -si https://HOST/v2/`. A registry answers 200 or 401 with \
                `Docker-Distribution-Api-Version` or JSON; a login page names its owner.",
            "Correct the host, port or path: a web front end is often another host or port than the registry behind \
                it.",
            "Mirror for Docker Hub: the upstream is `https://registry-1.docker.io`; `server = \"https://docker.io\"` \
                in hosts.toml leads to a web page.",
            "If a proxy or portal answers in its place, ask for the registry's hosts to be let through unchanged.",
        ],
    }
    BlobUnavailable {
        layer: Some(Layer::Registry), owner: Some(Owner::Registry), severity: Error,
        meaning: "The manifest is served, but the registry or its storage refuses a layer or the image's \
            configuration (4xx). Tag and login are fine.",
        wordings: [
            "failed to copy: httpReadSeeker: failed open: unexpected status",
            "blob unknown to registry",
            "BLOB_UNKNOWN",
        ],
        remedy: [
            "If another node or client gets the layer, look at the difference: storage hosts (S3, Azure Blob, a CDN) \
                have their own address rules, and signed links fail on a node whose clock is wrong.",
            "If nobody gets it, the registry has lost it: push the image again. A garbage collection during a push, \
                and a half-replicated mirror, do this.",
            "In a proxy cache, delete the cached repository so that it is fetched anew.",
        ],
    }
    ContentCorrupt {
        layer: Some(Layer::Registry), owner: Some(Owner::Registry), severity: Error,
        meaning: "What arrived is not what the manifest promised: its size or digest differs, it is cut short or \
            does not decode. Nothing was run from it.",
        details: [
            "remote": "The registry, a mirror or something on the way delivers wrong bytes.",
            "local" owned by Node: "The bytes that the node keeps are damaged or incomplete.",
        ],
        wordings: [
            "unexpected commit digest",
            "Digest did not match, expected",
            "filesystem layer verification failed for digest",
            "archive/tar: invalid tar header",
            "failed size validation",
        ],
        remedy: [
            "Fetch it past the node: `skopeo copy docker://IMAGE dir:/tmp/image` checks every digest. If that fails, \
                push the image again, or empty the mirror or cache; containerd does not turn to the upstream after a \
                mirror's wrong bytes.",
            "If only behind a proxy, its virus scan or compression changes the bytes: let the storage hosts pass \
                unchanged.",
            "If only on this node: `crictl rmi IMAGE` and try again; if it comes back, check disk and memory \
                (`dmesg`). containerd: `ctr -n k8s.io content ls` shows what it holds.",
        ],
    }
    RuntimeUnavailable {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Error,
        meaning: "The container runtime's CRI socket is absent, refuses, does not answer or does not offer the image \
            service. Every pull on this node fails, whatever the image.",
        wordings: [
            "rpc error: code = Unavailable desc = connection error",
            "unknown service runtime.v1.ImageService",
            "unknown service runtime.v1alpha2.ImageService",
            "transport: Error while dialing dial unix",
            "validate CRI v1 runtime API for endpoint",
        ],
        remedy: [
            "Look at the service and its log: `systemctl status containerd` and `journalctl -u containerd` (`crio`, \
                `docker` with `cri-docker`, `k3s`).",
            "`unknown service`: containerd runs without its CRI plugin. Take `cri` out of `disabled_plugins` in \
                /etc/containerd/config.toml, which the packages of Docker put there; or `mirrors` stands beside \
                `config_path`, see `RuntimeConfigInvalid`. Then restart it.",
            "`v1alpha2`: the kubelet is older, or `v1`: newer, than what the runtime speaks; bring them together.",
            "Compare the socket with the kubelet's `--container-runtime-endpoint` (`containerRuntimeEndpoint` in its \
                configuration).",
        ],
    }
    RuntimeConfigInvalid {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Error,
        meaning: "The runtime's own pull configuration cannot be used: an unreadable CA or key pair, a bad \
            policy.json or registries.conf, `mirrors` together with `config_path`. Pulls fail before any traffic.",
        wordings: [
            "unable to load CA cert",
            "unable to read CA cert",
            "failed to load X509 key pair",
            "open /etc/containers/policy.json: no such file",
            "loading registries configuration",
        ],
        remedy: [
            "containerd: one unreadable `ca` or `client` in a hosts.toml fails all endpoints of that registry; write \
                key pairs as `client = [[\"CERT\", \"KEY\"]]`. It is read at each pull. In config.toml use \
                `config_path` or `mirrors`, not both, and restart containerd.",
            "CRI-O: correct registries.conf, its registries.conf.d/ or /etc/containers/policy.json, then `systemctl \
                reload crio`. A `*.cert` in certs.d/HOST/ needs its `*.key`.",
            "Docker: `dockerd --validate --config-file /etc/docker/daemon.json`; a `*.cert` in \
                /etc/docker/certs.d/HOST/ needs its `*.key`.",
        ],
    }
    DiskFull {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Error,
        meaning: "The filesystem for images has no space or no inodes left. An unpacked image takes several times \
            what is transferred.",
        wordings: ["no space left on device", "disk quota exceeded"],
        remedy: [
            "Look at both space and inodes: `df -h` and `df -i` for /var/lib/containerd (CRI-O: /var/lib/containers, \
                and /var/tmp while pulling; Docker: /var/lib/docker; k3s: /var/lib/rancher).",
            "Remove unused images: `crictl rmi --prune`. Then look for what else fills the disk: logs in \
                /var/log/pods, `emptyDir` volumes.",
            "Give the image filesystem more room, or let the kubelet clean up earlier: `imageGCHighThresholdPercent` \
                in its configuration.",
        ],
    }
    UnpackFailed {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Error,
        meaning: "The content arrived and is right, but the node cannot unpack it: a parent snapshot is missing, a \
            mount is busy, the filesystem is read-only, or an owner cannot be set. A full disk is `DiskFull`.",
        wordings: [
            "failed to stat parent",
            "device or resource busy",
            "read-only file system",
            "lchown",
            "failed to extract layer",
            "failed to register layer",
        ],
        remedy: [
            "Read-only: look at `dmesg` for filesystem errors, check the disk and mount it anew.",
            "Missing snapshot: drain the node, stop pods and containerd, remove the images concerned (`crictl rmi \
                IMAGE`) or, if that does not help, empty /var/lib/containerd, and start it again.",
            "Busy: a scanner or backup holds the mounts; exclude /var/lib/containerd and /var/lib/containers from \
                it.",
            "`lchown`: a rootless or user-namespaced runtime has too few subordinate ids in /etc/subuid and \
                /etc/subgid for the owners in the image.",
        ],
    }
    PullStalled {
        layer: Some(Layer::Node), owner: Some(Owner::Network), severity: Error,
        meaning: "Bytes flowed, then stopped until a deadline; or a request was taken and never answered. The \
            runtime then says no more than that it was cancelled.",
        wordings: [
            "context canceled",
            "context deadline exceeded",
            "rpc error: code = Canceled desc = context canceled",
            "cancel pulling image",
        ],
        remedy: [
            "Look for a proxy, firewall or inspecting device that holds long transfers back: fetch a large layer \
                from the node with `curl` and watch where it stops.",
            "Slow rather than stalled: containerd 1.7 and later cancels after `image_pull_progress_timeout` (5m) \
                without progress, CRI-O after `pull_progress_timeout`; raise it, then restart containerd, or CRI-O.",
            "Many pulls at once on a thin line starve each other: `maxParallelImagePulls` in the kubelet's \
                configuration, or a mirror near the nodes.",
            "Also look whether the runtime was restarted at that time: `journalctl -u containerd` (`crio`, \
                `docker`).",
        ],
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
        wordings: [
            "A signature was required, but no signature exists",
            "SignatureValidationFailed",
            "Source image rejected: Invalid GPG signature",
            "is blocked in /etc/containers/registries.conf",
            "authorization denied by plugin",
        ],
        remedy: [
            "Signature: sign the image with the key that the policy asks for, or add the key or registry to \
                /etc/containers/policy.json; then `systemctl reload crio`.",
            "Blocked: take the image from an allowed registry, or remove `blocked = true` in \
                /etc/containers/registries.conf.d/ and run `systemctl reload crio`. On OpenShift change \
                `image.config.openshift.io/cluster`, which writes that file.",
            "Admission: ask whoever runs the plugin; for Docker it is named in `authorization-plugins` of \
                /etc/docker/daemon.json.",
        ],
    }
    Unknown {
        layer: None, owner: None, severity: Error,
        meaning: "None of these can be told; the text is quoted, never guessed at.",
        wordings: ["Back-off pulling image", "trying and failing to pull image"],
        remedy: [
            "`ImagePullBackOff` alone names no cause: read the event `Failed to pull image` of the same pod, \
                `kubectl -n NAMESPACE describe pod POD`.",
            "Examine it on the node: `pullagent probe IMAGE`.",
        ],
    }
    MirrorUnavailable {
        layer: Some(Layer::Registry), owner: Some(Owner::Registry), severity: Warning,
        meaning: "A configured mirror fails in another way than by not having the image. The pull works through the \
            next endpoint, more slowly; when that fails too, containerd may show the mirror's error only.",
        wordings: ["trying next host", "Mirrors also failed"],
        remedy: [
            "Mend the mirror, or take it out. containerd: hosts.toml, read at each pull; CRI-O: registries.conf, \
                then `systemctl reload crio`; Docker: `registry-mirrors` in /etc/docker/daemon.json, then `systemctl \
                reload docker`.",
            "See the finding's own words for what fails: the codes for DNS, TLS and so on apply to a mirror just as \
                well.",
        ],
    }
    ConfigIgnored {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Warning,
        meaning: "A file or a part of the runtime's pull configuration has no effect: broken TOML, an unknown word, \
            a key in the wrong table, a path that this version does not read. The runtime goes on without it and \
            asks the upstream directly.",
        wordings: ["failed to decode hosts.toml", "unknown capability"],
        remedy: [
            "Correct the file at the place that the finding names.",
            "containerd reads hosts.toml at each pull, but config.toml only when it starts: `systemctl restart \
                containerd`. `server` belongs above the first `[host]` table; from 2.1 on, `config_path` with a \
                colon finds nothing unless the pull is local.",
            "k3s and RKE2 write these files from registries.yaml when the agent starts: change that one and restart \
                the agent.",
        ],
    }
    ProxyDrift {
        layer: Some(Layer::Proxy), owner: Some(Owner::Node), severity: Warning,
        meaning: "The proxy settings in the unit or its drop-ins differ from those of the running process. After the \
            next restart the node behaves differently.",
        wordings: [],
        remedy: [
            "If the files are right: `systemctl daemon-reload && systemctl restart containerd` (`crio`, `docker`, \
                `k3s`).",
            "If the process is right, correct the drop-in in /etc/systemd/system/containerd.service.d/, before a \
                restart makes it effective.",
        ],
    }
    TrustDrift {
        layer: Some(Layer::Tls), owner: Some(Owner::Node), severity: Warning,
        meaning: "The system's CA bundle is newer than the running runtime, which read it when it started. A CA \
            added since is unknown to it, although `curl` accepts it.",
        wordings: [],
        remedy: [
            "Restart the runtime: `systemctl restart containerd` (`crio`, `docker`, `k3s`). Running containers go \
                on, under Docker only with `live-restore`.",
        ],
    }
    CertificateExpiring {
        layer: Some(Layer::Tls), owner: Some(Owner::Registry), severity: Warning,
        meaning: "A certificate of the chain ends soon: within 14 days, or within a fifth of its lifetime where that \
            is less.",
        wordings: [],
        remedy: [
            "Renew it and reload the service that presents it.",
            "If it is renewed by itself (cert-manager, ACME), find out why that has not happened: `kubectl get \
                certificates,challenges -A`.",
        ],
    }
    ClockSkew {
        layer: Some(Layer::Tls), owner: Some(Owner::Node), severity: Warning,
        meaning: "The node's clock differs from the time that servers give. It still works; with more of it \
            certificates, tokens and signed links fail.",
        wordings: [],
        remedy: [
            "Look at `timedatectl` and `chronyc tracking`, and let the node reach its time servers on UDP port 123.",
        ],
    }
    RateLimitLow {
        layer: Some(Layer::Limits), owner: Some(Owner::Registry), severity: Warning,
        meaning: "Little is left of the registry's pull limit for this address or account. The next pulls may be \
            refused until the window has passed.",
        wordings: [],
        remedy: [
            "Pull with a login, or through a mirror or proxy cache: see `RateLimited`.",
        ],
    }
    DnsServerDegraded {
        layer: Some(Layer::Dns), owner: Some(Owner::Network), severity: Warning,
        meaning: "Some of the node's name servers fail or are slow, while another one answers. Look-ups take longer, \
            and break once the good one fails.",
        wordings: [],
        remedy: [
            "Ask the server that the finding names: `dig HOST @SERVER`, also with `+tcp`.",
            "Mend it, or take it out of /etc/resolv.conf at its source: DHCP, netplan, NetworkManager or \
                systemd-resolved.",
        ],
    }
    AddressFamilyBroken {
        layer: Some(Layer::Transport), owner: Some(Owner::Network), severity: Warning,
        meaning: "The host has IPv4 and IPv6 addresses, the node has both as well, and one of the two does not get \
            through. Each new connection loses time on it.",
        wordings: [],
        remedy: [
            "Compare `curl -4 -sv https://HOST/v2/` with `curl -6 -sv https://HOST/v2/`, and mend routes and \
                firewall rules of the one that fails.",
            "If the node should not use IPv6, do not let it have a global address: switch off router advertisements \
                on that interface.",
        ],
    }
    CredentialExpiring {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Warning,
        meaning: "The login that works now states that it expires soon. Pulls fail from then on.",
        wordings: [],
        remedy: [
            "Issue a new token and write it into the secret: see `CredentialsRejected` for the command.",
            "For cloud registries use the kubelet's credential provider, which renews by itself.",
        ],
    }
    RuntimeDisagrees {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Warning,
        meaning: "The examination and the runtime's own pull came to different results. The runtime's result \
            decides; the difference shows that it sees another configuration, network or moment.",
        wordings: [],
        remedy: [
            "Look for what only the running process knows: an environment or CA bundle older than the files, another \
                network namespace, a cached answer.",
            "If the runtime is wrong, restart it; if the examination is, please report it with what `-o json` \
                prints.",
        ],
    }
    SandboxImageMissing {
        layer: Some(Layer::Node), owner: Some(Owner::Node), severity: Warning,
        meaning: "The pause image that every pod sandbox needs is not on this node. The next pod makes the runtime \
            pull it, without any pull secret; if that fails, no pod starts.",
        wordings: ["FailedCreatePodSandBox", "failed to get sandbox image"],
        remedy: [
            "Pull it now: `crictl pull IMAGE`, with the name that the runtime is configured for.",
            "In a closed network, point the runtime to your own copy. containerd 1.x: `sandbox_image` in \
                config.toml, 2.x: `sandbox` under `pinned_images`; CRI-O: `pause_image` in crio.conf.d/, and \
                `pause_image_auth_file` for its login. Restart the runtime.",
            "Kubelets before 1.29 spare it from their clean-up only if `--pod-infra-container-image` names it; later \
                ones rely on the runtime, which pins it.",
        ],
    }
    StaleImage {
        layer: Some(Layer::Reference), owner: Some(Owner::Namespace), severity: Info,
        meaning: "The node holds this tag with another digest than the registry serves now. With `IfNotPresent` pods \
            on this node keep running the older one.",
        wordings: [],
        remedy: [
            "If the new one is wanted, refer to it by digest or by a tag of its own, or set `imagePullPolicy: \
                Always`.",
        ],
    }
    TlsIntercepted {
        layer: Some(Layer::Tls), owner: Some(Owner::Network), severity: Info,
        meaning: "A device in between presents its own certificate for this public host, and the node trusts it. The \
            pull works; the device can read and change what passes.",
        wordings: [],
        remedy: [
            "If layers fail or crawl, ask for the registry's hosts to be left uninspected: the chain that `pullagent \
                probe IMAGE` shows names them.",
        ],
    }
    SecretUnused {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Info,
        meaning: "The pod refers to a pull secret that serves none of its images.",
        wordings: [],
        remedy: [
            "Take its name out of the pod template or the service account, or correct its registry key if it was \
                meant for one of these images: see `CredentialsNotMatching`.",
        ],
    }
}
