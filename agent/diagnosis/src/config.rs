//! The node's files and environment as values: every format has its own pure `parse_` and says what it ignored.

pub mod certs_directory;
pub mod containerd;
pub mod credential_provider;
pub mod crio_conf;
pub mod docker_daemon;
pub mod dockerconfigjson;
pub mod files;
pub mod go_duration;
pub mod go_url;
pub mod hosts_file;
pub mod pem;
pub mod policy_json;
pub mod process_env;
pub mod proxy_env;
pub mod pull_records;
pub mod registries_conf;
pub mod resolv_conf;
pub mod systemd_unit;
pub(crate) mod toml_document;
pub mod trust;
