//! One connection to a runtime and the calls of the CRI that are made over it. No call is repeated, and a connection
//! that broke is not made again.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use k8s_cri::v1::image_service_client::ImageServiceClient;
use k8s_cri::v1::runtime_service_client::RuntimeServiceClient;
use k8s_cri::v1::{
    AuthConfig, Image, ImageFsInfoRequest, ImageSpec, ImageStatusRequest, ListContainersRequest, ListImagesRequest,
    PullImageRequest, RemoveImageRequest, VersionRequest,
};
use pullagent_diagnosis::runtime::{HeldImage, RuntimeVersion};
use pullagent_diagnosis::secret::Secret;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Response, Status};

use super::failure::CallFailure;

/// Bytes of one answer, as the kubelet bounds it (`k8s.io/cri-client` `pkg/remote_image.go` `maxMsgSize`).
const MAX_ANSWER: usize = 16 << 20;
/// Bytes of an answer's headers: a failed pull's words travel in them.
const MAX_HEADERS: u32 = 1 << 20;

/// A login as it goes into a pull.
#[derive(Clone, Copy, Debug)]
pub(super) struct Login<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a Secret<String>,
}

/// A connection to a runtime.
#[derive(Clone, Debug)]
pub(super) struct Client(Channel);

impl Client {
    /// Connects to the socket at `path`. That something listens is all that is known then.
    pub(super) async fn connect(path: &Path, by: Instant) -> io::Result<Self> {
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        let stream = timeout_at(by, UnixStream::connect(path)).await.map_err(|_| late())??;
        let once = Mutex::new(Some(stream));
        let connector = tower::service_fn(move |_: Uri| {
            let stream = once.lock().ok().and_then(|mut stream| stream.take());
            std::future::ready(stream.map(TokioIo::new).ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)))
        });
        // The authority that gRPC's own clients send over a unix socket.
        let endpoint = Endpoint::from_static("http://localhost").http2_max_header_list_size(MAX_HEADERS);
        let channel = timeout_at(by, endpoint.connect_with_connector(connector)).await.map_err(|_| late())?;
        Ok(Self(channel.map_err(io::Error::other)?))
    }

    /// Who it is.
    pub(super) async fn version(&self, by: Instant) -> Result<RuntimeVersion, CallFailure> {
        let request = VersionRequest { version: String::new() };
        let answer = until(by, self.runtime().version(request)).await?;
        Ok(RuntimeVersion { name: answer.runtime_name, version: answer.runtime_version })
    }

    /// Where images are written to, if it says so.
    pub(super) async fn image_filesystem(&self, by: Instant) -> Result<Option<String>, CallFailure> {
        let answer = until(by, self.images().image_fs_info(ImageFsInfoRequest {})).await?;
        Ok(answer.image_filesystems.into_iter().find_map(|usage| Some(usage.fs_id?.mountpoint)))
    }

    /// What it holds under a name or an id.
    pub(super) async fn held(&self, image: &str, by: Instant) -> Result<Option<HeldImage>, CallFailure> {
        let request = ImageStatusRequest { image: Some(spec(image)), verbose: false };
        Ok(until(by, self.images().image_status(request)).await?.image.map(held))
    }

    /// Everything that it holds.
    pub(super) async fn all_held(&self, by: Instant) -> Result<Vec<HeldImage>, CallFailure> {
        let answer = until(by, self.images().list_images(ListImagesRequest { filter: None })).await?;
        Ok(answer.images.into_iter().map(held).collect())
    }

    /// What the containers on the node call their images: each by name, reference and id.
    pub(super) async fn images_in_use(&self, by: Instant) -> Result<Vec<String>, CallFailure> {
        let answer = until(by, self.runtime().list_containers(ListContainersRequest { filter: None })).await?;
        let names = answer.containers.into_iter().flat_map(|container| {
            [container.image.map(|image| image.image).unwrap_or_default(), container.image_ref, container.image_id]
        });
        Ok(names.filter(|name| !name.is_empty()).collect())
    }

    /// Pulls, and returns what the image is called then. The runtime stops when the future is dropped.
    pub(super) async fn pull(&self, image: &str, login: Option<Login<'_>>, by: Instant) -> Result<String, CallFailure> {
        // The kubelet fills in nothing else of a login (`pkg/kubelet/kuberuntime/kuberuntime_image.go`). This value is
        // serialised at once and never kept: its debug output shows the password.
        let auth = login.map(|login| AuthConfig {
            username: login.user.to_owned(),
            password: login.password.expose().clone(),
            ..AuthConfig::default()
        });
        let request = PullImageRequest { image: Some(spec(image)), auth, sandbox_config: None };
        Ok(until(by, self.images().pull_image(request)).await?.image_ref)
    }

    /// Removes an image. containerd removes every name that it has.
    pub(super) async fn remove(&self, id: &str, by: Instant) -> Result<(), CallFailure> {
        until(by, self.images().remove_image(RemoveImageRequest { image: Some(spec(id)) })).await?;
        Ok(())
    }

    fn images(&self) -> ImageServiceClient<Channel> {
        ImageServiceClient::new(self.0.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    fn runtime(&self) -> RuntimeServiceClient<Channel> {
        RuntimeServiceClient::new(self.0.clone()).max_decoding_message_size(MAX_ANSWER)
    }
}

/// The moment until which a call that is made now may take.
pub(super) fn within(time: Duration) -> Instant {
    Instant::now() + time
}

async fn until<T>(
    by: Instant,
    call: impl Future<Output = Result<Response<T>, Status>> + Send,
) -> Result<T, CallFailure> {
    // The future of one of tonic's calls takes twenty kilobytes.
    match timeout_at(by, Box::pin(call)).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(CallFailure::from(&status)),
        Err(_) => Err(CallFailure::Late),
    }
}

fn spec(image: &str) -> ImageSpec {
    ImageSpec { image: image.to_owned(), ..ImageSpec::default() }
}

fn held(image: Image) -> HeldImage {
    HeldImage { id: image.id, tags: image.repo_tags, digests: image.repo_digests, bytes: image.size }
}
