//! `pullagent fleet`: the nodes and their summaries from the API server, put together and shown.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context, bail};
use jiff::Timestamp;
use pullagent_diagnosis::fingerprint::{pool, zone};
use pullagent_diagnosis::fleet::{Fleet, Focus, NodeFacts, Told, Unreadable, fleet, incidents};
use pullagent_diagnosis::report;
use pullagent_diagnosis::summary::{ANNOTATION, SummaryError, parse_of};

use crate::cli::fleet::{FleetArguments, FleetFormat, FleetPart, FleetSource};
use crate::fleet_page;
use crate::kube::{Asked, Cluster, ListedNode, NodeLease, list_leases, list_nodes, open_as};
use crate::settings::Settings;
use crate::terminal;

/// Clears the screen and goes to its top.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Shows the fleet, or its incidents, once or again and again.
pub(crate) async fn run(arguments: &FleetArguments) -> anyhow::Result<u8> {
    let source = match &arguments.part {
        Some(FleetPart::Incidents(incidents)) => &incidents.source,
        None => &arguments.source,
    };
    let settings = Settings::of_command(&source.standpoint)?;
    let asked = Asked {
        choice: settings.kubernetes.identity,
        kubeconfig: source.kubeconfig.clone(),
        context: source.context.clone(),
        by_person: true,
        of_all_nodes: true,
    };
    let cluster = open_as(asked, &settings).await?;
    let code = show(arguments, source, &cluster).await?;
    let Some(pause) = source.watch else { return Ok(code) };
    loop {
        tokio::time::sleep(pause).await;
        // It worked before; what stands in the way now may be gone the next time.
        if let Err(error) = show(arguments, source, &cluster).await {
            terminal::complain(&format!("{error:#}"));
        }
    }
}

/// Looks once.
async fn show(arguments: &FleetArguments, source: &FleetSource, cluster: &Cluster) -> anyhow::Result<u8> {
    let (nodes, leases) = tokio::try_join!(list_nodes(cluster), list_leases(cluster, &source.namespace, ANNOTATION))?;
    let now = Timestamp::now();
    let nodes: Vec<NodeFacts> = nodes.into_iter().map(facts).collect();
    let told: BTreeMap<String, Told> = leases.into_iter().map(|lease| (lease.name.clone(), told(lease, now))).collect();
    let (text, code) = if arguments.part.is_some() {
        let incidents = incidents(&nodes, &told, now);
        let text = match source.output {
            FleetFormat::Text => report::incidents_text(&incidents, &terminal::style(source.verbose)),
            FleetFormat::Json => report::incidents_json(&incidents),
        };
        (text, incidents.exit_code())
    } else {
        let fleet = of(arguments, &nodes, &told, now)?;
        if let Some(file) = &arguments.html {
            write_page(file, &fleet)?;
        }
        let text = match source.output {
            FleetFormat::Text => report::fleet_text(&fleet, &terminal::style(source.verbose)),
            FleetFormat::Json => report::fleet_json(&fleet),
        };
        (text, fleet.exit_code())
    };
    let redrawn = source.watch.is_some() && source.output == FleetFormat::Text && std::io::stdout().is_terminal();
    let clear = if redrawn { CLEAR } else { "" };
    terminal::print(&format!("{clear}{text}\n"))?;
    Ok(code)
}

/// What is wanted of the fleet.
///
/// Errors: there is no such node, or no node checks such a registry.
fn of(
    arguments: &FleetArguments,
    nodes: &[NodeFacts],
    told: &BTreeMap<String, Told>,
    now: Timestamp,
) -> anyhow::Result<Fleet> {
    let focus = Focus { node: arguments.node.clone(), registry: arguments.registry.clone() };
    if let Some(name) = focus.node.as_ref().filter(|name| !nodes.iter().any(|node| node.name == **name)) {
        bail!("there is no node {name}");
    }
    let fleet = fleet(nodes, told, &focus, now);
    if let Some(registry) = focus.registry.filter(|_| fleet.registries.is_empty() && fleet.nodes.reporting > 0) {
        let whose = focus.node.map_or_else(|| "no node checks".to_owned(), |node| format!("{node} does not check"));
        bail!("{whose} the registry {registry}");
    }
    Ok(fleet)
}

/// What the labels say.
fn facts(node: ListedNode) -> NodeFacts {
    NodeFacts {
        zone: zone(&node.labels).map(str::to_owned),
        pool: pool(&node.labels).map(str::to_owned),
        is_windows: node.is_windows(),
        created: node.created,
        name: node.name,
    }
}

fn told(lease: NodeLease, now: Timestamp) -> Told {
    let read = |text: String| {
        parse_of(&text, &lease.name, now).map_err(|error| match error {
            SummaryError::Newer(_) => Unreadable::Newer(error.to_string()),
            other => Unreadable::Malformed(other.to_string()),
        })
    };
    // A clock that is ahead must not make a node look alive.
    Told { renewed: lease.renewed.map(|renewed| renewed.min(now)), summary: lease.summary.map(read) }
}

/// Writes the page as a whole or not at all: others may be reading the one before.
fn write_page(file: &Path, fleet: &Fleet) -> anyhow::Result<()> {
    let written = || -> std::io::Result<()> {
        let name = file.file_name().ok_or(std::io::ErrorKind::IsADirectory)?.to_string_lossy();
        let beside = file.with_file_name(format!(".{name}.{}", std::process::id()));
        let page = fleet_page::render(fleet);
        let new = std::fs::File::create_new(&beside);
        let done = new.and_then(|mut new| new.write_all(page.as_bytes())).and_then(|()| std::fs::rename(&beside, file));
        if done.is_err() {
            // It is ours, and of no use.
            drop(std::fs::remove_file(&beside));
        }
        done
    };
    written().with_context(|| format!("cannot write the page {}", file.display()))
}
