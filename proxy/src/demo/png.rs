//! A small picture, drawn at run time: a honeycomb cell in a bee's stripes, as PNG (ISO/IEC 15948).

/// Width and height in pixels.
const SIZE: usize = 64;

/// Pixels are two bits wide, indices into [`PALETTE`].
const PIXELS_PER_BYTE: usize = 4;

const CLEAR: u8 = 0;
const YELLOW: u8 = 1;
const BLACK: u8 = 2;
const PALETTE: [u8; 9] = [255, 255, 255, 255, 195, 0, 34, 34, 34];

/// Opacity of the first palette entry; the others are opaque.
const TRANSPARENCY: [u8; 1] = [0];

/// The picture as a PNG file.
pub(super) fn bee() -> Vec<u8> {
    let size = (SIZE as u32).to_be_bytes();
    // Size, two bits per pixel, indexed colour, and the only compression, filter method and order without interlace.
    let header = [&size[..], &size, &[2, 3, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [
        (b"IHDR", header),
        (b"PLTE", PALETTE.to_vec()),
        (b"tRNS", TRANSPARENCY.to_vec()),
        (b"IDAT", zlib_stored(&scanlines())),
        (b"IEND", Vec::new()),
    ] {
        let length = data.len() as u32;
        let checked = [&kind[..], &data].concat();
        file.extend(length.to_be_bytes());
        file.extend(&checked);
        file.extend(crc32(&checked).to_be_bytes());
    }
    file
}

/// Rows of packed pixels, each behind the byte that names its filter: none.
fn scanlines() -> Vec<u8> {
    let mut rows = Vec::with_capacity(SIZE * (1 + SIZE / PIXELS_PER_BYTE));
    for y in 0..SIZE {
        rows.push(0);
        for x in (0..SIZE).step_by(PIXELS_PER_BYTE) {
            rows.push((0..PIXELS_PER_BYTE).fold(0, |byte, next| byte << 2 | colour(x + next, y)));
        }
    }
    rows
}

/// The colour at a pixel: a hexagon that stands on its tip.
fn colour(x: usize, y: usize) -> u8 {
    // Distances from the centre in half pixels. The slanted sides fall by 1/√3, the upright ones stand at √3/2.
    let (dx, dy) = ((2 * x + 1).abs_diff(SIZE), (2 * y + 1).abs_diff(SIZE));
    if 1000 * dx > 866 * SIZE || 1000 * dy + 577 * dx > 1000 * SIZE {
        CLEAR
    } else if (y / 8) % 3 == 1 {
        BLACK
    } else {
        YELLOW
    }
}

/// A zlib stream (RFC 1950) of one stored block (RFC 1951 §3.2.4): no compression, so no compressor.
fn zlib_stored(data: &[u8]) -> Vec<u8> {
    const { assert!(SIZE * (1 + SIZE / PIXELS_PER_BYTE) <= u16::MAX as usize, "a stored block ends at 64 KiB") }
    let length = data.len() as u16;
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(data);
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

fn adler32(data: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (a, b) = data.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % MODULUS;
        (a, (b + a) % MODULUS)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_match_their_published_values() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn the_file_is_whole_and_its_pixels_survive_the_wrapping() {
        let file = bee();
        let mut rest = file.strip_prefix(b"\x89PNG\r\n\x1a\n").expect("the signature");
        let mut kinds = Vec::new();
        let mut packed = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (checked, after) = after.split_at(4 + u32::from_be_bytes(*length) as usize);
            let (crc, after) = after.split_first_chunk::<4>().expect("a checksum");
            assert_eq!(crc32(checked), u32::from_be_bytes(*crc));
            let (kind, data) = checked.split_at(4);
            kinds.push(String::from_utf8(kind.to_vec()).unwrap());
            if kind == b"IDAT" {
                packed = data.to_vec();
            }
            rest = after;
        }
        assert_eq!(kinds, ["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);

        assert_eq!(u16::from_be_bytes([packed[0], packed[1]]) % 31, 0, "the zlib header's own check");
        assert_eq!(packed[2], 1, "a last, stored block");
        let length = u16::from_le_bytes([packed[3], packed[4]]);
        assert_eq!(!length, u16::from_le_bytes([packed[5], packed[6]]));
        let (pixels, adler) = packed[7..].split_at(usize::from(length));
        assert_eq!(adler, adler32(pixels).to_be_bytes());
        assert_eq!(pixels.len(), SIZE * (1 + SIZE / 4));
    }

    #[test]
    fn the_cell_is_striped_and_its_corners_are_clear() {
        for corner in [(0, 0), (63, 0), (0, 63), (63, 63)] {
            assert_eq!(colour(corner.0, corner.1), CLEAR);
        }
        assert_eq!(colour(32, 0), YELLOW);
        assert_eq!(colour(32, 12), BLACK);
    }
}
