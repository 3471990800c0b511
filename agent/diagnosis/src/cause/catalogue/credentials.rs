//! Who asks: logins, secrets and the kubelet's choice among them.

macro_rules! credentials {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => { $next! { [$($later)*] $($rows)*

    CredentialsMissing {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Error,
        meaning: "The registry wants a login for this repository and none was offered. It says nothing about whether \
            the repository exists.",
        details: ["notFoundOrPrivate": "The registry answers a stranger alike for a repository that does not exist and \
            for one that is private: rule out the typing mistake first."],
        reads: {
            Containerd: [
                "no basic auth credentials",
                "pull access denied, repository does not exist or may require authorization",
            ],
            CriO: [
                "unauthorized: authentication required",
                "unauthorized: access to the requested resource is not authorized",
            ],
            Docker: ["repository does not exist or may require 'docker login'", "does not exist or no pull access"],
            Registry: ["insufficient_scope: authorization failed", "Unauthenticated request"],
        },
        mistakes: [
            "That a laptop can pull after `docker login` proves nothing: neither the kubelet nor the node knows that \
                login.",
            "`crictl pull` uses none of the pod's secrets, so that it is refused proves nothing against them.",
        ],
        confirm: [
            "kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.imagePullSecrets}'"
                => "Empty: the pod brings no login, whatever its service account lists by now.",
            "skopeo login REGISTRY && skopeo inspect --raw docker://IMAGE"
                => "With a login that may see it: found or `manifest unknown` tells private from missing.",
        ],
        remedy: [
            "Check the spelling of the repository: `nginx` stands for `docker.io/library/nginx`, and an image without \
                a registry is looked for on Docker Hub.",
            "Create a pull secret in the pod's namespace: `kubectl -n NAMESPACE create secret docker-registry NAME \
                --docker-server=REGISTRY --docker-username=USER --docker-password=\"$PASSWORD\"`. Docker Hub's server \
                is `https://index.docker.io/v1/`.",
            "Name it under `imagePullSecrets` in the pod template. Named in the service account it reaches only pods \
                created afterwards, and only those that list none of their own.",
            "On cloud nodes without secrets, check the kubelet's credential provider: its `matchImages` must match \
                this registry.",
        ],
        places: {
            Kind: "An image built on this machine needs no pull and no login: `kind load docker-image IMAGE`, with a \
                tag other than `latest`.",
            Minikube: "Likewise: `minikube image load IMAGE`.",
            OpenShift: "For all pods: the global pull secret `pull-secret` in `openshift-config`; for one: `oc secrets \
                link default NAME --for=pull`.",
            Bottlerocket: "`settings.container-registry.credentials`, used when the pod brings none.",
        },
        confused: {
            CredentialsNotMatching: "There is a secret, but its key does not match the image.",
            CredentialsRejected: "A login was offered and is wrong: `invalid username/password`.",
            AccessDenied: "A login was accepted, and may not pull this.",
            RepositoryNotFound: "The same repository name is unknown with a login that may see it.",
        },
    }

    CredentialsRejected {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Error,
        meaning: "A login was offered and the registry or its token service says that it is wrong. The kubelet never \
            pulls anonymously once it has a login, so a stale one breaks public images too.",
        details: ["expired": "The password or token was good once and has expired."],
        reads: {
            Containerd: ["failed to fetch oauth token: unexpected status"],
            CriO: ["unable to retrieve auth token: invalid username/password"],
            Registry: [
                "incorrect username or password",
                "Your authorization token has expired. Reauthenticate and try again.",
                "HTTP Basic: Access denied",
                "personal access token is expired",
            ],
        },
        mistakes: [
            "A laptop's `docker login` proves nothing about the secret: it may hold another, newer password.",
            "An anonymous `crictl pull` of a public image succeeds and hides it: the pod's stale login is what fails.",
        ],
        confirm: [
            "skopeo login REGISTRY" => "The same user and password by hand. A login proves who, not what one may pull.",
            "kubectl -n NAMESPACE get secret NAME -o jsonpath='{.metadata.creationTimestamp}'"
                => "Older than the token lives (ECR: 12 hours): it has expired.",
        ],
        remedy: [
            "Write the new ones into the secret: `kubectl -n NAMESPACE create secret docker-registry NAME \
                --docker-server=REGISTRY --docker-username=USER --docker-password=\"$PASSWORD\" --dry-run=client -o \
                yaml | kubectl apply -f -`. The next attempt uses them.",
            "Tokens of ECR live 12 hours, those of other clouds less: do not keep them in a secret, use the kubelet's \
                credential provider.",
            "For a public image, take the stale entry out of the secret or out of /var/lib/kubelet/config.json.",
        ],
        places: {
            Containerd: "A login in config.toml (`configs.HOST.auth`) counts only if the kubelet offers none; restart \
                containerd after a change.",
            CriO: "Likewise `global_auth_file` in crio.conf.",
            K3s: "`configs` in registries.yaml, then restart the agent.",
        },
        confused: {
            AccessDenied: "The login is right and may not pull this repository: 403 rather than 401.",
            NodeClockWrong: "A token that was just granted is refused: the node's clock is off.",
            CredentialsMissing: "No login was offered at all.",
            ProxyDenied: "`Proxy Authentication Required`: it is the proxy that wants a login.",
        },
    }

    AccessDenied {
        layer: Some(Layer::Credentials), owner: Some(Owner::Registry), severity: Error,
        meaning: "The registry knows who asks and does not let that identity pull this repository. The login itself is \
            not wrong.",
        details: [
            "sourceAddress" owned by Network: "The registry refuses the address that the node comes from: a registry \
                firewall, a private endpoint or a geographic block. No login changes that.",
        ],
        reads: {
            Containerd: ["403 Forbidden"],
            Registry: [
                "The client does not have permission for manifest",
                "is not authorized to perform: ecr:BatchGetImage",
                "\"artifactregistry.repositories.downloadArtifacts\" denied on resource",
                "denied: permission_denied",
                "denied: access forbidden",
                "is not allowed access. Refer https://aka.ms/acr/firewall",
            ],
        },
        mistakes: [
            "That another person may pull it proves nothing: the identity is the secret's, or else the node's.",
        ],
        confirm: [
            "skopeo login REGISTRY && skopeo inspect --raw docker://IMAGE"
                => "With the secret's user: the login succeeds, the image is refused.",
            "crictl pull --creds USER:PASSWORD IMAGE"
                => "From the node's own address. Without `--creds` it uses none of the pod's secrets.",
        ],
        remedy: [
            "Grant the identity the right to pull this repository.",
            "Check that it is the identity you mean: with several logins the kubelet tries them one after the other, \
                and the node's role counts when the pod has no secret.",
            "Refused by address: let the node's outgoing address into the registry's firewall, or pull through its \
                private endpoint.",
            "GitLab: the scope `read_registry`; ghcr.io: `read:packages`, and the package must be linked to who asks.",
        ],
        places: {
            Eks: "Node role: `AmazonEC2ContainerRegistryPullOnly` (`ecr:BatchGetImage`, `ecr:GetDownloadUrlForLayer`, \
                `ecr:GetAuthorizationToken`). Across accounts the repository's own policy must allow it as well.",
            Gke: "`roles/artifactregistry.reader` for the nodes' service account; nodes also need an access scope that \
                covers storage.",
            Aks: "`AcrPull` for the kubelet's identity: `az aks check-acr -g GROUP -n CLUSTER --acr NAME` tells.",
            OpenShift: "Internal registry, from another namespace: `oc policy add-role-to-user system:image-puller \
                system:serviceaccount:NAMESPACE:default -n SOURCE`.",
        },
        confused: {
            CredentialsRejected: "The login itself is wrong.",
            ProxyDenied: "A bare `: Forbidden` after the URL, without a number, is the proxy's word.",
            BlobUnavailable: "The manifest was served; the storage refuses a layer.",
        },
    }

    SecretNotFound {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Error,
        meaning: "A pull secret that the pod refers to is not in the pod's namespace. The kubelet goes on without it, \
            so by itself it breaks only images that need it; secrets are never taken from another namespace.",
        reads: {
            Kubelet: [
                "FailedToRetrieveImagePullSecret",
                "Unable to retrieve some image pull secrets",
                "attempting to pull the image may not succeed",
            ],
        },
        mistakes: [
            "The event does not prove that a pull failed: running pods with a forgotten name in their list show it \
                too.",
            "It says neither why: the secret may be absent, forbidden, or not have reached the kubelet yet.",
        ],
        confirm: [
            "kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.imagePullSecrets[*].name}'" => "The names that the \
                pod refers to.",
            "kubectl -n NAMESPACE get secrets" => "The names that there are.",
        ],
        remedy: [
            "Create it there: `kubectl -n NAMESPACE create secret docker-registry NAME --docker-server=REGISTRY \
                --docker-username=USER --docker-password=\"$PASSWORD\"`. The next attempt finds it, the pod need not \
                be recreated.",
            "If nothing needs it any more, take the name out of the pod template and out of the service account, and \
                recreate the pods.",
        ],
        confused: {
            SecretMalformed: "The secret is there and of no use.",
            CredentialsMissing: "The pod refers to no secret.",
        },
    }

    SecretMalformed {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Error,
        meaning: "A pull secret has the wrong type, key or content. With a wrong type or key the kubelet skips it \
            without a word; content that does not decode fails every pull of the pod before any registry is asked.",
        reads: {
            Kubelet: [
                "illegal base64 data at input byte",
                "unable to parse auth field, must be formatted as base64(username:password)",
                "unexpected end of JSON input",
                "looking for beginning of value",
                "json: cannot unmarshal",
            ],
        },
        mistakes: [
            "That the API server took the secret proves only that it is JSON: bad base64 inside it gets through.",
        ],
        confirm: [
            "kubectl -n NAMESPACE get secret NAME -o go-template='{{.type}}{{range $key, $value := .data}} \
                {{$key}}{{end}}'"
                => "It must say `kubernetes.io/dockerconfigjson .dockerconfigjson`, or `kubernetes.io/dockercfg \
                    .dockercfg`.",
            "kubectl -n NAMESPACE get secret NAME -o go-template='{{index .data \".dockerconfigjson\"}}' | base64 -d | \
                jq '.auths | keys'"
                => "Shows the registries and no password. An error here is the kubelet's error.",
        ],
        remedy: [
            "Let kubectl write it anew instead of encoding by hand: delete it, then `kubectl -n NAMESPACE create \
                secret docker-registry NAME --docker-server=REGISTRY --docker-username=USER \
                --docker-password=\"$PASSWORD\"`. A secret's type cannot be changed in place.",
            "If a tool generates it: `auth` is base64 of `user:password` in the standard alphabet, the whole is \
                `{\"auths\": {\"REGISTRY\": {\"auth\": \"…\"}}}`, and `stringData` takes it plain while `data` takes \
                it in base64 once more. Files made by `docker login` with `credsStore` hold no login at all.",
        ],
        confused: {
            CredentialsNotMatching: "It decodes, and no key of it is this image's registry.",
            NotARegistry: "`looking for beginning of value` with a URL before it: a registry answered HTML.",
        },
    }

    CredentialsNotMatching {
        layer: Some(Layer::Credentials), owner: Some(Owner::Namespace), severity: Error,
        meaning: "There are secrets, a node file or credential provider plugins, but none of their keys or \
            `matchImages` entries matches this image by the kubelet's rules. So the kubelet offered no login, and the \
            registry saw a stranger.",
        reads: {
            Containerd: [
                "no basic auth credentials",
                "pull access denied, repository does not exist or may require authorization",
            ],
            CriO: ["unauthorized: authentication required"],
        },
        mistakes: [
            "Docker and skopeo match by other rules: that they accept the same file proves nothing. A laptop's `docker \
                login` least of all.",
            "A login that containerd or Docker has of its own does not count for the kubelet, and credential helpers \
                in /var/lib/kubelet/config.json are never run.",
        ],
        confirm: [
            "kubectl -n NAMESPACE get secret NAME -o go-template='{{index .data \".dockerconfigjson\"}}' | base64 -d | \
                jq '.auths | keys'"
                => "The keys. Compare host, port and path with the image, letter by letter.",
        ],
        remedy: [
            "Write the key as the image begins: `registry.example.com:5000` for registry.example.com:5000/team/app. \
                The port must be the same text: `:443` and no port are different keys.",
            "Keep a path in the key shorter than the repository and without a tag. `*` stands within one label of the \
                host only: `*.example.com` matches neither `example.com` nor `a.b.example.com`.",
            "The key for Docker Hub in a secret is `https://index.docker.io/v1/`, with the last slash; in \
                `matchImages` of a plugin it is `docker.io`, without a scheme.",
        ],
        confused: {
            CredentialsMissing: "There is no secret and no plugin at all.",
            SecretMalformed: "The secret has the wrong type or key, and the kubelet skips it.",
            SecretNotFound: "The secret that would match is not in this namespace.",
        },
    }

    CredentialProviderFailed {
        layer: Some(Layer::Credentials), owner: Some(Owner::Cluster), severity: Error,
        meaning: "The kubelet's credential provider plugin failed, or the cloud identity behind it did. The kubelet \
            writes that to its log only and pulls anonymously, so the pod shows the registry's refusal.",
        reads: {
            Kubelet: [
                "Failed getting credential from external registry credential provider",
                "apiVersion from credential plugin response did not match",
                "fork/exec",
            ],
            CriO: ["error getting credentials - err: exec:"],
            Runtimes: ["executable file not found in $PATH"],
        },
        mistakes: [
            "No event tells of it: the pod only shows `no basic auth credentials` or `unauthorized`.",
        ],
        confirm: [
            "journalctl -u kubelet | grep -i credential" => "On the node: what the plugin said.",
            "tr '\\0' '\\n' < /proc/$(pidof kubelet)/cmdline | grep image-credential-provider"
                => "Which configuration and which folder of binaries the kubelet uses.",
        ],
        remedy: [
            "Check that the binary is there and executable: the kubelet's `--image-credential-provider-bin-dir` holds \
                a file named as `providers[].name` in `--image-credential-provider-config`. After a change restart the \
                kubelet.",
            "Check the node's cloud identity: it needs the right to pull, and the metadata service must answer on this \
                node.",
            "The plugin's `apiVersion` must be equal in the configuration and in its answer.",
        ],
        places: {
            Eks: "/etc/eks/image-credential-provider/config.json; the node role needs \
                `AmazonEC2ContainerRegistryPullOnly`, and in a private network the plugin needs the endpoint \
                `ecr.api`.",
            Gke: "`roles/artifactregistry.reader` for the nodes' service account.",
            Aks: "/var/lib/kubelet/credential-provider-config.yaml; `AcrPull` for the kubelet's identity: `az aks \
                update -g GROUP -n CLUSTER --attach-acr NAME`.",
        },
        confused: {
            CredentialsNotMatching: "The plugin was never run: `matchImages` does not match this image.",
            AccessDenied: "The plugin gave a login, and that may not pull this repository.",
        },
    }
    } };
}
