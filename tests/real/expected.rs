//! What is expected besides what the worlds' files say: which worlds no real runtime can be shown, what is done to a
//! node besides its world, and where a runtime's own words lead elsewhere, each with its reason.

use pullagent_testkit::world::{Expect, Scenario};

/// Worlds that are not made for a real runtime.
pub(crate) const LEFT_OUT: &[(&str, &str)] = &[
    ("foreign-layer-elsewhere", "the place that holds the layer gives its first byte only"),
    ("layer-of-another-size", "the size is wrong in the answer for a part, and a runtime asks for no part"),
    ("manifest-endless", "containerd 1.6 reads it until the disk is full"),
];

/// Why no real runtime can be shown this world, if that is so.
pub(crate) fn left_out(world: &str, scenario: &Scenario) -> Option<&'static str> {
    if scenario.clock_days != 0 {
        return Some("the clock of a real runtime is the machine's");
    }
    if scenario.platform != "linux/amd64" {
        return Some("the platform of a real runtime is the machine's");
    }
    if scenario.runtime.as_ref().is_some_and(|runtime| !runtime.starts_with("containerd ")) {
        return Some("its runtime is another, which no registry here has");
    }
    LEFT_OUT.iter().find(|(name, _)| *name == world).map(|(_, why)| *why)
}

/// Whether a world is one for a containerd of this version: most say nothing of it, some hold files of one.
pub(crate) fn is_for(scenario: &Scenario, version: &str) -> bool {
    let wanted = scenario.runtime.as_ref().and_then(|runtime| runtime.strip_prefix("containerd "));
    wanted.is_none_or(|wanted| wanted.starts_with(&format!("{version}.")))
}

