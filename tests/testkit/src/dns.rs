//! A DNS server on UDP and TCP of one port that answers each name as told, wrongly if wanted, and remembers what it
//! was asked.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::SOA},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

use crate::listen::{self, Handle, LOOPBACK};

const TTL_SECONDS: u32 = 30;
/// Free ports tried until one is free for UDP as well.
const PORT_ATTEMPTS: usize = 32;

/// The answer to questions about one name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// These addresses, A and AAAA each to its question; an empty answer to the other.
    Addresses(Vec<IpAddr>),
    /// Authoritatively no such name.
    Nxdomain,
    /// The name is there and has no address.
    Empty,
    /// SERVFAIL.
    Servfail,
    /// REFUSED.
    Refused,
    /// No answer at all.
    Silence,
    /// Over UDP an empty answer with the TC bit, over TCP the addresses.
    Truncated(Vec<IpAddr>),
    /// The addresses under another query's id, as a spoofer would send them.
    WrongId(Vec<IpAddr>),
    /// Bytes that are no DNS message.
    Garbage,
    /// One after the other to the questions for one name and type, the last from then on: an answer that changes.
    InTurn(Vec<Answer>),
    /// Another answer, late.
    Late {
        /// Milliseconds to wait.
        ms: u64,
        /// What comes then.
        answer: Box<Answer>,
    },
}

/// A DNS server to be started.
#[derive(Debug, Clone)]
pub struct Dns {
    names: BTreeMap<String, Answer>,
    otherwise: Answer,
}

/// A running DNS server.
#[derive(Debug)]
#[must_use = "the server stops when its handle is dropped"]
pub struct DnsHandle {
    handle: Handle,
    queries: Queries,
}

/// A question that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The name without its final dot, in lower case.
    pub name: String,
    /// `A`, `AAAA`, …
    pub record_type: String,
    /// Whether it came over TCP.
    pub tcp: bool,
}

type Queries = Arc<Mutex<Vec<Query>>>;

impl Default for Dns {
    fn default() -> Self {
        Self::new()
    }
}

impl Dns {
    /// Knows no name: NXDOMAIN to everything.
    pub fn new() -> Self {
        Self { names: BTreeMap::new(), otherwise: Answer::Nxdomain }
    }

    /// The same with an answer for a name.
    #[must_use]
    pub fn name(mut self, name: &str, answer: Answer) -> Self {
        self.names.insert(name.trim_end_matches('.').to_ascii_lowercase(), answer);
        self
    }

    /// The same with these addresses for a name.
    #[must_use]
    pub fn addresses(self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.name(name, Answer::Addresses(addresses.into_iter().collect()))
    }

    /// The same with an answer for every other name.
    #[must_use]
    pub fn otherwise(mut self, answer: Answer) -> Self {
        self.otherwise = answer;
        self
    }

    /// Starts on a free port of 127.0.0.1.
    pub async fn start(self) -> io::Result<DnsHandle> {
        self.start_on(SocketAddr::new(LOOPBACK, 0)).await
    }

    /// Starts on this address; port 0 for a port that is free for both protocols.
    pub async fn start_on(self, addr: SocketAddr) -> io::Result<DnsHandle> {
        let (tcp, udp) = bind_both(addr).await?;
        let queries = Queries::default();
        let zone = Arc::new(self);

        let (over_tcp, tcp_queries) = (Arc::clone(&zone), Arc::clone(&queries));
        let accepting = listen::serve(tcp, move |stream| {
            let (zone, queries) = (Arc::clone(&over_tcp), Arc::clone(&tcp_queries));
            async move {
                // A client that closes has what it wanted.
                let _ = zone.answer_stream(stream, &queries).await;
            }
        })?;
        let udp_queries = Arc::clone(&queries);
        let datagrams = tokio::spawn(async move { zone.answer_datagrams(udp, udp_queries).await });
        let handle = accepting.and(datagrams.abort_handle());
        Ok(DnsHandle { handle, queries })
    }

    async fn answer_datagrams(self: Arc<Self>, socket: UdpSocket, queries: Queries) {
        let socket = Arc::new(socket);
        let mut answers = JoinSet::new();
        let mut buffer = vec![0; 4096];
        loop {
            tokio::select! {
                // An ICMP error of an earlier answer says nothing about the next question.
                received = socket.recv_from(&mut buffer) => if let Ok((length, peer)) = received {
                    let (zone, socket, question) = (Arc::clone(&self), Arc::clone(&socket), buffer[..length].to_vec());
                    let queries = Arc::clone(&queries);
                    answers.spawn(async move {
                        if let Some(answer) = zone.answer(&question, false, &queries).await {
                            let _ = socket.send_to(&answer, peer).await;
                        }
                    });
                },
                Some(_) = answers.join_next() => {}
            }
        }
    }

