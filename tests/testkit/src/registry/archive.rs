//! The smallest real layer archives: a tar of one file, plain or in a gzip or zstd frame of stored blocks, so that a
//! runtime can unpack what a test registry serves. Compresses nothing.

/// How a layer's tar archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// A plain tar archive.
    None,
    /// RFC 1952.
    #[default]
    Gzip,
    /// RFC 8878.
    Zstd,
}

const TAR_BLOCK: usize = 512;

impl Compression {
    pub(crate) fn pack(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::None => plain.to_vec(),
            Self::Gzip => gzip(plain),
            Self::Zstd => zstd(plain),
        }
    }
}

/// A tar archive that holds the file `name` with these bytes.
pub(crate) fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; TAR_BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(136, b"00000000000\0");
    // The checksum counts its own field as spaces.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());

    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(TAR_BLOCK) + 2 * TAR_BLOCK, 0);
    archive
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = plain.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(&crc32(plain).to_le_bytes());
    // The length field is the length modulo 2^32.
    let length = u32::try_from(plain.len() % (1 << 32)).unwrap_or(0);
    out.extend_from_slice(&length.to_le_bytes());
    out
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    // Magic number, then a frame header: single segment, 8-byte content size, no checksum, no dictionary.
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1110_0000];
    out.extend_from_slice(&(plain.len() as u64).to_le_bytes());
    let mut blocks = plain.chunks(128 * 1024).peekable();
    while let Some(block) = blocks.next() {
        let size = u32::try_from(block.len()).unwrap_or(0);
        let header = size << 3 | u32::from(blocks.peek().is_none());
        out.extend_from_slice(&header.to_le_bytes()[..3]);
        out.extend_from_slice(block);
    }
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_of_the_check_string_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn packed_layers_carry_the_archive_unchanged() {
        let archive = tar("a", &[7; 1000]);
        assert_eq!(archive.len() % TAR_BLOCK, 0);
        for packed in [gzip(&archive), zstd(&archive)] {
            assert!(packed.windows(archive.len()).any(|window| window == archive));
        }
    }
}
