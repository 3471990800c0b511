//! `pullagent node`: this node's pull configuration as its runtime sees it, or what differs from another node's.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use jiff::Timestamp;
use pullagent_diagnosis::pull_configuration::{
    OtherNode, PullConfiguration, compare, parse_other, parse_registry, pull_configuration, sandbox_image,
};
use pullagent_diagnosis::report;
use pullagent_probes::cri::holds;

use crate::cli::{FailOnNode, NodeArguments, NodeFormat};
use crate::settings::Settings;
use crate::standpoint::{self, Here, Wanted};
use crate::terminal;

/// Bytes of another node's JSON.
const MAX_OTHER: u64 = 16 << 20;
/// There is a warning, and that was asked to count.
const WARNED: u8 = 1;

/// Shows the configuration, or what differs.
pub(crate) async fn run(arguments: &NodeArguments) -> anyhow::Result<u8> {
    // What is wrong on the command line is said before anything is looked at.
    let registry = arguments.host.as_deref().map(parse_registry).transpose().context("--host")?;
    let other = arguments.diff.as_deref().map(read_other).transpose()?;
    let settings = Settings::of_command(&arguments.standpoint)?;
    let here = standpoint::look(&settings, Wanted::Configuration(registry.clone())).await?;
    let mut configuration = pull_configuration(&here.node, registry.as_deref());
    look_for_sandbox_image(&here, &mut configuration).await;
    let text = match &other {
        Some(other) => differences(arguments, &configuration, other),
        None => shown(arguments, &configuration),
    };
    terminal::print(&format!("{text}\n"))?;
    let fails = arguments.fail_on == Some(FailOnNode::Warning) && configuration.warns();
    Ok(if fails { WARNED } else { 0 })
}

fn shown(arguments: &NodeArguments, configuration: &PullConfiguration) -> String {
    match arguments.output {
        NodeFormat::Text => {
            report::configuration_text(configuration, Timestamp::now(), &terminal::style(arguments.verbose))
        }
        NodeFormat::Json => report::configuration_json(configuration),
    }
}

fn differences(arguments: &NodeArguments, configuration: &PullConfiguration, other: &OtherNode) -> String {
    let compared = compare(configuration, other);
    match arguments.output {
        NodeFormat::Text => report::comparison_text(&compared, &terminal::style(arguments.verbose)),
        NodeFormat::Json => report::comparison_json(&compared),
    }
}

/// Asks the runtime whether it holds the image of every pod's sandbox, if its files name one.
async fn look_for_sandbox_image(here: &Here, configuration: &mut PullConfiguration) {
    let Some(image) = sandbox_image(&here.node) else { return };
    let held = match &here.socket {
        Some(socket) => holds(socket, &image).await,
        None => Err("no socket of a container runtime was found".to_owned()),
    };
    configuration.add_sandbox_image(&image, held);
}

/// Another node's JSON. Whatever is wrong with it is named together with the file.
fn read_other(path: &Path) -> anyhow::Result<OtherNode> {
    let what = || format!("cannot read --diff `{}`", path.display());
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_OTHER + 1).read_to_end(&mut text)).with_context(what)?;
    if text.len() as u64 > MAX_OTHER {
        bail!("{}: it is larger than {} MiB", what(), MAX_OTHER >> 20);
    }
    parse_other(&text).with_context(what)
}
