//! The node's files and environment as values: every format has its own pure `parse_` and says what it ignored.

pub mod dockerconfigjson;
pub mod go_url;
pub mod hosts_file;
pub mod proxy_env;
pub mod resolv_conf;
pub mod trust;
