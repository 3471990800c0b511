# From `cargo metadata` to a CycloneDX bill of materials. $linked has a name@version a line, $checksums name@version and
# SHA-256 a line, $at is the time that it bears.

def key: "\(.name)@\(.version)";
def purl: "pkg:cargo/\(key)";
# Crates from before SPDX expressions wrote MIT/Apache-2.0.
def licences: if .license then [{ expression: (.license | gsub("\\s*/\\s*"; " OR ")) }] else [] end;

($linked | split("\n") | map(select(. != "") | { key: ., value: true }) | from_entries) as $linked
| ($checksums | split("\n") | map(select(. != "") | split("\t") | { key: .[0], value: .[1] }) | from_entries) as $sums
| (.packages | map(select($linked[key]))) as $packages
| ($packages | map({ key: .id, value: purl }) | from_entries) as $refs
| def component($type):
    { type: $type, "bom-ref": purl, name, version, purl: purl, description, licenses: licences }
    + if $sums[key] then { hashes: [{ alg: "SHA-256", content: $sums[key] }] } else {} end
    | with_entries(select(.value != null and .value != []));
{
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { timestamp: $at, component: ($packages[] | select(.name == "pullagent") | component("application")) },
    components: ($packages | map(select(.name != "pullagent") | component("library")) | sort_by(.["bom-ref"])),
    dependencies: (.resolve.nodes
        | map(select($refs[.id]) | {
            ref: $refs[.id],
            dependsOn: (.deps | map(select(any(.dep_kinds[]; .kind == null)) | $refs[.pkg] // empty) | unique),
        })
        | sort_by(.ref))
}
