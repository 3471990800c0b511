//! Takes the blocks of one kind out of a PEM file: a kubelet's certificate and key are in the same one.

/// The blocks whose label ends with `label`, such as `CERTIFICATE` or `PRIVATE KEY`, in their order.
pub(super) fn blocks(text: &[u8], label: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut taken = String::new();
    let mut inside = false;
    for line in text.lines().map(str::trim_end) {
        if let Some(name) = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")) {
            inside = name.ends_with(label);
        }
        if inside {
            taken.push_str(line);
            taken.push('\n');
        }
        if line.starts_with("-----END ") {
            inside = false;
        }
    }
    taken.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_and_keys_are_told_apart() {
        let certificate = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN EC PRIVATE KEY-----\nYg==\n-----END EC PRIVATE KEY-----\n";
        let file = format!("words\n{certificate}more\r\n{key}{certificate}");
        assert_eq!(blocks(file.as_bytes(), "CERTIFICATE"), format!("{certificate}{certificate}").into_bytes());
        assert_eq!(blocks(file.as_bytes(), "PRIVATE KEY"), key.as_bytes());
        assert!(blocks(b"\xff-----BEGIN", "CERTIFICATE").is_empty());
    }
}
