//! The certificates and keys of an API server, in its folder.

use std::io;
use std::path::Path;

use crate::ca::{Ca, Leaf};

/// The authority, for the certificates of users.
pub(super) struct Pki {
    ca: Ca,
}

impl Pki {
    /// Makes all that [`super::server::Server`] is started with.
    pub(super) fn write(folder: &Path) -> io::Result<Self> {
        let ca = Ca::new("kubernetes");
        let serving = ca.issue(&Leaf::new(["127.0.0.1", "localhost", "kubernetes.default.svc"]));
        // Tokens are signed with the key and verified with the certificate, whoever issued that.
        let tokens = ca.issue(&Leaf::new(["service-accounts"]));
        for (name, text) in [
            ("ca.crt", ca.pem()),
            ("apiserver.crt", serving.certificate_pem().to_owned()),
            ("apiserver.key", serving.key_pem()),
            ("sa.crt", tokens.certificate_pem().to_owned()),
            ("sa.key", tokens.key_pem()),
        ] {
            std::fs::write(folder.join(name), text)?;
        }
        Ok(Self { ca })
    }

    pub(super) fn ca(&self) -> &Ca {
        &self.ca
    }
}
