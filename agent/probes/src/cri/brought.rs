//! What becomes of an image that a pull brought: it is removed again only if nobody else can have come to rely on it.

use std::path::Path;
use std::time::Duration;

use pullagent_diagnosis::pull::Brought;
use pullagent_diagnosis::reference::Reference;
use pullagent_diagnosis::runtime::HeldImage;
use tokio::time::Instant;

use super::client::{Client, within};
use super::failure::CallFailure;
use super::{kubelet, records};

/// The time for putting the node back, all questions together.
const PATIENCE: Duration = Duration::from_secs(5);

/// The image that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// As it was named to the runtime.
    pub(super) text: &'a str,
    /// What that means.
    pub(super) reference: &'a Reference,
}

/// Puts the node back as it was `before` a pull that succeeded. `None` if the pull brought nothing.
pub(super) async fn put_back(
    client: &Client,
    host_root: &Path,
    asked: Asked<'_>,
    before: &Result<Vec<HeldImage>, CallFailure>,
) -> Option<Brought> {
    let by = within(PATIENCE);
    let kept = |why: String| Some(Brought::Kept { why });
    let before = match before {
        Ok(before) => before,
        Err(failure) => return kept(format!("what the node held before is not known: {failure}")),
    };
    let after = match client.held(asked.text, by).await {
        Ok(Some(after)) => after,
        // Somebody was faster.
        Ok(None) => return Some(Brought::Removed),
        Err(failure) => return kept(format!("what was brought is not known: {failure}")),
    };
    if let Some(same) = before.iter().find(|held| held.id == after.id) {
        return if has_new_names(same, &after) {
            kept("the node had it under other names, and now has it under this one too".to_owned())
        } else {
            None
        };
    }
    if let Some(why) = bound_by_names(before, &after, asked.reference) {
        return kept(why.to_owned());
    }
    if let Some(why) = relied_on(client, host_root, asked, &after, by).await {
        return kept(why);
    }
    match client.remove(&after.id, by).await {
        Ok(()) => Some(Brought::Removed),
        Err(failure) => kept(format!("it could not be removed: {failure}")),
    }
}

/// Whether an image that was there has got a name.
fn has_new_names(before: &HeldImage, after: &HeldImage) -> bool {
    let known = |name: &&String| before.tags.contains(name) || before.digests.contains(name);
    !after.tags.iter().chain(&after.digests).all(|name| known(&name))
}

/// Why the names of an image that was not there before keep it: removing it takes all of them away.
fn bound_by_names(before: &[HeldImage], after: &HeldImage, reference: &Reference) -> Option<&'static str> {
    let tag = reference.tag.as_ref().map(|tag| format!("{}:{tag}", reference.name()));
    if before.iter().any(|held| held.tags.iter().any(|name| Some(name) == tag.as_ref())) {
        return Some("the tag was at another image before, and removing this one would leave the node without it");
    }
    let own_digest = |name: &String| name.split_once('@').is_some_and(|(name, _)| name == reference.name());
    let alone = after.tags.iter().all(|name| Some(name) == tag.as_ref()) && after.digests.iter().all(own_digest);
    (!alone).then_some("it has another name by now, which removing it would take away too")
}

/// Why somebody may rely on the image already.
async fn relied_on(
    client: &Client,
    host_root: &Path,
    asked: Asked<'_>,
    after: &HeldImage,
    by: Instant,
) -> Option<String> {
    match client.images_in_use(by).await {
        Ok(used) if used.iter().any(|name| is_called(after, asked, name)) => {
            return Some("a container uses it".to_owned());
        }
        Ok(_) => {}
        Err(failure) => return Some(format!("whether a container uses it is not known: {failure}")),
    }
    records::reason_to_keep(host_root, &kubelet::root_dirs(host_root), asked.reference, after)
}

fn is_called(image: &HeldImage, asked: Asked<'_>, name: &str) -> bool {
    let named = |names: &[String]| names.iter().any(|other| other == name);
    name == image.id
        || name == asked.text
        || named(&image.tags)
        || named(&image.digests)
        || Reference::parse(name).as_ref() == Ok(asked.reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str, tags: &[&str], digests: &[&str]) -> HeldImage {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        HeldImage { id: id.to_owned(), tags: owned(tags), digests: owned(digests), bytes: 1 }
    }

    #[test]
    fn an_image_is_bound_by_every_name_but_the_one_that_was_pulled() {
        let reference = Reference::parse("r.test/a:1").unwrap();
        let check = |before: &[HeldImage], after: HeldImage, want: Option<&str>| {
            let why = bound_by_names(before, &after, &reference);
            assert!(why.is_some() == want.is_some() && why.unwrap_or("").contains(want.unwrap_or("")), "{why:?}");
        };
        let pulled = || image("new", &["r.test/a:1"], &["r.test/a@sha256:n"]);
        check(&[], pulled(), None);
        check(&[image("old", &["r.test/a:2"], &["r.test/a@sha256:o"])], pulled(), None);
        check(&[image("old", &["r.test/a:1"], &[])], pulled(), Some("the tag was at another image"));
        check(&[], image("new", &["r.test/a:1", "r.test/b:1"], &[]), Some("another name by now"));
        check(&[], image("new", &["r.test/a:1"], &["r.test/b@sha256:n"]), Some("another name by now"));
    }

    #[test]
    fn an_image_that_was_there_is_left_with_its_names() {
        let before = image("same", &["r.test/b:1"], &["r.test/b@sha256:n"]);
        assert!(!has_new_names(&before, &before.clone()));
        assert!(has_new_names(&before, &image("same", &["r.test/b:1", "r.test/a:1"], &[])));
    }
}
