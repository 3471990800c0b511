//! A world in a process of its own: it says on standard output what it is, and serves until its standard input ends.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;

use super::{DnsPorts, Expect, Login, ScenarioError, World};

/// What a world in a process of its own says of itself: one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// The image to be pulled.
    pub image: String,
    /// The environment of the node's runtime.
    pub env: BTreeMap<String, String>,
    /// The code of the expected cause.
    pub code: Option<String>,
    /// Everything that is expected.
    pub expect: Expect,
    /// The node's platform.
    pub platform: String,
    /// How far the node's clock is ahead, in seconds.
    pub clock_ahead_seconds: i64,
    /// The node's logins, in order.
    pub logins: Vec<Login>,
}

/// Why a world in a process of its own did not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The scenario makes no world.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The node's root cannot be written, or nobody reads the description.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl World {
    /// What it says of itself.
    pub fn described(&self) -> Described {
        Described {
            image: self.image().to_owned(),
            env: self.env().clone(),
            code: self.expect().code.clone(),
            expect: self.expect().clone(),
            platform: self.scenario().platform.clone(),
            clock_ahead_seconds: self.clock_ahead_seconds(),
            logins: self.logins().to_vec(),
        }
    }
}

/// Starts the world of `file`, writes the node's root to `root`, says what it is and serves until standard input ends.
pub async fn serve(file: &Path, root: &Path, ports: DnsPorts) -> Result<(), ServeError> {
    let world = World::load_with(file, ports).await?;
    world.write_root(root)?;
    let line = serde_json::to_string(&world.described()).map_err(io::Error::other)?;
    writeln!(io::stdout(), "{line}")?;
    // Nothing is expected but the end.
    let mut stdin = tokio::io::stdin();
    while stdin.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}
