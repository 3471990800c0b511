//! The DNS server, asked over plain sockets.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RecordType},
};
use pullagent_testkit::dns::{Answer, Dns, DnsHandle};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::client::DEADLINE;

const ID: u16 = 4711;
const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

pub(crate) fn question(name: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::new(ID, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).expect("a name"), record_type));
    message.to_vec().expect("a question")
}

pub(crate) async fn over_udp(server: SocketAddr, question: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    socket.send_to(question, server).await.expect("send");
    let mut answer = vec![0; 4096];
    let length = timeout(DEADLINE, socket.recv(&mut answer)).await.expect("an answer").expect("an answer");
    answer.truncate(length);
    answer
}

async fn over_tcp(server: SocketAddr, question: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server).await.expect("connect");
    let length = u16::try_from(question.len()).expect("a short question");
    stream.write_all(&[&length.to_be_bytes(), question].concat()).await.expect("send");
    let length = timeout(DEADLINE, stream.read_u16()).await.expect("an answer").expect("an answer");
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.expect("an answer");
    answer
}

async fn serving(answer: Answer) -> DnsHandle {
    Dns::new().name("registry.test", answer).start().await.expect("start")
}

async fn asked(answer: Answer) -> Message {
    let server = serving(answer).await;
    let bytes = over_udp(server.addr(), &question("Registry.Test.", RecordType::A)).await;
    Message::from_vec(&bytes).expect("a message")
}

#[tokio::test]
async fn answers_come_as_told() {
    let good = asked(Answer::Addresses(vec![IP, "2001:db8::7".parse().expect("an address")])).await;
    assert_eq!((good.metadata.id, good.answers.len()), (ID, 1));
    assert_eq!(good.answers[0].data.ip_addr(), Some(IP));
    for (answer, code) in [
        (Answer::Nxdomain, ResponseCode::NXDomain),
        (Answer::Empty, ResponseCode::NoError),
        (Answer::Servfail, ResponseCode::ServFail),
        (Answer::Refused, ResponseCode::Refused),
    ] {
        let message = asked(answer).await;
        assert_eq!((message.metadata.response_code, message.answers.len()), (code, 0));
    }
    assert_ne!(asked(Answer::WrongId(vec![IP])).await.metadata.id, ID);
    let late = Answer::Late { ms: 1, answer: Box::new(Answer::Addresses(vec![IP])) };
    assert_eq!(asked(late).await.answers.len(), 1);
}

#[tokio::test]
async fn truncated_answer_is_whole_over_tcp_and_the_questions_are_remembered() {
    let server = serving(Answer::Truncated(vec![IP])).await;
    let question = question("registry.test.", RecordType::A);
    let short = Message::from_vec(&over_udp(server.addr(), &question).await).expect("a message");
    assert!(short.metadata.truncation && short.answers.is_empty());
    let whole = Message::from_vec(&over_tcp(server.addr(), &question).await).expect("a message");
    assert_eq!(whole.answers.len(), 1);
    let queries: Vec<_> =
        server.queries().into_iter().map(|query| (query.name, query.record_type, query.tcp)).collect();
    assert_eq!(
        queries,
        [("registry.test".to_owned(), "A".to_owned(), false), ("registry.test".to_owned(), "A".to_owned(), true)]
    );
}

#[tokio::test]
async fn garbage_is_no_message_and_silence_is_silent() {
    let server = serving(Answer::Garbage).await;
    let question = question("registry.test.", RecordType::A);
    assert!(Message::from_vec(&over_udp(server.addr(), &question).await).is_err());
    let server = serving(Answer::Silence).await;
    assert!(timeout(Duration::from_millis(200), over_udp(server.addr(), &question)).await.is_err());
    assert_eq!(server.queries().len(), 1);
}
