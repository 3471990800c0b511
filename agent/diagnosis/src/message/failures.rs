//! The failures of a text: records that tell of the same failure of the same image are one.

use std::collections::HashMap;
use std::ops::Range;

use super::attempts::Kind;
use super::image::{self, Image};
use super::judge::Judgement;
use super::reading::{Reading, Told};
use super::runtime::Runtime;
use crate::cause::Code;

/// As many failures are told apart; what comes then counts to the last.
const MOST: usize = 1000;
/// As many places are kept of each.
const MOST_PLACES: usize = 32;
/// As many other attempts are kept of each.
const MOST_OTHERS: usize = 16;

/// One failure of one image.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is told or not, whatever the others are")]
pub(super) struct Failure {
    pub(super) image: Option<Image>,
    pub(super) runtime: Option<Runtime>,
    /// The cause; `None` as long as none is told.
    pub(super) judgement: Option<Judgement>,
    /// What was said, where no cause is told.
    pub(super) words: String,
    pub(super) others: Vec<(Kind, Judgement)>,
    /// Where it is told, in bytes of the input.
    pub(super) places: Vec<Range<usize>>,
    pub(super) is_of_one_endpoint: bool,
    pub(super) is_sandbox: bool,
    pub(super) is_gitlab: bool,
    /// Told by an event about secrets alone.
    pub(super) is_of_secrets: bool,
    /// A pull secret of the pod could not be read.
    pub(super) lacks_secret: bool,
}

/// The failures found so far.
#[derive(Debug, Default)]
pub(super) struct Failures {
    list: Vec<Failure>,
    by_image: HashMap<String, Vec<usize>>,
    context: Option<Image>,
}

impl Failures {
    /// Takes in what one record says.
    pub(super) fn add(&mut self, reading: Reading, place: Range<usize>, words: String) {
        match reading {
            Reading::Context(image) => self.context = Some(image),
            Reading::Failure(told) => self.add_told(*told, place, words),
        }
    }

    fn add_told(&mut self, told: Told, place: Range<usize>, words: String) {
        let index = match self.home(&told) {
            Some(index) => index,
            None if self.list.len() < MOST => {
                self.list.push(Failure::default());
                self.list.len() - 1
            }
            None => self.list.len() - 1,
        };
        let image = told.image.clone().or_else(|| self.context.clone().filter(|_| !told.is_of_secrets));
        if let Some(failure) = self.list.get_mut(index) {
            let had = failure.image.as_ref().map(|image| image::key(&image.text));
            failure.take(told, image, place, words);
            let has = failure.image.as_ref().map(|image| image::key(&image.text));
            if let Some(key) = has.filter(|key| had.as_ref() != Some(key)) {
                self.by_image.entry(key).or_default().push(index);
            }
        }
    }

    /// The failure that a record belongs to, if it was told of before.
    fn home(&self, told: &Told) -> Option<usize> {
        let code = told.attempts.counts.as_ref().map(|j| j.meaning.code);
        let fits = |index: &usize| {
            let Some(failure) = self.list.get(*index) else { return false };
            let known = failure.judgement.as_ref().map(|j| j.meaning.code);
            known.is_none() || code.is_none() || known == code || failure.is_of_one_endpoint || told.is_of_one_endpoint
        };
        let last = self.list.len().checked_sub(1);
        let Some(image) = &told.image else {
            let last = last?;
            if told.is_of_secrets || self.list[last].is_of_secrets {
                return told.is_of_secrets.then(|| self.list.iter().position(|f| f.is_of_secrets)).flatten();
            }
            // A bare state names no image: the one that it stands below, if any.
            let context = self.context.as_ref().map(|image| image::key(&image.text));
            if let Some(index) =
                context.and_then(|key| self.by_image.get(&key)).and_then(|all| all.iter().rev().find(|i| fits(i)))
            {
                return Some(*index);
            }
            let has_other_image = self.list[last].image.is_some() && self.context.is_some() && code.is_none();
            return Some(last).filter(|last| !has_other_image && fits(last));
        };
        let same = self.by_image.get(&image::key(&image.text));
        if let Some(index) = same.and_then(|all| all.iter().rev().find(|index| fits(index))) {
            return Some(*index);
        }
        // What came right before, without an image or with another spelling of it (Docker leaves the tag out).
        let last = last?;
        let before = &self.list[last];
        let is_near = match &before.image {
            None => !before.is_of_secrets,
            Some(known) => {
                image::repository(&known.text) == image::repository(&image.text) && (known.rank >= 4 || image.rank >= 4)
            }
        };
        Some(last).filter(|last| is_near && code.is_some() && fits(last))
    }

    /// The failures, in the order of the text.
    pub(super) fn finish(mut self) -> Vec<Failure> {
        self.settle_secrets();
        self.settle_the_nameless();
        self.settle_endpoints();
        self.list.sort_by_key(|failure| failure.places.first().map_or(0, |place| place.start));
        self.list
    }

