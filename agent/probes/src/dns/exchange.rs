//! One question to one server, over a socket of its own.

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use pullagent_diagnosis::layer::dns::{DnsAnswer, Family};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::message::{MAX_DATAGRAM, Question, Reply, unusable};
use crate::limits::ms_since;
use crate::stream::system_word;

/// What became of a question.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) answer: DnsAnswer,
    /// It was asked over TCP in the end.
    pub(super) tcp: bool,
    pub(super) ms: u32,
}

/// When a question is repeated and when it is given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// Go asks once in five seconds. Our time is shorter, and one lost packet must not accuse anybody.
    pub(super) again: Instant,
    pub(super) deadline: Instant,
}

/// Asks until the deadline: over UDP, and again over TCP if the answer is too long; over TCP at once if `tcp`.
///
/// Source: Go `net/dnsclient_unix.go` `exchange`.
pub(super) async fn ask(name: &str, family: Family, server: SocketAddr, mut tcp: bool, schedule: Schedule) -> Exchange {
    let start = Instant::now();
    let Some(question) = Question::new(name, family) else {
        return Exchange { answer: unusable("not a name that can be asked for"), tcp, ms: 0 };
    };
    let answer = async {
        if !tcp {
            let reply = over_udp(&question, server, schedule).await?;
            if !reply.truncated {
                return Ok(reply.answer);
            }
            tcp = true;
        }
        over_tcp(&question, server).await
    };
    let answer = match timeout_at(schedule.deadline, answer).await {
        Ok(answer) => answer.unwrap_or_else(|error| failure(&error)),
        Err(_) => DnsAnswer::Timeout,
    };
    Exchange { answer, tcp, ms: ms_since(start) }
}

async fn over_udp(question: &Question, server: SocketAddr, schedule: Schedule) -> Result<Reply, Error> {
    let any = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    // Only a connected socket is told that the port is closed.
    socket.connect(server).await?;
    let mut again = Some(schedule.again);
    socket.send(&question.bytes).await?;
    let mut buffer = [0; MAX_DATAGRAM as usize];
    loop {
        let Ok(received) = timeout_at(again.unwrap_or(schedule.deadline), socket.recv(&mut buffer)).await else {
            if again.take().is_none() {
                return Err(ErrorKind::TimedOut.into());
            }
            socket.send(&question.bytes).await?;
            continue;
        };
        let received = received?;
        if let Some(reply) = buffer.get(..received).and_then(|bytes| question.read(bytes)) {
            return Ok(reply);
        }
    }
}

async fn over_tcp(question: &Question, server: SocketAddr) -> Result<DnsAnswer, Error> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.bytes.len()).map_err(Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), question.bytes.as_slice()].concat()).await?;
    let mut bytes = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut bytes).await?;
    let reply = question.read(&bytes);
    Ok(reply.map_or_else(|| unusable("an answer to another question"), |reply| reply.answer))
}

fn failure(error: &Error) -> DnsAnswer {
    match error.kind() {
        ErrorKind::TimedOut => DnsAnswer::Timeout,
        ErrorKind::UnexpectedEof => unusable("connection closed without an answer"),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            unusable("connection reset without an answer")
        }
        _ => DnsAnswer::Unreachable { why: system_word(error) },
    }
}
