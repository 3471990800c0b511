//! The text formats of /proc (proc(5)) that tell about a process: text in, value out, never a panic.

use std::collections::BTreeSet;

/// `__SO_ACCEPTCON`: the socket listens.
const ACCEPTS: u32 = 0x0001_0000;

/// Which process has a number, and whether it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// When it started, in clock ticks after boot. Together with the number this names one process.
    pub(super) started: u64,
    /// It has ended and only waits to be collected.
    pub(super) ended: bool,
}

/// `/proc/PID/stat`. The second field is the program's name in parentheses and may hold blanks and parentheses itself.
pub(super) fn parse_stat(stat: &[u8]) -> Option<Life> {
    let end_of_name = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = str::from_utf8(stat.get(end_of_name + 1..)?).ok()?;
    // The state is field 3, the start time field 22.
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    Some(Life { started: fields.nth(18)?.parse().ok()?, ended: matches!(state, "Z" | "X" | "x") })
}

/// The real, effective, saved and filesystem user of `/proc/PID/status`.
pub(super) fn parse_users(status: &[u8]) -> Option<[u32; 4]> {
    let mut numbers = value_of(status, "Uid:")?.split_ascii_whitespace().map(|number| number.parse().ok());
    let users = [numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(users)
}

/// Whether a `/proc/PID/uid_map` gives every user its own number (`user_namespaces(7)`).
pub(super) fn has_every_user(uid_map: &[u8]) -> bool {
    const LAST: &str = "4294967295";
    str::from_utf8(uid_map).is_ok_and(|map| map.split_whitespace().eq(["0", "0", LAST]))
}

/// When the node started, in seconds since 1970, of `/proc/stat`.
pub(super) fn parse_boot_time(stat: &[u8]) -> Option<i64> {
    value_of(stat, "btime")?.trim_ascii().parse().ok()
}

/// The inodes of the listening sockets of `/proc/PID/net/unix`.
///
/// A socket's path is printed as it is and may hold line breaks: who may bind a socket may add lines. That makes other
/// sockets seem to listen, and so this list alone never decides.
pub(super) fn parse_listening(unix: &[u8]) -> BTreeSet<u64> {
    let listening = |line: &[u8]| {
        // Num RefCount Protocol Flags Type St Inode Path
        let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let flags = u32::from_str_radix(str::from_utf8(fields.nth(3)?).ok()?, 16).ok()?;
        let inode = str::from_utf8(fields.nth(2)?).ok()?.parse().ok()?;
        (flags & ACCEPTS != 0).then_some(inode)
    };
    unix.split(|byte| *byte == b'\n').skip(1).filter_map(listening).collect()
}

/// The inodes of the sockets of `/proc/PID/net/tcp` or `tcp6` that listen on one of the ports.
pub(super) fn parse_listening_ports(tcp: &[u8], ports: &[u16]) -> BTreeSet<u64> {
    /// `TCP_LISTEN`.
    const LISTENS: &str = "0A";
    let listening = |line: &[u8]| {
        // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
        let mut fields = str::from_utf8(line).ok()?.split_ascii_whitespace();
        let (_, port) = fields.nth(1)?.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?.parse().ok()?;
        (state == LISTENS && ports.contains(&port)).then_some(inode)
    };
    tcp.split(|byte| *byte == b'\n').skip(1).filter_map(listening).collect()
}

/// The inode in the target of a link in `/proc/PID/fd`, if that is a socket.
pub(super) fn parse_socket_link(target: &str) -> Option<u64> {
    target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// What follows `key` on the first line that begins with it.
fn value_of<'a>(text: &'a [u8], key: &str) -> Option<&'a str> {
    let mut lines = text.split(|byte| *byte == b'\n');
    str::from_utf8(lines.find_map(|line| line.strip_prefix(key.as_bytes()))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER_NAME: &str = " 1 12 12 0 -1 4194560 9 8 7 6 5 4 3 2 20 0 14 0 987654 1277 3 18446744073709551615 1 1";

    #[test]
    fn a_start_time_is_found_behind_any_name() {
        let check = |name: &str, state: &str, ended: bool| {
            let stat = format!("12 ({name}) {state}{AFTER_NAME}\n");
            assert_eq!(parse_stat(stat.as_bytes()), Some(Life { started: 987_654, ended }), "{name}");
        };
        check("containerd", "S", false);
        check("tmux: server", "R", false);
        check(") Z 1 2 3 (", "S", false);
        check("a)\nb (c", "S", false);
        check("", "Z", true);
        check("gone", "X", true);
    }

    #[test]
    fn only_the_first_user_namespace_has_every_user() {
        assert!(has_every_user(b"         0          0 4294967295\n"));
        for map in ["", "0 0 65536", "0 1000 1", "0 100000 4294967295", "0 0 4294967295\n0 0 1", "0 0 4294967294"] {
            assert!(!has_every_user(map.as_bytes()), "{map}");
        }
    }

    #[test]
    fn a_stat_that_is_cut_off_or_odd_has_no_start_time() {
        for stat in ["", ")", "12 (x", "12 (x)", "12 (x) S 1 2 3", "12 (x) S 1 12 12 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 z"]
        {
            assert_eq!(parse_stat(stat.as_bytes()), None, "{stat}");
        }
        assert_eq!(parse_stat(b"12 (\xff) S \xff"), None);
    }

    #[test]
    fn all_four_users_are_read() {
        assert_eq!(parse_users(b"Name:\tUid: 7\nUmask:\t0022\nUid:\t1\t2\t3\t4\nGid:\t0\n"), Some([1, 2, 3, 4]));
        for status in ["", "Uid:\t0\t0\t0\n", "Uid:\t0\t0\t0\t0\t0\n", "Uid:\t0\t-1\t0\t0\n", "Gid:\t0\t0\t0\t0\n"] {
            assert_eq!(parse_users(status.as_bytes()), None, "{status}");
        }
    }

    #[test]
    fn the_boot_time_is_read() {
        assert_eq!(parse_boot_time(b"cpu 1 2\nintr 5 0\nbtime 1700000000\nprocesses 4\n"), Some(1_700_000_000));
        assert_eq!(parse_boot_time(b"cpu 1 2\nbtime\n"), None);
    }

    #[test]
    fn only_listening_sockets_are_listed() {
        let unix = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 10 /run/containerd/containerd.sock\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 11 /run/containerd/containerd.sock\n\
            0000000000000000: 00000002 00000000 00010000 0005 01 12\n\
            0000000000000000: 00000002 00000000 00010000 0001 01 13 /a path\xff with blanks\n\
            ffff888000000000: 00000002 00000000 00010000\n\nnonsense\n";
        assert_eq!(parse_listening(unix), [10, 12, 13].into());
        assert!(parse_listening(b"").is_empty());
    }

    #[test]
    fn only_listeners_on_a_port_are_listed() {
        let tcp = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:2808 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41 1 0 100 0\n\
            1: 0100007F:2808 0100007F:D903 01 00000000:00000000 00:00000000 00000000     0        0 42 1 0 20 4\n\
            2: 00000000000000000000000000000000:280A 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 43 1\n\
            3: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 44 1 0 100 0\n\
            4: 00000000:280A 00000000:0000 0A\nnonsense\n\xff\n";
        assert_eq!(parse_listening_ports(tcp, &[10_250, 10_248]), [41, 43].into());
        assert!(parse_listening_ports(b"", &[10_250]).is_empty());
    }

    #[test]
    fn only_sockets_have_an_inode() {
        assert_eq!(parse_socket_link("socket:[4026]"), Some(4026));
        for target in ["pipe:[4026]", "socket:[]", "socket:[1", "/tmp/socket:[1]", "socket:[1] (deleted)"] {
            assert_eq!(parse_socket_link(target), None, "{target}");
        }
    }
}
