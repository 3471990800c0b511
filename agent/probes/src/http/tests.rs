//! Peers on the other end of a pipe: how HTTP of either version ends, and how much of a body is read.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

/// What is asked of a peer that does `serve` with its end of the pipe.
async fn asked<F: Future<Output = ()> + Send + 'static>(
    h2: bool,
    method: Method,
    serve: impl FnOnce(DuplexStream) -> F,
) -> Result<Reply, Answer> {
    let (ours, theirs) = duplex(64 * 1024);
    let _server = tokio::spawn(serve(theirs));
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut client = Client::start(Box::new(ours), h2, deadline).await?;
    let uri = if h2 { "https://registry.test/v2/" } else { "/v2/" };
    let request = Request::builder().method(method).uri(uri).header("host", "registry.test");
    client.ask(Ask { request: request.body(Full::default()).unwrap(), max_body: 1, deadline }).await
}

/// Answers an HTTP/1.1 request with these bytes and closes.
async fn plain(answer: &'static [u8], method: Method) -> Result<Reply, Answer> {
    asked(false, method, |mut pipe| async move {
        let _ = pipe.read(&mut [0; 4096]).await;
        let _ = pipe.write_all(answer).await;
    })
    .await
}

#[tokio::test]
async fn one_byte_of_a_good_body_is_enough_and_a_refusal_is_read_to_its_end() {
    let reply = plain(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", Method::GET).await.unwrap();
    assert_eq!((reply.body.as_slice(), reply.complete), (b"h".as_slice(), false));
    let reply = plain(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nhello", Method::GET).await.unwrap();
    assert_eq!((reply.body.as_slice(), reply.complete), (b"hello".as_slice(), true));
    let reply = plain(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", Method::HEAD).await.unwrap();
    assert_eq!((reply.body.as_slice(), reply.complete), (b"".as_slice(), true));
}

#[tokio::test]
async fn other_bytes_and_an_early_end_are_told_apart() {
    let check = async |answer: &'static [u8], is_http: bool| {
        let answer = plain(answer, Method::GET).await.unwrap_err();
        match answer {
            Answer::NotHttp { .. } => assert!(!is_http, "{answer:?}"),
            Answer::Broken { failure: StreamFailure::Closed, .. } => assert!(is_http, "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
    };
    check(b"SSH-2.0-OpenSSH_9.2\r\n", false).await;
    check(b"", true).await;
    check(b"HTTP/1.1 200 OK\r\ncontent-len", true).await;
    check(b"HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nhe", true).await;
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let reply = plain(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Method::GET).await.unwrap();
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
}

/// What a reset of the stream for this reason is.
async fn reset_for(reason: h2::Reason) -> Answer {
    asked(true, Method::GET, move |pipe| async move {
        let mut connection = h2::server::handshake(pipe).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            respond.send_reset(reason);
        }
    })
    .await
    .unwrap_err()
}

#[tokio::test]
async fn a_refused_stream_may_be_asked_again_and_another_reset_names_its_reason() {
    let closed = Answer::Broken { failure: StreamFailure::Closed, started: false };
    assert_eq!(reset_for(h2::Reason::REFUSED_STREAM).await, closed);
    let told = reset_for(h2::Reason::INTERNAL_ERROR).await;
    assert!(
        matches!(&told, Answer::Broken { failure: StreamFailure::Failed { why }, .. } if why.contains("INTERNAL_ERROR")),
        "{told:?}"
    );
}
