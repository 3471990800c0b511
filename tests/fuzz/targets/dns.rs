//! Answers of a name server. A letter says which question was put, and whether the input is all of the answer or stands
//! behind the right header and question, which hardly any input would get past otherwise.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use pullagent_diagnosis::layer::dns::{DnsAnswer, Family};
use pullagent_fuzz::assert_shown;

#[allow(dead_code, unreachable_pub, reason = "this is a file of another crate, of which not all is used")]
#[path = "../../../agent/probes/src/dns/message.rs"]
mod message;

use message::Question;

/// Bytes of the number that an answer repeats, and of the whole header.
const ID: usize = 2;
const HEADER: usize = 12;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((letter, rest)) = data.split_first() else { return Corpus::Reject };
    let (family, is_whole) = match letter {
        b'4' => (Family::Ipv4, false),
        b'6' => (Family::Ipv6, false),
        b'w' => (Family::Ipv4, true),
        b'n' => {
            // A name out of a search list.
            let _ = Question::new(&pullagent_fuzz::text(rest), Family::Ipv6);
            return Corpus::Keep;
        }
        _ => return Corpus::Reject,
    };
    let question = Question::new("registry.corp.io.", family).expect("it is a name");
    let answer = if is_whole { rest.to_vec() } else { answer(&question, rest) };
    let Some(reply) = question.read(&answer) else { return Corpus::Keep };
    match reply.answer {
        DnsAnswer::Ok { addresses } => {
            assert!(!addresses.is_empty());
            assert!(addresses.len() <= answer.len() / 12, "a record has more bytes");
        }
        DnsAnswer::Unusable { why } => assert_shown(&why),
        _ => {}
    }
    Corpus::Keep
});

/// Number and question are the right ones, the rest of the header and everything behind the question is the input.
fn answer(question: &Question, rest: &[u8]) -> Vec<u8> {
    let end = HEADER + question.bytes[HEADER..].iter().position(|byte| *byte == 0).unwrap_or_default() + 5;
    let (header, records) = rest.split_at(rest.len().min(HEADER - ID));
    [&question.bytes[..ID], header, &question.bytes[HEADER..end], records].concat()
}
