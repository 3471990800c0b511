//! Makes the enum of codes and the table of rows out of one list of rows.
//!
//! A code is named once, in the file of its layer below `catalogue/`. The variants of one enum cannot come from several
//! files, so each of these files is a macro that adds its rows and hands all of them on; the last one makes the table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::row::{Check, DetailRow, Lookalike, Place, PlaceRemedy, Row, Saying, Speaker};
use super::{Layer, Owner, Severity};

#[macro_use]
mod reference;
#[macro_use]
mod credentials;
#[macro_use]
mod limits;
#[macro_use]
mod dns;
#[macro_use]
mod transport;
#[macro_use]
mod proxy;
#[macro_use]
mod tls;
#[macro_use]
mod registry;
#[macro_use]
mod node;
#[macro_use]
mod findings;

/// A row is, in this order and with `?` for what may be left out:
///
/// - `layer`, `owner`, `severity`, `meaning`;
/// - `details?`: the sub-codes;
/// - `reads?`: by whom it is said, the words that people read;
/// - `mistakes?`: plain truths that people get wrong;
/// - `confirm?`: a command, and what it shows;
/// - `remedy`: steps, most likely first;
/// - `places?`: what these steps are on a runtime or a distribution, where that differs;
/// - `confused?`: another code, and how to tell the two apart;
/// - `after?`: what to know about the next attempt, where it is not what holds for every pull.
macro_rules! catalogue {
    ([] $($code:ident {
        layer: $layer:expr, owner: $owner:expr, severity: $severity:ident,
        meaning: $meaning:literal,
        $(details: [$($detail:literal $(owned by $detail_owner:ident)?: $detail_meaning:literal),+ $(,)?],)?
        $(reads: { $($speaker:ident: [$($text:literal),+ $(,)?]),+ $(,)? },)?
        $(mistakes: [$($mistake:literal),+ $(,)?],)?
        $(confirm: [$($command:literal => $shows:literal),+ $(,)?],)?
        remedy: [$($remedy:literal),+ $(,)?],
        $(places: { $($place:ident: $there:literal),+ $(,)? },)?
        $(confused: { $($other:ident: $tell:literal),+ $(,)? },)?
        $(after: $after:literal,)?
    })+) => {
        /// A stable code: the event reason, the metric label, the `explain` argument and the name of its page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Code {
            $(#[doc = $meaning] $code,)+
        }

        /// Every code with everything that is said of it.
        pub static CATALOGUE: &[Row] = &[$(Row {
            code: Code::$code,
            name: stringify!($code),
            layer: $layer,
            owner: $owner,
            severity: Severity::$severity,
            meaning: $meaning,
            details: &[$($(DetailRow {
                name: $detail,
                owner: catalogue!(@owner $($detail_owner)?),
                meaning: $detail_meaning,
            }),+)?],
            wordings: &[$($($($text),+),+)?],
            sayings: &[$($(Saying { by: Speaker::$speaker, texts: &[$($text),+] }),+)?],
            mistakes: &[$($($mistake),+)?],
            confirm: &[$($(Check { command: $command, shows: $shows }),+)?],
            remedy: &[$($remedy),+],
            places: &[$($(PlaceRemedy { place: Place::$place, text: $there }),+)?],
            confused_with: &[$($(Lookalike { code: Code::$other, difference: $tell }),+)?],
            after: catalogue!(@after $($after)?),
        }),+];
    };
    (@after) => { None };
    (@after $after:literal) => { Some($after) };
    (@owner) => { None };
    (@owner $owner:ident) => { Some(Owner::$owner) };
}

reference! { [credentials limits dns transport proxy tls registry node findings catalogue] }
