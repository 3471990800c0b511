//! What is checked from this node, unasked: registries by themselves, and images as a pod would pull them.

pub(crate) mod cost;
pub(crate) mod examine;
mod public;
mod spread;
mod standing;
mod turn;
mod wanted;

use std::time::Duration;

use pullagent_diagnosis::reference::Reference;

use crate::settings::{self, SecretName};

pub(crate) use turn::{Checks, Input, News, Run};
pub(crate) use wanted::Wanted;

/// One thing that is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Whether a registry answers: every host on the way to it, and its token service. No login is sent.
    Registry {
        /// Its host as an image's name begins with it, with the port if it is not the usual one.
        host: String,
    },
    /// Whether an image can be pulled, without any byte of its layers.
    Image {
        /// The image as a pod would name it.
        image: String,
        /// The pull secret whose logins are offered.
        secret: Option<SecretName>,
    },
}

impl Check {
    /// What it is, in a word.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Registry { .. } => "registry",
            Self::Image { .. } => "image",
        }
    }

    /// What is checked: an image, or a registry's host.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Registry { host } => host,
            Self::Image { image, .. } => image,
        }
    }

    /// The registry's host as an image's name begins with it, in small letters; empty for an image whose name cannot be
    /// parsed.
    pub(crate) fn registry(&self) -> String {
        match self {
            Self::Registry { host } => host.to_ascii_lowercase(),
            Self::Image { image, .. } => {
                Reference::parse(image).map(|reference| reference.registry.to_ascii_lowercase()).unwrap_or_default()
            }
        }
    }
}

/// The checks of the settings in their order, images first, with the time between two runs of each.
pub(crate) fn configured(settings: &settings::Checks) -> Vec<(Check, Duration)> {
    let images = settings.images.iter().map(|one| {
        let check = Check::Image { image: one.image.clone(), secret: one.secret.clone() };
        (check, one.every.unwrap_or(settings.every))
    });
    let registries = settings.registries.iter().map(|one| {
        let check = Check::Registry { host: one.host.clone() };
        (check, one.every.unwrap_or(settings.every))
    });
    images.chain(registries).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_belongs_to_the_registry_that_it_names() {
        let check = |check: &Check, want: &str| assert_eq!(check.registry(), want, "{check:?}");
        let image = |image: &str| Check::Image { image: image.to_owned(), secret: None };
        check(&Check::Registry { host: "Registry.corp.io:5000".to_owned() }, "registry.corp.io:5000");
        check(&image("registry.corp.io/team/app:1"), "registry.corp.io");
        check(&image("nginx"), "docker.io");
        check(&image("no such image"), "");
    }
}
