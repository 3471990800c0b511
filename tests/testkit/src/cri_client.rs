//! Waits for a runtime until it answers over the CRI. Asks it for nothing else.

use std::io;
use std::path::Path;
use std::time::Duration;

use k8s_cri::v1::ListImagesRequest;
use k8s_cri::v1::image_service_client::ImageServiceClient;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

/// How long the service may take to come up, and the pause between two looks.
const READY: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until the runtime at `socket` answers; the error is what it says in place of an answer at last.
pub async fn ready(socket: &Path) -> io::Result<()> {
    let answers = async {
        let mut client = ImageServiceClient::new(connect(socket).await.map_err(io::Error::other)?);
        while let Err(status) = client.list_images(ListImagesRequest::default()).await {
            if !status.message().contains("not initialized") {
                return Err(io::Error::other(status.message().to_owned()));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    };
    timeout(READY, answers)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "its CRI service does not come up"))?
}

async fn connect(socket: &Path) -> Result<Channel, tonic::transport::Error> {
    Endpoint::from_shared(format!("unix://{}", socket.display()))?.connect().await
}
