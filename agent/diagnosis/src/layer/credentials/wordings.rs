//! How kubelets, runtimes and registries write that nobody asked, or the wrong one did.

use crate::cause::Code::{
    AccessDenied, CredentialProviderFailed, CredentialsMissing, CredentialsRejected, SecretMalformed, SecretNotFound,
};
use crate::layer::wordings::{BODY, CONTENT, DECISIVE, GENERAL, SPECIFIC, STATUS, WRAPPER, Wording, says};

const HIDDEN: &str = "notFoundOrPrivate";

/// The rows of this layer.
pub(crate) const WORDINGS: &[Wording] = &[
    // No login was offered, or none that the text tells of.
    says(SPECIFIC, &["no basic auth credentials"], CredentialsMissing).of_pulls(),
    says(SPECIFIC, &["does not exist or no pull access"], CredentialsMissing).detail(HIDDEN).likely().of_pulls(),
    says(BODY + 8, &["unauthenticated request"], CredentialsMissing).also(&[AccessDenied]),
    says(SPECIFIC, &["anonymous caller does not have"], CredentialsMissing).also(&[AccessDenied]),
    says(BODY + 2, &["insufficient_scope"], CredentialsMissing).detail(HIDDEN).also(&[AccessDenied]).of_pulls(),
    says(BODY, &["access to the requested resource is not authorized"], CredentialsMissing)
        .detail(HIDDEN)
        .also(&[AccessDenied])
        .of_pulls(),
    says(BODY, &["unauthorized to access repository"], CredentialsMissing)
        .detail(HIDDEN)
        .also(&[AccessDenied])
        .of_pulls(),
    says(BODY - 2, &["authentication required"], CredentialsMissing).likely(),
    says(BODY - 2, &["authentication is required"], CredentialsMissing).likely(),
    says(BODY - 4, &["repository does not exist or may require"], CredentialsMissing)
        .detail(HIDDEN)
        .also(&[AccessDenied])
        .of_pulls(),
    says(STATUS + 2, &["requested access to the resource is denied"], CredentialsMissing)
        .detail(HIDDEN)
        .also(&[AccessDenied])
        .of_pulls(),
    says(STATUS - 2, &["authorization failed"], CredentialsMissing).likely(),
    says(GENERAL, &["unauthorized:"], CredentialsMissing).detail(HIDDEN).likely(),
    says(GENERAL, &["\"unauthorized\""], CredentialsMissing).detail(HIDDEN).likely(),
    says(GENERAL, &["\": unauthorized"], CredentialsMissing).detail(HIDDEN).likely(),
    says(GENERAL - 2, &[": denied"], CredentialsMissing).detail(HIDDEN).also(&[AccessDenied]),
    says(GENERAL - 2, &["\"denied\""], CredentialsMissing).detail(HIDDEN).also(&[AccessDenied]),
    // A login was offered and is no good.
    says(SPECIFIC + 2, &["token has expired"], CredentialsRejected).detail("expired"),
    says(SPECIFIC + 2, &["token is expired"], CredentialsRejected).detail("expired"),
    says(SPECIFIC + 2, &["token expired"], CredentialsRejected).detail("expired"),
    says(SPECIFIC + 2, &["expiredtoken"], CredentialsRejected).detail("expired"),
    says(SPECIFIC + 2, &["password has expired"], CredentialsRejected).detail("expired"),
    says(SPECIFIC + 2, &["credentials have expired"], CredentialsRejected).detail("expired"),
    says(SPECIFIC, &["invalid username/password"], CredentialsRejected).of_pulls(),
    says(SPECIFIC, &["incorrect username or password"], CredentialsRejected),
    says(SPECIFIC, &["invalid username or password"], CredentialsRejected),
    says(SPECIFIC, &["incorrect password"], CredentialsRejected),
    says(SPECIFIC, &["wrong username"], CredentialsRejected),
    says(SPECIFIC, &["wrong password"], CredentialsRejected),
    says(SPECIFIC, &["invalid credentials"], CredentialsRejected),
    says(SPECIFIC, &["bad credentials"], CredentialsRejected),
    says(SPECIFIC, &["http basic: access denied"], CredentialsRejected),
    says(SPECIFIC, &["bad props auth token"], CredentialsRejected),
    says(SPECIFIC, &["could not find robot"], CredentialsRejected),
    says(SPECIFIC, &["log in with a personal access token"], CredentialsRejected),
    says(CONTENT, &["login attempt to "], CredentialsRejected),
    says(BODY + 4, &["authentication failed"], CredentialsRejected),
    says(BODY + 3, &["invalid_token"], CredentialsRejected).likely(),
    says(BODY + 3, &["invalid token"], CredentialsRejected).likely(),
    says(BODY + 3, &["invalid authorization token"], CredentialsRejected).likely(),
    says(BODY + 2, &[": not authorized"], CredentialsRejected).likely(),
    says(BODY + 2, &["401 not authorized"], CredentialsRejected).likely(),
    // containerd 1.7 and later say `no basic auth credentials` without a login. Quay asks for none by name.
    says(STATUS + 1, &["unexpected status from head request to ", ": 401 unauthorized"], CredentialsRejected)
        .also(&[CredentialsMissing, AccessDenied])
        .of_pulls(),
    says(
        STATUS + 2,
        &["unexpected status from head request to https://quay.io/", ": 401 unauthorized"],
        CredentialsMissing,
    )
    .detail(HIDDEN)
    .also(&[AccessDenied])
    .of_pulls(),
    says(GENERAL + 4, &["denied: denied"], CredentialsRejected).also(&[CredentialsMissing, AccessDenied]),
    // The login is right and may not pull this.
    says(SPECIFIC + 3, &["is not authorized to perform"], AccessDenied),
    says(SPECIFIC, &["does not have permission for manifest"], AccessDenied).of_pulls(),
    says(SPECIFIC, &["your client does not have permission to get url"], AccessDenied),
    says(CONTENT, &["caller does not have permission"], AccessDenied),
    says(CONTENT, &["does not have storage.objects.get access"], AccessDenied),
    says(CONTENT, &["denied on resource"], AccessDenied).also(&[CredentialsMissing]),
    says(BODY + 6, &["artifactregistry.repositories.downloadartifacts"], AccessDenied).also(&[CredentialsMissing]),
    says(CONTENT - 4, &["permission_denied"], AccessDenied),
    says(BODY, &["access forbidden"], AccessDenied),
    says(BODY, &["installation not allowed to"], AccessDenied),
    // Harbor, of an image with known vulnerabilities.
    says(SPECIFIC, &["cannot be pulled due to configured policy"], AccessDenied).of_pulls(),
    says(SPECIFIC + 5, &["client with ip"], AccessDenied).detail("sourceAddress"),
    says(SPECIFIC + 5, &["aka.ms/acr/firewall"], AccessDenied).detail("sourceAddress"),
    says(SPECIFIC, &["is not allowed access"], AccessDenied).detail("sourceAddress"),
    says(BODY + 2, &["your country"], AccessDenied).detail("sourceAddress"),
    says(BODY + 2, &["your location"], AccessDenied).detail("sourceAddress"),
    says(BODY + 2, &["export control"], AccessDenied).detail("sourceAddress"),
    // The secret itself.
    says(SPECIFIC, &["unable to retrieve some image pull secrets"], SecretNotFound).likely().of_pulls(),
    says(SPECIFIC, &["unable to retrieve pull secret"], SecretNotFound).likely().of_pulls(),
    says(SPECIFIC - 4, &["failedtoretrieveimagepullsecret"], SecretNotFound).likely().of_pulls(),
    says(SPECIFIC, &["secrets \"", "\" not found"], SecretNotFound).of_pulls(),
    says(SPECIFIC, &["secret \"", "\" not found"], SecretNotFound).of_pulls(),
    says(CONTENT, &["object \"", "\" not registered"], SecretNotFound).likely(),
    says(SPECIFIC + 6, &["must be formatted as base64(username:password)"], SecretMalformed).of_pulls(),
    says(SPECIFIC + 6, &["invalid decoded auth"], SecretMalformed).of_pulls(),
    says(SPECIFIC, &["illegal base64 data"], SecretMalformed).of_pulls(),
    says(SPECIFIC + 2, &["data[.dockerconfigjson]"], SecretMalformed).of_pulls(),
    says(SPECIFIC + 2, &["data[.dockercfg]"], SecretMalformed).of_pulls(),
    says(SPECIFIC, &["of secret \"", "\" is invalid"], SecretMalformed),
    says(BODY + 4, &["while reading .dockerconfigjson"], SecretMalformed).of_pulls(),
    says(BODY, &["unexpected end of json input"], SecretMalformed).likely(),
    says(BODY, &["json: cannot unmarshal"], SecretMalformed).likely(),
    says(BODY, &["unmarshaling json at "], SecretMalformed).likely(),
    says(WRAPPER, &["getting username and password"], SecretMalformed).likely(),
    // Whoever should have brought a login.
    says(DECISIVE, &["error execing credential provider plugin"], CredentialProviderFailed).of_pulls(),
    says(DECISIVE, &["external registry credential provider"], CredentialProviderFailed).of_pulls(),
    says(DECISIVE, &["credential plugin response"], CredentialProviderFailed).of_pulls(),
    says(DECISIVE, &["failed to provide credentials for image"], CredentialProviderFailed).of_pulls(),
    says(DECISIVE, &["error getting credentials - err"], CredentialProviderFailed).of_pulls(),
    says(DECISIVE, &["image-credential-provider"], CredentialProviderFailed).of_pulls(),
    says(DECISIVE, &["nocredentialproviders"], CredentialProviderFailed),
    says(SPECIFIC, &["plugin binary executable"], CredentialProviderFailed),
    says(SPECIFIC, &["credential provider plugin"], CredentialProviderFailed).of_pulls(),
    says(SPECIFIC, &["failed to refresh cached credentials"], CredentialProviderFailed),
    says(SPECIFIC, &["aadsts"], CredentialProviderFailed),
    says(CONTENT, &["executable file not found in $path"], CredentialProviderFailed).likely(),
    says(CONTENT, &["not installed or not available in path"], CredentialProviderFailed).likely(),
    says(BODY, &["ecr-credential-provider"], CredentialProviderFailed).of_pulls(),
    says(BODY, &["acr-credential-provider"], CredentialProviderFailed).of_pulls(),
    says(BODY, &["auth-provider-gcp"], CredentialProviderFailed).of_pulls(),
    says(BODY, &["docker-credential-"], CredentialProviderFailed).of_pulls(),
    says(SPECIFIC, &["failed to get credentials"], CredentialProviderFailed).likely(),
];
