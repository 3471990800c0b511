//! DNS messages: the question as Go's resolver puts it, and what it makes of an answer.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use pullagent_diagnosis::layer::dns::{DnsAnswer, Family};

/// The longest answer taken over UDP, in bytes (Go's `maxDNSPacketSize`).
pub(super) const MAX_DATAGRAM: u16 = 1232;

/// A question that was or will be put.
#[derive(Debug)]
pub(super) struct Question {
    id: u16,
    query: Query,
    /// As sent over UDP; TCP puts the length before it.
    pub(super) bytes: Vec<u8>,
}

/// An answer to our question.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// There is more, to be had over TCP.
    pub(super) truncated: bool,
    pub(super) answer: DnsAnswer,
}

impl Question {
    /// `None` if the name cannot be encoded: a search list may hold anything.
    pub(super) fn new(name: &str, family: Family) -> Option<Self> {
        let record_type = match family {
            Family::Ipv4 => RecordType::A,
            Family::Ipv6 => RecordType::AAAA,
        };
        let query = Query::query(Name::from_ascii(name).ok()?, record_type);
        let mut message = Message::new(rand::random(), MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        let mut edns = Edns::new();
        edns.set_max_payload(MAX_DATAGRAM);
        message.add_query(query.clone()).set_edns(edns);
        Some(Self { id: message.metadata.id, query, bytes: message.to_vec().ok()? })
    }

    /// `None` if this is no answer to this question; over UDP it may be a forgery, and the right one still to come.
    ///
    /// Source: Go `net/dnsclient_unix.go` `checkResponse`, `checkHeader`, `skipToAnswer`.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Reply> {
        let mut decoder = BinDecoder::new(bytes);
        let header = Header::read(&mut decoder).ok()?;
        let metadata = header.metadata;
        if metadata.message_type != MessageType::Response || metadata.id != self.id || header.counts.queries == 0 {
            return None;
        }
        if Query::read(&mut decoder).ok()? != self.query {
            return None;
        }
        let answer =
            if header.counts.queries == 1 { self.judge(&header, &mut decoder) } else { unusable("several questions") };
        Some(Reply { truncated: metadata.truncation, answer })
    }

    fn judge(&self, header: &Header, decoder: &mut BinDecoder<'_>) -> DnsAnswer {
        let answers = read_records(decoder, header.counts.answers, false).map(|(records, _)| records);
        // Faults in the sections behind the answer do not matter; Go skips these too.
        let behind = answers
            .as_ref()
            .and_then(|_| read_records(decoder, header.counts.authorities, false))
            .and_then(|_| read_records(decoder, header.counts.additionals, true));
        let code = header.metadata.response_code;
        let code = match &behind {
            Some((_, Some(edns))) => ResponseCode::from(edns.rcode_high(), code.low()),
            _ => code,
        };
        let has_additional = behind.is_some() && header.counts.additionals > 0;
        let may_know = header.metadata.authoritative || header.metadata.recursion_available;
        match (code, answers) {
            (ResponseCode::NXDomain, _) => DnsAnswer::NoSuchName,
            (_, None) => unusable("cannot be parsed"),
            (ResponseCode::NoError, Some(records)) if records.is_empty() && !may_know && !has_additional => {
                unusable("lame referral")
            }
            (ResponseCode::NoError, Some(records)) => self.addresses(&records),
            (ResponseCode::ServFail, _) => DnsAnswer::ServFail,
            (ResponseCode::Refused, _) => DnsAnswer::Refused,
            (code, _) => unusable(&format!("response code {}", format!("{code:?}").to_ascii_uppercase())),
        }
    }

    /// The answer holds the whole chain of aliases, so that its addresses are the canonical name's: as Go, we do not
    /// look at the names.
    fn addresses(&self, records: &[Record]) -> DnsAnswer {
        if !records.iter().any(|record| record.record_type() == self.query.query_type()) {
            return DnsAnswer::NoAddress;
        }
        let address = |record: &Record| match record.data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0).to_canonical()),
            _ => None,
        };
        DnsAnswer::Ok { addresses: records.iter().filter_map(address).collect() }
    }
}

pub(super) fn unusable(why: &str) -> DnsAnswer {
    DnsAnswer::Unusable { why: why.to_owned() }
}

fn read_records(decoder: &mut BinDecoder<'_>, count: u16, additional: bool) -> Option<(Vec<Record>, Option<Edns>)> {
    let (records, edns, _) = Message::read_records(decoder, count.into(), additional, OpCode::Query).ok()?;
    Some((records, edns))
}
