//! Why a text is no image reference, in words for the person who typed it.

/// The first thing that is wrong with an image reference, and what would be right.
///
/// The texts quote at most [`Quoted::LIMIT`] characters of the reference, printable ASCII only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing, or nothing but a tag or digest.
    #[error("the image has no name; write `registry/repository:tag`")]
    Empty,
    /// Blanks or control characters anywhere.
    #[error("the image contains a blank, line break or other invisible character; remove it")]
    Blank,
    /// `https://`, `docker://` and the like.
    #[error("the scheme `{0}://` does not belong here; write the image without it")]
    Scheme(Quoted),
    /// 64 hex digits alone, which could be meant as an image ID.
    #[error("64 hex digits alone are an image ID, not an image name; write `repository@sha256:` and the digits")]
    HexOnly,
    /// An `@` before the first slash. Not quoted: it may be a login.
    #[error("a user name or password before the registry does not belong here; use a pull secret")]
    Login,
    /// The registry is not a host.
    #[error("`{0}` is not a registry; a registry is a host name, IPv4 address or IPv6 address in brackets")]
    Registry(Quoted),
    /// What follows the registry's colon is not all digits.
    #[error("the port of the registry `{0}` is not a number; write `host:port`, for instance `host:5000`")]
    Port(Quoted),
    /// A registry and a slash, and then no repository.
    #[error("there is no repository after the registry `{0}`")]
    NoRepository(Quoted),
    /// Upper case in the repository.
    #[error("the repository `{0}` must be lowercase: `{lower}`", lower = .0.0.to_ascii_lowercase())]
    UpperCase(Quoted),
    /// Two slashes in a row, or one at the beginning or end.
    #[error("the repository `{0}` has an empty part; separate the parts by single slashes, with none at the end")]
    EmptyPart(Quoted),
    /// A part of the repository breaks the rules.
    #[error(
        "`{0}` cannot be part of a repository; a part is made of a-z and 0-9, joined by one `.`, one or two `_`, or `-`"
    )]
    Part(Quoted),
    /// More than 255 bytes.
    #[error("the repository is {0} bytes long; at most 255 are allowed")]
    TooLong(usize),
    /// A colon without a tag.
    #[error("the tag after `:` is empty; name a tag or remove the `:`")]
    EmptyTag,
    /// The tag breaks the rules.
    #[error("`{0}` is not a tag; a tag starts with a letter, digit or `_` and goes on with these, `.` and `-`")]
    Tag(Quoted),
    /// More than 128 characters.
    #[error("the tag is {0} characters long; at most 128 are allowed")]
    LongTag(usize),
    /// An `@` without a digest.
    #[error("the digest after `@` is empty; write `@sha256:` and 64 hex digits or remove the `@`")]
    EmptyDigest,
    /// No `algorithm:hex`.
    #[error("`{0}` is not a digest; a digest is `sha256:` and 64 hex digits")]
    Digest(Quoted),
    /// Neither sha256, sha384 nor sha512.
    #[error("the digest algorithm `{0}` is not supported; use sha256, sha384 or sha512")]
    Algorithm(Quoted),
    /// Upper-case hex digits.
    #[error("the hex digits of the digest must be lowercase")]
    UpperCaseDigest,
    /// A known algorithm with the wrong number of digits.
    #[error("the {algorithm} digest has {digits} hex digits; it must have {expected}")]
    DigestLength {
        /// sha256, sha384 or sha512.
        algorithm: &'static str,
        /// As written.
        digits: usize,
        /// As the algorithm has it.
        expected: usize,
    },
}

/// A piece of the reference that is safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted(String);

impl Quoted {
    /// The number of characters that are shown.
    pub const LIMIT: usize = 80;

    pub(super) fn new(text: &str) -> Self {
        let printable = |character: char| if character.is_ascii_graphic() { character } else { '?' };
        let mut shown: String = text.chars().take(Self::LIMIT).map(printable).collect();
        if text.chars().nth(Self::LIMIT).is_some() {
            shown.push_str("...");
        }
        Self(shown)
    }
}

impl std::fmt::Display for Quoted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
