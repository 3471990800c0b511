//! A fake node root: the few files of a real node that an examination reads.

use std::{fmt::Write as _, fs, io, path::Path};

use super::World;

const DNS_PORT: u16 = 53;

impl World {
    /// The node's hosts file as text.
    pub fn hosts_file(&self) -> String {
        let mut text = String::from("127.0.0.1 localhost\n::1 localhost\n");
        for (ip, name) in self.hosts() {
            let _ = writeln!(text, "{ip} {name}");
        }
        text
    }

    /// Writes `etc/hosts`, the trust bundle, `etc/resolv.conf` and the scenario's own files below `root`. A resolv.conf
    /// can name no port, so there is one only if every resolver listens on 53.
    pub fn write_root(&self, root: &Path) -> io::Result<()> {
        write(root, "etc/hosts", &self.hosts_file())?;
        write(root, "etc/ssl/certs/ca-certificates.crt", &self.ca_pem())?;
        let resolvers = self.resolvers();
        if !resolvers.is_empty() && resolvers.iter().all(|addr| addr.port() == DNS_PORT) {
            let lines: Vec<String> = resolvers.iter().map(|addr| format!("nameserver {}", addr.ip())).collect();
            write(root, "etc/resolv.conf", &(lines.join("\n") + "\n"))?;
        }
        self.scenario.files.iter().try_for_each(|(path, text)| write(root, path, text))
    }
}

fn write(root: &Path, path: &str, text: &str) -> io::Result<()> {
    let path = root.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}
