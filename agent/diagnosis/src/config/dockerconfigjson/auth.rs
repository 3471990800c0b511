//! The `auth` of an entry: base64 of `username:password`.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Fault;
use crate::secret::Secret;

/// Go's decoders take what is left of the last character as it is.
const GO: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const PADDED: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GO.with_decode_padding_mode(DecodePaddingMode::RequireCanonical));
const UNPADDED: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GO.with_decode_padding_mode(DecodePaddingMode::RequireNone));

/// User and password (`decodeDockerConfigFieldAuth`).
///
/// Upstream keeps bytes that are not UTF-8. They are replaced here: the runtime's protocol carries text only.
pub(super) fn split_auth(auth: &str) -> Result<(String, Secret<String>), Fault> {
    // Line breaks are passed over anywhere, other blanks nowhere.
    let encoded: String = auth.chars().filter(|character| !matches!(character, '\r' | '\n')).collect();
    let engine = if encoded.ends_with('=') { PADDED } else { UNPADDED };
    let decoded = engine.decode(encoded).map_err(|_| Fault::NotBase64)?;
    let colon = decoded.iter().position(|byte| *byte == b':').ok_or(Fault::NoColon)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&decoded[..colon]), text(&decoded[colon + 1..]).into()))
}
