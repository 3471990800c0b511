//! The image's name and what it stands for: the first link of the chain.

macro_rules! reference {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => { $next! { [$($later)*] $($rows)*

    InvalidReference {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The image string cannot be parsed, or it is a short name that the runtime's configuration does not \
            resolve. No registry was asked.",
        details: ["shortName": "The name has no registry and the runtime's short-name rules do not settle on one."],
        reads: {
            Kubelet: ["InvalidImageName", "couldn't parse image name", "couldn't parse image reference"],
            CriO: [
                "short name mode is enforcing, but image name",
                "did not resolve to an alias and no unqualified-search registries are defined",
            ],
            Docker: ["invalid reference format"],
        },
        mistakes: [
            "The API server takes almost any text as an image: that `kubectl apply` succeeds proves nothing about it.",
            "Without a `/` the whole is a name on Docker Hub: `example.com:5000` is the repository `example.com` with \
                the tag `5000`.",
        ],
        confirm: [
            "kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.containers[*].image}'"
                => "What the template became: an empty variable leaves `app:` or `/app`, a quote or a blank stays in \
                    the text.",
        ],
        remedy: [
            "Write the image in full as `REGISTRY/REPOSITORY:TAG` or `REGISTRY/REPOSITORY@sha256:DIGEST`: the \
                repository in lower case, no `https://`, no blanks, no `:` or `@` at the end.",
            "If a template made it, give the empty variable a value and deploy again.",
        ],
        places: {
            Containerd: "Takes `docker.io` for a name without a registry; there is nothing to set.",
            CriO: "Write `docker.io/library/nginx` for `nginx`; or give the name an alias, or set one registry as \
                `unqualified-search-registries`, in /etc/containers/registries.conf.d/ and run `systemctl reload \
                crio`.",
            OpenShift: "Short names for all nodes: `registrySources.containerRuntimeSearchRegistries` of \
                `image.config.openshift.io/cluster`.",
        },
        confused: {
            RepositoryNotFound: "A registry was asked and answered. Here none was.",
            DnsNameNotFound: "The name parses, but its first part is taken for a host that does not exist, as in \
                `team.app/web`.",
        },
        after: "There is no back-off to wait for: a changed image is tried at once.",
    }

    RepositoryNotFound {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The registry says that the repository does not exist, to an identity that may see it. A registry \
            that hides private repositories refuses a stranger instead; that is `CredentialsMissing`.",
        reads: {
            Registry: [
                "name unknown:",
                "repository name not known to registry",
                "does not exist in the registry with id",
                "not found or deleted",
                "project nosuch not found",
            ],
            Containerd: ["failed to resolve image:", "failed to resolve reference"],
        },
        confirm: [
            "skopeo list-tags docker://REGISTRY/REPOSITORY"
                => "`name unknown` with a login that may see it: there is none. A refusal: see `CredentialsMissing`.",
            "crictl pull IMAGE"
                => "On the node, through the runtime's mirrors; but with none of the pod's secrets.",
        ],
        remedy: [
            "Compare everything after the registry with what the registry lists, letter by letter: account, project \
                and group belong to the repository's name.",
            "Create the repository or project where the registry wants that first (ECR, Artifact Registry, Harbor), \
                then push the image.",
            "Behind a mirror or proxy cache, check the path that it expects: a Harbor proxy project wants \
                `HARBOR/PROJECT/library/nginx`, and containerd's `override_path` drops the `/v2` before it.",
        ],
        places: {
            Eks: "An ECR repository belongs to one account and one region: compare both in the host with where it was \
                pushed.",
            Gke: "Artifact Registry: `LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE`; `gcr.io` names work only \
                where a repository of that name was made.",
        },
        confused: {
            TagNotFound: "The repository is there, the tag is not: other tags of it can be listed.",
            CredentialsMissing: "A stranger gets the same refusal for a missing and for a private repository.",
            NotARegistry: "A web server's own 404 page, in HTML, says nothing about repositories.",
        },
    }

    TagNotFound {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The repository is there, the tag is not. The network is fine and so is the login, if one was needed.",
        reads: {
            Registry: ["manifest unknown", "Requested image not found", "manifest tagged by", "was deleted or has \
                expired"],
            Containerd: ["not found: manifest unknown: manifest unknown", ": not found"],
            CriO: ["reading manifest"],
            Docker: ["manifest for"],
        },
        mistakes: [
            "Pods elsewhere that run this tag prove nothing: with `IfNotPresent` a node that holds the image never \
                asks again.",
            "containerd also words a missing platform as `not found`: see `PlatformMismatch`.",
        ],
        confirm: [
            "skopeo list-tags docker://REGISTRY/REPOSITORY" => "The tags that there are.",
            "skopeo inspect --raw docker://IMAGE" => "`manifest unknown`, or the manifest if the tag has come since.",
        ],
        remedy: [
            "Set a tag that exists: `skopeo list-tags docker://REGISTRY/REPOSITORY` or the registry's page lists them. \
                Without a tag the kubelet asks for `latest`, which many repositories do not have.",
            "Or push this one. Look whether the build that should have pushed it failed, or pushed to another \
                repository.",
            "If it was there yesterday, a retention rule may have removed it: restore it, and refer to releases by \
                digest.",
        ],
        places: {
            Kind: "An image that was built on this machine needs no registry: `kind load docker-image IMAGE`, with a \
                tag other than `latest`, so that the kubelet does not ask for it.",
            Minikube: "Likewise: `minikube image load IMAGE`, or build inside it with `minikube image build -t IMAGE \
                .`.",
        },
        confused: {
            PlatformMismatch: "The tag is there, but not for this node: `no match for platform`.",
            RepositoryNotFound: "No tag of this repository can be listed: `name unknown`.",
            DigestNotFound: "With `@sha256:` in the image the digest decides, and the tag beside it does not count.",
            StaleImage: "The tag is there and this node keeps an older image of it.",
        },
    }

    DigestNotFound {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The repository is there, but it holds no manifest with this digest. The tag beside a digest does not \
            matter: the digest decides.",
        reads: {
            Registry: ["manifest unknown"],
            Containerd: ["could not fetch content descriptor sha256:"],
            CriO: ["reading manifest sha256:"],
        },
        mistakes: [
            "The id that `docker images` shows is that of the configuration, not a manifest's digest: it cannot be \
                pulled.",
        ],
        confirm: [
            "skopeo inspect --format '{{.Digest}}' docker://REGISTRY/REPOSITORY:TAG" => "The digest that the tag has \
                now.",
            "skopeo inspect --raw docker://REGISTRY/REPOSITORY@sha256:DIGEST" => "`manifest unknown` confirms it.",
        ],
        remedy: [
            "Set a digest that the registry has: `skopeo inspect --format '{{.Digest}}' \
                docker://REGISTRY/REPOSITORY:TAG` asks for it.",
            "If the image was copied from another registry, copy all of it unchanged: `skopeo copy --all \
                --preserve-digests docker://SOURCE docker://TARGET`. Recompressing it, or copying one platform only, \
                makes another digest.",
            "If it was there before, a clean-up of untagged manifests may have removed it: push it again and keep a \
                tag on it.",
        ],
        confused: {
            TagNotFound: "The image names no digest.",
            BlobUnavailable: "The manifest is served; what is missing is a layer, and the digest is the layer's.",
        },
    }

    PlatformMismatch {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The image's index has nothing for this node's operating system, architecture and variant. containerd \
            words this as `not found`, though the tag is there; a single image without an index is pulled all the same \
            and dies with `exec format error`, and is reported as a warning.",
        reads: {
            Containerd: ["no match for platform in manifest"],
            CriO: ["no image found in image index for architecture"],
            Docker: [
                "no matching manifest for linux/arm64/v8 in the manifest list entries",
                "cannot be used on this platform",
            ],
        },
        mistakes: [
            "That it runs on a laptop with an ARM processor says nothing about nodes with `amd64`, and the other way \
                round.",
        ],
        confirm: [
            "docker buildx imagetools inspect IMAGE" => "The platforms that the index has. `unknown/unknown` are \
                attestations.",
            "kubectl get nodes -L kubernetes.io/os,kubernetes.io/arch" => "What the nodes are.",
        ],
        remedy: [
            "Build and push the image for this platform too: `docker buildx build --platform linux/amd64,linux/arm64 \
                --push -t IMAGE .`.",
            "Or keep the pod on nodes that the image is made for: `nodeSelector: {kubernetes.io/arch: amd64}`.",
            "If the index should have it: a copy made without `skopeo copy --all` keeps one platform only.",
        ],
        confused: {
            TagNotFound: "The tag is not there for any platform: `manifest unknown`.",
            UnsupportedManifest: "There is something for this platform, in a format that this runtime does not take.",
        },
    }

    UnsupportedManifest {
        layer: Some(Layer::Reference), owner: Some(Owner::Image), severity: Error,
        meaning: "The manifest is of a kind that this version of the runtime does not take: schema 1, an unknown media \
            type, an encrypted or a foreign layer. The content is intact.",
        reads: {
            Containerd: [
                "is no longer supported since containerd",
                "schema 1 image manifests are no longer supported",
            ],
            CriO: ["unsupported image-specific operation on artifact with type"],
            Docker: [
                "application/vnd.docker.distribution.manifest.v1+prettyjws not supported",
                "unsupported manifest media type and no default available",
            ],
        },
        confirm: [
            "skopeo inspect --raw docker://IMAGE"
                => "`schemaVersion` and the media types: `\"schemaVersion\": 1` is the old format.",
        ],
        remedy: [
            "Push the image again with a current builder, or convert it: `skopeo copy --format v2s2 docker://SOURCE \
                docker://TARGET`.",
            "If the reference names a chart, a signature or another artifact, name the image instead.",
            "Encrypted layers need their key on the node.",
        ],
        places: {
            Containerd: "Schema 1: 1.6 and 1.7 convert it; 2.0 does with \
                `CONTAINERD_ENABLE_DEPRECATED_PULL_SCHEMA_1_IMAGE=1` in its environment; 2.1 and later never do. \
                Encrypted layers need a stream processor.",
            CriO: "Schema 1 is converted. Keys for encrypted layers: `decryption_keys_path`.",
        },
        confused: {
            NotARegistry: "The unknown media type is `text/html`: a web page instead of a manifest.",
            ContentCorrupt: "The format is known and the bytes are wrong.",
        },
    }

    NotPresentNeverPull {
        layer: Some(Layer::Reference), owner: Some(Owner::Namespace), severity: Error,
        meaning: "The container's `imagePullPolicy` is `Never` and the image is not on this node. No registry was \
            asked. The kubelet sees only what its own runtime holds (containerd: the namespace `k8s.io`), not what \
            Docker on the same machine has built.",
        reads: {
            Kubelet: ["ErrImageNeverPull", "is not present with pull policy of Never"],
        },
        mistakes: [
            "An image that is built into or loaded into minikube or kind needs no pull: `IfNotPresent` with a tag \
                other than `latest` finds it as well.",
            "`ctr images import` without `-n k8s.io` puts it where the kubelet does not look.",
        ],
        confirm: [
            "crictl images" => "On the node: what the kubelet sees. `app:1` in the pod is `docker.io/library/app:1` \
                here.",
        ],
        remedy: [
            "If a registry has the image, set `imagePullPolicy: IfNotPresent`.",
            "Else bring it to every node that may run the pod, from `docker save IMAGE -o FILE.tar`.",
            "Check with `crictl images`: the name must be the one in the pod, where `app:1` stands for \
                `docker.io/library/app:1`.",
        ],
        places: {
            Containerd: "`ctr -n k8s.io images import FILE.tar`",
            CriO: "`skopeo copy docker-archive:FILE.tar containers-storage:IMAGE`",
            Docker: "`docker load -i FILE.tar`, if the kubelet uses cri-dockerd.",
            K3s: "`k3s ctr images import FILE.tar`, or put it into /var/lib/rancher/k3s/agent/images/; k3d: `k3d image \
                import IMAGE`.",
            MicroK8s: "`microk8s ctr image import FILE.tar`",
            Kind: "`kind load docker-image IMAGE`",
            Minikube: "`minikube image load IMAGE`",
        },
        confused: {
            PresentButNotAllowed: "`crictl images` lists it, and the kubelet says the same words on purpose.",
            TagNotFound: "The policy lets the kubelet pull, and the registry has no such tag.",
        },
        after: "There is no back-off to wait for: the kubelet looks again within seconds. A changed policy needs a new \
            pod.",
    }

    PresentButNotAllowed {
        layer: Some(Layer::Reference), owner: Some(Owner::Namespace), severity: Error,
        meaning: "The image is on this node, but the kubelet (1.33 and later, by default since 1.35) lets a pod use it \
            only with credentials that have been proven for it, and this pod brings none. With the policy `Never` the \
            kubelet then says that it is not present, although it is.",
        reads: {
            Kubelet: ["ErrImageNeverPull", "is not present with pull policy of Never"],
        },
        mistakes: [
            "Pre-pulling a private image with one pod no longer serves the pods of others.",
        ],
        confirm: [
            "crictl images" => "On the node: the image is listed.",
            "ls /var/lib/kubelet/image_manager/pulled"
                => "One record for each image that the kubelet has pulled: which secrets were proven for it.",
        ],
        remedy: [
            "Give the pod the pull secret of the registry, by `imagePullSecrets` in the pod or in its service account, \
                and let it pull: `imagePullPolicy: IfNotPresent`.",
            "For an image that every pod may use: list it under `preloadedImagesVerificationAllowlist` and set \
                `imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages` in the kubelet's configuration \
                (/var/lib/kubelet/config.yaml on kubeadm), then restart the kubelet.",
        ],
        confused: {
            NotPresentNeverPull: "`crictl images` does not list it.",
            CredentialsMissing: "With `IfNotPresent` the kubelet pulls again, and then it is the registry that \
                refuses.",
        },
        after: "The secrets and the policy of a pod cannot be changed: change its template, which makes new pods.",
    }
    } };
}
