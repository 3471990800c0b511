//! The map: registries against groups of nodes, each cell with a sign and numbers.

use maud::{Markup, html};
use pullagent_diagnosis::fleet::{Block, Cell, Fleet};

use super::{foreign, more};

/// Registries that have a row.
const MOST_ROWS: usize = 200;

/// The section with the map and how to read it.
pub(super) fn section(fleet: &Fleet) -> Markup {
    let pools = pools(&fleet.blocks);
    html! {
        section aria-labelledby="map" {
            h2 #map { "Registries by pool and zone" }
            @if fleet.registries.is_empty() {
                p.quiet { "No node checks a registry." }
            } @else {
                p.legend.small {
                    span.key { span.cell.ok { "✓ 40" } " all 40 well" }
                    span.key { span.cell.bad { "✕ 3/40" } " 3 of 40 fail" }
                    span.key { span.cell.warn { "! 2/40" } " 2 degraded" }
                    span.key { span.cell.unsure { "? 1/40" } " 1 cannot tell" }
                    span.key { span.cell.none { "–" } " not checked" }
                }
                div.card { div.scroll role="region" aria-labelledby="map" tabindex="0" {
                    table.heat {
                        thead {
                            tr {
                                th rowspan="2" scope="col" { "Registry" }
                                @for (pool, columns) in &pools {
                                    th.pool scope="colgroup" colspan=(columns) { (name(pool)) }
                                }
                            }
                            tr { @for block in &fleet.blocks { th scope="col" { (zone(block)) } } }
                        }
                        tbody {
                            tr.agents {
                                th scope="row" { "Nodes that tell" }
                                @for block in &fleet.blocks { td { (block.reporting) "/" (block.nodes) } }
                            }
                            @for (number, row) in fleet.registries.iter().take(MOST_ROWS).enumerate() {
                                tr {
                                    th scope="row" {
                                        // Those that fail come first, and in this order stand above.
                                        @if row.nodes.failing > 0 && number < super::MOST_FAILING {
                                            a href=(format!("#r{number}")) { (foreign(&row.registry)) }
                                        } @else { (foreign(&row.registry)) }
                                    }
                                    @for cell in &row.cells { (self::cell(cell)) }
                                }
                            }
                        }
                    }
                } }
                (more(fleet.registries.len(), MOST_ROWS, "registries"))
            }
        }
    }
}

/// Neighbouring blocks of one pool, and how many they are.
fn pools(blocks: &[Block]) -> Vec<(String, usize)> {
    let mut pools: Vec<(String, usize)> = Vec::new();
    for block in blocks {
        let pool = if block.others { "smaller pools" } else { &block.pool };
        match pools.last_mut() {
            Some((last, columns)) if last == pool => *columns += 1,
            _ => pools.push((pool.to_owned(), 1)),
        }
    }
    pools
}

fn name(pool: &str) -> Markup {
    html! { @if pool.is_empty() { "no pool" } @else { (foreign(pool)) } }
}

fn zone(block: &Block) -> Markup {
    html! { @if block.zone.is_empty() { "all" } @else { (foreign(&block.zone)) } }
}

/// The worst that is the case in a cell, with how many nodes of how many.
fn cell(cell: &Cell) -> Markup {
    let all = cell.total();
    let (class, sign, number) = match cell {
        _ if all == 0 => return html! { td.cell.none title="not checked" { "–" } },
        Cell { failing: 1.., .. } => ("cell bad", "✕", cell.failing),
        Cell { inconclusive: 1.., .. } => ("cell unsure", "?", cell.inconclusive),
        Cell { degraded: 1.., .. } => ("cell warn", "!", cell.degraded),
        _ => ("cell ok", "✓", all),
    };
    html! {
        td class=(class) title=(in_words(cell)) {
            (sign) " " (number) @if number != all || class != "cell ok" { "/" (all) }
        }
    }
}

/// The numbers of a cell in words.
pub(super) fn in_words(cell: &Cell) -> String {
    let parts =
        [(cell.ok, "well"), (cell.degraded, "degraded"), (cell.failing, "fail"), (cell.inconclusive, "cannot tell")];
    let parts: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    format!("{} nodes: {}", cell.total(), parts.join(", "))
}
