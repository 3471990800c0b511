//! The calls of the CRI, answered over bare HTTP/2: a message behind five bytes, and a status in the trailers.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use k8s_cri::v1::{
    Container, FilesystemIdentifier, FilesystemUsage, Image, ImageFsInfoResponse, ImageSpec, ImageStatusRequest,
    ImageStatusResponse, ListContainersResponse, ListImagesResponse, PullImageRequest, PullImageResponse,
    RemoveImageRequest, RemoveImageResponse, VersionResponse,
};
use prost::Message;

use super::{CriCall, CriImage, PullBehaviour, State, locked};

const UNKNOWN: u32 = 2;
const UNIMPLEMENTED: u32 = 12;

type Frames = stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>;
/// A message, or a status with its words.
type Answer = Result<Vec<u8>, (u32, String)>;

/// Answers one call.
pub(super) async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<StreamBody<Frames>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    Ok(response(call(&state, &path, body.get(5..).unwrap_or_default()).await))
}

async fn call(state: &State, path: &str, message: &[u8]) -> Answer {
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    if state.told.without.iter().any(|name| name == service || name == path) {
        return Err((UNIMPLEMENTED, format!("unknown service {service}")));
    }
    match method {
        "Version" => {
            state.note(CriCall::Version);
            let (name, version) = (state.told.name.clone(), state.told.version.clone());
            said(&VersionResponse { runtime_name: name, runtime_version: version, ..VersionResponse::default() })
        }
        "ImageStatus" => {
            let name = named(read::<ImageStatusRequest>(message)?.image);
            state.note(CriCall::ImageStatus(name.clone()));
            let image = locked(&state.images).iter().find(|image| is_called(image, &name)).map(listed);
            said(&ImageStatusResponse { image, ..ImageStatusResponse::default() })
        }
        "PullImage" => pull(state, read(message)?).await,
        "RemoveImage" => {
            let name = named(read::<RemoveImageRequest>(message)?.image);
            state.note(CriCall::Remove(name.clone()));
            locked(&state.images).retain(|image| !is_called(image, &name));
            said(&RemoveImageResponse {})
        }
        _ => {
            state.note(CriCall::Other(method.to_owned()));
            match method {
                "ListImages" => {
                    said(&ListImagesResponse { images: locked(&state.images).iter().map(listed).collect() })
                }
                "ImageFsInfo" => said(&ImageFsInfoResponse {
                    image_filesystems: state.told.image_filesystem.iter().map(|path| usage(path)).collect(),
                    ..ImageFsInfoResponse::default()
                }),
                "ListContainers" => said(&ListContainersResponse {
                    containers: state.told.used_by_containers.iter().map(|image| container(image)).collect(),
                }),
                _ => Err((UNIMPLEMENTED, format!("unknown method {method}"))),
            }
        }
    }
}

async fn pull(state: &State, request: PullImageRequest) -> Answer {
    let login = request.auth.map(|auth| (auth.username, auth.password));
    let password = login.as_ref().map(|(_, password)| password.clone()).unwrap_or_default();
    state.note(CriCall::Pull(named(request.image), login));
    let behaviour = {
        let mut pulls = locked(&state.pulls);
        if pulls.len() > 1 { pulls.pop_front() } else { pulls.front().cloned() }
    };
    match behaviour {
        Some(PullBehaviour::Brings(image)) => {
            let mut images = locked(&state.images);
            // A tag moves.
            for held in images.iter_mut() {
                held.tags.retain(|tag| !image.tags.contains(tag));
            }
            let image_ref = image.id.clone();
            images.retain(|held| held.id != image.id);
            images.push(image);
            said(&PullImageResponse { image_ref })
        }
        Some(PullBehaviour::Fails(code, message)) => Err((code, message.replace("{password}", &password))),
        Some(PullBehaviour::Hangs) => {
            let _given_up = GivenUp(state);
            std::future::pending().await
        }
        Some(PullBehaviour::Grows(path)) => {
            let _given_up = GivenUp(state);
            let mut file = std::fs::File::create(path).expect("a download can be written");
            loop {
                file.write_all(&[0; 1000]).expect("a download can be written");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Some(PullBehaviour::Dies) => {
            state.died.notify_one();
            std::future::pending().await
        }
        None => Err((UNKNOWN, "nobody told this runtime how to pull".to_owned())),
    }
}

/// Notes that a pull is no longer waited for.
struct GivenUp<'a>(&'a State);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.0.note(CriCall::Cancelled);
        self.0.cancelled.notify_one();
    }
}

fn read<M: Message + Default>(message: &[u8]) -> Result<M, (u32, String)> {
    M::decode(message).map_err(|error| (UNKNOWN, error.to_string()))
}

#[expect(clippy::unnecessary_wraps, reason = "every call ends in an answer")]
fn said(message: &impl Message) -> Answer {
    Ok(message.encode_to_vec())
}

fn response(answer: Answer) -> Response<StreamBody<Frames>> {
    let mut trailers = HeaderMap::new();
    let mut frames = Vec::new();
    let (code, words) = match answer {
        Ok(message) => {
            let mut data = BytesMut::new();
            data.put_u8(0);
            data.put_u32(u32::try_from(message.len()).expect("a message of a test is small"));
            data.put_slice(&message);
            frames.push(Ok(Frame::data(data.freeze())));
            (0, String::new())
        }
        Err(status) => status,
    };
    trailers.insert("grpc-status", code.into());
    let words: String = words.bytes().map(escaped).collect();
    trailers.insert("grpc-message", words.parse().expect("escaped words are a header"));
    frames.push(Ok(Frame::trailers(trailers)));
    let mut response = Response::new(StreamBody::new(stream::iter(frames)));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/grpc"));
    response
}

/// A byte of a status's words as it travels.
fn escaped(byte: u8) -> String {
    match byte {
        b'%' => "%25".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

fn named(image: Option<ImageSpec>) -> String {
    image.map(|image| image.image).unwrap_or_default()
}

fn is_called(image: &CriImage, name: &str) -> bool {
    image.id == name || image.tags.iter().chain(&image.digests).any(|other| other == name)
}

fn listed(image: &CriImage) -> Image {
    Image {
        id: image.id.clone(),
        repo_tags: image.tags.clone(),
        repo_digests: image.digests.clone(),
        size: image.size,
        ..Image::default()
    }
}

fn usage(path: &str) -> FilesystemUsage {
    let fs_id = Some(FilesystemIdentifier { mountpoint: path.to_owned() });
    FilesystemUsage { fs_id, ..FilesystemUsage::default() }
}

fn container(image: &str) -> Container {
    let spec = ImageSpec { image: image.to_owned(), ..ImageSpec::default() };
    Container { id: "c1".to_owned(), image: Some(spec), image_ref: image.to_owned(), ..Container::default() }
}
