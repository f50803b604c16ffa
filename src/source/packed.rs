//! Frames whose bytes are in another order than the library's formats have them.

/// Makes an image of a frame that is packed otherwise.
pub(super) type Repack = fn(&[u8], &mut [u8]);

pub(super) fn from_rgba(rgba: &[u8], rgb: &mut [u8]) {
    for (rgb, rgba) in rgb
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(rgba.as_chunks::<4>().0)
    {
        *rgb = [rgba[0], rgba[1], rgba[2]];
    }
}

pub(super) fn from_bgra(bgra: &[u8], rgb: &mut [u8]) {
    for (rgb, bgra) in rgb
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(bgra.as_chunks::<4>().0)
    {
        *rgb = [bgra[2], bgra[1], bgra[0]];
    }
}

pub(super) fn from_uyvy(uyvy: &[u8], yuyv: &mut [u8]) {
    for (yuyv, uyvy) in yuyv
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(uyvy.as_chunks::<2>().0)
    {
        *yuyv = [uyvy[1], uyvy[0]];
    }
}