    async fn answer_stream(&self, mut stream: TcpStream, queries: &Queries) -> io::Result<()> {
        loop {
            let length = stream.read_u16().await?;
            let mut question = vec![0; usize::from(length)];
            stream.read_exact(&mut question).await?;
            if let Some(answer) = self.answer(&question, true, queries).await {
                let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
                // One write: some clients take the length alone for the whole.
                stream.write_all(&[&length.to_be_bytes(), answer.as_slice()].concat()).await?;
            }
        }
    }

    async fn answer(&self, question: &[u8], tcp: bool, queries: &Queries) -> Option<Vec<u8>> {
        let question = Message::from_vec(question).ok()?;
        let query = question.queries.first()?;
        let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        let record_type = query.query_type().to_string();
        let mut answer = self.names.get(&name).unwrap_or(&self.otherwise);
        {
            let mut queries = queries.lock().unwrap_or_else(PoisonError::into_inner);
            let before =
                queries.iter().filter(|before| before.name == name && before.record_type == record_type).count();
            if let Answer::InTurn(answers) = answer {
                answer = answers.get(before).or(answers.last())?;
            }
            queries.push(Query { name, record_type, tcp });
        }
        while let Answer::Late { ms, answer: then } = answer {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            answer = then;
        }
        answer.encode(&question, tcp)
    }
}

impl DnsHandle {
    /// Where it listens, for both protocols.
    pub fn addr(&self) -> SocketAddr {
        self.handle.addr()
    }

    /// Every question so far, in the order of arrival.
    pub fn queries(&self) -> Vec<Query> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Answer {
    /// The bytes to send; none for silence.
    fn encode(&self, question: &Message, tcp: bool) -> Option<Vec<u8>> {
        let query = question.queries.first()?;
        let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
        reply.metadata.recursion_desired = question.metadata.recursion_desired;
        reply.metadata.recursion_available = true;
        reply.add_query(query.clone());
        let addresses: &[IpAddr] = match self {
            Self::Silence | Self::Late { .. } | Self::InTurn(_) => return None,
            // Too short for a header, and its id is not the question's.
            Self::Garbage => return Some(b"\xff\xfeno dns".to_vec()),
            Self::Servfail => {
                reply.metadata.response_code = ResponseCode::ServFail;
                return reply.to_vec().ok();
            }
            Self::Refused => {
                reply.metadata.response_code = ResponseCode::Refused;
                return reply.to_vec().ok();
            }
            Self::Truncated(_) if !tcp => {
                reply.metadata.truncation = true;
                return reply.to_vec().ok();
            }
            Self::Nxdomain => {
                reply.metadata.response_code = ResponseCode::NXDomain;
                &[]
            }
            Self::Empty => &[],
            Self::WrongId(addresses) => {
                reply.metadata.id = question.metadata.id.wrapping_add(1);
                addresses
            }
            Self::Addresses(addresses) | Self::Truncated(addresses) => addresses,
        };
        let wanted = |ip: &&IpAddr| match query.query_type() {
            RecordType::A => ip.is_ipv4(),
            RecordType::AAAA => ip.is_ipv6(),
            _ => false,
        };
        for ip in addresses.iter().filter(wanted) {
            reply.add_answer(Record::from_rdata(query.name().clone(), TTL_SECONDS, RData::from(*ip)));
        }
        if reply.answers.is_empty() {
            // RFC 2308: a negative answer carries the zone's SOA, or it would be a lame referral.
            let mname = Name::from_ascii("ns.test.").ok()?;
            let soa = SOA::new(mname.clone(), mname, 1, 3600, 600, 86400, TTL_SECONDS);
            reply.metadata.authoritative = true;
            reply.add_authority(Record::from_rdata(query.name().base_name(), TTL_SECONDS, RData::SOA(soa)));
        }
        reply.to_vec().ok()
    }
}

async fn bind_both(addr: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    let mut taken = None;
    for _ in 0..PORT_ATTEMPTS {
        let tcp = TcpListener::bind(addr).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((tcp, udp)),
            Err(error) if addr.port() != 0 => return Err(error),
            Err(error) => taken = Some(error),
        }
    }
    Err(taken.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}
