//! What an answer means.

use std::fmt::Write as _;

use super::{Answer, Response};
use crate::cause::{Code, Severity};
use crate::evidence::{Exchange, Hop, Identity, Question};
use crate::finding::Finding;
use crate::layer::transport::{Moment, StreamFailure};
use crate::layer::{credentials, limits, transport};
use crate::reference::Reference;

/// The cause that an answer is; `None` when it is what was asked for, or when the host was not reached.
///
/// A missing manifest is judged by [`reference`](crate::layer::reference), which needs more than one answer.
pub fn finding(hop: &Hop, exchange: &Exchange, reference: &Reference) -> Option<Finding> {
    let who = hop.name();
    let what = asked_for(&exchange.question);
    let finding = match &exchange.answer {
        Answer::NotReached => return None,
        Answer::Response(response) => return refused(hop, exchange, response, reference),
        Answer::Broken { failure: StreamFailure::Timeout, started } => {
            let moment = if *started { Moment::Body(&what) } else { Moment::Request(&what) };
            let mut finding = transport::broken(hop, &StreamFailure::Timeout, moment);
            let _ = write!(finding.summary, " ({:.1} s)", f64::from(exchange.ms) / 1000.0);
            finding
        }
        Answer::Broken { failure, started: true } => transport::broken(hop, failure, Moment::Body(&what)),
        Answer::Broken { failure, started: false } => transport::broken(hop, failure, Moment::Request(&what)),
        Answer::TlsAlert { name } => crate::layer::tls::alert(hop, name),
        Answer::NotHttp { why } => Finding::new(Code::NotARegistry, format!("{who} does not answer in HTTP: {why}"))
            .run("see what answers there; correct the port if it is another service", &["curl", "-sv", &hop.origin()]),
        Answer::BadRedirect { why } if exchange.question == Question::Token => {
            Finding::new(Code::NotARegistry, format!("{who} names a token service that cannot be asked: {why}"))
                .fix("correct the realm in the registry's configuration")
        }
        Answer::BadRedirect { why } => {
            Finding::new(Code::NotARegistry, format!("{who} redirects the request for {what} to nowhere: {why}"))
                .fix("look at the registry's own configuration of its external address")
        }
        Answer::Corrupt { why } => Finding::new(Code::ContentCorrupt, format!("{who} delivers {what} damaged: {why}"))
            .detail("remote")
            .fix("push the image anew, or clear the cache in between that holds the damaged bytes"),
    };
    Some(finding.at(&hop.host))
}

fn refused(hop: &Hop, exchange: &Exchange, response: &Response, reference: &Reference) -> Option<Finding> {
    let who = hop.name();
    let what = asked_for(&exchange.question);
    let status = response.status;
    let is_blob = matches!(exchange.question, Question::Config | Question::Blob { .. });
    let finding = match status {
        200..=299 if response.has_token == Some(false) => no_token(hop, response),
        200..=299 if response.html => not_a_registry(hop, "answers with a web page"),
        200..=299 => return None,
        // Whatever leads somewhere was followed.
        ..=199 | 300..=399 => {
            not_a_registry(hop, &format!("answers {status} to the request for {what}, a redirect to nowhere"))
        }
        _ if status == 429 || response.has_code("TOOMANYREQUESTS") => limits::finding(hop, exchange, response),
        500..=599 => Finding::new(
            Code::RegistryUnavailable,
            format!("{who} answers {status} to the request for {what}{}", said(response)),
        )
        .fix("look at the status page or the log of that server; the kubelet tries again by itself"),
        401 | 403 if is_blob => blob_unavailable(hop, &what, response),
        401 | 403 => credentials::finding(hop, exchange, response, reference),
        _ if names_https(response) => {
            let finding =
                Finding::new(Code::PlaintextRegistry, format!("{who} expects HTTPS and was asked in plain HTTP"));
            if exchange.question == Question::Token {
                finding.fix("correct the realm in the registry's configuration: it must begin with `https://`")
            } else {
                finding.fix(format!("declare `https://{}` in the runtime's registry configuration", hop.host))
            }
        }
        404 if response.html => not_a_registry(hop, "answers 404 with a web page"),
        404 if is_blob => blob_unavailable(hop, &what, response),
        404 => crate::layer::reference::not_found(hop, exchange, response, reference),
        451 => credentials::source_address(hop, response),
        400..=499 if is_blob => blob_unavailable(hop, &what, response),
        _ => Finding::new(Code::Unknown, format!("{who} answers {status} to the request for {what}{}", said(response)))
            .run("ask it yourself", &["curl", "-sv", &hop.origin()]),
    };
    Some(finding.at(&hop.host))
}

