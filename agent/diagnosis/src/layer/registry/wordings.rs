//! How runtimes write that a registry, its token service or its storage answers badly, or is none.
//!
//! Status numbers are read by `message::status`.

use crate::cause::Code::{
    BlobUnavailable, ContentCorrupt, DigestNotFound, NotARegistry, RegistryUnavailable, RuntimeConfigInvalid,
    UnsupportedManifest,
};
use crate::layer::wordings::{BODY, CONTENT, DECISIVE, GENERAL, SPECIFIC, STATUS, WRAPPER, Wording, says};

/// The rows of this layer.
pub(crate) const WORDINGS: &[Wording] = &[
    says(BODY, &["unknown: internal server error"], RegistryUnavailable),
    says(BODY, &["internal_error"], RegistryUnavailable),
    says(STATUS - 4, &["service unavailable"], RegistryUnavailable).likely(),
    says(STATUS - 4, &["bad gateway"], RegistryUnavailable).likely(),
    says(STATUS - 4, &["gateway timeout"], RegistryUnavailable).likely(),
    says(STATUS - 4, &["gateway time-out"], RegistryUnavailable).likely(),
    says(STATUS - 4, &["internal server error"], RegistryUnavailable).likely(),
    says(CONTENT, &["upstream connect error"], RegistryUnavailable),
    says(CONTENT, &["no healthy upstream"], RegistryUnavailable),
    // Something answers and does not speak the distribution API.
    says(DECISIVE, &["unexpected media type text/html"], NotARegistry).of_pulls(),
    says(SPECIFIC, &["reference for unknown type: text/html"], NotARegistry).of_pulls(),
    says(SPECIFIC, &["did not include a token in the response"], NotARegistry).of_pulls(),
    says(SPECIFIC, &["no token in response"], NotARegistry),
    says(SPECIFIC, &["mismatched image rootfs and manifest layers"], NotARegistry).also(&[ContentCorrupt]).of_pulls(),
    says(SPECIFIC, &["stopped after 10 redirects"], NotARegistry),
    says(BODY + 7, &["decoding bearer token"], NotARegistry).of_pulls(),
    says(BODY + 7, &["unable to decode token response"], NotARegistry).of_pulls(),
    says(BODY + 5, &["error unmarshalling content"], NotARegistry),
    says(BODY, &["missing or invalid docker-content-digest"], NotARegistry).likely(),
    says(WRAPPER, &["text/html"], NotARegistry).likely(),
    says(WRAPPER, &["<!doctype html"], NotARegistry).likely(),
    says(WRAPPER, &["<html"], NotARegistry).likely(),
    // The manifest is served, a part of it is not.
    says(SPECIFIC, &["blob unknown"], BlobUnavailable).of_pulls(),
    says(SPECIFIC, &["blob_unknown"], BlobUnavailable).of_pulls(),
    says(SPECIFIC, &["blob not found"], BlobUnavailable),
    says(
        CONTENT + 4,
        &["could not fetch content descriptor", "image.manifest.", "from remote: not found"],
        DigestNotFound,
    )
    .of_pulls(),
    says(
        CONTENT + 4,
        &["could not fetch content descriptor", "image.index.", "from remote: not found"],
        DigestNotFound,
    )
    .of_pulls(),
    says(
        CONTENT + 4,
        &["could not fetch content descriptor", "distribution.manifest.", "from remote: not found"],
        DigestNotFound,
    )
    .of_pulls(),
    // What is neither a manifest nor of an image, containerd asks for as a blob.
    says(CONTENT + 3, &["could not fetch content descriptor", "(application/vnd.oci.image."], BlobUnavailable)
        .of_pulls(),
    says(CONTENT + 3, &["could not fetch content descriptor", "(application/vnd.docker."], BlobUnavailable).of_pulls(),
    says(CONTENT + 2, &["could not fetch content descriptor", "(application/"], UnsupportedManifest)
        .also(&[BlobUnavailable])
        .of_pulls(),
    says(CONTENT + 1, &["could not fetch content descriptor"], BlobUnavailable).of_pulls(),
    says(BODY + 6, &["<code>nosuchkey"], BlobUnavailable),
    says(BODY + 6, &["<code>accessdenied"], BlobUnavailable),
    says(BODY + 6, &["<code>requesttimetooskewed"], BlobUnavailable),
    says(BODY + 6, &["<code>signaturedoesnotmatch"], BlobUnavailable),
    says(BODY + 6, &["<code>authenticationfailed"], BlobUnavailable),
    // What arrived is not what was promised.
    says(DECISIVE, &["unexpected commit digest"], ContentCorrupt).of_pulls(),
    says(DECISIVE, &["unexpected commit size"], ContentCorrupt).of_pulls(),
    says(DECISIVE, &["failed size validation"], ContentCorrupt).of_pulls(),
    says(DECISIVE, &["digest did not match"], ContentCorrupt).of_pulls(),
    says(DECISIVE, &["verification failed for digest"], ContentCorrupt).of_pulls(),
    says(DECISIVE, &["wrong diff id calculated"], ContentCorrupt).of_pulls(),
    says(DECISIVE, &["layers from manifest don't match image configuration"], ContentCorrupt).of_pulls(),
    says(BODY + 6, &["invalid desc sha256:", "json"], ContentCorrupt).of_pulls(),
    says(SPECIFIC, &["manifest does not match provided manifest digest"], ContentCorrupt).of_pulls(),
    says(SPECIFIC + 4, &["does not match provided manifest list digest"], ContentCorrupt).of_pulls(),
    says(SPECIFIC, &["invalid tar header"], ContentCorrupt),
    says(SPECIFIC, &["gzip: invalid"], ContentCorrupt),
    says(SPECIFIC, &["invalid checksum"], ContentCorrupt),
    says(SPECIFIC, &["corrupt input before offset"], ContentCorrupt),
    says(SPECIFIC, &["magic number mismatch"], ContentCorrupt),
    says(SPECIFIC, &["digest mismatch"], ContentCorrupt),
    says(SPECIFIC, &["does not match digest"], ContentCorrupt),
    says(SPECIFIC, &["config.json digest ", "does not match expected"], ContentCorrupt).of_pulls(),
    says(SPECIFIC, &["size mismatch"], ContentCorrupt),
    says(CONTENT + 4, &["failed to extract layer", "unexpected eof"], ContentCorrupt),
    says(CONTENT + 4, &["failed to register layer", "unexpected eof"], ContentCorrupt),
    says(CONTENT + 4, &["archive/tar: "], ContentCorrupt),
    says(CONTENT + 3, &["content digest sha256:", ": not found"], ContentCorrupt).detail("local"),
    says(CONTENT, &["expected sha256:", "got sha256:"], ContentCorrupt),
    // No scheme at all is the node's own: nobody redirects to one.
    says(SPECIFIC + 1, &["unsupported protocol scheme \"\""], RuntimeConfigInvalid).also(&[NotARegistry]),
    says(SPECIFIC, &["unsupported protocol scheme"], NotARegistry).also(&[RuntimeConfigInvalid]),
    says(GENERAL, &["invalid registry endpoint"], NotARegistry).likely(),
];