    /// That a secret could not be read is no failure of its own where one is told.
    fn settle_secrets(&mut self) {
        if self.list.iter().any(|failure| !failure.is_of_secrets) {
            let places: Vec<_> = self.list.iter().filter(|f| f.is_of_secrets).flat_map(|f| f.places.clone()).collect();
            if places.is_empty() {
                return;
            }
            self.list.retain(|failure| !failure.is_of_secrets);
            for failure in &mut self.list {
                failure.lacks_secret = true;
                for place in &places {
                    failure.take_place(place.clone());
                }
            }
        }
    }

    /// A bare `ErrImagePull` without image is told better by whatever else is there.
    fn settle_the_nameless(&mut self) {
        let is_nameless = |failure: &Failure| failure.image.is_none() && failure.judgement.is_none();
        if self.list.iter().all(is_nameless) {
            return;
        }
        let places: Vec<_> = self.list.iter().filter(|f| is_nameless(f)).flat_map(|f| f.places.clone()).collect();
        self.list.retain(|failure| !is_nameless(failure));
        if let Some(first) = self.list.first_mut() {
            for place in places {
                first.take_place(place);
            }
        }
    }

    /// `trying next host` of an image whose pull then failed is another attempt of that pull.
    fn settle_endpoints(&mut self) {
        let Some(home) = self.list.iter().position(|failure| !failure.is_of_one_endpoint) else { return };
        let mut others = Vec::new();
        self.list.retain_mut(|failure| {
            let is_other = failure.is_of_one_endpoint && failure.image.is_none();
            if is_other {
                others.push(std::mem::take(failure));
            }
            !is_other
        });
        let home = home.min(self.list.len().saturating_sub(1));
        if let Some(home) = self.list.get_mut(home) {
            for other in others {
                for place in other.places {
                    home.take_place(place);
                }
                home.take_others(other.judgement.map(|judgement| (Kind::Mirror, judgement)));
            }
        }
    }
}

impl Failure {
    fn take(&mut self, told: Told, image: Option<Image>, place: Range<usize>, words: String) {
        let is_first = self.places.is_empty();
        self.take_place(place);
        if let Some(image) = image
            && self.image.as_ref().is_none_or(|known| image.rank < known.rank)
        {
            self.image = Some(image);
        }
        self.runtime = self.runtime.or(told.runtime);
        self.is_sandbox |= told.is_sandbox;
        self.is_gitlab |= told.is_gitlab;
        self.is_of_secrets = told.is_of_secrets && (is_first || self.is_of_secrets);
        self.take_others(told.attempts.others);
        let counts = told.attempts.counts;
        let replaces = match (&self.judgement, &counts) {
            (_, None) => false,
            (None, Some(_)) => true,
            // What the runtime said in the end, not what it said on the way.
            (Some(_), Some(_)) if self.is_of_one_endpoint && !told.is_of_one_endpoint => true,
            (Some(known), Some(new)) => {
                known.host.is_none() && new.host.is_some() && known.meaning.code == new.meaning.code
            }
        };
        if replaces {
            let before = std::mem::replace(&mut self.judgement, counts);
            if self.is_of_one_endpoint && !told.is_of_one_endpoint {
                self.take_others(before.map(|judgement| (Kind::Mirror, judgement)));
            }
            self.words = words;
        } else {
            if told.is_of_one_endpoint && !self.is_of_one_endpoint {
                self.take_others(counts.map(|judgement| (Kind::Mirror, judgement)));
            }
            if self.words.is_empty() {
                self.words = words;
            }
        }
        self.is_of_one_endpoint = told.is_of_one_endpoint && (is_first || self.is_of_one_endpoint);
    }

    fn take_place(&mut self, place: Range<usize>) {
        if self.places.len() < MOST_PLACES && !self.places.contains(&place) {
            self.places.push(place);
            self.places.sort_by_key(|place| place.start);
        }
    }

    /// Another attempt, once for each host and code, and never the one that counts.
    fn take_others(&mut self, others: impl IntoIterator<Item = (Kind, Judgement)>) {
        let same = |a: &Judgement, b: &Judgement| a.meaning.code == b.meaning.code && a.host == b.host;
        for (kind, other) in others {
            let known = self.others.iter().any(|(_, known)| same(known, &other));
            let is_cause = self.judgement.as_ref().is_some_and(|cause| same(cause, &other));
            if !known && !is_cause && self.others.len() < MOST_OTHERS {
                self.others.push((kind, other));
            }
        }
    }

    /// The code, with the reference minded: what is missing is a tag or a digest.
    pub(super) fn code(&self) -> Code {
        let Some(judgement) = &self.judgement else { return Code::Unknown };
        let by_digest = self.image.as_ref().is_some_and(|image| image.text.contains("@sha"))
            || judgement.path.as_ref().is_some_and(|path| path.contains("/manifests/sha256:"));
        match judgement.meaning.code {
            Code::TagNotFound if by_digest => Code::DigestNotFound,
            // Beside a missing secret a refusal is only its consequence.
            Code::CredentialsMissing if self.lacks_secret => Code::SecretNotFound,
            code => code,
        }
    }
}