/// The cause that an answer is where a stranger asked for the API itself or for a token, and for no image; `begins_there` is
/// false where the path that was asked for need not be the API's beginning. Who wants a login answers as he should.
pub fn finding_of_api(hop: &Hop, exchange: &Exchange, reference: &Reference, begins_there: bool) -> Option<Finding> {
    let Some(response) = exchange.answer.response() else { return finding(hop, exchange, reference) };
    let is_token = exchange.question == Question::Token;
    match response.status {
        429 => finding(hop, exchange, reference),
        _ if response.has_code("TOOMANYREQUESTS") || names_https(response) => finding(hop, exchange, reference),
        401 | 403 | 451 => None,
        404 if is_token => finding(hop, exchange, reference),
        404 if !begins_there => None,
        404 => Some(not_a_registry(hop, "answers 404 to the request for /v2/").at(&hop.host)),
        // What it says to a question without a repository and a login differs from service to service.
        400..=499 if is_token => None,
        _ => finding(hop, exchange, reference),
    }
}

/// A registry that answers, and refuses whoever comes from this node's network before it asks for any login.
pub fn closed_to_node(hop: &Hop, exchange: &Exchange) -> Option<Finding> {
    let response = exchange.answer.response().filter(|response| matches!(response.status, 401 | 403 | 451))?;
    let asks_nothing = response.errors.is_empty() && response.challenges.is_empty();
    let is_closed = match response.status {
        451 => true,
        403 if exchange.question == Question::Ping && asks_nothing => true,
        _ => credentials::names_source_address(&response.all_words()),
    };
    is_closed.then(|| credentials::source_address(hop, response).severity(Severity::Warning))
}

fn no_token(hop: &Hop, response: &Response) -> Finding {
    let how = if response.html { "a web page" } else { "200 and no token" };
    Finding::new(Code::NotARegistry, format!("{} answers the request for a token with {how}", hop.name())).run(
        "correct the realm in the registry's configuration, or sign in to the portal that stands in between",
        &["curl", "-sv", &hop.origin()],
    )
}

pub(super) fn not_a_registry(hop: &Hop, how: &str) -> Finding {
    Finding::new(Code::NotARegistry, format!("{} is no registry: it {how}", hop.name())).run(
        "correct the host or port, or sign in to the portal that stands in between",
        &["curl", "-sv", &hop.origin()],
    )
}

fn blob_unavailable(hop: &Hop, what: &str, response: &Response) -> Finding {
    let summary = format!(
        "the manifest is there, but {} answers {} to the request for {what}{}",
        hop.name(),
        response.status,
        said(response)
    );
    let finding = Finding::new(Code::BlobUnavailable, summary);
    if response.status == 404 {
        finding.fix("push the image anew: the registry has lost a part of it")
    } else {
        finding.fix("look at the registry's access to its storage, and at the rules of the storage itself")
    }
}

/// Whether a 400 says that the port speaks HTTPS, in the words of Go's server, nginx, Apache and others.
fn names_https(response: &Response) -> bool {
    let words = response.all_words();
    response.status == 400
        && [
            "http request to an https server",
            "plain http request was sent to https port",
            "speaking plain http to an ssl-enabled",
        ]
        .iter()
        .any(|known| words.contains(known))
}

/// The registry's words as the end of a sentence; empty when it gave none.
pub fn said(response: &Response) -> String {
    let words = response.words();
    // They end at the second quote: what they quote themselves has other ones.
    let words = crate::message::quote(&words).replace('"', "'");
    if words.is_empty() { String::new() } else { format!(". Registry said: \"{words}\"") }
}

/// What a question asks for, for a sentence.
fn asked_for(question: &Question) -> String {
    match question {
        Question::Manifest => "the manifest".to_owned(),
        Question::PlatformManifest => "the manifest for this platform".to_owned(),
        Question::Token => "a token".to_owned(),
        Question::Config => "the image's configuration".to_owned(),
        Question::Blob { digest } => format!("the layer {}", short_digest(digest)),
        Question::Tags => "the list of tags".to_owned(),
        Question::Ping => "/v2/".to_owned(),
    }
}

/// A digest short enough for a sentence.
pub fn short_digest(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

/// Whether an exchange was made with a login, and which.
pub fn login_of(exchange: &Exchange) -> Option<usize> {
    match exchange.identity {
        Identity::Credential(index) => Some(index),
        Identity::Anonymous => None,
    }
}