/// What is done to a node besides its world.
#[derive(Clone, Copy)]
pub(crate) enum Disaster {
    /// Lines of shell that change its network.
    Network(&'static str),
    /// The runtime's images lie on a file system of this size, in the words of tmpfs.
    Disk(&'static str),
    /// The runtime was killed and left its socket behind.
    Killed,
    /// The runtime is killed while it pulls.
    KilledInTheMiddle,
    /// The runtime's socket was removed.
    SocketGone,
}

const DISASTERS: &[(&str, Disaster)] = &[
    ("disk-full", Disaster::Disk("size=2m")),
    ("disk-full-unpacking", Disaster::Disk("size=6m")),
    ("inodes-used-up", Disaster::Disk("nr_inodes=150")),
    ("runtime-killed", Disaster::Killed),
    ("runtime-killed-in-the-middle", Disaster::KilledInTheMiddle),
    ("runtime-socket-gone", Disaster::SocketGone),
    // The scenarios' nodes have both families.
    ("ipv6-refused", Disaster::Network("ip address add 192.0.2.9/32 dev lo; ip address add 2001:db8::9/128 dev lo")),
    ("no-route-to-host", Disaster::Network("ip route add unreachable 192.0.2.7/32")),
    (
        "packets-dropped",
        Disaster::Network(
            "ip address add 192.0.2.7/32 dev lo
             nft add table inet firewall
             nft add chain inet firewall input '{ type filter hook input priority 0; }'
             nft add rule inet firewall input ip daddr 192.0.2.7 drop",
        ),
    ),
    (
        "packets-rejected",
        Disaster::Network(
            "ip address add 192.0.2.7/32 dev lo
             nft add table inet firewall
             nft add chain inet firewall input '{ type filter hook input priority 0; }'
             nft add rule inet firewall input tcp dport 5000 reject with icmpx type admin-prohibited",
        ),
    ),
];

/// Which containerds are meant.
#[derive(Clone, Copy)]
enum On {
    All,
    /// 1.6 and 1.7.
    One,
    Only(&'static str),
}

/// Where a runtime neither says nor allows what we find out: what it does, and why.
type Exception = (&'static str, On, &'static str, &'static str);

const NO_END: &str = "containerd waits without an end for an answer to a request that was taken";
const LOCAL: &str = "the trouble is the runtime's own, and no registry shows it";
const AT_EACH_STEP: &str = "containerd waits 30 s for the mirror at each step, and there are several";
const AS_LONG: &str = "containerd waits for a proxy as long as it is given here";
const OLD_GO: &str = "the Go of Debian's 1.6 reads what stands before the colon as the name of an HTTP proxy";

const EXCEPTIONS: &[Exception] = &[
    ("disk-full-unpacking", On::All, "DiskFull", LOCAL),
    ("inodes-used-up", On::All, "DiskFull", LOCAL),
    ("runtime-killed-in-the-middle", On::All, "RuntimeUnavailable", LOCAL),
    ("schema-1", On::One, "UnsupportedManifest", "it converts such images, and misses the signatures of this one"),
    ("layer-damaged", On::All, "ContentCorrupt", "an examination loads no layer"),
    ("layer-stalls", On::All, "cancelled", NO_END),
    ("manifest-stalls", On::All, "cancelled", NO_END),
    ("mirror-silent", On::All, "cancelled", AT_EACH_STEP),
    ("registry-never-answers", On::All, "cancelled", NO_END),
    ("token-service-hangs", On::All, "cancelled", NO_END),
    ("proxy-silent", On::All, "cancelled", AS_LONG),
    ("proxy-socks-silent", On::All, "cancelled", AS_LONG),
    ("proxy-socks-with-login", On::Only("1.6"), "ProxyUnreachable", OLD_GO),
    ("proxy-unknown-scheme", On::Only("1.6"), "ProxyUnreachable", OLD_GO),
    ("token-service-in-plain-text", On::All, "pulled", "a runtime sends the login in plain text; we do not"),
    ("unheard-of-status", On::All, "NotARegistry", "its words hold the status alone, not the rest of the answer"),
];

/// Where we find out something else with one containerd than the world's file says: verdict, code and why.
const OURS: &[(&str, On, &str, &str, &str)] = &[
    ("ipv6-literal", On::Only("1.6"), "failing", "InvalidReference", "its grammar has no addresses of IPv6"),
    (
        "localhost-self-signed",
        On::Only("1.6"),
        "failing",
        "PlaintextRegistry",
        "it asks localhost over plain HTTP only",
    ),
    ("schema-1", On::One, "inconclusive", "Unknown", "it converts such images, which is not examined"),
];

/// Codes with which nobody is asked to pull: the kubelet does not come so far, or nobody is there.
pub(crate) const NOT_ASKED: &[&str] = &["InvalidReference", "SecretMalformed", "RuntimeUnavailable"];

/// What the runtime does in this world, where it does not agree.
pub(crate) fn exception(world: &str, version: &str) -> Option<&'static str> {
    EXCEPTIONS.iter().find(|(name, on, ..)| *name == world && on.means(version)).map(|(_, _, does, _)| *does)
}

/// The verdict and code that we come to in this world with this containerd, where the file says otherwise.
pub(crate) fn ours(world: &str, version: &str) -> Option<(&'static str, &'static str)> {
    let row = OURS.iter().find(|(name, on, ..)| *name == world && on.means(version));
    row.map(|(_, _, verdict, code, _)| (*verdict, *code))
}

/// Names in these tables that no world has.
pub(crate) fn unknown(worlds: &[String]) -> Vec<&'static str> {
    let named = (LEFT_OUT.iter().map(|(name, _)| *name))
        .chain(DISASTERS.iter().map(|(name, _)| *name))
        .chain(EXCEPTIONS.iter().map(|(name, ..)| *name))
        .chain(OURS.iter().map(|(name, ..)| *name))
        .chain(WAITING.iter().copied());
    named.filter(|name| !worlds.iter().any(|world| world == name)).collect()
}

impl On {
    fn means(self, version: &str) -> bool {
        match self {
            Self::All => true,
            Self::One => version.starts_with("1."),
            Self::Only(only) => version == only,
        }
    }
}

pub(crate) fn disaster_of(world: &str) -> Option<Disaster> {
    DISASTERS.iter().find(|(name, _)| *name == world).map(|(_, disaster)| *disaster)
}

/// Worlds in which somebody waits for a deadline, besides those whose cause is one.
const WAITING: &[&str] = &["mirror-silent", "proxy-silent", "proxy-socks-silent", "first-resolver-silent"];

/// Whether somebody waits for a deadline in this world.
pub(crate) fn is_slow(world: &str, file: &Expect) -> bool {
    const OF_TIME: &[&str] = &["ConnectionTimeout", "DnsTimeout", "TlsHandshakeTimeout", "PullStalled"];
    WAITING.contains(&world) || file.code.as_deref().is_some_and(|code| OF_TIME.contains(&code))
}
